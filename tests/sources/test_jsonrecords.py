"""Files of JSON as lines, against ``json.loads`` and against the scanner that looks at every byte."""

import json
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drift_exporter.sources import jsonrecords
from drift_exporter.sources.chunk import Rejection
from drift_exporter.sources.jsonrecords import Lines, as_lines
from drift_exporter.sources.jsonscan import ItemScanner

LIMIT = 10_000


def lines(data: bytes, limit: int = LIMIT, *, ended: bool = True) -> Lines:
    return as_lines("a.json", 0, data, limit, ended=ended)


def records(found: Lines) -> list[bytes]:
    return [line.strip() for line in found.text.split(b"\n") if line.strip()]


def rejected(found: Lines) -> list[tuple[str, bytes]]:
    return [(rejection.reason, rejection.raw) for rejection in found.rejections]


KEYS = st.text(alphabet='ab"\\{}', max_size=3)
TEXTS = st.text(alphabet='a\\"{}[],:\n\t é\u2028', max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)
RECORDS = st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=12)


def written(rows: list[Any], form: str, indent: int | None, *, ascii_only: bool) -> bytes:
    """Records in one of the forms that programs write."""
    texts = [json.dumps(row, indent=indent, ensure_ascii=ascii_only) for row in rows]
    if form == "array":
        text = json.dumps(rows, indent=indent, ensure_ascii=ascii_only)
    elif form == "arrays":
        text = "\n".join(f"[{text}]" for text in texts)
    elif form == "open":
        # A writer at work: no end yet.
        text = "[\n" + "".join(f"{text},\n" for text in texts)
    else:
        text = {"lines": "\r\n", "side by side": "", "commas": " , "}[form].join(texts)
    return text.encode()


FORMS = st.sampled_from(["array", "arrays", "open", "lines", "side by side", "commas"])


@settings(max_examples=300)
@given(rows=RECORDS, form=FORMS, indent=st.sampled_from([None, 0, 1, 4]), ascii_only=st.booleans())
def test_what_json_dumps_wrote(rows: list[Any], form: str, indent: int | None, *, ascii_only: bool) -> None:
    data = written(rows, form, indent, ascii_only=ascii_only)

    found = lines(data)

    assert () == found.rejections
    assert len(data) == found.size
    assert repr(rows) == repr([json.loads(record) for record in records(found)])
    if form != "side by side":
        # Every record stands where it stood, but for the newline at the very end.
        assert len(data) == len(found.text.removesuffix(b"\n")) or found.text.endswith(b"}\n")
        for record in records(found):
            assert data[found.text.index(record) :][:1] == b"{"


PIECES = st.sampled_from(
    [
        b'{"a": 1}', b'{"a": {"b": [1, {"c": 2}, {"d": 3}]}}', b'{"s": "x\\"}, {\\\\"}', b"[", b"]",
        b",", b"\n", b" ", b"\r\n", b"{", b"}", b'"', b"\\", b":", b'"a"', b"1", b"null",
        b"garbage", b"\xff", b"\0",
        b"},{", b'{"t": "cut', b'{"a": [', b"\n{", b"\n[", b", {", b"12.5e3", b'"x, {y"', b"\\\\", b'\\"',
        b"x" * 30, b'{"a" {"b":1}}', b"\t",
    ]
)  # fmt: skip
DAMAGED = st.lists(PIECES | st.binary(max_size=3), max_size=40).map(b"".join)


def closely(data: bytes, limit: int, *, ended: bool) -> Lines:
    """The same by the scanner alone."""

    def none(*_: object) -> tuple[Any, Any, bool]:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), True

    with patch.object(jsonrecords, "_find_records", none):
        return lines(data, limit, ended=ended)


@settings(max_examples=1500)
@given(data=DAMAGED, limit=st.sampled_from([8, 40, LIMIT]), ended=st.booleans())
@example(data=b'{"a":1,{"a":[{},{}]}}', limit=LIMIT, ended=True)
def test_arithmetic_and_scanner_find_the_same(data: bytes, limit: int, *, ended: bool) -> None:
    assert closely(data, limit, ended=ended) == lines(data, limit, ended=ended)


def read_in_pieces(data: bytes, cuts: list[int], limit: int) -> tuple[list[bytes], list[Rejection]]:
    """What a reader finds in a file that grows: it sees more of it each time, from where it stopped."""
    found, wrong, begin = [], [], 0
    for seen in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        part = as_lines("a.json", begin, data[begin:seen], limit, ended=False)
        found += records(part)
        wrong += [
            Rejection(r.path, begin + part.place(r.offset - begin), r.reason, r.detail, r.raw, r.length)
            for r in part.rejections
        ]
        begin += part.size
    part = as_lines("a.json", begin, data[begin:], limit, ended=True)
    wrong += [
        Rejection(r.path, begin + part.place(r.offset - begin), r.reason, r.detail, r.raw, r.length)
        for r in part.rejections
    ]
    return found + records(part), wrong


