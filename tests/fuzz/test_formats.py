"""Any bytes as a log of JSON, logfmt or text: nothing gets out of the reader, no cut makes a difference."""

from collections.abc import Iterator

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from drift_exporter.sources.jsonrecords import as_lines
from support.formats import PATTERN, as_array, as_logfmt, as_text
from support.fuzzing import (
    LINE_LIMIT,
    Reading,
    counted,
    damaged,
    damages,
    examples,
    lines_that_count,
    offsets_lead_to_lines,
)
from support.records import NOW, read_lines, record

GOOD = [
    record(),
    record("2026-01-02T03:04:05,123", version=None, error="boom", trace_id="0af7"),
    record(NOW * 1e3, version=3, latency_ms="12", features={"amount": "5", "country": "x y"}),
    record(NOW - 86_400, prediction=None, score=None, features={}),
    record("02/Jan/2026:03:04:05 +0000", features={"amount": "many", "country": 'a "b"'}),
]
TOKENS = st.sampled_from(
    [
        b"\n", b"\r\n", b"\r", b"\n\n", b" ", b"\t", b"\v", b"\0", b"\x1b[0m", b"\xff", b"\xc3",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x80\xa8", b'"', b'\\"', b"\\", b"\\u00", b"\\ud800",
        b"=",
        b"==", b"a=", b"=b", b' k="v', b"[", b"]", b"{", b"}", b",", b"},{", b"\n{", b"\n[", b":",
        b'{"a":' * 40,
        b"[" * 50, b"ts=", b" ts=1 ", b'"ts":1', b"null", b"-", b"NA", b"true", b"1e999", b"9" * 400,
        b"x" * LINE_LIMIT, b" " * (LINE_LIMIT + 1), b"=" * 300, b"a " * 700, b"\x00=\x00 " * 300,
        b'{"features":{"amount":1}}', b"features.amount=7", b" took 5ms ", b"error=<x>",
    ]
)  # fmt: skip
WRITERS = {"json": as_array, "logfmt": as_logfmt, "text": as_text}
CONTENTS = {
    kind: st.builds(
        damaged,
        st.lists(st.sampled_from(GOOD), max_size=6).map(write),
        st.lists(damages(TOKENS | st.binary(max_size=6)), max_size=6),
    )
    | st.lists(TOKENS | st.binary(max_size=8), max_size=20).map(b"".join)
    for kind, write in WRITERS.items()
}


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Reading]]:
    found = {}
    for kind in WRITERS:
        options = {"format": kind} | ({"pattern": PATTERN} if kind == "text" else {})
        found[kind] = Reading(tmp_path_factory.mktemp("fuzz"), "log", **options)
    yield found
    for reading in found.values():
        reading.close()


@examples(60)
@given(data=st.data(), size=st.integers(1, 700))
@pytest.mark.parametrize("kind", WRITERS)
def test_every_record_counts_or_is_rejected(
    readings: dict[str, Reading], kind: str, data: st.DataObject, size: int
) -> None:
    content = data.draw(CONTENTS[kind])
    reading = readings[kind]
    results = []
    for chunk_size in (32 << 20, size):
        ingest = reading.fresh()
        outcome = reading.give(content, chunk_size)
        assert outcome.problem is None
        if kind == "json":
            offsets_lead_to_records(content, reading)
            expected = items(content)
        else:
            offsets_lead_to_lines(content, reading.model)
            expected = lines_that_count(content)
        assert expected == outcome.records + sum(outcome.rejected.values())
        results.append(counted(ingest))
    event(f"counted: {min(outcome.records, 5)}, rejected: {min(sum(outcome.rejected.values()), 5)}")

    assert results[0] == results[1], "how the log was cut into chunks made a difference"


def items(content: bytes) -> int:
    """Records and what stands where some should be, as the splitter tells them."""
    found = as_lines("", 0, content.removeprefix(b"\xef\xbb\xbf"), LINE_LIMIT, ended=True)
    return sum(bool(line.strip(b" ")) for line in found.text.split(b"\n")) + len(found.rejections)


def offsets_lead_to_records(content: bytes, reading: Reading) -> None:
    path = reading.model.letters.path
    for letter in read_lines(path) if path.exists() else []:
        start, length = letter["offset"], letter["length"]
        raw = content[start : start + length]
        assert raw[:1] not in {b"", b" ", b"\n", b","}, letter
        assert length == len(raw), letter
