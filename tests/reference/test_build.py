import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from drift_exporter.config.schema import Config
from drift_exporter.errors import ReferenceFileError
from drift_exporter.ingest import ModelIngest
from drift_exporter.reference.build import build_reference
from drift_exporter.reference.model import CategoricalColumn, NumericColumn, Reference
from drift_exporter.reference.store import load_reference
from drift_exporter.sources.file import FileSource
from support.logs import FIELDS, make_config, make_rows, ndjson, write_log

PLAIN = {name: path for name, path in FIELDS.items() if name not in {"label", "score"}}


def build(
    config: Config, *inputs: Path, output: str = "loans.json", row_limit: int = 1_000_000, seed: int = 0
) -> Reference:
    return build_reference(
        config,
        "loans",
        inputs,
        output=inputs[0].parent / output,
        seed=seed,
        clock=lambda: 1700000000.0,
        row_limit=row_limit,
    )


def column(reference: Reference, name: str, kind: Any = "feature") -> NumericColumn | CategoricalColumn:  # noqa: ANN401
    return reference.by_name[kind, name]


def document(path: Path) -> dict[str, Any]:
    return {key: value for key, value in json.loads(path.read_text()).items() if key != "sample"}


def test_what_is_found_is_what_was_written(tmp_path: Path) -> None:
    rows = make_rows(3000)
    log = write_log(rows, tmp_path / "log.ndjson")
    reference = build(make_config(tmp_path), log)

    told = (reference.model, reference.rows, reference.created, reference.seed)
    assert told == ("loans", 3000, 1700000000.0, 0)
    assert (reference.start, reference.end) == (1704067200.0, 1704067200.0 + 2999)
    expected = ["prediction", "score", "label", "income", "age", "owner", "region"]
    assert expected == [c.name for c in reference.columns]

    ages = np.array(
        [row["features"]["age"] for row in rows if row["features"]["age"] is not None], dtype=float
    )
    age = column(reference, "age")
    assert isinstance(age, NumericColumn)
    assert age.missing == 3000 - len(ages)
    assert (age.mean, age.standard_deviation) == pytest.approx((ages.mean(), ages.std()), rel=1e-12)
    assert (ages.min(), ages.max()) == (age.minimum, age.maximum)
    np.testing.assert_array_equal(
        np.bincount(np.searchsorted(age.fine_edges, ages), minlength=len(age.fine_edges) + 1), age.fine_counts
    )

    region = column(reference, "region")
    assert isinstance(region, CategoricalColumn)
    regions = [row["features"]["region"] for row in rows]
    assert region.categories == ("north", "süd", 'the "east"', "west, far")
    assert [regions.count(name) for name in region.categories] == region.category_counts.tolist()
    owner = column(reference, "owner")
    assert isinstance(owner, CategoricalColumn)
    assert owner.categories == ("false", "true")
    prediction = column(reference, "prediction", "prediction")
    assert isinstance(prediction, CategoricalColumn)
    assert set(prediction.categories) == {"0", "1"}
    assert isinstance(column(reference, "score", "score"), NumericColumn)

    loaded = load_reference(tmp_path / "loans.json")
    assert replace(reference, columns=(), calibration=()) == replace(loaded, columns=(), calibration=())


@pytest.mark.parametrize(
    "name",
    [
        "log.csv",
        "log.parquet",
        "log.parquet.gz",
        "log.parquet.zst",
        "log.ndjson.gz",
        "log.ndjson.zst",
        "log.jsonl",
    ],
)
def test_every_format_gives_the_same_reference(tmp_path: Path, name: str) -> None:
    rows = make_rows(2000)
    config = make_config(tmp_path)
    build(config, write_log(rows, tmp_path / "first.ndjson"))
    expected = document(tmp_path / "loans.json")
    build(config, write_log(rows, tmp_path / name), output="other.json")
    assert expected == document(tmp_path / "other.json")
    assert sample(tmp_path / "loans.sample.parquet") == sample(tmp_path / "other.sample.parquet")