@settings(max_examples=600)
@given(data=DAMAGED, cuts=st.lists(st.integers(0, 500), max_size=8), limit=st.sampled_from([8, 40, LIMIT]))
def test_the_same_however_it_grows(data: bytes, cuts: list[int], limit: int) -> None:
    once = read_in_pieces(data, [], limit)

    assert once == read_in_pieces(data, cuts, limit)
    for rejection in once[1]:
        assert data[rejection.offset :].startswith(rejection.raw)


@settings(max_examples=600)
@given(data=DAMAGED, sizes=st.lists(st.integers(1, 12), max_size=20), limit=st.sampled_from([1, 8, 40]))
def test_an_item_may_be_fed_in_pieces(data: bytes, sizes: list[int], limit: int) -> None:
    data = b'{"a":' + data if len(data) % 2 else b"x" + data
    whole = ItemScanner(limit)
    expected = whole.feed(data, ended=True)
    pieces = ItemScanner(limit)
    end = pieces.feed(data[: limit + 1], ended=len(data) <= limit + 1)
    seen = limit + 1
    for size in [*sizes, len(data)]:
        if end is not None:
            break
        found = pieces.feed(data[seen : seen + size], ended=seen + size >= len(data))
        end = None if found is None else seen + found
        seen += size

    assert (expected, whole.wrong) == (end, pieces.wrong)


@pytest.mark.parametrize(
    ("data", "good", "bad"),
    [
        (b'[{"a":1}, 2, "x{", null, [true, {"b":2}]]', [b'{"a":1}', b'{"b":2}'],
         [("not_object", b"2"), ("not_object", b'"x{"'), ("not_object", b"null"), ("not_object", b"true")]),
        (b'{"a":1}\nwhat is this, {"b":2}\nand "this\n{"c":3}', [b'{"a":1}', b'{"b":2}', b'{"c":3}'],
         [("malformed", b"what is this"), ("malformed", b'and "this')]),
        # The writer died within a record, and went on when it was back.
        (b'[\n{"a":1},\n{"a": "he\n[\n{"a":2}]', [b'{"a":1}', b'{"a":2}'], [("malformed", b'{"a": "he')]),
        (b'[\n{"a":1},\n{"a":\n[\n{"a":2},\n{"a":3}]', [b'{"a":1}'],
         [("malformed", b'{"a":\n[\n{"a":2},\n{"a":3}]')]),
        (b'[{"a":1},{"a":2,{"a":3},{"a":4}]', [b'{"a":1}', b'{"a":4}'], [("malformed", b'{"a":2,{"a":3}')]),
        (b'{"a":1}\n{"a":2\n{"a":3}\n', [b'{"a":1}', b'{"a":3}'], [("malformed", b'{"a":2')]),
        # A forgotten quote costs its record, though it has many lines.
        (b'[\n  {\n    "a": "x,\n    "f": {\n      "b": 1\n    }\n  },\n  {\n    "a": "y"\n  }\n]',
         [b'{     "a": "y"   }'], [("malformed", b'{\n    "a": "x,\n    "f": {\n      "b": 1\n    }\n  }')]),
        (b'{"a":\\"1"}\n{"b":2}', [b'{"b":2}'], [("malformed", b'{"a":\\"1"}')]),
        (b'\xff\xfe\n{"b":2}', [b'{"b":2}'], [("invalid_utf8", b"\xff\xfe")]),
        (b"}}}\n{}", [b"{}"], [("malformed", b"}}}")]),
        (b'[{"a":1},{"a":', [b'{"a":1}'], [("malformed", b'{"a":')]),
        (b'{"i":[{"a":1},{"a":2}]}', [b'{"i":[{"a":1},{"a":2}]}'], []),
        (b"", [], []),
        (b"[ ]\n", [], []),
    ],
)  # fmt: skip
def test_what_is_bad(data: bytes, good: list[bytes], bad: list[tuple[str, bytes]]) -> None:
    found = lines(data)

    assert good == records(found)
    assert bad == rejected(found)
    assert found == closely(data, LIMIT, ended=True)


def test_a_record_over_the_limit_is_rejected_and_the_next_one_is_not() -> None:
    long = b'{"x": [' + b"1, " * 100 + b"1]}"
    found = lines(b"[" + long + b', {"a": 1}]', limit=50)

    assert [b'{"a": 1}'] == records(found)
    assert [("too_long", 1, len(long))] == [(r.reason, r.offset, r.length) for r in found.rejections]


def test_what_never_ends_costs_no_more_than_sixteen_times_the_limit() -> None:
    found = lines(b'{"x": [' + b'{"a":1},' * 500, limit=50)

    assert ("too_long", 800) == (found.rejections[0].reason, found.rejections[0].length)
    assert [b'{"a":1}'] * (500 - 100) == records(found)[-400:]


def test_places_behind_newlines_that_were_put_in() -> None:
    found = lines(b'{"a":1}{"a":2}x{"a":3}\n{"b":4}{"a":5}')

    assert [b'{"a":1}', b'{"a":2}', b'{"b":4}', b'{"a":5}'] == records(found)
    assert [b'x{"a":3}'] == [r.raw for r in found.rejections]
    locate = found.locate("a.json", 0)
    assert locate is not None
    for rejection in found.rejections:
        assert locate(rejection.offset) == ("a.json", 14)
    assert [0, 7, 23, 30] == [found.place(found.text.index(record)) for record in records(found)]
