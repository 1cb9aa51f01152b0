"""A reference of a model whose records stand in a log with those of others."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference import inputs
from drift_exporter.reference.build import build_reference
from support.logs import FIELDS, make_config, make_rows, write_log

SHARED = FIELDS | {"model": "features.name"}
FORMATS = ["log.ndjson", "log.csv", "log.parquet"]
Rows = list[dict[str, Any]]


def own_rows(count: int = 3000) -> Rows:
    return [row | {"features": {"name": "loans"} | row["features"]} for row in make_rows(count)]


def mixed(rows: Rows, other: Mapping[str, Any]) -> Rows:
    """The rows, each with some of another model before it."""
    return [one for row in rows for one in (*[row | other] * (row["features"]["age"] is None), row)]


def build(folder: Path, rows: Rows, name: str, fields: Mapping[str, Any], **options: Any) -> dict[str, Any]:  # noqa: ANN401
    """The reference as it is stored, but for its notes, with its sample."""
    folder.mkdir()
    log = write_log(rows, folder / name)
    config = make_config(folder, fields=fields)
    build_reference(config, "loans", [log], output=folder / "loans.json", clock=lambda: 0.0, **options)
    with duckdb.connect() as connection:
        query = f"SELECT to_json(t)::VARCHAR FROM '{folder / 'loans.sample.parquet'}' AS t"
        sample = [json.loads(row) for (row,) in connection.execute(query).fetchall()]
    return {**json.loads((folder / "loans.json").read_text()), "notes": None, "rows of sample": sample}


# Of the other model: wrong types for our columns, columns of its own, timestamps that cannot be read.
OTHERS = {
    "log.ndjson": {
        "ts": "soon", "score": "high", "label": [1], "features": {"name": "ads", "income": "x", "own": 1}
    },
    "log.csv": {"ts": "soon", "score": "high", "features": {"name": "ads", "income": "x", "own": 1}},
    "log.parquet": {"ts": None, "score": 7.5, "features": {"name": "ads", "income": -1e9, "own": 1}},
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("row_limit", [1_000_000, 500])
def test_the_reference_is_that_of_a_log_of_its_own(tmp_path: Path, name: str, row_limit: int) -> None:
    rows = own_rows()
    expected = build(tmp_path / "own", rows, name, SHARED, row_limit=row_limit)
    found = build(tmp_path / "shared", mixed(rows, OTHERS[name]), name, SHARED, row_limit=row_limit)

    assert 3000 == found["rows"]
    assert expected == found
    # What names the model is no feature.
    columns = {column["name"] for column in found["columns"]}
    assert {"prediction", "score", "label", "income", "age", "owner", "region"} == columns


@pytest.mark.parametrize("name", FORMATS[:2])
def test_over_many_chunks_the_bins_are_the_same(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "CHUNK_SIZE", 20_000)
    rows = own_rows()
    expected = build(tmp_path / "own", rows, name, SHARED)
    found = build(tmp_path / "shared", mixed(rows, OTHERS[name]), name, SHARED)

    assert (expected["fingerprint"], 3000) == (found["fingerprint"], found["rows"])


@pytest.mark.parametrize("name", FORMATS)
def test_rare_texts_of_the_sample_are_those_of_the_right_records(tmp_path: Path, name: str) -> None:
    rows = own_rows(400)
    for number, row in enumerate(rows):
        row["features"]["region"] = f"r{number % 150}"
    expected = build(tmp_path / "own", rows, name, SHARED)
    found = build(tmp_path / "shared", mixed(rows, OTHERS[name]), name, SHARED)

    assert expected == found
    assert {f"r{number}" for number in range(150)} <= {row["region"] for row in found["rows of sample"]}


@pytest.mark.parametrize("name", FORMATS)
def test_an_input_that_does_not_name_the_model_is_refused(tmp_path: Path, name: str) -> None:
    rows = [row | {"features": {"name": f"model-{i % 9:02}", "a": 1}} for i, row in enumerate(make_rows(900))]
    with pytest.raises(ReferenceFileError) as refused:
        build(tmp_path / "x", rows, name, SHARED)
    assert str(refused.value).startswith(
        "no record of the input is of model 'loans' by its field features.name (predictions.fields.model): "
        "it holds 'model-00', 'model-01', 'model-02', 'model-03', 'model-04'; name other inputs"
    )


def test_an_input_without_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReferenceFileError, match=r"no record has a name there; name other inputs"):
        build(tmp_path / "x", make_rows(10), "log.ndjson", SHARED)


def test_rejected_records_are_set_against_those_of_all_models(tmp_path: Path) -> None:
    rows = own_rows(3)
    folder = tmp_path / "x"
    folder.mkdir()
    log = write_log([*rows, *(row | OTHERS["log.ndjson"] for row in make_rows(50))], folder / "log.ndjson")
    log.write_bytes(b"junk\n" * 10 + log.read_bytes())
    config = make_config(folder, fields=SHARED)
    reference = build_reference(config, "loans", [log], output=folder / "loans.json")

    assert 3 == reference.rows
    assert reference.notes[0].startswith("10 of 63 records were rejected; the first is ")


def test_own_records_that_cannot_be_read_are_the_error(tmp_path: Path) -> None:
    rows = [row | {"ts": "soon"} for row in own_rows(20)]
    with pytest.raises(ReferenceFileError, match=r"20 of 23 records were rejected"):
        build(tmp_path / "x", [*rows, *([rows[0] | {"features": {"name": "ads"}}] * 3)], "log.ndjson", SHARED)