def test_files_are_put_together_in_their_order(tmp_path: Path) -> None:
    rows = make_rows(900)
    config = make_config(tmp_path)
    build(config, write_log(rows, tmp_path / "all.ndjson"))
    write_log(rows[:300], tmp_path / "part-1.csv")
    write_log(rows[300:500], tmp_path / "part-2.ndjson.gz")
    write_log(rows[500:], tmp_path / "part-3.parquet")
    build(config, tmp_path / "part-*", output="parts.json")
    assert document(tmp_path / "loans.json") == document(tmp_path / "parts.json")


def test_the_same_input_and_seed_give_the_same_files(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    log = write_log(make_rows(12_000), tmp_path / "log.ndjson")
    first = build(config, log, output="a.json")
    second = build(config, log, output="b.json")
    other = build(config, log, output="c.json", seed=1)
    assert document(tmp_path / "a.json") == document(tmp_path / "b.json")
    assert first.fingerprint == second.fingerprint == other.fingerprint
    rows = [sample(tmp_path / f"{name}.sample.parquet") for name in "abc"]
    assert rows[0] == rows[1]
    assert rows[0] != rows[2]
    assert all(len(found) == 10_000 for found in rows)


def sample(path: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(path))
        times = "* REPLACE (epoch(timestamp) AS timestamp)" if "timestamp" in found.columns else "*"
        return found.select(times).fetchall()


def test_the_sample_holds_real_values(tmp_path: Path) -> None:
    rows = make_rows(400)
    for i, row in enumerate(rows):
        row["features"]["shop"] = f"shop {i % 90}"
    rows[7]["features"]["score"] = 3
    log = write_log(rows, tmp_path / "log.ndjson")
    # A line that is no record must not put the texts out of step.
    log.write_bytes(b"no record\n" + log.read_bytes())
    reference = build(make_config(tmp_path, limits={"categories": 3}), log)
    assert reference.sample == "loans.sample.parquet"
    shop = column(reference, "shop")
    assert isinstance(shop, CategoricalColumn)
    assert (3, 400 - shop.category_counts.sum()) == (len(shop.categories), shop.other)
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(tmp_path / reference.sample))
        names = found.columns
        values = found.select(
            'income, age, owner, region, shop, prediction, score, label, "feature.score", epoch(timestamp)'
        ).fetchall()
    assert {"feature.score", "timestamp", "score", "shop"} <= set(names)
    expected = [
        (
            *(row["features"][name] for name in ("income", "age")),
            str(row["features"]["owner"]).lower(),
            row["features"]["region"],
            row["features"]["shop"],
            str(row["prediction"]),
            row["score"],
            str(row["label"]),
            row["features"].get("score"),
            1704067200.0 + i,
        )
        for i, row in enumerate(rows)
    ]
    assert expected == values


@pytest.mark.parametrize("name", ["log.ndjson", "log.csv", "log.parquet"])
def test_texts_of_the_sample_without_timestamps(tmp_path: Path, name: str) -> None:
    rows = [{"request": i, "prediction": i % 2, "features": {"shop": f"shop {i % 70}"}} for i in range(200)]
    log = write_log(rows, tmp_path / name)
    if name == "log.ndjson":
        log.write_bytes(b'[1]\n{"a\n\n' + log.read_bytes())
    config = make_config(
        tmp_path, fields={"prediction": "prediction", "features": "features.*"}, limits={"categories": 2}
    )
    reference = build(config, log)
    assert reference.start is reference.end is None
    assert [(str(row["prediction"]), row["features"]["shop"]) for row in rows] == sample(
        tmp_path / "loans.sample.parquet"
    )


