import random
from pathlib import Path
from typing import Any

import pytest

from drift_exporter.cli import main
from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.build import build_reference
from drift_exporter.reference.model import Reference
from drift_exporter.reference.store import load_reference
from support.logs import make_config, make_rows, write_log

FIELDS = {"id": "request", "timestamp": "ts", "prediction": "prediction", "score": "score"}
LATER = {"source": {"type": "file", "path": "labels/*"}, "fields": {"id": "key.id", "label": "truth"}}
Rows = list[dict[str, Any]]


def apart(rows: Rows) -> Rows:
    """The labels of rows, which lose them, in another order."""
    labels = [{"key": {"id": row["request"]}, "truth": row.pop("label")} for row in rows]
    random.Random(1).shuffle(labels)  # noqa: S311 - an order
    return labels


def build(folder: Path, rows: Rows, labels: list[Path], *, task: str = "binary", **options: Any) -> Reference:  # noqa: ANN401
    log = write_log(rows, folder / "log.ndjson")
    fields = options.pop("fields", FIELDS)
    config = make_config(folder, task=task, fields=fields, labels=options.pop("later", LATER), **options)
    return build_reference(config, "loans", [log], output=folder / "loans.json", labels=labels, row_limit=400)


@pytest.mark.parametrize("name", ["labels.ndjson", "labels.csv", "labels.parquet"])
def test_the_same_as_labels_in_the_records(tmp_path: Path, name: str) -> None:
    rows = make_rows(600)
    log = write_log(rows, tmp_path / "whole.ndjson")
    config = make_config(tmp_path, fields={**FIELDS, "label": "label"})
    expected = build_reference(config, "loans", [log], output=tmp_path / "whole.json", row_limit=400)
    found = build(tmp_path, rows, [write_log(apart(rows), tmp_path / name)])
    assert found.performance == expected.performance
    assert found.outcomes is not None
    assert expected.outcomes is not None
    assert found.outcomes.cells.tolist() == expected.outcomes.cells.tolist()
    assert [column.name for column in found.columns] == ["prediction", "score"]
    assert "labels: 600 ids, 600 joined" in found.notes


def test_repeated_unknown_and_missing_labels(tmp_path: Path) -> None:
    rows = make_rows(200)
    for row in rows:
        row["label"] = row["prediction"]
    labels = apart(rows)
    first = write_log([{"key": {"id": "r5"}, "truth": 1 - rows[5]["prediction"]}], tmp_path / "a.ndjson")
    again = {"key": {"id": "r7"}, "truth": 1 - rows[7]["prediction"]}
    others = [{"key": {"id": "never"}, "truth": 1}, {"truth": 1}, {"key": {"id": "r8"}, "truth": None}]
    kept = [label for label in labels if label["key"]["id"] != "r9"]
    second = write_log([*kept, again, *others], tmp_path / "b.ndjson")
    found = build(tmp_path, rows, [first, second])
    # The label of r5 was corrected, that of r7 became wrong, r9 has none.
    assert found.outcomes is not None
    assert found.outcomes.rows == 199
    assert found.performance["accuracy"] == pytest.approx(198 / 199)
    note = "labels: 200 ids, 199 joined; 1 are of no row; 2 came again for an id, and the last one holds"
    assert note in found.notes


def test_numbers(tmp_path: Path) -> None:
    rows: Rows = [
        {"request": f"r{i}", "prediction": float(i), "label": i + (-1.0) ** i, "note": "a b"}
        for i in range(300)
    ]
    labels = write_log(apart(rows), tmp_path / "labels.ndjson")
    fields = {"id": "request", "prediction": "prediction", "features": {"note": "note"}}
    columns = {"note": {"type": "text"}}
    found = build(tmp_path, rows, [labels], task="regression", fields=fields, columns=columns)
    assert found.performance["mean_absolute_error"] == pytest.approx(1.0)


def test_what_it_needs(tmp_path: Path) -> None:
    rows = make_rows(20)
    labels = [write_log([{"key": {"id": "r1"}, "truth": 1}], tmp_path / "labels.ndjson")]
    without = {name: path for name, path in FIELDS.items() if name != "id"}
    config = make_config(tmp_path, fields=without)
    log = write_log(rows, tmp_path / "log.ndjson")
    with pytest.raises(ReferenceFileError, match=r"needs labels\.fields"):
        build_reference(config, "loans", [log], output=tmp_path / "loans.json", labels=labels)
    with pytest.raises(ReferenceFileError, match="records hold their labels"):
        build(tmp_path, rows, labels, fields={**FIELDS, "label": "label"})
    other = write_log([{"id": "r1"}], tmp_path / "other.ndjson")
    with pytest.raises(ReferenceFileError, match="no label"):
        build(tmp_path, rows, [other])


def test_from_the_command_line(tmp_path: Path) -> None:
    rows = make_rows(100)
    labels = write_log(apart(rows), tmp_path / "labels.ndjson")
    log = write_log(rows, tmp_path / "log.ndjson")
    make_config(tmp_path, fields=FIELDS, labels=LATER)
    arguments = ["--config", str(tmp_path / "config.yml"), "--model", "loans", "--input", str(log)]
    arguments += ["--labels", str(labels), "--output", str(tmp_path / "loans.json")]
    assert main(["reference", "build", *arguments]) == 0
    outcomes = load_reference(tmp_path / "loans.json").outcomes
    assert outcomes is not None
    assert outcomes.rows == 100
