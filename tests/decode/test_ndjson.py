import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.config.values import split_path
from drift_exporter.decode.ndjson import NdjsonDecoder
from drift_exporter.decode.plan import CODE_FIRST, CategoricalLeaf, NumericLeaf, Plan
from drift_exporter.decode.records import Records
from drift_exporter.sources.chunk import Chunk
from support.records import ndjson

PLAN = Plan(
    numeric=(NumericLeaf(("x",), "x", "feature"), NumericLeaf(("in", "y"), "y", "feature")),
    categorical=(
        CategoricalLeaf(("c",), "c", "feature", ("a", "b", "1", "true")),
        CategoricalLeaf(("out", "d"), "d", "feature", ("a",)),
    ),
    timestamp=("ts",),
    version=("v",),
    latency=("l",),
    latency_scale=0.001,
)
GOOD = b'{"ts":1700000000,"x":1,"in":{"y":2},"c":"a","out":{"d":"a"},"l":3,"v":"v1"}\n'
MISSING, OTHER, A, B, ONE, TRUE = 0, 1, CODE_FIRST, CODE_FIRST + 1, CODE_FIRST + 2, CODE_FIRST + 3


@pytest.fixture(scope="module")
def decoder() -> Iterator[NdjsonDecoder]:
    made = NdjsonDecoder(PLAN)
    yield made
    made.close()


def decode(decoder: NdjsonDecoder, data: bytes, offset: int = 0) -> Records:
    records = decoder.decode(Chunk("log", "ndjson", offset, data, size=len(data)))
    for rejection in records.rejections:
        start = rejection.offset - offset
        assert data[start : start + rejection.length] == rejection.raw
    return records


def line(rest: str | bytes) -> bytes:
    rest = rest.encode() if isinstance(rest, str) else rest
    return b'{"ts":1700000000,' + rest + b"}\n"


# What a line's x is, and whether it counts as invalid.
NUMBERS = {
    "1": (1.0, 0),
    "-1.5e3": (-1500.0, 0),
    "NaN": (np.nan, 0),
    "Infinity": (np.inf, 0),
    "-Infinity": (-np.inf, 0),
    "1e400": (np.inf, 0),
    "null": (np.nan, 0),
    '"1.5"': (1.5, 0),
    '" 2 "': (2.0, 0),
    '"NaN"': (np.nan, 0),
    "true": (1.0, 0),
    "false": (0.0, 0),
    "12345678901234567890123": (1.2345678901234568e22, 0),
    '"abc"': (np.nan, 1),
    '""': (np.nan, 1),
    '"true"': (np.nan, 1),
    '{"a":1}': (np.nan, 1),
    "[1]": (np.nan, 1),
    "[]": (np.nan, 1),
}


@pytest.mark.parametrize("written", NUMBERS)
@pytest.mark.parametrize("alone", [True, False])
def test_numbers(decoder: NdjsonDecoder, written: str, *, alone: bool) -> None:
    value, invalid = NUMBERS[written]
    data = line(f'"x":{written}')

    records = decode(decoder, data if alone else GOOD + data + GOOD)

    np.testing.assert_array_equal(
        [value] if alone else [1.0, value, 1.0],
        records.numeric[0],
    )
    assert ({("feature", "x"): 1} if invalid else {}) == records.invalid
    assert records.rejections == ()


CATEGORIES = {
    '"a"': (A, 0),
    '"z"': (OTHER, 0),
    "1": (ONE, 0),
    "1.0": (ONE, 0),
    '"1"': (ONE, 0),
    "true": (TRUE, 0),
    '"True"': (TRUE, 0),
    "null": (MISSING, 0),
    "NaN": (OTHER, 0),
    '{"a":1}': (MISSING, 1),
    '["a"]': (MISSING, 1),
    '"a\\u0000b"': (OTHER, 0),
    '"\\u0061"': (A, 0),
}


@pytest.mark.parametrize("written", CATEGORIES)
@pytest.mark.parametrize("alone", [True, False])
def test_categories(decoder: NdjsonDecoder, written: str, *, alone: bool) -> None:
    code, invalid = CATEGORIES[written]
    data = line(f'"c":{written}')

    records = decode(decoder, data if alone else GOOD + data + GOOD)

    assert ([code] if alone else [A, code, A]) == records.categorical[0].tolist()
    assert ({("feature", "c"): 1} if invalid else {}) == records.invalid
    assert records.rejections == ()