@pytest.mark.parametrize("name", ["log.ndjson", "log.csv", "log.parquet"])
def test_many_rows_are_counted_in_a_pass_of_their_own(tmp_path: Path, name: str) -> None:
    rows = make_rows(5000)
    config = make_config(tmp_path)
    log = write_log(rows, tmp_path / name)
    whole = build(config, log, output="whole.json")
    part = build(config, log, output="part.json", row_limit=700)

    assert whole.rows == part.rows == 5000
    assert load_reference(tmp_path / "part.json").rows == 5000, "its counts add up"
    for one, other in zip(whole.columns, part.columns, strict=True):
        if isinstance(one, NumericColumn):
            assert isinstance(other, NumericColumn)
            path = ("features", one.name) if one.kind == "feature" else (one.name,)
            values = np.array([_reach(row, path) for row in rows], dtype=float)
            present = values[~np.isnan(values)]
            counted = np.bincount(
                np.searchsorted(other.fine_edges, present), minlength=len(other.fine_edges) + 1
            )
            np.testing.assert_array_equal(counted, other.fine_counts)
            assert (one.missing, one.minimum, one.maximum) == (other.missing, other.minimum, other.maximum)
            assert (one.mean, one.standard_deviation) == pytest.approx(
                (other.mean, other.standard_deviation), rel=1e-12
            )
            np.testing.assert_allclose(one.fine_sums.sum(), other.fine_sums.sum(), rtol=1e-12)
        else:
            np.testing.assert_array_equal(one.counts, other.counts)
    ranked = {"roc_auc", "average_precision"}
    exact = {k: v for k, v in whole.performance.items() if k not in ranked}
    assert exact == {k: v for k, v in part.performance.items() if k not in ranked}
    assert whole.performance["roc_auc"] == pytest.approx(part.performance["roc_auc"], abs=0.06)
    assert any("rest on 700 rows, drawn uniformly" in note for note in part.notes)


def _reach(row: Mapping[str, Any], path: tuple[str, ...]) -> float:
    value: Any = row
    for key in path:
        value = value[key]
    return np.nan if value is None else value


def test_the_second_pass_finds_what_the_first_did(tmp_path: Path) -> None:
    rows = make_rows(1500)
    config = make_config(tmp_path)
    log = write_log(rows, tmp_path / "log.ndjson")
    first = build(config, log, output="first.json")
    ingest = ModelIngest(config.models[0], config, {None: first})
    source = FileSource(str(log), "ndjson", config.limits.line, final=True)
    try:
        for chunk in source.poll():
            ingest.ingest(chunk, lambda _rejections: None)
        (totals,) = ingest.totals.values()
    finally:
        source.close()
        ingest.close()
    np.testing.assert_array_equal(np.concatenate([c.counts for c in first.columns]), totals.columns)


