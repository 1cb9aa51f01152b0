import math
from pathlib import Path
from typing import Any

import pytest

from drift_exporter.reference.build import build_reference
from drift_exporter.reference.model import Reference
from support.logs import make_config, make_rows, write_log

FIELDS = {"prediction": "prediction", "score": "score", "label": "label"}


def build(folder: Path, rows: list[dict[str, Any]], task: str, **options: Any) -> Reference:  # noqa: ANN401
    log = write_log(rows, folder / "log.ndjson")
    config = make_config(folder, task=task, fields=options.pop("fields", FIELDS), **options)
    return build_reference(config, "loans", [log], output=folder / "loans.json")


def test_binary(tmp_path: Path) -> None:
    rows = make_rows(500)
    for i in range(20):
        rows[i]["label"] = None
    found = build(tmp_path, rows, "binary")
    kept = [(row["prediction"], row["label"], row["score"]) for row in rows[20:]]
    right = sum(p == y for p, y, _ in kept)
    hits = sum(p == y == 1 for p, y, _ in kept)
    predicted, positives = sum(p for p, _, _ in kept), sum(y for _, y, _ in kept)
    pairs = [(s > t) + 0.5 * (s == t) for _, y, s in kept if y for _, z, t in kept if not z]
    loss = -sum(math.log(s if y else 1 - s) for _, y, s in kept) / 480
    assert found.performance == pytest.approx(
        {
            "accuracy": right / 480,
            "precision": hits / predicted,
            "recall": hits / positives,
            "f1": 2 * hits / (predicted + positives),
            "roc_auc": sum(pairs) / len(pairs),
            "log_loss": loss,
        },
        rel=1e-9,
    )
    label = found.by_name["label", "label"]
    assert label.missing == 20


def test_flags_and_numbers_are_the_same_classes(tmp_path: Path) -> None:
    rows = [{"prediction": i % 2, "label": i % 3 == 0, "score": 0.5} for i in range(60)]
    assert build(tmp_path, rows, "binary").performance["accuracy"] == pytest.approx(
        sum((i % 2 == 1) == (i % 3 == 0) for i in range(60)) / 60
    )


def test_score_of_the_answer(tmp_path: Path) -> None:
    rows = make_rows(300)
    expected = build(tmp_path, rows, "binary").performance
    for row in rows:
        row["score"] = max(row["score"], 1 - row["score"])
    found = build(tmp_path, rows, "binary")
    assert found.performance == pytest.approx(dict(expected), rel=1e-9)
    assert any("taken as that of the answer" in note for note in found.notes)


def test_multiclass(tmp_path: Path) -> None:
    classes = ["card", "loan", "none"]
    rows = [{"prediction": classes[i % 3], "label": classes[i * i % 7 % 3], "score": 0.4} for i in range(210)]
    pairs = [(row["prediction"], row["label"]) for row in rows]
    answers, labels = [p for p, _ in pairs], [y for _, y in pairs]
    f1 = [2 * pairs.count((c, c)) / (answers.count(c) + labels.count(c)) for c in classes]
    found = build(tmp_path, rows, "multiclass")
    assert found.performance == pytest.approx(
        {"accuracy": sum(p == y for p, y in pairs) / 210, "f1_macro": sum(f1) / 3}
    )


def test_regression(tmp_path: Path) -> None:
    rows = [{"prediction": 2.0 * i, "label": 2.0 * i + (-1) ** i} for i in range(100)]
    found = build(tmp_path, rows, "regression", fields={"prediction": "prediction", "label": "label"})
    mean = sum(row["label"] for row in rows) / 100
    total = sum((row["label"] - mean) ** 2 for row in rows)
    assert found.performance == pytest.approx(
        {"mean_absolute_error": 1.0, "root_mean_squared_error": 1.0, "r2": 1 - 100 / total}
    )


@pytest.mark.parametrize(
    ("labels", "task", "options", "why"),
    [
        (["a", "b"], "binary", {}, "labels (a, b) and predictions (0, 1) have no class in common"),
        (["0", "1", "2"], "binary", {}, "the task is binary, and there are 3 classes"),
        (list("abcd01"), "multiclass", {"limits": {"categories": 3}}, "more classes than limits.categories"),
        ([1.0, 2.0], "regression", {"columns": {"label": {"type": "categorical"}}}, "not of the type"),
    ],
)
def test_why_there_is_none(
    tmp_path: Path, labels: list[Any], task: str, options: dict[str, Any], why: str
) -> None:
    rows = [{"prediction": i % 2, "label": labels[i % len(labels)], "score": 0.5} for i in range(60)]
    found = build(tmp_path, rows, task, **options)
    assert not found.performance
    assert any(note.startswith("performance: not computed, for ") and why in note for note in found.notes)


def test_no_row_with_both(tmp_path: Path) -> None:
    rows = [{"prediction": None if i % 2 else 1, "label": 1 if i % 2 else None} for i in range(10)]
    found = build(tmp_path, rows, "binary", fields={"prediction": "prediction", "label": "label"})
    assert not found.performance
    assert "performance: no row has both a prediction and a label" in found.notes


def test_a_log_without_labels(tmp_path: Path) -> None:
    rows = [{"prediction": i % 2, "score": 0.5} for i in range(10)]
    found = build(tmp_path, rows, "binary")
    assert not found.performance
    assert [c.kind for c in found.columns] == ["prediction", "score"]
    assert "label: left out, for it has no value in all 10 rows" in found.notes
