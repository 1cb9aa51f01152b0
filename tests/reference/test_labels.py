import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_score, recall_score

from drift_exporter.reference.build import build_reference
from drift_exporter.reference.model import Reference
from drift_exporter.reference.store import load_reference
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
    wrong = sum(p > y for p, y, _ in kept)
    assert found.performance == pytest.approx(
        {
            "accuracy": right / 480,
            "precision": hits / predicted,
            "recall": hits / positives,
            "f1": 2 * hits / (predicted + positives),
            "false_negative_rate": 1 - hits / positives,
            "false_positive_rate": wrong / (480 - positives),
            "click_through_rate": positives / 480,
            "roc_auc": sum(pairs) / len(pairs),
            "average_precision": average_precision_score([y for _, y, _ in kept], [s for *_, s in kept]),
            "log_loss": loss,
            "brier": sum((s - y) ** 2 for _, y, s in kept) / 480,
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


def test_score_of_the_answer_as_configured(tmp_path: Path) -> None:
    rows = make_rows(300)
    for row in rows:
        row["score"] = 1.0 if row["prediction"] else 0.4
    found = build(tmp_path, rows, "binary", performance={"score_of": "answer"})
    assert not any("taken as" in note for note in found.notes)
    assert found.outcomes is not None
    # Negative answers have 0.6 of the positive class, and positive ones 1.
    assert found.outcomes.cell_sums.sum() == pytest.approx(
        sum(1.0 if row["prediction"] else 0.6 for row in rows)
    )


def test_multiclass(tmp_path: Path) -> None:
    classes = ["card", "loan", "none"]
    rows = [{"prediction": classes[i % 3], "label": classes[i * i % 7 % 3], "score": 0.4} for i in range(210)]
    pairs = [(row["prediction"], row["label"]) for row in rows]
    answers, labels = [p for p, _ in pairs], [y for _, y in pairs]
    f1 = [2 * pairs.count((c, c)) / (answers.count(c) + labels.count(c)) for c in classes]
    found = build(tmp_path, rows, "multiclass")
    assert found.performance == pytest.approx(
        {
            "accuracy": sum(p == y for p, y in pairs) / 210,
            "f1_macro": sum(f1) / 3,
            "precision_macro": precision_score(labels, answers, average="macro"),
            "recall_macro": recall_score(labels, answers, average="macro"),
        }
    )


def test_regression(tmp_path: Path) -> None:
    rows = [{"prediction": 2.0 * i, "label": 2.0 * i + (-1) ** i} for i in range(100)]
    found = build(tmp_path, rows, "regression", fields={"prediction": "prediction", "label": "label"})
    mean = sum(row["label"] for row in rows) / 100
    total = sum((row["label"] - mean) ** 2 for row in rows)
    assert found.performance == pytest.approx(
        {
            "mean_absolute_error": 1.0,
            "root_mean_squared_error": 1.0,
            "mean_absolute_percentage_error": sum(1 / row["label"] for row in rows) / 100,
            "bias": 0.0,
            "r2": 1 - 100 / total,
        },
        abs=1e-12,
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


def test_counts_by_class_and_score(tmp_path: Path) -> None:
    rows = make_rows(500)
    for i in range(20):
        rows[i]["label"] = None
    found = build(tmp_path, rows, "binary").outcomes
    assert found is not None
    assert (found.rows, found.classes, found.scored) == (480, ("0", "1"), (1,))
    kept = rows[20:]
    for p in (0, 1):
        for y in (0, 1):
            scores = [row["score"] for row in kept if (row["prediction"], row["label"]) == (p, y)]
            counts, sums = found.cells[0, p, y], found.cell_sums[0, p, y]
            assert len(scores) == found.confusion[p, y] == counts.sum()
            assert sum(scores) == pytest.approx(sums.sum(), rel=1e-12)
            expected = np.bincount(np.searchsorted(found.edges[0], scores), minlength=len(counts))
            np.testing.assert_array_equal(expected, counts)
    loaded = load_reference(tmp_path / "loans.json").outcomes
    assert loaded is not None
    np.testing.assert_array_equal(found.cells, loaded.cells)
    np.testing.assert_array_equal(found.confusion, loaded.confusion)
    np.testing.assert_array_equal(found.edges, loaded.edges)
    np.testing.assert_allclose(found.cell_sums, loaded.cell_sums, rtol=1e-11)


def test_a_score_for_each_class(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    shares = random.dirichlet([1, 1, 1], 300)
    classes = ["card", "loan", "none"]
    rows = [
        {
            "prediction": classes[int(own.argmax())],
            "label": classes[int(random.choice(3, p=own))],
            "p": dict(zip(classes[:2], own[:2].tolist(), strict=True)),
        }
        for own in shares
    ]
    fields = {
        "prediction": "prediction",
        "label": "label",
        "scores": {"loan": "p.loan", "card": "p.card"},
    }
    found = build(tmp_path, rows, "multiclass", fields=fields)
    assert {"scores.loan", "scores.card"} == {c.name for c in found.columns if c.kind == "score"}
    assert found.outcomes is not None
    assert (found.outcomes.classes, found.outcomes.scored) == (("card", "loan", "none"), (0, 1))
    for place, name in enumerate(("card", "loan")):
        total = sum(row["p"][name] for row in rows)
        assert found.outcomes.cell_sums[place].sum() == pytest.approx(total, rel=1e-12)
        cells = found.outcomes.cells[place].sum(axis=2)
        assert [[row["prediction"] == name for row in rows].count(flag) for flag in (False, True)] == (
            cells.sum(axis=1).tolist()
        )
        assert sum(row["label"] == name for row in rows) == cells[:, 1].sum()


def test_without_a_prediction_the_score_answers(tmp_path: Path) -> None:
    rows = make_rows(200)
    found = build(
        tmp_path, rows, "binary", fields={"score": "score", "label": "label"}, performance={"threshold": 0.7}
    )
    right = sum((row["score"] >= 0.7) == row["label"] for row in rows)
    assert found.performance["accuracy"] == pytest.approx(right / 200)


def test_labels_that_come_apart_are_no_column(tmp_path: Path) -> None:
    rows = make_rows(200)
    labels = {"source": {"type": "file", "path": "labels/*.ndjson"}, "fields": {"id": "id", "label": "label"}}
    for row in rows:
        row["id"] = "a"
    fields = {"id": "id", "prediction": "prediction", "score": "score"}
    found = build(tmp_path, rows, "binary", fields=fields, labels=labels)
    assert [column.kind for column in found.columns] == ["prediction", "score"]
    assert found.outcomes is not None
    assert found.outcomes.rows == 200
    for row in rows:
        del row["label"]
    bare = build(tmp_path, rows, "binary", fields=fields, labels=labels)
    assert (None, ()) == (bare.outcomes, bare.notes)
    labels["fields"]["label"] = "prediction"
    same = build(tmp_path, rows, "binary", fields=fields, labels=labels)
    assert same.outcomes is None, "what a prediction has there is its answer"
