import gzip
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import duckdb
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.reference.bins import numeric_column
from drift_exporter.runtime import ModelRuntime
from support.records import NOW, Setup, bins, ndjson, record, reference

# What is counted of a record, as the formats can all say it: None is missing.
ROWS: list[dict[str, Any]] = [
    {"ts": "2026-01-02T03:04:05Z", "version": "v1", "prediction": "yes", "score": 0.5, "latency_ms": 10.0,
     "error": None, "amount": 5.0, "country": "a"},
    {"ts": "2026-01-02T03:05:05+02:00", "version": "v1", "prediction": "no", "score": 0.99,
     "latency_ms": 200.0, "error": "boom", "amount": None, "country": None},
    {"ts": "2026-01-02 03:06:05.123456", "version": "v2", "prediction": "maybe", "score": None,
     "latency_ms": None, "error": None, "amount": 1e9, "country": "1"},
    {"ts": "2026-01-02T03:07:05Z", "version": None, "prediction": None, "score": 0.0, "latency_ms": 1e6,
     "error": None, "amount": -1.5, "country": "é\nx"},
    {"ts": "2026-01-02T03:08:05Z", "version": "1", "prediction": "yes", "score": 1.0, "latency_ms": -1.0,
     "error": None, "amount": float("inf"), "country": 'a "quoted", one;'},
    {"ts": None, "version": "v1", "prediction": "yes", "score": 1.0, "latency_ms": 1.0,
     "error": None, "amount": 1.0, "country": "a"},
]  # fmt: skip
FLAT = {
    "timestamp": "ts", "version": "version", "prediction": "prediction", "score": "score",
    "latency": {"field": "latency_ms", "unit": "ms"}, "error": "error", "features": "features.*",
}  # fmt: skip


def nested(row: dict[str, Any]) -> dict[str, Any]:
    top = {key: value for key, value in row.items() if key not in {"amount", "country"}}
    return top | {"features": {"amount": row["amount"], "country": row["country"]}}


def as_ndjson(rows: list[dict[str, Any]]) -> bytes:
    return ndjson(*map(nested, rows))


def as_csv(rows: list[dict[str, Any]], separator: str = ",", newline: str = "\n", mark: bytes = b"") -> bytes:
    def text(value: object) -> str:
        if value is None:
            return ""
        written = str(value)
        return '"' + written.replace('"', '""') + '"' if any(c in written for c in '",;\n') else written

    names = [f"features.{name}" if name in {"amount", "country"} else name for name in rows[0]]
    lines = [separator.join(names), *(separator.join(text(value) for value in row.values()) for row in rows)]
    return mark + "".join(line + newline for line in lines).encode()


