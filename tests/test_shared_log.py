"""A log that several models share: what each counts of it, and what is counted of models not configured."""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.config import load_config
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.store import save_reference
from drift_exporter.runtime import ModelRuntime
from drift_exporter.setting_up import make_model
from drift_exporter.sharing import unconfigured
from support.records import (
    FIELDS,
    NOW,
    bins,
    model_config,
    ndjson,
    read_lines,
    record,
    usual_reference,
    write_config,
)
from support.records import reference as reference_of
from test_ingest import state
from test_serve import metrics, running, until

SHARED = FIELDS | {"model": "model"}
UNCONFIGURED = "drift_exporter_unconfigured_records_total"


def configure(
    folder: Path,
    *names: str,
    path: str = "log.ndjson",
    fields: Mapping[str, Any] = SHARED,
    limits: Mapping[str, Any] | None = None,
) -> Path:
    """A configuration in which these models read one log."""
    folder.mkdir(parents=True, exist_ok=True)
    save_reference(usual_reference(), folder / "reference.json")
    models = [model_config(name, path, fields=fields, reference="reference.json") for name in names]
    return write_config(folder, models, limits=limits or {}, evaluation_interval="100ms")


def read(config_path: Path, name: str = "fraud", chunk_size: int = 32 << 20) -> ModelRuntime:
    """A model that has read all there is."""
    config = load_config(config_path)
    own = next(model for model in config.models if model.name == name)
    model = make_model(own, config, final=True, clock=lambda: NOW)
    model.source.chunk_size = chunk_size
    try:
        model.read()
    finally:
        model.close()
    assert model.problem is None
    return model


def counted(model: ModelRuntime) -> dict[str, Any]:
    """All that was counted of the model's own, comparable."""
    exemplars = {version: dict(totals.exemplars) for version, totals in model.ingest.totals.items()}
    return state(model) | {"exemplars": exemplars, "versions": set(model.ingest.plan.versions)}


def strangers(model: ModelRuntime) -> dict[str, int]:
    return dict(model.source_snapshot().unconfigured)


def name_of(row: object) -> str | None:
    """The model that a row names, as text; None where it names none."""
    name = row.get("model") if isinstance(row, dict) else None
    if isinstance(name, dict | list) or name in {None, ""}:
        return None
    return name if isinstance(name, str) else json.dumps(name)


def loaded(line: bytes) -> object:
    """What a line holds; the text itself where it is not JSON."""
    try:
        return json.loads(line)
    except ValueError:
        return line


def is_fraud_or_nobodys(line: bytes) -> bool:
    """Whether a line would be in a log of the model's own: its records, and what is no record at all."""
    row = loaded(line)
    return not isinstance(row, dict) or name_of(row) == "fraud"


JUNK = [b"junk\n", b"[]\n", b"\xff\n", b"x" * 1500 + b"\n", b"\n", b"null\r\n", b'{"model":"ads"\n', b"5\n"]
NAMES = ["fraud", "fraud", "ads", "ghost", "Fraud", "fraud ", "other", "unnamed", "", None, 5, 1.0, True,
         {"fraud": 1}, ["fraud"]]  # fmt: skip
ROWS = st.builds(
    lambda name, ts, version, amount, country, latency, trace: record(
        ts, model=name, version=version, features={"amount": amount, "country": country}, latency_ms=latency,
        trace_id=trace,
    ),
    st.sampled_from(NAMES),
    st.sampled_from([NOW, NOW + 60, NOW - 9 * 86400, NOW + 9 * 86400, None, "soon", [], "2026-01-02T03:04Z"]),
    st.sampled_from(["v1", "v2", None, 3, "a", "b", "c", "d"]),
    st.sampled_from([1, 2.5, "3", "x", None, [1], True]),
    st.sampled_from(["a", "z", 1, None, {}]),
    st.sampled_from([1, 300, -1, "slow", None, {}]),
    st.sampled_from(["t1", "t2", None]),
)  # fmt: skip
WITHOUT = st.sampled_from(
    [
        {},
        {"ts": NOW},
        {"ts": NOW, "features": "none"},
        {"model": "fraud"},
        {"model": "ads", "features": "none"},
    ]
)


