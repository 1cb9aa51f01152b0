"""Any bytes as a log: nothing gets out of the reader, every line is counted or rejected, once.

Each test takes seconds. For a longer search say how many examples each of them shall try::

    FUZZ_EXAMPLES=20000 python -m pytest tests/fuzz
"""

import gc
import gzip
import json
import resource
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard
from hypothesis import event, example, given
from hypothesis import strategies as st

from support.fuzzing import (
    LINE_LIMIT,
    Damage,
    Reading,
    counted,
    damaged,
    damages,
    examples,
    lines_that_count,
    offsets_lead_to_lines,
)
from support.records import NOW, ndjson, record

GOOD = [
    record(),
    record("2026-01-02T03:04:05.123456Z", version=None, error="boom", trace_id="0af7"),
    record(NOW * 1e3, version=3, latency_ms="12", features={"amount": "5", "country": 1}),
    record(NOW - 86_400, prediction=None, score=None, features={}),
    {"ts": "2026-01-02 03:04:05+02:00", "features": {"amount": [1], "country": {"a": 1}, "new": True}},
]  # fmt: skip
TOKENS = st.sampled_from(
    [
        b"1e999",
        b"-1e999",
        b"NaN",
        b"-Infinity",
        b"null",
        b"true",
        b'""',
        b"[]",
        b"{}",
        b"0",
        b"-0.0",
        b"01",
        b"9" * 400,
        b"1" + b"0" * 308,
        b"1e-400",
        b'"\\ud800"',
        b'"\\u0000"',
        b'"\\uD83D\\uDE00"',
        b"\\",
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b'"ts":',
        b'"features":',
        b'"features":{"amount":',
        b'"version":',
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b" \n",
        b"\t",
        b"\v",
        b"\f",
        b"\0",
        b"\x1a",
        b"\x7f",
        b"\xff",
        b"\xc3",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x80\xa8",
        b"\xc2\x85",
        b"[" * 60,
        b'{"a":' * 60,
        b"[" * 1500,
        b'{"a":' * 300,
        b"x" * LINE_LIMIT,
        b" " * (LINE_LIMIT + 1),
        b'"ts":"9999-12-31T23:59:59Z"',
        b'"ts":"0001-01-01"',
        b'"ts":-1',
        b'"ts":1e18',
        b'"ts":"infinity"',
        b'"ts":"epoch"',
        b'"ts":" 2026-01-02"',
        b'"ts":253402300800',
        b'"ts":"2026-02-30T00:00:00Z"',
        b'"version":"' + b"v" * 300 + b'"',
        b'"score":1.0000000001',
        b'"latency_ms":-1',
        b'"latency_ms":1e308',
        b"//",
        b"/* */",
        b"'",
        b"undefined",
        b"0x10",
        b"+1",
        b".5",
        b"5.",
        b"1_000",
        b"1e",
        b"-",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just(NOW),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.text(max_size=3)
        | st.sampled_from(["ts", "TS", "version", "score", "latency_ms", "error", "trace_id", "features",
                           "amount", "country", "prediction", "features.amount"]),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
LINES = st.lists(
    st.one_of(
        st.sampled_from(GOOD).map(ndjson),
        JSON.map(lambda value: json.dumps(value).encode() + b"\n"),
        JSON.map(
            lambda value: json.dumps(record() | {"features": value}, ensure_ascii=True).encode() + b"\n"
        ),
        TOKENS,
        st.binary(max_size=40),
    ),
    max_size=20,
).map(b"".join)
SOME_BYTES = TOKENS | st.binary(max_size=8)
NDJSON = st.builds(damaged, LINES, st.lists(damages(SOME_BYTES), max_size=6)) | st.binary(max_size=300)

CSV_TOKENS = st.sampled_from(
    [
        b",",
        b";",
        b"\t",
        b"|",
        b'"',
        b'""',
        b'"""',
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b" ",
        b"\0",
        b"\xff",
        b"\xc3",
        b"\xef\xbb\xbf",
        b"#",
        b"\\",
        b"\\N",
        b"'",
        b"NA",
        b"null",
        b"nan",
        b"inf",
        b"1e999",
        b"9" * 400,
        b"x" * 3000,
        b'"' + b"x\n" * 50 + b'"',
        b"," * 40,
        b"2026-01-02T03:04:05Z",
        b"1767323045",
        b"--",
        b"=1+1",
        b"ts",
        b"\x1a",
    ]
)
CSV_HEAD = b"ts,version,prediction,score,latency_ms,error,trace_id,features.amount,features.country\n"
CSV_ROW = b'2026-01-02T03:04:05Z,v1,yes,0.5,12.5,,0af765,5,"a, ""b"""\n'
CSV = st.builds(
    damaged,
    st.builds(
        lambda rows: CSV_HEAD + b"".join(rows),
        st.lists(
            st.just(CSV_ROW) | CSV_TOKENS | st.binary(max_size=30).map(lambda b: b + b"\n"), max_size=15
        ),
    ),
    st.lists(damages(CSV_TOKENS | st.binary(max_size=6)), max_size=5),
) | st.binary(max_size=300)


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Reading]]:
    """One reading per kind of file, for all examples of this module: making one takes longer than reading."""
    found = {
        ending: Reading(tmp_path_factory.mktemp("fuzz"), ending)
        for ending in ("ndjson", "csv", "ndjson.gz", "ndjson.zst", "parquet")
    }
    yield found
    for reading in found.values():
        reading.close()


