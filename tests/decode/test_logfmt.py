"""logfmt, against a parser that goes through a line character by character."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drift_exporter.decode import logfmt_text
from drift_exporter.decode.logfmt import LogfmtDecoder
from drift_exporter.decode.logfmt_text import as_ndjson
from drift_exporter.decode.plan import (
    CODE_FIRST,
    CODE_MISSING,
    CODE_OTHER,
    CategoricalLeaf,
    NumericLeaf,
    Plan,
)
from drift_exporter.decode.records import Records
from drift_exporter.sources.chunk import Chunk

PLAN = Plan(
    numeric=(NumericLeaf(("features", "x"), "x", "feature"),),
    categorical=(CategoricalLeaf(("c",), "c", "feature", ("a", "x y", 'é="1"', "true")),),
    timestamp=("ts",),
    version=("v",),
    versions=("v1",),
    error=("error",),
    latency=("l",),
    latency_scale=0.001,
    trace_id=("t",),
)
WHITE = " \t\n\v\f\r"
ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
VALUES = {"": None, "-": None, "NA": None, "null": None, "NULL": None, "true": True, "True": True}
VALUES |= {"false": False, "False": False}


def words(line: str) -> list[str] | None:
    """Words of a line; None where a quote is not closed."""
    found, word, inside, escaped = [], "", False, False
    for character in line:
        if character in WHITE and not inside:
            found += [word] if word else []
            word = ""
        else:
            word += character
            inside ^= character == '"' and not escaped
        escaped = character == "\\" and not escaped
    return None if inside else [*found, word] if word else found


def unescaped(text: str) -> str:
    out, place = "", 0
    while place < len(text):
        following = text[place + 1 : place + 2]
        code = text[place + 2 : place + 6]
        if text[place] != "\\":
            out += text[place]
            place += 1
        elif following == "u" and len(code) == 4 and all(c in "0123456789abcdefABCDEF" for c in code):
            out += chr(int(code, 16))
            place += 6
        elif following in ESCAPES:
            out += ESCAPES[following]
            place += 2
        else:
            out += "\\"
            place += 1
    return out


def unquoted_equals(word: str) -> int:
    inside = escaped = False
    for place, character in enumerate(word):
        if character == "=" and not inside:
            return place
        inside ^= character == '"' and not escaped
        escaped = character == "\\" and not escaped
    return -1


def is_quoted(value: str) -> bool:
    """Whether a value begins with a quote, and the next one that is none of its content ends it."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return False
    escaped = False
    for place, character in enumerate(value[1:], start=1):
        if character == '"' and not escaped:
            return place == len(value) - 1
        escaped = character == "\\" and not escaped
    return False


def parse(line: str) -> dict[str, object] | None:
    """Fields of a line, None where it is no logfmt."""
    found = words(line)
    if found is None:
        return None
    fields: dict[str, object] = {}
    pairs = 0
    for word in found:
        place = unquoted_equals(word)
        key, value = (word, None) if place < 0 else (word[:place], word[place + 1 :])
        if value is None:
            fields.setdefault(key, True)
            continue
        pairs += bool(key)
        text = unescaped(value[1:-1]) if is_quoted(value) else value
        raw = value[1:-1] if is_quoted(value) else value
        fields.setdefault(key, VALUES.get(raw, text))
    return fields if pairs else None


def first_wins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for key, value in pairs:
        fields.setdefault(key, value)
    return fields


TOKENS = st.sampled_from(
    ["a", "b", "=", "==", '"', '""', '="', '" ', '=" ', " ", "  ", "\t", "\r", "\\", '\\"', "\\\\", "\\n",
     "\\u00e9", "\\uzz", "\\x", "-", "null", "true", "False", "NA", "1.5", "é", "\u2028",
     "\0", "\x1b[31m", "\x7f", "{", "}",
     ",", ":", "a=1", 'k="v w"', "\v"]
)  # fmt: skip
TEXT = st.lists(st.lists(TOKENS, max_size=10).map("".join), max_size=6)


@settings(max_examples=1000)
@given(lines=TEXT, ended=st.booleans(), piece=st.sampled_from([1, 7, 1 << 18]))
@example(lines=['k="a=1 b=2'], ended=True, piece=1)
@example(lines=['\\"a=1'], ended=True, piece=1)
def test_against_a_parser(lines: list[str], piece: int, *, ended: bool) -> None:
    text = ("\n".join(lines) + "\n" * ended).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logfmt_text, "_PIECE", piece)
        written, wrong = as_ndjson(text)

    full = [line for line in lines if line.strip(WHITE)]
    parsed = [parse(line) for line in full]
    assert [number for number, fields in enumerate(parsed) if fields is None] == sorted(wrong)
    expected = [fields for fields in parsed if fields is not None]
    assert expected == [json.loads(line, object_pairs_hook=first_wins) for line in written.splitlines()]


@pytest.fixture(scope="module")
def decoder() -> Iterator[LogfmtDecoder]:
    made = LogfmtDecoder(PLAN)
    yield made
    made.close()


def decode(decoder: LogfmtDecoder, data: bytes, offset: int = 0) -> Records:
    records = decoder.decode(Chunk("log", "logfmt", offset, data, size=len(data)))
    for rejection in records.rejections:
        start = rejection.offset - offset
        assert data[start : start + rejection.length] == rejection.raw
    return records