@settings(max_examples=40)
@given(
    lines=st.lists(
        st.one_of(ROWS.map(ndjson), WITHOUT.map(ndjson), st.sampled_from(JUNK)), min_size=1, max_size=25
    ),
    size=st.one_of(st.just(32 << 20), st.integers(1, 1200)),
)
def test_a_model_counts_what_it_would_count_of_a_log_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], size: int
) -> None:
    folder = tmp_path_factory.mktemp("shared")
    limits = {"line": "1KiB", "versions": 3}
    shared = configure(folder / "shared", "fraud", "ads", limits=limits)
    own = configure(folder / "own", "fraud", fields=FIELDS, limits=limits)
    (folder / "shared" / "log.ndjson").write_bytes(b"".join(lines))
    # Every chunk begins at the same record, so that versions are learned in the same order.
    (folder / "own" / "log.ndjson").write_bytes(b"".join(line for line in lines if is_fraud_or_nobodys(line)))

    ours = read(shared, chunk_size=size)
    alone = read(own)
    one_by_one = read(shared, chunk_size=1)

    expected, found = counted(alone), counted(ours)
    if size < 32 << 20:
        # Which versions are told apart depends on what a chunk holds, and so does the last trace of a bucket.
        assert expected["records"] == found["records"]
        assert expected["rejected"] == found["rejected"]
        assert expected["invalid"] == found["invalid"]
        assert expected["watermark"] == found["watermark"]
    else:
        assert expected == found
    assert letters(folder / "own") == letters(folder / "shared")
    rows = [row for line in lines if isinstance(row := loaded(line), dict)]
    assert strangers_among(rows, {"fraud", "ads"}) == strangers(ours) == strangers(one_by_one)


def letters(folder: Path) -> set[tuple[str, str]]:
    path = folder / "state" / "dead-letter" / "fraud.predictions.ndjson"
    return {(one["reason"], one["raw"]) for one in read_lines(path)} if path.exists() else set()


def strangers_among(rows: Sequence[object], configured: set[str]) -> dict[str, int]:
    """An independent count of the records that name no configured model."""
    names = [name_of(row) or "unnamed" for row in rows]
    return dict(Counter(name for name in names if name not in configured))


# What the formats can all say: None is missing.
TABLE = [
    {"model": name, "ts": ts, "version": version, "amount": amount, "country": "a", "latency_ms": latency}
    for name, version in (
        ("fraud", "v1"), ("ads", "of ads"), ("ghost", "of ghost"), (None, "of none"), ("fraud", "v2"),
        ("", "of empty"), ("{x}", "of an object"), ("other", "of other"), ("x" * 129, "long"),
        ("x" * 128, "longest"),
    )
    for ts, amount, latency in (
        ("2026-01-02T03:04:05Z", "5", "100"), ("soon", "7", "1"), (None, "1", "1"),
        (str(NOW + 7200), "x", "-1"),
    )
]  # fmt: skip
EXPECTED = {"ghost": 4, "unnamed": 12, "other": 8, "x" * 128: 4}


def write_table(path: Path, rows: Sequence[Mapping[str, str | None]]) -> None:
    if path.suffix == ".ndjson":
        path.write_bytes(ndjson(*rows))
        return
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    if path.suffix == ".csv":
        path.write_text(buffer.getvalue())
        return
    source = path.with_suffix(".source")
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = dict.fromkeys(rows[0], "VARCHAR")
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_json('{source}', columns = {columns})) TO '{path}' (FORMAT parquet)"
        )