@examples(90)
@given(content=NDJSON, size=st.integers(1, 700))
def test_every_line_of_ndjson_counts_or_is_rejected(
    readings: dict[str, Reading], content: bytes, size: int
) -> None:
    reading = readings["ndjson"]
    results = []
    for chunk_size in (32 << 20, size):
        ingest = reading.fresh()
        outcome = reading.give(content, chunk_size)
        offsets_lead_to_lines(content, reading.model)
        assert outcome.problem is None
        assert lines_that_count(content) == outcome.records + sum(outcome.rejected.values())
        results.append(counted(ingest))
    event(f"counted: {min(outcome.records, 5)}, rejected: {min(sum(outcome.rejected.values()), 5)}")

    assert results[0] == results[1], "how the log was cut into chunks made a difference"


@examples(60)
@given(content=NDJSON)
def test_a_refused_chunk_changes_nothing(readings: dict[str, Reading], content: bytes) -> None:
    """While dead letters cannot be written nothing of a chunk counts; later all of it does."""
    reading = readings["ndjson"]
    reading.fresh()
    letters = reading.model.letters.path
    whole = reading.give(content)
    expected = counted(reading.model.ingest)
    ingest = reading.fresh()
    letters.mkdir(parents=True)
    try:
        reading.begin(content)
        reading.model.read()
        # What came in chunks before the refused one.
        before = counted(ingest)
        reading.model.read()
        assert before == counted(ingest)
        assert not before["rejected"]
        assert bool(whole.rejected) == (reading.model.problem is not None)
    finally:
        letters.rmdir()
    reading.model.read()

    assert reading.model.problem is None
    assert expected == counted(ingest)


@examples(80)
@given(content=CSV, size=st.integers(1, 700))
@example(content=b'"' + CSV_HEAD + CSV_ROW + b"x" * 2100, size=88)
def test_any_csv(readings: dict[str, Reading], content: bytes, size: int) -> None:
    reading = readings["csv"]
    results = []
    for chunk_size in (32 << 20, size):
        ingest = reading.fresh()
        outcome = reading.give(content, chunk_size)
        if outcome.problem is not None:
            assert f"{reading.file}: " in outcome.problem
            assert outcome.records == 0
        results.append(counted(ingest))
    event(f"counted: {min(outcome.records, 5)}, rejected: {min(sum(outcome.rejected.values()), 5)}")

    if len(content.split(b"\n")[0]) <= LINE_LIMIT:
        assert results[0] == results[1], "how the log was cut into chunks made a difference"


ROWS = ndjson(
    *(
        record(NOW + i, latency_ms=i / 7, features={"amount": i % 99, "country": "ab"[i % 2]})
        for i in range(400)
    )
)
PACKED = {
    "ndjson.gz": [gzip.compress(ROWS), gzip.compress(ROWS[:9000]) + gzip.compress(ROWS[9000:], 0)],
    "ndjson.zst": [
        zstandard.compress(ROWS),
        zstandard.ZstdCompressor(write_checksum=True).compress(ROWS[:9000]) + zstandard.compress(ROWS[9000:]),
    ],
}


FIVE = ndjson(*[record()] * 5)


def after(reading: Reading) -> None:
    """What was bad in one file does no harm to the next one."""
    ending = reading.file.suffix
    content = gzip.compress(FIVE) if ending == ".gz" else zstandard.compress(FIVE)
    if ending == ".parquet":
        content = as_parquet(FIVE)
    outcome = reading.give(content)
    assert (5, {}, None) == (outcome.records, outcome.rejected, outcome.problem)


