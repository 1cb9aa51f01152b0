"""Lines of text by a pattern, against Python's own regular expressions."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.decode.plan import (
    CODE_FIRST,
    CODE_MISSING,
    CODE_OTHER,
    CategoricalLeaf,
    NumericLeaf,
    Plan,
)
from drift_exporter.decode.records import Records
from drift_exporter.decode.text import TextDecoder
from drift_exporter.errors import ConfigurationError
from drift_exporter.sources.chunk import Chunk

PATTERN = (
    r"^(?P<ts>[^|]*)\|(?P<v>[^|]*)\|x=(?P<x>[^|]*)\|(?:y=(?P<in_y>[^|]*)\|)?c=(?P<c>[^|]*)"
    r"(?:\|took (?P<l>\S+)ms)?(?: trace=(?P<t>\w+))?"
)
PLAN = Plan(
    numeric=(NumericLeaf(("x",), "x", "feature"), NumericLeaf(("in", "y"), "y", "feature")),
    categorical=(CategoricalLeaf(("c",), "c", "feature", ("a", 'b,"c"', "é", "1")),),
    timestamp=("ts",),
    version=("v",),
    versions=("v1",),
    latency=("l",),
    latency_scale=0.001,
    trace_id=("t",),
)


@pytest.fixture(scope="module")
def decoder() -> Iterator[TextDecoder]:
    made = TextDecoder(PLAN, PATTERN)
    yield made
    made.close()


def decode(decoder: TextDecoder, data: bytes, offset: int = 0) -> Records:
    records = decoder.decode(Chunk("log", "text", offset, data, size=len(data)))
    for rejection in records.rejections:
        start = rejection.offset - offset
        assert data[start : start + rejection.length] == rejection.raw
    return records


def test_a_line(decoder: TextDecoder) -> None:
    records = decode(decoder, b'1700000000|v1|x=1.5|y=-2e3|c=b,"c"|took 12.5ms\n')

    assert [1_700_000_000_000_000] == records.timestamps.tolist()
    assert [1.5, -2000.0] == [values[0] for values in records.numeric]
    assert [CODE_FIRST + 1] == records.categorical[0].tolist()
    assert [0.0125] == records.latency.tolist()
    assert [CODE_FIRST] == records.versions.tolist()
    assert ({}, ()) == (records.invalid, records.rejections)


@pytest.mark.parametrize(
    ("written", "value", "invalid"),
    [
        ("1", 1.0, 0), ("-1.5e3", -1500.0, 0), (" 2 ", 2.0, 0), ("", np.nan, 0),
        ("-", np.nan, 0), ("NA", np.nan, 0),
        ("null", np.nan, 0), ("NULL", np.nan, 0), ("nan", np.nan, 0), ("inf", np.inf, 0), ("true", 1.0, 0),
        ("False", 0.0, 0), ("abc", np.nan, 1), ("1,5", np.nan, 1), ("{1}", np.nan, 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("alone", [True, False])
def test_numbers(decoder: TextDecoder, written: str, value: float, invalid: int, *, alone: bool) -> None:
    good = b"1700000000|v1|x=7|c=a\n"
    line = f"1700000000|v1|x={written}|c=a\n".encode()

    records = decode(decoder, line if alone else good + line + good)

    np.testing.assert_array_equal([value] if alone else [7.0, value, 7.0], records.numeric[0])
    assert ({("feature", "x"): 1} if invalid else {}) == records.invalid


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2026-01-02T03:04:05Z", 1_767_323_045.0),
        ("2026-01-02 03:04:05.678", 1_767_323_045.678),
        ("2026-01-02 03:04:05,678", 1_767_323_045.678),
        ("2026-01-02T03:04:05,678+02:00", 1_767_315_845.678),
        ("2026-01-02t03:04:05z", 1_767_323_045.0),
        ("02/Jan/2026:03:04:05 +0000", 1_767_323_045.0),
        ("02/Jan/2026:03:04:05 +0230", 1_767_314_045.0),
        ("2026/01/02 03:04:05", 1_767_323_045.0),
        ("1767323045", 1_767_323_045.0),
        ("1767323045678", 1_767_323_045.678),
        ("1767323045.5", 1_767_323_045.5),
    ],
)
def test_timestamps(decoder: TextDecoder, written: str, seconds: float) -> None:
    records = decode(decoder, f"{written}|v1|x=1|c=a\n".encode())

    assert [round(seconds * 1e6)] == records.timestamps.tolist()


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("%d.%m.%Y %H:%M:%S", "02.01.2026 03:04:05"),
        ("%a %b %d %H:%M:%S.%f %Y", "Fri Jan 02 03:04:05.000000 2026"),
    ],
)
def test_a_form_of_timestamps(form: str, written: str) -> None:
    decoder = TextDecoder(Plan(timestamp=("ts",), timestamp_format=form), r"^\[(?P<ts>.*)\]")

    records = decode(decoder, f"[{written}]\n[2026-01-02]\n[]\n".encode())

    assert [1_767_323_045_000_000] == records.timestamps.tolist()
    assert ["timestamp_unreadable", "timestamp_missing"] == [r.reason for r in records.rejections]
    assert f"the form {form}" in records.rejections[0].detail
    decoder.close()


def test_lines_that_are_bad_among_good_ones(decoder: TextDecoder) -> None:
    lines = [
        b"\xef\xbb\xbf1700000000|v1|x=1|c=a\r",
        b"",
        b"  \t ",
        b"garbage",
        b"yesterday|v1|x=2|c=a",
        b"|v1|x=3|c=a",
        b"1700000001|v1|x=\xff4|c=a",
        b"\xff\xfe",
        b"1700000002|v9|x=five|c=\xc3\xa9\0",
        b"1700000003|v1|x=6|c=\xc3\xa9",
    ]
    data = b"\n".join(lines)

    records = decode(decoder, data)

    assert [1.0, 6.0] == records.numeric[0][[0, 2]].tolist()
    assert [CODE_FIRST, CODE_OTHER, CODE_FIRST + 2] == records.categorical[0].tolist()
    assert {("feature", "x"): 1} == records.invalid
    assert [
        ("malformed", data.index(b"garbage")),
        ("timestamp_unreadable", data.index(b"yesterday")),
        ("timestamp_missing", data.index(b"|v1|x=3")),
        ("invalid_utf8", data.index(b"1700000001")),
        ("invalid_utf8", data.index(b"\xff\xfe")),
    ] == [(rejection.reason, rejection.offset) for rejection in records.rejections]
    assert "the pattern does not match the line" == records.rejections[0].detail


LINES = st.lists(
    st.builds(
        lambda ts, x, c, rest: f"{ts}|v1|x={x}|c={c}{rest}".encode(),
        st.sampled_from(["1700000000", "2026-01-02", "soon", "", "-"]),
        st.sampled_from(["1", "-2.5", "", "x", "NA", "1e5"]),
        st.text(alphabet="ab\t\"',\\é\0\r\u2028\x1b ", max_size=6),
        st.sampled_from(["", "|took 3ms", "|took ms", "|"]),
    )
    | st.binary(max_size=12).filter(lambda line: b"\n" not in line)
    | st.sampled_from([b"", b" ", b"\r", b"x\r", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]),
    max_size=12,
)


@settings(max_examples=100)
@given(lines=LINES, ended=st.booleans())
def test_against_python(decoder: TextDecoder, lines: list[bytes], *, ended: bool) -> None:
    records = decode(decoder, b"\n".join(lines) + b"\n" * ended, offset=5)

    values, reasons = [], []
    for line in lines:
        if not line.strip(b" \t\v\f\r"):
            continue
        try:
            found = re.search(PATTERN, line.removesuffix(b"\r").decode())
        except UnicodeDecodeError:
            reasons.append("invalid_utf8")
            continue
        if found is None:
            reasons.append("malformed")
        elif found["ts"] in {"", "-"}:
            reasons.append("timestamp_missing")
        elif found["ts"] == "soon":
            reasons.append("timestamp_unreadable")
        else:
            x, c = found["x"], found["c"]
            value = np.nan if x in {"", "x", "NA"} else float(x)
            code = CODE_MISSING if c in {"", "-"} else CODE_FIRST if c == "a" else CODE_OTHER
            code = CODE_FIRST + 2 if c == "é" else code
            values.append((value, code, np.nan if found["l"] is None else float(found["l"]) / 1000))
    assert reasons == [rejection.reason for rejection in records.rejections]
    got = zip(
        records.numeric[0].tolist(), records.categorical[0].tolist(), records.latency.tolist(), strict=True
    )
    np.testing.assert_array_equal(values, list(got))


def test_versions_that_are_new(decoder: TextDecoder) -> None:
    lines = b"1|v1|x=1|c=a\n2|v3|x=1|c=a\n3|v2|x=1|c=a\n\xff\n4|v3|x=1|c=a\n5||x=1|c=a\nno\n"

    assert ("v3", "v2") == decoder.unknown(
        Chunk("log", "text", 0, lines, size=len(lines)), PLAN.version_names
    )


def test_traces_of_some_records() -> None:
    plan = Plan(timestamp=("ts",), trace_id=("t",))
    decoder = TextDecoder(plan, r"^(?P<ts>\d+) (?:trace=(?P<t>\w*))?")
    lines = b"1 trace=a\nno\n2 \n3 trace=c\n4 trace=\n5 trace=e"
    chunk = Chunk("log", "text", 7, lines, size=len(lines))
    records = decoder.decode(chunk)

    assert [(0, "a"), (2, "c"), (4, "e")] == [
        (trace.row, trace.text) for trace in decoder.texts(chunk, [0, 1, 2, 3, 4], records, ("t",))
    ]
    decoder.close()


@pytest.mark.parametrize(
    ("plan", "pattern", "why"),
    [
        (PLAN, r"(?P<ts>\S+)", r"field 'x' leads to the group 'x', which the pattern .* it has: ts"),
        (Plan(), r"(?P<a>x++)", "bad repetition operator.*RE2"),
        (Plan(), r"(?P<a>x){1001}", "repetition"),
        (Plan(), "x", "no named group"),
        (Plan(timestamp=("a",), timestamp_format="%Q%"), "(?P<a>x)", "timestamp_format '%Q%' cannot be used"),
    ],
)
def test_what_is_refused(plan: Plan, pattern: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        TextDecoder(plan, pattern)
