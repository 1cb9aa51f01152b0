"""What is told of logs with labels equals scikit-learn's metrics of the joined table."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk

from drift_exporter.reference.bins import categorical_column
from drift_exporter.reference.store import save_reference
from support.labelled import START, metrics, performance, values, write_labelled, write_rows
from support.records import reference

LATE = {"fields": {"id": "id", "label": "y", "timestamp": "at"}}
FLOATS = NDArray[np.float64]


def binary_rows(random: np.random.Generator, count: int = 4000) -> dict[str, NDArray[Any]]:
    score = random.beta(0.7, 2, count)
    return {
        "score": score,
        "prediction": (score > 0.4).astype(int),
        "label": (random.random(count) < score**1.3).astype(int),
        "country": random.choice(["de", "fr"], count),
    }


def write_binary(folder: Path, rows: dict[str, NDArray[Any]], random: np.random.Generator) -> None:
    count = len(rows["score"])
    times = START + np.arange(count) * 60.0
    predictions = [
        {"ts": times[i], "id": f"r{i}", "p": int(rows["prediction"][i]), "s": rows["score"][i]}
        for i in range(count)
    ]
    labels = [
        {"id": f"r{i}", "y": int(rows["label"][i]), "at": times[i] + random.uniform(0, 9000)}
        for i in range(count)
    ]
    write_rows(folder / "predictions/p.ndjson", predictions)
    write_rows(folder / "labels/l.ndjson", labels)


BINARY = {
    "task": "binary",
    "fields": {"timestamp": "ts", "id": "id", "prediction": "p", "score": "s"},
    "labels": LATE,
}


def expected_binary(label: NDArray[Any], answer: NDArray[Any], score: FLOATS) -> dict[str, float]:
    edges = np.clip(np.ceil(score * 10) - 1, 0, 9)
    gaps = [
        (edges == b).sum() * abs(label[edges == b].mean() - score[edges == b].mean())
        for b in range(10)
        if (edges == b).any()
    ]
    return {
        "accuracy": sk.accuracy_score(label, answer),
        "precision": sk.precision_score(label, answer),
        "recall": sk.recall_score(label, answer),
        "f1": sk.f1_score(label, answer),
        "false_negative_rate": 1 - sk.recall_score(label, answer),
        "false_positive_rate": 1 - sk.recall_score(label, answer, pos_label=0),
        "click_through_rate": label.mean(),
        "log_loss": sk.log_loss(label, score),
        "brier": sk.brier_score_loss(label, score),
        "expected_calibration_error": sum(gaps) / len(score),
        "roc_auc": sk.roc_auc_score(label, score),
        "average_precision": sk.average_precision_score(label, score),
    }


def check_binary(found: dict[str, float], expected: dict[str, float]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        tolerance = 0.002 if name in {"roc_auc", "average_precision"} else 1e-9
        assert found[name] == pytest.approx(value, abs=tolerance), name


def test_a_binary_model(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    rows = binary_rows(random)
    write_binary(tmp_path, rows, random)
    text = metrics(write_labelled(tmp_path, BINARY))

    check_binary(performance(text), expected_binary(rows["label"], rows["prediction"], rows["score"]))
    assert {("m", "unversioned"): 4000} == values(text, "model_labels_total", "model", "version")
    assert {("7d",): 1.0} == values(text, "model_label_coverage_ratio", "window")
    table = sk.confusion_matrix(rows["label"], rows["prediction"])
    assert {(str(p), str(y)): table[y, p] for p in (0, 1) for y in (0, 1)} == values(
        text, "model_outcomes_total", "prediction", "label"
    )
    counts = values(text, "model_score_outcomes_total", "bin", "label")
    assert rows["label"].sum() == sum(value for (_, label), value in counts.items() if label == "positive")
    inside = (rows["score"] > 0.1) & (rows["score"] <= 0.15)
    assert (inside & (rows["label"] == 0)).sum() == counts["0.15", "negative"]
    sums = values(text, "model_score_outcomes_score_sum_total", "bin")
    assert rows["score"][inside].sum() == pytest.approx(sums["0.15",])


def test_labels_in_the_record_itself_give_the_same(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    rows = binary_rows(random)
    lines = [
        {"ts": START + i * 60, "p": int(p), "s": s, "y": int(y)}
        for i, (p, s, y) in enumerate(zip(rows["prediction"], rows["score"], rows["label"], strict=True))
    ]
    write_rows(tmp_path / "predictions/p.ndjson", lines)
    fields = {"timestamp": "ts", "prediction": "p", "score": "s", "label": "y"}
    text = metrics(write_labelled(tmp_path, {"task": "binary", "fields": fields}))

    check_binary(performance(text), expected_binary(rows["label"], rows["prediction"], rows["score"]))


def test_the_score_of_the_answer(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    rows = binary_rows(random)
    positive = rows["score"].copy()
    rows["prediction"] = (positive > 0.5).astype(int)
    rows["score"] = np.where(rows["prediction"] == 1, positive, 1 - positive)
    write_binary(tmp_path, rows, random)
    text = metrics(write_labelled(tmp_path, {**BINARY, "performance": {"score_of": "answer"}}))

    check_binary(performance(text), expected_binary(rows["label"], rows["prediction"], positive))


def test_a_threshold_where_there_is_no_prediction(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    rows = binary_rows(random)
    write_binary(tmp_path, rows, random)
    fields = {"timestamp": "ts", "id": "id", "score": "s"}
    model = {**BINARY, "fields": fields, "performance": {"threshold": 0.25}}
    text = metrics(write_labelled(tmp_path, model))

    answer = (rows["score"] >= 0.25).astype(int)
    check_binary(performance(text), expected_binary(rows["label"], answer, rows["score"]))


def test_a_multiclass_model(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    names = np.array(["cat", "dog", "bird"])
    scores = random.dirichlet([2, 1, 1], 3000)
    label = np.array([random.choice(3, p=p) for p in scores])
    answer = scores.argmax(axis=1)
    lines = [
        {
            "ts": START + i,
            "p": str(names[answer[i]]),
            "y": str(names[label[i]]),
            "s": dict(zip(names, scores[i], strict=True)),
        }
        for i in range(3000)
    ]
    write_rows(tmp_path / "predictions/p.ndjson", lines)
    model = {
        "task": "multiclass",
        "fields": {
            "timestamp": "ts",
            "prediction": "p",
            "label": "y",
            "scores": {name: f"s.{name}" for name in names.tolist()},
        },
        "performance": {"classes": names.tolist()},
    }
    text = metrics(write_labelled(tmp_path, model))

    found = performance(text)
    expected = {
        "accuracy": sk.accuracy_score(label, answer),
        "f1_macro": sk.f1_score(label, answer, average="macro"),
        "precision_macro": sk.precision_score(label, answer, average="macro"),
        "recall_macro": sk.recall_score(label, answer, average="macro"),
        # Scores wait as single precision.
        "log_loss": pytest.approx(sk.log_loss(label, scores), abs=1e-6),
        "roc_auc_macro": pytest.approx(sk.roc_auc_score(label, scores, multi_class="ovr"), abs=0.002),
    }
    assert expected == {
        name: pytest.approx(value, abs=1e-9) if name not in {"log_loss", "roc_auc_macro"} else value
        for name, value in found.items()
    }
    for number, name in enumerate(names.tolist()):
        own = performance(text, "class", name)
        assert own["precision"] == pytest.approx(sk.precision_score(label == number, answer == number))
        assert own["recall"] == pytest.approx(sk.recall_score(label == number, answer == number))


def test_segments_and_fairness_of_a_multiclass_model_with_scores(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    names = np.array(["cat", "dog", "bird"])
    scores = random.dirichlet([2, 1, 1], 1500)
    label = np.array([random.choice(3, p=p) for p in scores])
    answer = scores.argmax(axis=1)
    place = random.choice(["home", "park"], 1500)
    lines = [
        {
            "ts": START + i,
            "p": str(names[answer[i]]),
            "y": str(names[label[i]]),
            "s": dict(zip(names.tolist(), scores[i].tolist(), strict=True)),
            "place": str(place[i]),
        }
        for i in range(1500)
    ]
    write_rows(tmp_path / "predictions/p.ndjson", lines)
    where = categorical_column("place", "feature", {"home": 50, "park": 50}, 0, 10)
    save_reference(reference(where, model="m"), tmp_path / "reference.json")
    model = {
        "task": "multiclass",
        "reference": "reference.json",
        "fields": {
            "timestamp": "ts",
            "prediction": "p",
            "label": "y",
            "scores": {name: f"s.{name}" for name in names.tolist()},
            "features": {"place": "place"},
        },
        "performance": {"classes": names.tolist()},
        "segments": ["place"],
        "fairness": {"attribute": "place", "favourable": "dog"},
    }
    text = metrics(write_labelled(tmp_path, model))

    for name in ("home", "park"):
        mine = place == name
        own = performance(text, "place", name)
        assert own["accuracy"] == pytest.approx(sk.accuracy_score(label[mine], answer[mine]), abs=1e-9)
        rates = values(text, "model_fairness", "metric", "group")
        assert rates["selection_rate", name] == pytest.approx((answer[mine] == 1).mean(), abs=1e-9)
    assert "roc_auc_macro" in performance(text)


def test_a_regression(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    label = random.lognormal(9, 0.4, 3000)
    foreseen = label * random.normal(1.02, 0.1, 3000)
    lines = [{"ts": START + i, "id": str(i), "p": foreseen[i]} for i in range(3000)]
    write_rows(tmp_path / "predictions/p.ndjson", lines)
    labels = [{"id": str(i), "y": label[i], "at": START + i + 100} for i in range(3000)]
    write_rows(tmp_path / "labels/l.ndjson", labels)
    fields = {"timestamp": "ts", "id": "id", "prediction": "p"}
    text = metrics(write_labelled(tmp_path, {"task": "regression", "fields": fields, "labels": LATE}))

    expected = {
        "mean_absolute_error": sk.mean_absolute_error(label, foreseen),
        "root_mean_squared_error": sk.root_mean_squared_error(label, foreseen),
        "mean_absolute_percentage_error": sk.mean_absolute_percentage_error(label, foreseen),
        "r2": sk.r2_score(label, foreseen),
        "bias": (foreseen - label).mean(),
    }
    assert performance(text) == pytest.approx(expected, rel=1e-9)


def test_a_ranking(tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    lines, gains, ranks, clicks = [], [], [], 0
    for request in range(500):
        clicked = int(random.integers(1, 12))
        for place in range(1, 6):
            hit = place == clicked
            lines.append({"ts": START + request, "rank": place, "clicked": hit})
            clicks += hit
        truth = [[float(place == clicked) for place in range(1, 6)]]
        gains.append(sk.ndcg_score(truth, [[5, 4, 3, 2, 1]]) if clicked <= 5 else 0.0)
        ranks.append(1 / clicked if clicked <= 5 else 0.0)
    write_rows(tmp_path / "predictions/p.ndjson", lines)
    fields = {"timestamp": "ts", "label": "clicked", "position": "rank"}
    text = metrics(write_labelled(tmp_path, {"task": "ranking", "fields": fields}))

    expected = {
        "click_through_rate": clicks / 2500,
        "ndcg": np.mean(gains),
        "mean_reciprocal_rank": np.mean(ranks),
    }
    assert performance(text) == pytest.approx(expected, rel=1e-9)
    outcomes = values(text, "model_outcomes_total", "prediction", "label")
    assert {("1", "1"): clicks, ("1", "0"): 2500 - clicks} == {
        key: value for key, value in outcomes.items() if value
    }