def as_parquet(path: Path, rows: list[dict[str, Any]], form: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        buffer = path.with_suffix(".ndjson")
        buffer.write_text("".join(json.dumps(row) + "\n" for row in rows))
        stamp = {
            "flat": "ts",
            "nested": "ts::TIMESTAMPTZ AS ts",
            "plain": "ts::TIMESTAMPTZ::TIMESTAMP AS ts",
        }[form]
        if form == "nested":
            features = "{'amount': amount, 'country': country} AS features"
        else:
            features = 'amount AS "features.amount", country AS "features.country"'
        columns = {
            name: "DOUBLE" if name in {"score", "latency_ms", "amount"} else "VARCHAR" for name in rows[0]
        }
        connection.execute(
            f"COPY (SELECT {stamp}, version, prediction, score, latency_ms, error, {features} "
            f"FROM read_json('{buffer}', columns = {columns})) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 2)"
        )
        buffer.unlink()


Writer = Callable[[Path], None]
FORMATS: dict[str, Writer] = {
    "a.ndjson": lambda p: p.write_bytes(as_ndjson(ROWS)) and None,
    "crlf.ndjson": lambda p: p.write_bytes(
        b"\xef\xbb\xbf" + as_ndjson(ROWS).replace(b"\n", b"\r\n")
    ) and None,
    "a.ndjson.gz": lambda p: p.write_bytes(
        gzip.compress(as_ndjson(ROWS[:2])) + gzip.compress(as_ndjson(ROWS[2:]))
    ) and None,
    "a.ndjson.zst": lambda p: p.write_bytes(zstandard.compress(as_ndjson(ROWS))) and None,
    "a.csv": lambda p: p.write_bytes(as_csv(ROWS)) and None,
    "semicolon.csv": lambda p: p.write_bytes(as_csv(ROWS, ";", mark=b"\xef\xbb\xbf")) and None,
    "crlf.csv": lambda p: p.write_bytes(as_csv(ROWS, newline="\r\n")) and None,
    "a.csv.gz": lambda p: p.write_bytes(gzip.compress(as_csv(ROWS))) and None,
    "a.csv.zst": lambda p: p.write_bytes(zstandard.compress(as_csv(ROWS, "\t"))) and None,
    "flat.parquet": lambda p: as_parquet(p, ROWS, "flat"),
    "nested.parquet": lambda p: as_parquet(p, ROWS, "nested"),
    "plain.parquet": lambda p: as_parquet(p, ROWS, "plain"),
}  # fmt: skip


def state(model: ModelRuntime) -> dict[str, Any]:
    """All that was counted, comparable."""
    ingest = model.ingest
    return {
        "records": ingest.records,
        "rejected": dict(ingest.rejected),
        "invalid": dict(ingest.invalid),
        "late": {reason: count for reason, count in ingest.late.items() if count},
        "watermark": ingest.watermark,
        "totals": {
            version: (
                totals.columns.tolist(),
                totals.predictions,
                totals.errors,
                totals.latency.tolist(),
                round(totals.latency_sum, 9),
                totals.confidence.tolist(),
                round(totals.confidence_sum, 9),
                totals.last_timestamp,
            )
            for version, totals in sorted(ingest.totals.items())
        },
        "windows": {
            version: [
                (one.rows, one.counts.tolist(), np.round(one.sums, 6).tolist())
                for one in (ring.sum(level, ingest.watermark or 0) for level in range(len(ring.windows)))
            ]
            for version, ring in sorted(ingest.rings.items())
        },
    }


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_records_count_the_same_in_every_format(tmp_path: Path, name: str) -> None:
    setup = Setup(tmp_path, path=f"logs/{name}", fields=FLAT)
    FORMATS[name](setup.logs / name)
    model = setup.model(final=True, now=NOW + 86400)
    model.read()
    counted = state(model)
    model.close()

    assert model.problem is None
    assert (5, {"timestamp_missing": 1}) == (counted["records"], counted["rejected"])
    assert {("prediction", "latency"): 1, ("feature", "amount"): 1} == counted["invalid"]
    assert {"v1": 2, "v2": 1, "unversioned": 1, "1": 1} == {
        version: totals[1] for version, totals in counted["totals"].items()
    }
    assert [1, 0, 0, 0] == [counted["totals"][v][2] for v in ("v1", "v2", "unversioned", "1")]
    assert [0.21, 0.0, 1000.0, 0.0] == [counted["totals"][v][4] for v in ("v1", "v2", "unversioned", "1")]
    assert {"0": 1, "missing": 1} == bins(model, "amount")
    assert {"a": 1, "missing": 1} == bins(model, "country")
    assert {"yes": 1, "no": 1} == bins(model, "prediction")
    assert {"9": 1} == bins(model, "amount", "v2")
    assert {"1": 1} == bins(model, "country", "v2")
    assert {"other": 1} == bins(model, "prediction", "v2")
    assert {"other": 1} == bins(model, "country", "unversioned")
    assert {"missing": 1} == bins(model, "prediction", "unversioned")
    assert {"missing": 1} == bins(model, "amount", "1")
    assert {"other": 1} == bins(model, "country", "1")
    assert 1_767_323_285_000_000 == counted["watermark"]
    assert 1_767_323_165_123_456 == counted["totals"]["v2"][7]
    # 03:05:05+02:00 is two hours before the others.
    assert [0, 1] == [counted["windows"]["v1"][level][0] - 1 for level in (0, 1)]


JUNK = [b"junk\n", b"[]\n", b'{"ts":"?"}\n', b"{}\n", b"\xff\n", b"x" * 300 + b"\n", b"\n", b"null\r\n"]
RECORDS = st.builds(
    lambda offset, version, amount, country, score: ndjson(
        record(NOW + offset, version=version, features={"amount": amount, "country": country}, score=score)
    ),
    st.one_of(st.integers(-90, 90), st.integers(-9 * 86400, 90), st.just(9 * 86400)),
    st.sampled_from(["v1", "v2", 1, 1.0, "1", None, ""]),
    st.sampled_from([1, 2.5, "3", "x", None, [1], 1e300, True]),
    st.sampled_from(["a", "b", "z", 1, None, {}]),
    st.sampled_from([0.5, 1, None, "high"]),
)


@settings(max_examples=30)
@given(
    lines=st.lists(st.one_of(RECORDS, st.sampled_from(JUNK)), min_size=1, max_size=25),
    size=st.integers(1, 600),
    pack=st.booleans(),
)
def test_any_cut_into_chunks_counts_the_same(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], size: int, *, pack: bool
) -> None:
    counted = []
    letters = []
    for chunk_size in (32 << 20, size):
        setup = Setup(tmp_path_factory.mktemp("cut"), limits={"line": "1KiB"}, windows=["2m", "1h", "7d"],
                      path="logs/*")  # fmt: skip
        data = b"".join(lines)
        path = setup.logs / ("a.ndjson.gz" if pack else "a.ndjson")
        path.write_bytes(gzip.compress(data) if pack else data)
        model = setup.model(final=True)
        model.source.chunk_size = chunk_size
        model.read()
        assert model.problem is None
        counted.append(state(model))
        model.close()
        letters.append([(one["offset"], one["reason"], one["raw"]) for one in setup.dead_letters()])
        for offset, _, raw in letters[-1]:
            assert data[offset:].startswith(raw.encode() if "\\x" not in raw else b"\xff")

    assert counted[0] == counted[1]
    assert letters[0] == letters[1]
    assert sum(1 for line in lines if line.strip()) == counted[0]["records"] + sum(
        counted[0]["rejected"].values()
    )