@pytest.mark.parametrize("kind", ["ndjson", "csv", "parquet"])
@pytest.mark.parametrize("size", [32 << 20, 300])
def test_every_format_counts_the_same(tmp_path: Path, kind: str, size: int) -> None:
    flat = SHARED | {"features": {"amount": "amount", "country": "country"}, "trace_id": "version"}
    config = configure(tmp_path, "fraud", "ads", path=f"log.{kind}", fields=flat)
    write_table(tmp_path / f"log.{kind}", TABLE)
    model = read(config, chunk_size=size)

    found = counted(model)
    assert {"records": 4, "rejected": {"timestamp_unreadable": 2, "timestamp_missing": 2}} == {
        key: found[key] for key in ("records", "rejected")
    }
    assert {("feature", "amount"): 2, ("prediction", "latency"): 2} == found["invalid"]
    assert {"future": 2} == found["late"]
    assert {"v1", "v2"} == found["versions"] == set(found["totals"])
    assert {"0": 1, "missing": 1} == bins(model, "amount", "v2")
    assert round(NOW * 1e6) == found["watermark"]
    traces = {exemplar.trace_id for version in found["exemplars"].values() for exemplar in version.values()}
    assert {"v1", "v2"} == traces
    assert EXPECTED == strangers(model)
    assert 4 == sum(1 for _ in letters(tmp_path))


@pytest.mark.parametrize("kind", ["ndjson", "csv", "parquet"])
def test_names_beyond_the_limit_count_as_other(tmp_path: Path, kind: str) -> None:
    config = configure(tmp_path, "fraud", "ads", path=f"log.{kind}", limits={"models": 5})
    names = ["fraud", *(f"ghost{number}" for number in range(20)), "ads", "fraud"]
    rows = [{"model": name, "ts": str(NOW + i), "version": f"of {name}"} for i, name in enumerate(names * 3)]
    write_table(tmp_path / f"log.{kind}", rows)
    for size in (32 << 20, 200):
        model = read(config, chunk_size=size)
        found = strangers(model)

        assert (6, {"of fraud"}) == (model.ingest.records, set(model.ingest.totals))
        told = found.keys() - {"other"}
        assert 5 == len(told)
        assert dict.fromkeys(told, 3) == {name: found[name] for name in told}
        assert 60 == sum(found.values())


def test_versions_of_others_do_not_use_up_the_limit(tmp_path: Path) -> None:
    config = configure(tmp_path, "fraud", "ads", limits={"versions": 2})
    rows = [record(model=name, version=f"{name}{i}") for i in range(9) for name in ("ads", "ghost")]
    (tmp_path / "log.ndjson").write_bytes(ndjson(*rows, *(record(model="fraud", version=v) for v in "abca")))
    model = read(config)

    assert {"a": 2, "b": 1, "other": 1} == {v: t.predictions for v, t in model.ingest.totals.items()}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_versions_are_learned_beside_a_column_called_v(tmp_path: Path, kind: str) -> None:
    fields = {key: FIELDS[key] for key in ("timestamp", "version")}
    config = configure(tmp_path, "fraud", path=f"log.{kind}", fields=fields)
    config.write_text(config.read_text().replace('"reference": "reference.json"', '"team": ""'))
    write_table(tmp_path / f"log.{kind}", [{"v": None, "ts": str(NOW), "version": "v1"}] * 3)

    assert {"v1": 3} == {v: t.predictions for v, t in read(config).ingest.totals.items()}