def test_progress_moves_forward_to_the_end(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    rows = make_rows(500)
    logs = [write_log(rows, tmp_path / name) for name in ("a.ndjson", "b.csv", "c.parquet", "d.ndjson.gz")]
    told: list[tuple[int, int]] = []
    build_reference(
        config,
        "loans",
        logs,
        output=tmp_path / "loans.json",
        progress=lambda done, total: told.append((done, total)),
        row_limit=100,
    )
    size = sum(log.stat().st_size for log in logs)
    assert (3 * size, 3 * size) == told[-1]
    assert sorted(told) == told
    assert all(done <= total for done, total in told)


def test_rejected_records_are_told(tmp_path: Path) -> None:
    rows = make_rows(100)
    log = tmp_path / "log.ndjson"
    log.write_bytes(ndjson(rows[:50]) + b'{"ts": "soon"}\nno json\n' + ndjson(rows[50:]) + b"\xff\xfe\n")
    reference = build(make_config(tmp_path), log)
    assert reference.rows == 100
    assert reference.notes[0].startswith(
        f"3 of 103 records were rejected; the first is {log}:51: the timestamp"
    )


@pytest.mark.parametrize("name", ["log.ndjson", "log.ndjson.gz"])
def test_most_records_rejected(tmp_path: Path, name: str) -> None:
    log = write_log([{"ts": None}] * 5 + make_rows(4), tmp_path / name)
    with pytest.raises(ReferenceFileError) as caught:
        build(make_config(tmp_path), log)
    assert (
        f"5 of 9 records were rejected; the first is {log}:1: the configured timestamp field is absent or "
        "null; check the format of the input and predictions.fields of model 'loans'"
    ) == str(caught.value)


@pytest.mark.parametrize("fields", [FIELDS, {"prediction": "prediction"}])
def test_another_format_under_the_name(tmp_path: Path, fields: Mapping[str, str]) -> None:
    log = write_log(make_rows(20), tmp_path / "log.csv").rename(tmp_path / "log.ndjson")
    with pytest.raises(
        ReferenceFileError, match=r"21 of 21 records were rejected; the first is .*:1: not JSON"
    ):
        build(make_config(tmp_path, fields=fields), log)


def test_text_that_is_no_parquet(tmp_path: Path) -> None:
    log = write_log(make_rows(20), tmp_path / "log.ndjson").rename(tmp_path / "log.parquet")
    with pytest.raises(ReferenceFileError, match=r"log\.parquet: cannot be read as parquet: "):
        build(make_config(tmp_path), log)


@pytest.mark.parametrize("name", ["log.ndjson", "log.csv", "log.parquet"])
def test_no_rows(tmp_path: Path, name: str) -> None:
    log = tmp_path / name
    write_log(make_rows(1), log)
    if name == "log.parquet":
        with duckdb.connect() as connection:
            connection.read_parquet(str(log)).filter("false").write_parquet(str(tmp_path / "e.parquet"))
        log = tmp_path / "e.parquet"
    else:
        log.write_bytes(log.read_bytes().partition(b"\n")[0] + b"\n" if name == "log.csv" else b"")
    with pytest.raises(ReferenceFileError, match=r"^the input has no rows$"):
        build(make_config(tmp_path), log)
    assert not (tmp_path / "loans.json").exists()


def test_unknown_model(tmp_path: Path) -> None:
    with pytest.raises(ReferenceFileError) as caught:
        build_reference(make_config(tmp_path), "loan", [tmp_path], output=tmp_path / "r.json")
    assert "there is no model 'loan' in the configuration; there are: loans" == str(caught.value)


def test_an_input_is_never_overwritten(tmp_path: Path) -> None:
    log = write_log(make_rows(3), tmp_path / "log.json")
    before = log.read_bytes()
    with pytest.raises(ReferenceFileError, match="is an input and would be overwritten; name another output"):
        build(make_config(tmp_path), log, output="log.json")
    assert before == log.read_bytes()


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    log = write_log(make_rows(3), tmp_path / "log.ndjson")
    (tmp_path / "file").write_text("")
    with pytest.raises(ReferenceFileError, match="file: cannot be written"):
        build(make_config(tmp_path), log, output="file/loans.json")


def test_constants_infinities_and_columns_without_a_value(tmp_path: Path) -> None:
    rows = make_rows(60)
    for i, row in enumerate(rows):
        row["features"] |= {"one": 1.5, "word": "x", "none": None, "nan": float("nan"), "huge": i * 1.0}
    rows[3]["features"]["huge"] = float("inf")
    reference = build(make_config(tmp_path), write_log(rows, tmp_path / "log.ndjson"))
    assert {
        "one: constant, always 1.5",
        "word: constant, always 'x'",
        "none: left out, for it has no value in all 60 rows",
        "nan: left out, for it has no finite value in all 60 rows",
        "huge: 1 infinite values; they count as missing",
    } <= set(reference.notes)
    names = [c.name for c in reference.columns]
    assert {"one", "word", "huge"} <= set(names)
    assert not {"none", "nan"} & set(names)
    assert column(reference, "huge").missing == 1
    with pytest.raises(ReferenceFileError, match="column 'nan' has no finite value in all 60 rows"):
        build(make_config(tmp_path, columns={"nan": {"type": "numeric"}}), tmp_path / "log.ndjson")