@settings(max_examples=10)
@given(order=st.permutations(range(6)))
def test_files_in_any_order_of_names_count_as_one(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    random = np.random.default_rng(3)
    parts = [
        ndjson(*(record(NOW - 2592000 * (6 - part) + i * 60, features={"amount": float(random.integers(99))})
                 for i in range(20)))
        for part in range(6)
    ]  # fmt: skip
    counted = []
    for names in (range(6), order):
        setup = Setup(tmp_path_factory.mktemp("files"))
        for name, part in zip(names, parts, strict=True):
            (setup.logs / f"{name}.ndjson").write_bytes(part)
        model = setup.model(final=True)
        model.read()
        counted.append(state(model))
        model.close()

    assert counted[0] == counted[1]
    assert {} == counted[0]["late"]


def test_versions_beyond_the_limit_count_as_other(tmp_path: Path) -> None:
    setup = Setup(tmp_path, limits={"versions": 30})
    names = [f"v{number:03}" for number in range(50)]
    (setup.logs / "a.ndjson").write_bytes(ndjson(*(record(version=name) for name in [*names, *names, None])))
    model = setup.model(final=True)
    model.source.chunk_size = 4000
    model.read()
    model.close()

    found = {version: totals.predictions for version, totals in model.ingest.totals.items()}
    assert {"other": 40, "unversioned": 1} | dict.fromkeys(names[:30], 2) == found


def test_a_reference_for_each_version(tmp_path: Path) -> None:
    low = reference(numeric_column("amount", "feature", np.arange(10.0)))
    high = reference(numeric_column("amount", "feature", np.arange(1000.0, 1010.0)))
    setup = Setup(tmp_path, references={"v1": low, "v2": high})
    rows = [
        record(version=v, features={"amount": a}) for v in ("v1", "v2", "v3") for a in (5, "x", 1e400, None)
    ]
    (setup.logs / "a.ndjson").write_bytes(ndjson(*rows).replace(b"Infinity", b"1e400"))
    model = setup.model(final=True)
    model.read()
    snapshot, _ = model.evaluate()
    model.close()

    assert {"5": 1, "missing": 3} == bins(model, "amount", "v1")
    assert {"0": 1, "missing": 3} == bins(model, "amount", "v2")
    assert model.ingest.layout("v3") is None
    assert {"v1": 4, "v2": 4, "v3": 4} == {one.version: one.predictions for one in snapshot.versions}
    assert {"v1": 1, "v2": 1, "v3": 0} == {one.version: len(one.columns) for one in snapshot.versions}
    # One text and one infinite number in each version.
    assert {("feature", "amount"): 6} == snapshot.invalid


def test_without_a_reference_there_is_traffic(tmp_path: Path) -> None:
    setup = Setup(tmp_path, references=None)
    (setup.logs / "a.ndjson").write_bytes(ndjson(record(), record(latency_ms="slow", score="high")))
    model = setup.model(final=True)
    model.read()
    (version,) = model.evaluate()[0].versions
    model.close()

    assert (2, (), (), None) == (version.predictions, version.columns, version.windows, version.reference)
    assert version.latency is not None
    assert version.confidence is not None
    assert (1, 1) == (int(version.latency.counts.sum()), int(version.confidence.counts.sum()))
    assert {("prediction", "latency"): 1, ("score", "score"): 1} == model.ingest.invalid


def test_without_a_timestamp_the_time_of_arrival_counts(tmp_path: Path) -> None:
    fields = {key: value for key, value in FLAT.items() if key != "timestamp"}
    setup = Setup(tmp_path, fields=fields)
    (setup.logs / "a.ndjson").write_bytes(ndjson(record("nonsense"), record(None)))
    model = setup.model(final=True)
    model.read()
    (version,) = model.evaluate()[0].versions
    model.close()

    assert (2, NOW, {}) == (version.predictions, version.last_timestamp, dict(model.ingest.rejected))
    assert [2, 2, 2] == [window.samples for window in version.windows]


def test_late_and_future_records(tmp_path: Path) -> None:
    setup = Setup(tmp_path, windows=["1h"])
    times = [NOW + 86400, NOW - 10, NOW, NOW - 3600, NOW - 3599, NOW + 86400, NOW + 3599, NOW]
    (setup.logs / "a.ndjson").write_bytes(ndjson(*map(record, times)))
    model = setup.model(final=True)
    model.read()
    (version,) = model.evaluate()[0].versions
    model.close()

    assert {"future": 2, "late": 1} == {reason: n for reason, n in model.ingest.late.items() if n}
    assert (8, NOW + 3599) == (version.predictions, version.last_timestamp)
    assert 8 == sum(bins(model, "amount").values())


def test_exemplars_are_the_newest_of_their_bucket(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    rows = [
        record(NOW + i, latency_ms=latency, trace_id=trace)
        for i, (latency, trace) in enumerate([(1, "t0"), (1, "t1"), (300, "t2"), (None, "t3"), (1e9, 5)])
    ]
    (setup.logs / "a.ndjson").write_bytes(b"junk\n" + ndjson(*rows))  # fmt: skip
    model = setup.model(final=True)
    model.read()
    (version,) = model.evaluate()[0].versions
    model.close()

    assert version.latency is not None
    assert {0: ("t1", 0.001, NOW + 1), 8: ("t2", 0.3, NOW + 2), 16: ("5", 1e6, NOW + 4)} == {
        bucket: (one.trace_id, one.value, one.timestamp) for bucket, one in version.latency.exemplars.items()
    }


def test_csv_with_bad_records(tmp_path: Path) -> None:
    setup = Setup(tmp_path, path="logs/*.csv", limits={"line": "1KiB"}, fields=FLAT)
    header = b"ts,version,features.country\n"
    good = b"1767323045,v1,a\n"
    parts = [
        (b"1767323045,v1\n", "malformed"),
        (good, None),
        (b"1767323045,v1,a,b\n", "malformed"),
        (b'1767323045,v1,"open\n', "malformed"),
        (good * 3, None),
        (b'1767323045,v1,"a"b\n', "malformed"),
        (b'1767323045,v1,"two\nlines"\r\n', None),
        (b"1767323045,v1,\xff\n", "invalid_utf8"),
        (b",v1,a\n", "timestamp_missing"),
        (b"later,v1,a\n", "timestamp_unreadable"),
        (b"1767323045,v1," + b"x" * 2000 + b"\n", "too_long"),
        (b'1767323045,v1,5" pipe\n', None),
        (b"\n", None),
        (good + b'1767323045,v1,"never closed\n', None),
    ]
    data = header + b"".join(part for part, _ in parts)
    (setup.logs / "a.csv").write_bytes(data)
    results = []
    for size in (32 << 20, 200, 7):
        model = setup.model(final=True)
        model.source.chunk_size = size
        model.read()
        model.close()
        assert model.problem is None
        results.append((state(model), [(one["offset"], one["reason"]) for one in setup.dead_letters()]))
        (tmp_path / "state" / "dead-letter" / "fraud.predictions.ndjson").unlink()

    offset, expected = len(header), []
    for part, reason in parts:
        if reason:
            expected.append((offset, reason))
        offset += len(part)
    expected.append((offset - len(b'1767323045,v1,"never closed\n'), "malformed"))
    assert [expected] * 3 == [letters for _, letters in results]
    assert 7 == results[0][0]["records"]
    assert results[0][0] == results[1][0] == results[2][0]


def test_new_versions_in_csv_beside_a_record_that_the_reader_stumbles_over(tmp_path: Path) -> None:
    setup = Setup(tmp_path, path="logs/*.csv", fields=FLAT)
    rows = [f"{1767323045 + i},v{i % 3}\n" for i in range(30)]
    rows[7] = "1767323045,a\rb\n"
    (setup.logs / "a.csv").write_text("ts,version\n" + "".join(rows), newline="")
    model = setup.model(final=True)
    model.read()
    model.close()

    assert {"v0": 10, "v1": 9, "v2": 10} == {v: t.predictions for v, t in model.ingest.totals.items()}
    assert {"malformed": 1} == dict(model.ingest.rejected)


@pytest.mark.parametrize("header", [b"\n", b"a,a\n", b"a,,b\n", b"\xff,b\n", b"a,b\r1,2\r\r\n"])
def test_a_csv_file_without_a_usable_header_does_not_stop_the_others(tmp_path: Path, header: bytes) -> None:
    setup = Setup(tmp_path, path="logs/*.csv", fields=FLAT)
    (setup.logs / "a.csv").write_bytes(header + b"1767323045,x,y\n")
    (setup.logs / "b.csv").write_bytes(b"ts,version\n1767323045,v1\n")
    model = setup.model(final=True)
    model.read()
    model.close()

    assert 1 == model.ingest.records
    assert model.problem is not None
    assert "a.csv" in model.problem
    assert "header" in model.problem


def test_parquet_values_of_the_wrong_type(tmp_path: Path) -> None:
    setup = Setup(tmp_path, path="logs/*.parquet", fields=FLAT)
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT 1767323045 + i AS ts, 7 AS version, i = 1 AS prediction, 'x' || i AS score, "
            "[i] AS latency_ms, {'amount': CASE WHEN i < 2 THEN i::VARCHAR ELSE 'none' END, 'country': i} "
            f"AS features FROM range(3) t(i)) TO '{setup.logs / 'a.parquet'}' (FORMAT parquet)"
        )
        connection.execute(f"COPY (SELECT 1767323050 AS ts) TO '{setup.logs / 'b.parquet'}' (FORMAT parquet)")
    model = setup.model(final=True)
    model.read()
    model.close()

    assert (4, None) == (model.ingest.records, model.problem)
    assert {"7": 3, "unversioned": 1} == {v: t.predictions for v, t in model.ingest.totals.items()}
    assert {
        ("feature", "amount"): 1,
        ("prediction", "latency"): 3,
        ("score", "score"): 3,
    } == model.ingest.invalid
    assert {"1": 1, "other": 2} == bins(model, "country", "7")
    assert {"0": 2, "missing": 1} == bins(model, "amount", "7")


def test_rejections_count_by_reason(tmp_path: Path) -> None:
    setup = Setup(tmp_path, limits={"line": "1KiB"})
    text = io.BytesIO()
    for line in [*JUNK, b"y" * 5000 + b"\n", b'{"ts":1}\n', b"unfinished"]:
        text.write(line)
    (setup.logs / "a.ndjson").write_bytes(text.getvalue())
    model = setup.model(final=True)
    model.read()
    model.close()

    expected = {"malformed": 3, "not_object": 2, "timestamp_unreadable": 1, "timestamp_missing": 1,
                "invalid_utf8": 1, "too_long": 1}  # fmt: skip
    assert expected == dict(model.ingest.rejected)
    assert Counter(expected) == Counter(one["reason"] for one in setup.dead_letters())
    assert 1 == model.ingest.records


def test_a_trace_beside_a_very_long_field(tmp_path: Path) -> None:
    setup = Setup(tmp_path, path="logs/*.csv", fields=FLAT | {"trace_id": "trace"})
    (setup.logs / "a.csv").write_text(
        f"ts,latency_ms,trace,note\n1767323045,5,0af7,{'x' * 200_000}\n,5,0af7,{'x' * 200_000}\n"
    )
    model = setup.model(final=True)
    model.read()
    model.close()

    assert (None, 1) == (model.problem, model.ingest.records)
    assert {"timestamp_missing": 1} == dict(model.ingest.rejected)
    exemplars = model.ingest.totals["unversioned"].exemplars
    assert ["0af7"] == [exemplar.trace_id for exemplar in exemplars.values()]


@pytest.mark.parametrize("content", [b"junk\n", b"junk\n" + ndjson(record())])
def test_dead_letters_counts_and_position_change_under_one_lock(tmp_path: Path, content: bytes) -> None:
    """Else a save in between would take the end of the dead letters for that of what is counted."""
    setup = Setup(tmp_path)
    (setup.logs / "a.ndjson").write_bytes(content)
    model = setup.model(final=True)
    free: list[bool] = []

    def look(*_: object) -> None:
        other = Thread(target=lambda: free.append(model.ingest.lock.acquire(blocking=False)))
        other.start()
        other.join()

    for chunk in model.source.poll():
        model.ingest.ingest(chunk, look, look)
    model.close()

    assert [False, False] == free