@pytest.mark.parametrize(
    ("rest", "invalid"),
    [
        ('"in":"text"', {("feature", "y"): 1}),
        ('"in":[1]', {("feature", "y"): 1}),
        ('"in":null', {}),
        ('"in":{}', {}),
        ('"out":"text","x":1', {("feature", "d"): 1}),
        ('"l":"slow"', {("prediction", "latency"): 1}),
        ('"l":null', {}),
    ],
)
def test_objects_that_are_none(decoder: NdjsonDecoder, rest: str, invalid: dict[Any, int]) -> None:
    records = decode(decoder, GOOD + line(rest) + GOOD)

    assert records.rows == 3
    assert invalid == records.invalid
    assert np.isnan(records.numeric[1][1])
    assert records.categorical[1][1] == MISSING


LINES = {
    b"[1]": "not_object",
    b"null": "not_object",
    b' "text"': "not_object",
    b"5": "not_object",
    b"true": "not_object",
    b"{": "malformed",
    b"hello": "malformed",
    b'{"ts":17': "malformed",
    b"{'ts':1700000000}": "malformed",
    b'{"ts":1700000000}{"ts":1700000000}': "malformed",
    b'{"ts":1700000000} x': "malformed",
    b'{"ts":1700000000}\r{"ts":1700000000}': "malformed",
    b'{"ts":1700000000,"c":"a\0b"}': "malformed",
    b'{"ts":1700000000}\0': "malformed",
    b"\0": "malformed",
    b'{"ts":1700000000,"c":"\\x"}': "malformed",
    b'{"ts":1700000000,"c":"\\ud800"}': "malformed",
    b"[" * 200_000: "malformed",
    # DuckDB's message about it ends inside a character.
    '[{"version": -10000, "features.amount": "\x80\x80"}, {"\U00010000": null}]'.encode(): "not_object",
    b'\xef\xbb\xbf{"ts":1700000000}': "malformed",
    b'{"ts":1700000000,"c":"\xff"}': "invalid_utf8",
    b'{"\xc3":1,"ts":1700000000}': "invalid_utf8",
    b"\xff\xfe{\x00}\x00": "invalid_utf8",
    b"{}": "timestamp_missing",
    b'{"x":1}': "timestamp_missing",
    b'{"ts":null}': "timestamp_missing",
    b'{"ts":"soon"}': "timestamp_unreadable",
    b'{"ts":{}}': "timestamp_unreadable",
    b'{"ts":[]}': "timestamp_unreadable",
    b'{"ts":true}': "timestamp_unreadable",
    b'{"ts":""}': "timestamp_unreadable",
    b'{"ts":NaN}': "timestamp_unreadable",
    b'{"ts":1e300}': "timestamp_unreadable",
    b'{"ts":"2026-13-01T00:00:00Z"}': "timestamp_unreadable",
}


@pytest.mark.parametrize("bad", LINES, ids=lambda bad: repr(bad[:20]))
@pytest.mark.parametrize("before", [b"", GOOD, GOOD + b"\n \r\n"])
def test_rejected_lines(decoder: NdjsonDecoder, bad: bytes, before: bytes) -> None:
    records = decode(decoder, before + bad + b"\n" + GOOD, offset=7)

    assert [(7 + len(before), LINES[bad], len(bad))] == [
        (r.offset, r.reason, r.length) for r in records.rejections
    ]
    assert bool(before) + 1 == records.rows
    assert [1.0] * records.rows == records.numeric[0].tolist()


@settings(max_examples=60)
@given(kinds=st.lists(st.sampled_from([None, *LINES]), min_size=1, max_size=12))
def test_any_mixture_of_good_and_bad_lines(decoder: NdjsonDecoder, kinds: list[bytes | None]) -> None:
    with_good = [GOOD if kind is None else kind + b"\n" for kind in kinds]
    records = decode(decoder, b"".join(with_good), offset=1)

    assert [LINES[kind] for kind in kinds if kind is not None] == [r.reason for r in records.rejections]
    assert kinds.count(None) == records.rows