def test_models_side_by_side_count_every_line_once(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    names = ["fraud", "ads", "rank", *(f"ghost{number}" for number in range(8))]
    lines = []
    for _ in range(4000):
        if random.random() < 0.02:
            lines.append(bytes(JUNK[int(random.integers(len(JUNK)))]))
            continue
        amount = ["x", None, 7.0][int(random.integers(3))]
        ts = None if random.random() < 0.05 else NOW + float(random.integers(60))
        lines.append(ndjson(record(ts, model=str(random.choice(names)), features={"amount": amount})))
    config = configure(tmp_path, "fraud", "ads", "rank", limits={"models": 3, "line": "1KiB"})
    (tmp_path / "log.ndjson").write_bytes(b"".join(lines))
    rows = [row for line in lines if isinstance(row := loaded(line), dict)]
    garbage = sum(1 for line in lines if line.strip() and not isinstance(loaded(line), dict))

    ghosts = strangers_among(rows, {"fraud", "ads", "rank"})
    for name in ("fraud", "ads", "rank"):
        model = read(config, name, chunk_size=50_000)
        own = [row for row in rows if isinstance(row, dict) and row["model"] == name]
        timed = [row for row in own if row["ts"] is not None]
        reasons = model.ingest.rejected
        assert len(timed) == model.ingest.records
        assert len(own) - len(timed) == reasons["timestamp_missing"]
        assert garbage == reasons.total() - reasons["timestamp_missing"]
        wrong = sum(row["features"]["amount"] == "x" for row in timed)
        assert {("feature", "amount"): wrong} == dict(model.ingest.invalid)
        found = strangers(model)
        assert 4 == len(found)
        assert {ghost: ghosts[ghost] for ghost in found if ghost != "other"} | {
            "other": sum(ghosts.values()) - sum(found[ghost] for ghost in found if ghost != "other")
        } == found


@pytest.mark.parametrize(("begin", "size"), [(-5, 32 << 20), (500, 20_000)])
def test_a_file_is_in_its_place_in_time_whosever_its_records_are(
    tmp_path: Path, begin: int, size: int
) -> None:
    """Files are read oldest first; if only own records told the time, that of b would come late."""
    config = configure(tmp_path, "fraud", path="*.ndjson")
    others = [record(NOW + i, model="ads") for i in range(2000)]
    (tmp_path / "a.ndjson").write_bytes(ndjson(*others, record(NOW + 30 * 86400, model="fraud")))
    (tmp_path / "b.ndjson").write_bytes(
        ndjson(*(record(NOW + begin, model=name) for name in ("ads", "fraud")))
    )
    loaded_config = load_config(config)
    model = make_model(loaded_config.models[0], loaded_config, final=True, clock=lambda: NOW + 9e6)
    model.source.chunk_size = size
    model.read()
    model.close()

    assert (2, {"late": 0, "future": 0}) == (model.ingest.records, dict(model.ingest.late))


def test_without_any_own_record_there_is_no_series_of_one(tmp_path: Path) -> None:
    config = configure(tmp_path, "fraud")
    (tmp_path / "log.ndjson").write_bytes(ndjson(record(model="ads"), record("soon", model="ads")))
    model = read(config)

    assert (0, None, {}) == (model.ingest.records, model.ingest.watermark, dict(model.ingest.totals))
    assert {"ads": 2} == strangers(model)


def test_a_log_without_the_field_is_nobodys(tmp_path: Path) -> None:
    config = configure(tmp_path, "fraud", path="log.*")
    (tmp_path / "log.ndjson").write_bytes(ndjson(record(), record("soon"), {}))
    model = read(config)

    assert (0, {}, {"unnamed": 3}) == (model.ingest.records, dict(model.ingest.rejected), strangers(model))


def test_a_model_may_be_called_other_or_unnamed() -> None:
    seen = {"other": 3, "unnamed": 2, "ghost": 1}

    assert seen == unconfigured(seen, ["fraud", "other", "unnamed"])
    assert {"other": 3, "unnamed": 2} == unconfigured(seen, ["ghost", "fraud"])


def test_records_of_a_model_called_other_are_its_own(tmp_path: Path) -> None:
    config = configure(tmp_path, "fraud", "other", limits={"models": 2})
    names = ["fraud", "other", "other", "a", "b", "c", "c"]
    (tmp_path / "log.ndjson").write_bytes(ndjson(*(record(model=name) for name in names)))

    assert 2 == read(config, "other").ingest.records
    # b is one too many.
    assert {"a": 1, "c": 2, "other": 1} == strangers(read(config))


def test_no_configured_field_changes_nothing(tmp_path: Path) -> None:
    config = configure(tmp_path, "fraud", "ads", fields=FIELDS)
    (tmp_path / "log.ndjson").write_bytes(ndjson(record(model="ads"), record()))
    model = read(config)

    assert (2, {}) == (model.ingest.records, strangers(model))


def series_of(found: Mapping[str, float], source: str) -> dict[str, float]:
    """Values of the metric by the name in the log."""
    start, end = f'{UNCONFIGURED}{{model="', f'",source="{source}/predictions"}}'
    return {
        key[len(start) : -len(end)]: value
        for key, value in found.items()
        if key.startswith(start) and key.endswith(end)
    }


def test_what_was_counted_goes_on_after_a_restart(tmp_path: Path) -> None:
    config = configure(tmp_path, "fraud", "ads", limits={"models": 2})
    log = tmp_path / "log.ndjson"
    log.write_bytes(ndjson(*(record(model=name) for name in ("fraud", "a", "a", "b", "c", "", "ads"))))
    records = 'drift_exporter_source_records_total{source="%s/predictions"}'
    with running(config) as exporter:
        before = until(exporter, lambda found: all(found.get(records % n) == 1 for n in ("fraud", "ads")))
    with log.open("ab") as file:
        file.write(ndjson(*(record(model=name) for name in ("c", "b", "d", "fraud"))))
    with running(config) as exporter:
        after = until(exporter, lambda found: found.get(records % "fraud") == 2)
    with running(config) as exporter:
        again = until(exporter, lambda found: records % "fraud" in found)

    first = {"a": 2, "b": 1, "other": 1, "unnamed": 1}
    assert first == series_of(before, "fraud") == series_of(before, "ads")
    second = {"a": 2, "b": 2, "other": 3, "unnamed": 1}
    assert second == series_of(after, "fraud") == series_of(again, "fraud")


def test_a_name_that_is_configured_later_is_no_longer_told(tmp_path: Path) -> None:
    config = configure(tmp_path, "fraud", limits={"models": 2})
    log = tmp_path / "log.ndjson"
    log.write_bytes(ndjson(*(record(model=name) for name in ("fraud", "a", "b", "b", "c"))))
    total = 'model_predictions_total{model="%s",version="v1"}'
    with running(config) as exporter:
        found = until(exporter, lambda one: one.get(total % "fraud") == 1)
        assert {"a": 1, "b": 2, "other": 1} == series_of(found, "fraud")
        configure(tmp_path, "fraud", "b", limits={"models": 2})
        exporter.reload()
        found = until(exporter, lambda one: one.get(total % "b") == 2)
        assert {"a": 1, "other": 1} == series_of(found, "fraud")
        with log.open("ab") as file:
            file.write(ndjson(*(record(model=name) for name in ("b", "d", "fraud"))))
        # Where b was there is room for another name.
        found = until(exporter, lambda one: one.get(total % "fraud") == 2)
        assert {"a": 1, "d": 1, "other": 1} == series_of(found, "fraud")
    with running(config) as exporter:
        found = until(exporter, lambda one: total % "fraud" in one)
        assert {"a": 1, "d": 1, "other": 1} == series_of(found, "fraud")
        configure(tmp_path, "fraud", limits={"models": 2})
        exporter.reload()
        found = until(exporter, lambda one: "b" in series_of(one, "fraud"))
        assert {"a": 1, "b": 2, "d": 1, "other": 1} == series_of(found, "fraud")
        assert 2 == metrics(exporter)[total % "fraud"]


def test_a_version_without_a_reference_can_be_found(tmp_path: Path) -> None:
    one = reference_of(numeric_column("amount", "feature", np.arange(10.0)))
    config = configure(tmp_path, "fraud")
    save_reference(one, tmp_path / "v1.json")
    config.write_text(config.read_text().replace('"reference.json"', '{"v1": "v1.json"}'))
    rows = [record(model="fraud", version=version) for version in ("v1", "v2")]
    (tmp_path / "log.ndjson").write_bytes(ndjson(*rows))
    with running(config) as exporter:
        found = until(exporter, lambda seen: 'model_predictions_total{model="fraud",version="v2"}' in seen)

    assert 'model_reference_samples{model="fraud",version="v1"}' in found
    assert 'model_reference_samples{model="fraud",version="v2"}' not in found