@lru_cache
def as_parquet(lines: bytes, options: str = "COMPRESSION snappy") -> bytes:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        Path(folder, "a.ndjson").write_bytes(lines)
        connection.execute(
            f"COPY (SELECT * FROM read_json('{folder}/a.ndjson')) TO '{folder}/a.parquet' "
            f"(FORMAT parquet, {options})"
        )
        return Path(folder, "a.parquet").read_bytes()


@examples(60)
@given(data=st.data())
@pytest.mark.parametrize("ending", PACKED)
def test_a_truncated_archive(readings: dict[str, Reading], ending: str, data: st.DataObject) -> None:
    reading = readings[ending]
    whole = data.draw(st.sampled_from(PACKED[ending]))
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    reading.fresh()
    outcome = reading.give(cut)

    assert sum(outcome.rejected.values()) <= 1
    assert outcome.records <= 400
    after(reading)


@examples(70)
@given(data=st.data())
@pytest.mark.parametrize("ending", PACKED)
def test_a_damaged_archive(readings: dict[str, Reading], ending: str, data: st.DataObject) -> None:
    reading = readings[ending]
    whole = data.draw(st.sampled_from(PACKED[ending]))
    content = damaged(whole, data.draw(st.lists(damages(st.binary(max_size=8)), min_size=1, max_size=4)))
    reading.fresh()
    reading.give(content)
    after(reading)


@pytest.fixture(scope="module")
def parquet() -> list[bytes]:
    kinds = ["ROW_GROUP_SIZE 2048", "COMPRESSION zstd, ROW_GROUP_SIZE 64", "COMPRESSION uncompressed"]
    return [as_parquet(ROWS, options) for options in kinds]


def in_footer(content: bytes, changes: list[Damage]) -> bytes:
    """Damage within the footer alone, its length put right: it decides how much is read and made room for."""
    length = int.from_bytes(content[-8:-4], "little")
    footer = damaged(content[-8 - length : -8], changes)
    return content[: -8 - length] + footer + len(footer).to_bytes(4, "little") + b"PAR1"


@examples(40)
@given(data=st.data())
@pytest.mark.parametrize("part", ["anywhere", "footer", "cut"])
def test_a_damaged_parquet_file(
    readings: dict[str, Reading], parquet: list[bytes], part: str, data: st.DataObject
) -> None:
    reading = readings["parquet"]
    content: Any = data.draw(st.sampled_from(parquet))
    changes = data.draw(st.lists(damages(st.binary(max_size=8)), min_size=1, max_size=4))
    if part == "cut":
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content = in_footer(content, changes) if part == "footer" else damaged(content, changes)
    reading.fresh()
    outcome = reading.give(content)
    event("refused" if outcome.problem else f"read: {outcome.records}")

    after(reading)


@pytest.mark.parametrize("rows", [399, 401, 10**6, 2**40, 2**62])
def test_a_parquet_file_that_says_it_has_other_rows_than_it_has(
    readings: dict[str, Reading], parquet: list[bytes], rows: int
) -> None:
    """Reading as many as it says would never end."""
    reading = readings["parquet"]
    length = int.from_bytes(parquet[0][-8:-4], "little")
    footer = parquet[0][-8 - length : -8]
    places = [place for place in range(len(footer)) if footer[place:].startswith(varint(400))]
    assert len(places) > 5
    # The first is that of the file, the last that of its row group; the others are of columns.
    for place in (places[0], places[-1]):
        reading.fresh()
        change = Damage(place / len(footer) + 1e-9, len(varint(400)), varint(rows))
        outcome = reading.give(in_footer(parquet[0], [change]))

        assert outcome.problem is not None
        assert outcome.records == 0
    after(reading)


def varint(number: int) -> bytes:
    """A number as Parquet's footer writes it."""
    rest, written = 2 * number, b""
    while rest >= 128:
        written += bytes([rest % 128 + 128])
        rest //= 128
    return written + bytes([rest])


def resident() -> int:
    """Resident memory now, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_memory_does_not_grow_with_the_number_of_bad_files(readings: dict[str, Reading]) -> None:
    reading = readings["ndjson"]
    reading.fresh()
    contents = [
        damaged(ndjson(*GOOD) * 40, [Damage(place / 4, 3, new)])
        for place in range(4)
        for new in (b"\xff", b'"', b"[" * 1500, b"\n\n", b"9" * 400, b"x" * 5000)
    ]

    def rounds(count: int) -> int:
        for _ in range(count):
            for content in contents:
                reading.give(content, 16384)
        gc.collect()
        return resident()

    warm = rounds(2)
    assert rounds(3) - warm < 16 << 20
