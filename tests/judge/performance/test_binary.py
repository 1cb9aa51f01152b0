"""Metrics of binary models are those of scikit-learn on the joined table."""

from pathlib import Path

import duckdb
import numpy as np
import pytest
from scipy.special import expit
from sklearn import metrics

from drift_exporter.judge.performance.evaluate import performance
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.reference.outcomes import score_edges
from support.outcomes import UNLABELLED, binary_outcomes

EMPLOYMENT = Path(__file__).parents[3] / "examples" / "employment" / "data" / "2015.parquet"
THRESHOLD = 0.5

Rows = tuple[FloatArray, IntArray, IntArray]


@pytest.fixture(scope="module")
def employment() -> Rows:
    """Scores, predictions and labels of 68,785 people."""
    table = duckdb.sql(f"SELECT predicted_probability, prediction, employed FROM '{EMPLOYMENT}'").fetchnumpy()
    return table["predicted_probability"], table["prediction"], table["employed"]


def exact(score: FloatArray, predicted: IntArray, label: IntArray) -> dict[str, float]:
    """The metrics that are made of counts and sums."""
    (true_negatives, false_positives), (false_negatives, true_positives) = metrics.confusion_matrix(
        label, predicted
    )
    return {
        "accuracy": metrics.accuracy_score(label, predicted),
        "precision": metrics.precision_score(label, predicted),
        "recall": metrics.recall_score(label, predicted),
        "f1": metrics.f1_score(label, predicted),
        "false_negative_rate": false_negatives / (false_negatives + true_positives),
        "false_positive_rate": false_positives / (false_positives + true_negatives),
        "click_through_rate": label.mean(),
        "log_loss": metrics.log_loss(label, score),
        "brier": metrics.brier_score_loss(label, score),
        "expected_calibration_error": calibration_error(score, label),
    }


def calibration_error(score: FloatArray, label: IntArray) -> float:
    total = 0.0
    for low in range(10):
        inside = (score > low / 10) & (score <= (low + 1) / 10) | ((low == 0) & (score == 0))
        if inside.any():
            total += abs(label[inside].mean() - score[inside].mean()) * inside.sum() / len(score)
    return total


@pytest.mark.parametrize("rows", [slice(20_000, 20_100), slice(20_000, 21_000), slice(20_000, None)])
def test_of_real_people_they_are_those_of_scikit_learn(employment: Rows, rows: slice) -> None:
    score, predicted, label = (part[rows] for part in employment)
    edges = score_edges(numeric_column("score", "score", employment[0][:20_000]))
    found = performance(binary_outcomes(score, predicted, label, edges), 30)
    expected = exact(score, predicted, label)
    assert expected == pytest.approx({name: found[name].value for name in expected}, abs=1e-9)
    assert metrics.roc_auc_score(label, score) == pytest.approx(found["roc_auc"].value, abs=1e-4)
    average_precision = metrics.average_precision_score(label, score)
    assert average_precision == pytest.approx(found["average_precision"].value, abs=5e-4)
    assert {*expected, "roc_auc", "average_precision"} == set(found)


def test_scores_of_nought_and_one_and_bounds_of_bins_are_exact() -> None:
    random = np.random.default_rng(1)
    score = random.choice([0.0, 1e-20, 0.1, 0.3, 0.5, 0.7, 1.0], 500)
    label = random.integers(0, 2, 500)
    predicted = (score >= THRESHOLD).astype(np.int64)
    found = performance(binary_outcomes(score, predicted, label), 30)
    expected = exact(score, predicted, label)
    assert expected == pytest.approx({name: found[name].value for name in expected}, abs=1e-9)


def normal(
    random: np.random.Generator, rows: int, mean: float, deviation: float
) -> tuple[FloatArray, IntArray]:
    """Scores whose log odds are normal, and labels that are as probable as they say."""
    score = expit(random.normal(mean, deviation, rows))
    return score, (random.random(rows) < score).astype(np.int64)


def two_sorts(random: np.random.Generator, rows: int, share: float) -> tuple[FloatArray, IntArray]:
    """Scores whose log odds are normal, -7 on the average and 4 more where the label is positive."""
    label = (random.random(rows) < share).astype(np.int64)
    return expit(random.normal(-7, 1, rows) + 4 * label), label