@pytest.mark.parametrize("rest", [GOOD, b"junk\n", b"{}\n", b'{"x":null}\n'])
@pytest.mark.parametrize("plan", [
    Plan(numeric=PLAN.numeric, categorical=PLAN.categorical, version=("v",)),
    Plan(error=("e",)),
    replace(PLAN, model=("x",), models=("1",)),
])  # fmt: skip
def test_null_is_no_record_where_a_record_may_lack_its_timestamp(plan: Plan, rest: bytes) -> None:
    decoder = NdjsonDecoder(plan)
    found = [decode(decoder, data) for data in (rest + b" null\r\n", b"null\n" + rest)]
    decoder.close()

    good = rest != b"junk\n"
    assert [good, good] == [records.accepted for records in found]
    reasons = [[rejection.reason for rejection in records.rejections] for records in found]
    junk = [] if good else ["malformed"]
    assert [[*junk, "not_object"], ["not_object", *junk]] == reasons


@pytest.mark.parametrize(
    "data",
    [
        GOOD.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + GOOD,
        b"\xef\xbb\xbf\n" + GOOD,
        b"\n\n" + GOOD + b"  \t\r\n\x0b\n",
        GOOD.rstrip(b"\n"),
        b"   " + GOOD,
        GOOD.replace(b"}\n", b',"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"),
        GOOD.replace(b'"x":1', b'"x":1,"x":9'),
        GOOD.replace(b'"x":1', b'"X":9,"x":1'),
    ],
    ids=["crlf", "bom", "bom on a blank line", "blank", "no newline", "indented", "deep", "twice", "case"],
)
def test_unusual_lines_that_are_fine(decoder: NdjsonDecoder, data: bytes) -> None:
    records = decode(decoder, data)

    assert (1, (), {}) == (records.rows, records.rejections, records.invalid)
    assert ([1.0], [2.0], [A], [0.003]) == (
        records.numeric[0].tolist(),
        records.numeric[1].tolist(),
        records.categorical[0].tolist(),
        None if records.latency is None else records.latency.tolist(),
    )


def test_nothing_but_blank_lines(decoder: NdjsonDecoder) -> None:
    assert (0, ()) == ((records := decode(decoder, b"\n\r\n  \n")).rows, records.rejections)


@pytest.mark.parametrize(
    "key", ["a.b", 'q"uote', "it's", "é", "a/b", "t~il~1de", "{", "日本", "a b", "$.x", "%"]
)
@pytest.mark.parametrize("nested", [True, False])
def test_keys_of_any_spelling(key: str, *, nested: bool) -> None:
    path = (key, key) if nested else (key,)
    decoder = NdjsonDecoder(Plan(numeric=(NumericLeaf(path, "n", "feature"),), timestamp=("ts",)))

    def written(value: object) -> dict[str, object]:
        return {"ts": 1, key: {key: value}} if nested else {"ts": 1, key: value}

    records = decode(decoder, ndjson(written(4), written("no"), written([1])))
    decoder.close()

    np.testing.assert_array_equal([4, np.nan, np.nan], records.numeric[0])
    assert {("feature", "n"): 2} == records.invalid


def test_escaped_dots_in_paths() -> None:
    assert ("a.b", "c") == split_path(r"a\.b.c")


BASE = 1_767_323_045_000_000  # 2026-01-02 03:04:05 UTC
TIMESTAMPS = {
    "2026-01-02T03:04:05Z": 0,
    "2026-01-02T03:04:05+00:00": 0,
    "2026-01-02T05:04:05+02:00": 0,
    "2026-01-01T21:34:05-05:30": 0,
    "2026-01-02t03:04:05z": 0,
    "2026-01-02 03:04:05Z": 0,
    "2026-01-02 03:04:05": 0,
    "2026-01-02T03:04:05": 0,
    "2026-01-02T03:04:05.1Z": 100_000,
    "2026-01-02T03:04:05.123456Z": 123_456,
    "2026-01-02T03:04:05.123456789Z": 123_456,
    "2026-01-02T03:04:05.123456789": 123_456,
    "2026-01-02T03:04:05.000000001+00:00": 0,
    1767323045: 0,
    "1767323045": 0,
    1767323045.25: 250_000,
    "1767323045.25": 250_000,
    1767323045123: 123_000,
    "1767323045123": 123_000,
    1767323045123456: 123_456,
    1767323045123456000: 123_456,
    "1767323045123456000": 123_456,
}


@pytest.mark.parametrize("written", TIMESTAMPS, ids=repr)
@pytest.mark.parametrize("beside", [b"", GOOD, b"junk\n", b'{"ts":"2026-01-02T03:04:05Z"}\n'])
def test_timestamps(decoder: NdjsonDecoder, written: object, beside: bytes) -> None:
    records = decode(decoder, beside + ndjson({"ts": written}))

    assert records.timestamps is not None
    assert BASE + TIMESTAMPS[written] == records.timestamps[-1]


# Not what RFC 3339 allows, but what DuckDB understands.
LENIENT = {
    "2026": 2026_000_000,
    "epoch": 0,
    "26-01-02T03:04:05Z": -61_346_580_955_000_000,
    " 2026-01-02T03:04:05Z": BASE,
    "12026-01-02T03:04:05Z": 317_336_843_045_000_000,
    "2026/01/02 03:04:05": BASE,
}


@pytest.mark.parametrize(
    "written",
    [
        "", "soon", "infinity", "-infinity", "epoch", "now", "20260102T030405Z", "2026-01-02T23:59:60Z",
        "2026-02-30T00:00:00Z", "2026-01-02T24:01:00Z", "2026-01-02T03:04:05Zx", "26-01-02T03:04:05Z",
        " 2026-01-02T03:04:05Z", "12026-01-02T03:04:05Z", "2026/01/02 03:04:05", "03:04:05", "2026-W01-1",
        "0x10", "1e25", "-", "today", "2026",
    ],
)  # fmt: skip
@pytest.mark.parametrize("beside", [b"", GOOD, b'{"ts":"2026-01-02T03:04:05Z"}\n'])
def test_a_text_is_a_timestamp_or_not_whatever_stands_beside_it(written: str, beside: bytes) -> None:
    decoder = NdjsonDecoder(PLAN)
    alone = decode(decoder, ndjson({"ts": written}))
    decoder.close()
    decoder = NdjsonDecoder(PLAN)
    records = decode(decoder, beside + ndjson({"ts": written}) + b"junk\n")
    decoder.close()

    expected = [LENIENT[written]] if written in LENIENT else []
    assert alone.timestamps is not None
    assert records.timestamps is not None
    assert expected == alone.timestamps.tolist()
    assert expected == records.timestamps.tolist()[records.rows - len(expected) :]
    assert [] == [r.reason for r in alone.rejections if expected]
    assert ([] if expected else ["timestamp_unreadable"]) == [r.reason for r in alone.rejections]


def test_versions_that_are_not_known_yet(decoder: NdjsonDecoder) -> None:
    versions: list[object] = ["v2", 1, 1.0, "1", "", None, {"a": 1}, "é", "v2"]
    data = b"\xef\xbb\xbf" + ndjson(*({"ts": 1, "v": version} for version in versions))

    assert {"v2", "1", "1.0", "é"} == set(
        decoder.unknown(Chunk("log", "ndjson", 0, data), PLAN.version_names)
    )


@pytest.mark.parametrize("path", [("trace",), ("a", "trace")])
def test_traces_of_accepted_rows(path: tuple[str, ...]) -> None:
    decoder = NdjsonDecoder(Plan(timestamp=("ts",), trace_id=path))

    def one(trace: object) -> bytes:
        value: dict[str, Any] = {path[-1]: trace}
        return json.dumps({"ts": 1} | (value if len(path) == 1 else {"a": value})).encode() + b"\n"

    data = one("t0") + b"junk\n\n" + one(5) + one("") + one("t3") + b'{"ts":null}\n' + one("t4")
    chunk = Chunk("log", "ndjson", 10, data, size=len(data))
    records = decoder.decode(chunk)
    found = decoder.texts(chunk, [0, 1, 2, 3, 4], records, path)
    decoder.close()

    assert [(0, "t0"), (1, "5"), (3, "t3"), (4, "t4")] == [(trace.row, trace.text) for trace in found]


def test_own_records_are_found_among_those_of_others_over_many_pieces_with_faults() -> None:
    """A chunk with something wrong in it is read in pieces of 4 MiB."""
    plan = Plan(timestamp=("ts",), model=("m",), models=("own", "theirs"), trace_id=("trace",))
    names = ["own", "theirs", "ghost", None, "theirs"]
    rows: list[dict[str, Any]] = [
        {"ts": 1000 + i if i % 7 else "soon", "m": names[i % 5], "trace": f"t{i}", "pad": "x" * 1000}
        for i in range(12_000)
    ]
    decoder = NdjsonDecoder(plan)
    data = b"".join(ndjson(row) + b"junk\n" * (i % 100 == 3) for i, row in enumerate(rows))
    chunk = Chunk("log", "ndjson", 5, data, size=len(data))
    records = decoder.decode(chunk)
    wanted = list(range(0, records.rows, 97))
    traces = decoder.texts(chunk, wanted, records, ("trace",))
    decoder.close()

    assert len(data) > 12 << 20
    accepted = [row for row in rows if row["m"] != "own" or row["ts"] != "soon"]
    own = [(place, row) for place, row in enumerate(accepted) if row["m"] == "own"]
    shared = records.shared
    assert shared is not None
    assert len(accepted) == shared.accepted
    assert [place for place, _ in own] == shared.places.tolist()
    counted = [sum(row["m"] == name for row in accepted) for name in (None, "ghost", "{", "own", "theirs")]
    assert counted == shared.counts.tolist()
    assert (1001_000_000, (1000 + 11_999) * 1_000_000) == shared.times
    assert [own[row][1]["trace"] for row in wanted] == [trace.text for trace in traces]
    assert wanted == [trace.row for trace in traces]
    reasons = [rejection.reason for rejection in records.rejections]
    assert (120, len(rows) - len(accepted)) == (
        reasons.count("malformed"),
        reasons.count("timestamp_unreadable"),
    )


@pytest.mark.parametrize("name", [b"", b'"m":null,', b'"m":"",', b'"m":"ads",', b'"m":{},'])
def test_what_is_wrong_in_the_records_of_others_counts_nowhere(name: bytes) -> None:
    decoder = NdjsonDecoder(replace(PLAN, model=("m",), models=("own",)))
    wrong = b'"x":"no","in":"text","c":[],"out":"text","l":"slow"}\n'
    lines = [b'{"ts":1,"m":"own",' + wrong, b"{" + name + wrong, b'{"ts":1,' + name + wrong]
    for data in (b"".join(lines), b"".join([*lines, b"junk\n"])):
        records = decode(decoder, data)

        assert (1, 3) == (records.rows, records.accepted)
        assert [1] * 5 == list(records.invalid.values())
        assert ["malformed"] * data.endswith(b"junk\n") == [r.reason for r in records.rejections]
    decoder.close()


SPELLED = ("a", "1", "true", "{}", "é", "")
KNOWN = st.sampled_from(['"a"', '"1"', "1", "1.0", "true", '"True"', '"{}"', '"é"', '""', "null", None])
UNSEEN = st.sampled_from(['"b"', "{}", "[]", '{"a": 1}', "2", '"{"'])


@settings(max_examples=50)
@given(known=st.lists(KNOWN, min_size=1, max_size=6), unseen=st.lists(UNSEEN, min_size=1, max_size=2))
def test_categories_are_the_same_however_they_are_found(known: list[str | None], unseen: list[str]) -> None:
    leaf = CategoricalLeaf(("c",), "c", "feature", SPELLED)
    plan = Plan(categorical=(leaf,), version=("v",), versions=("a", "1"))

    def decoded(values: list[str | None]) -> tuple[object, ...]:
        rows = ("{}" if value is None else f'{{"c": {value}, "v": {value}}}' for value in values)
        data = "".join(f"{row}\n" for row in rows).encode()
        records = decoder.decode(Chunk("f", "ndjson", 0, data, size=len(data)))
        assert records.versions is not None
        return records.categorical[0].tolist(), records.versions.tolist(), records.invalid

    decoder = NdjsonDecoder(plan)
    # As long as all values are known, they are told in another way than after the first that is not.
    before, both, after = decoded(known), decoded([*known, *unseen]), decoded(known)
    decoder.close()

    assert after == before
    assert after[:2] == tuple(codes[: len(known)] for codes in both[:2])  # type: ignore[index]