def test_a_line(decoder: LogfmtDecoder) -> None:
    line = (
        'level=info ts=2026-01-02T03:04:05Z msg="c=b features.x=9" features.x=1.5 c="é=\\"1\\"" v=v1 l=12.5'
    )

    records = decode(decoder, line.encode())

    assert [1_767_323_045_000_000] == records.timestamps.tolist()
    assert [1.5] == records.numeric[0].tolist()
    assert [CODE_FIRST + 2] == records.categorical[0].tolist()
    assert [CODE_FIRST] == records.versions.tolist()
    assert [0.0125] == records.latency.tolist()
    assert [0] == records.error.tolist()
    assert ({}, ()) == (records.invalid, records.rejections)


@pytest.mark.parametrize(
    ("written", "value", "invalid"),
    [
        ("=1", 1.0, 0), ("=-1.5e3", -1500.0, 0), ('="2"', 2.0, 0), ("=", np.nan, 0), ('=""', np.nan, 0),
        ("=-", np.nan, 0), ("=NA", np.nan, 0), ("=null", np.nan, 0), ("=NaN", np.nan, 0), ("=inf", np.inf, 0),
        ("=true", 1.0, 0), ("=False", 0.0, 0), ("", 1.0, 0), ("=abc", np.nan, 1), ("=12ms", np.nan, 1),
        ("={1}", np.nan, 1), ("=1 features.x=2", 1.0, 0), ("= features.x=2", np.nan, 0), (".z=3", np.nan, 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("alone", [True, False])
def test_numbers(decoder: LogfmtDecoder, written: str, value: float, invalid: int, *, alone: bool) -> None:
    good = b"ts=1700000000 features.x=7\n"
    line = f"ts=1700000000 features.x{written}\n".encode()

    records = decode(decoder, line if alone else good + line + good)

    np.testing.assert_array_equal([value] if alone else [7.0, value, 7.0], records.numeric[0])
    assert ({("feature", "x"): 1} if invalid else {}) == records.invalid
    assert () == records.rejections


@pytest.mark.parametrize(
    ("written", "code", "error"),
    [
        ("c=a", CODE_FIRST, 0), ('c="x y" error=', CODE_FIRST + 1, 0), ("c=z error=boom", CODE_OTHER, 1),
        ("c= error", CODE_MISSING, 1),
        ("c error=false", CODE_FIRST + 3, 0), ("c=True error=0", CODE_FIRST + 3, 0),
        ('c="" error=""', CODE_MISSING, 0),
    ],
)  # fmt: skip
def test_categories_and_errors(decoder: LogfmtDecoder, written: str, code: int, error: int) -> None:
    records = decode(decoder, f"ts=1700000000 {written}\n".encode())

    assert ([code], [error]) == (records.categorical[0].tolist(), records.error.tolist())


def test_lines_that_are_bad_among_good_ones(decoder: LogfmtDecoder) -> None:
    lines = [
        b"\xef\xbb\xbfts=1700000000 features.x=1 c=a\r",
        b"",
        b" \t ",
        b"Traceback (most recent call last):",
        b'ts=1700000000 msg="not closed',
        b"ts=yesterday features.x=2",
        b"features.x=3",
        b"ts=1700000001 c=\xff",
        b"ts=1700000002 features.x=five c=\xc3\xa9\0",
        b"ts=1700000003 features.x=6 c=a",
    ]
    data = b"\n".join(lines)

    records = decode(decoder, data)

    np.testing.assert_array_equal([1.0, np.nan, 6.0], records.numeric[0])
    assert [CODE_FIRST, CODE_OTHER, CODE_FIRST] == records.categorical[0].tolist()
    assert {("feature", "x"): 1} == records.invalid
    assert [
        ("malformed", "not logfmt: there is no key=value in it", lines[3]),
        ("malformed", "not logfmt: a quote is not closed", lines[4]),
        ("timestamp_unreadable", records.rejections[2].detail, lines[5]),
        ("timestamp_missing", records.rejections[3].detail, lines[6]),
        ("invalid_utf8", "invalid UTF-8 at byte 16 of the line", lines[7]),
    ] == [(rejection.reason, rejection.detail, rejection.raw) for rejection in records.rejections]


def test_nothing_but_bad_lines(decoder: LogfmtDecoder) -> None:
    records = decode(decoder, b"one\ntwo\n\nthree\n", offset=100)

    assert 0 == records.rows
    assert [100, 104, 109] == [rejection.offset for rejection in records.rejections]


def test_versions_and_traces(decoder: LogfmtDecoder) -> None:
    data = b'ts=1 v=v1 t=x\nno\nts=2 v=v3 t="y z"\nts=bad v=v3\nts=3 v=v2\nts=4 v=v3 t=w\n'
    chunk = Chunk("log", "logfmt", 9, data, size=len(data))

    assert ("v3", "v2") == decoder.unknown(chunk, PLAN.version_names)
    records = decoder.decode(chunk)
    assert [(0, "x"), (1, "y z"), (3, "w")] == [
        (trace.row, trace.text) for trace in decoder.texts(chunk, [0, 1, 2, 3], records, ("t",))
    ]