@pytest.mark.parametrize("reference", ["none", "even", "near 0", "constant"])
@pytest.mark.parametrize("seed", range(2))
def test_curves_are_within_two_thousandths_whatever_the_scores_of_the_reference_were(
    reference: str, seed: int
) -> None:
    random = np.random.default_rng([seed, 3])
    values = {
        "even": random.random(5000),
        "near 0": expit(random.normal(-8, 1.5, 20_000)),
        "constant": np.full(100, 0.5),
    }
    column = numeric_column("score", "score", values[reference]) if reference in values else None
    edges = score_edges(column)
    windows = {
        "middle": normal(random, 10_000, 0, 1.5),
        "few": normal(random, 60, 0, 1.5),
        "far apart": normal(random, 2000, 0, 5),
        "high": normal(random, 10_000, 5, 1.5),
        "0.1 % positive": normal(random, 100_000, -8, 1.5),
        "0.1 % positive and well found": two_sorts(random, 100_000, 0.001),
        "below 0.02": normal(random, 20_000, -6.5, 0.6),
        "two digits": (np.round(normal(random, 10_000, 0, 1)[0], 2), random.integers(0, 2, 10_000)),
    }
    for name, (score, label) in windows.items():
        found = performance(binary_outcomes(score, (score > THRESHOLD).astype(np.int64), label, edges), 1)
        area, precision = metrics.roc_auc_score(label, score), metrics.average_precision_score(label, score)
        assert area == pytest.approx(found["roc_auc"].value, abs=0.002), name
        assert precision == pytest.approx(found["average_precision"].value, abs=0.002), name


def test_what_has_no_records_is_left_out() -> None:
    random = np.random.default_rng(4)
    score, nobody = random.random(100), np.zeros(100, dtype=np.int64)
    found = performance(binary_outcomes(score, nobody, nobody), 30)
    assert {
        "accuracy",
        "false_positive_rate",
        "click_through_rate",
        "log_loss",
        "brier",
        "expected_calibration_error",
    } == set(found)
    without_scores = performance(binary_outcomes(np.full(100, np.nan), nobody, 1 - nobody), 30)
    assert {"accuracy", "recall", "f1", "false_negative_rate", "click_through_rate"} == set(without_scores)
    assert not performance(binary_outcomes(score, nobody, np.full(100, UNLABELLED)), 1)


def test_too_few_scores_have_no_metrics_while_answers_do() -> None:
    random = np.random.default_rng(5)
    score, label = normal(random, 100, 0, 1)
    predicted = (score > THRESHOLD).astype(np.int64)
    score[29:] = np.nan
    found = performance(binary_outcomes(score, predicted, label), 30)
    assert metrics.accuracy_score(label, predicted) == pytest.approx(found["accuracy"].value)
    assert not {"roc_auc", "average_precision", "log_loss", "brier"} & set(found)


def test_scores_that_are_no_probabilities_have_curves_and_nothing_else() -> None:
    random = np.random.default_rng(6)
    label = random.integers(0, 2, 20_000)
    score = random.normal(0, 3, 20_000) + 2 * label
    edges = score_edges(numeric_column("score", "score", score[:10_000]))
    found = performance(binary_outcomes(score, (score > 0).astype(np.int64), label, edges), 30)
    assert not {"log_loss", "brier", "expected_calibration_error"} & set(found)
    assert metrics.roc_auc_score(label, score) == pytest.approx(found["roc_auc"].value, abs=0.002)
    average_precision = metrics.average_precision_score(label, score)
    assert average_precision == pytest.approx(found["average_precision"].value, abs=0.002)


def test_answers_and_labels_of_no_known_class_are_wrong_as_to_scikit_learn() -> None:
    random = np.random.default_rng(7)
    label, predicted = random.integers(0, 3, 400), random.integers(0, 2, 400)
    found = performance(binary_outcomes(np.full(400, np.nan), predicted, label), 30)
    assert metrics.accuracy_score(label, predicted) == pytest.approx(found["accuracy"].value, abs=1e-9)
    for name, score in (
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
    ):
        expected = score(label, predicted, labels=[1], average="macro")
        assert expected == pytest.approx(found[name].value, abs=1e-9)
