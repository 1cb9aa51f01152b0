from collections.abc import Callable, Mapping

import numpy as np
import pytest
from sklearn import metrics

from drift_exporter.judge.estimation.calibration import fit_calibration
from drift_exporter.judge.estimation.cbpe import (
    ScoreEstimator,
    all_predictions,
    estimate_classification,
    fit_estimator,
    labelled_predictions,
)
from drift_exporter.reference.model import FloatArray
from drift_exporter.reference.outcomes import ReferenceOutcomes, count_outcomes
from support.estimation import Window, as_scored, bent, draw_reference, draw_window

REALISED: Mapping[str, Callable[[FloatArray, FloatArray, FloatArray], float]] = {
    "accuracy": lambda y, p, _: metrics.accuracy_score(y, p),
    "precision": lambda y, p, _: metrics.precision_score(y, p),
    "recall": lambda y, p, _: metrics.recall_score(y, p),
    "f1": lambda y, p, _: metrics.f1_score(y, p),
    "false_negative_rate": lambda y, p, _: 1 - metrics.recall_score(y, p),
    "false_positive_rate": lambda y, p, _: 1 - metrics.recall_score(1 - y, 1 - p),
    "roc_auc": lambda y, _, s: metrics.roc_auc_score(y, s),
    "average_precision": lambda y, _, s: metrics.average_precision_score(y, s),
    "brier": lambda y, _, s: metrics.brier_score_loss(y, s),
    "click_through_rate": lambda y, _p, _s: float(y.mean()),
}


def realised(window: Window) -> dict[str, float]:
    return {name: own(window.labels, window.answers, window.scores) for name, own in REALISED.items()}


@pytest.mark.parametrize("rate", [as_scored, bent])
@pytest.mark.parametrize(("rows", "middle"), [(500, -1.0), (5_000, 0.0)])
def test_intervals_hold_what_is_realised(
    rate: Callable[[FloatArray], FloatArray], rows: int, middle: float
) -> None:
    random = np.random.default_rng(7)
    inside = dict.fromkeys(REALISED, 0)
    runs = 60
    for _ in range(runs):
        outcomes = draw_reference(random, 5_000, rate=rate)
        estimator = fit_estimator(outcomes)
        assert estimator is not None
        # Scores have moved: that is what is to be foreseen.
        window = draw_window(random, outcomes, rows, middle, rate)
        found = estimate_classification(estimator, *labelled_predictions(window.cells, window.cell_sums))
        assert set(REALISED) == set(found)
        for name, value in realised(window).items():
            inside[name] += found[name].lower <= value <= found[name].upper
    # Isotonic regression is too steep at its ends, on which average precision depends most.
    assert inside.pop("average_precision") >= 0.75 * runs
    assert min(inside.values()) >= 0.85 * runs, inside


def test_estimates_are_right_on_the_average() -> None:
    random = np.random.default_rng(8)
    outcomes = draw_reference(random, 200_000, rate=bent)
    estimator = fit_estimator(outcomes)
    assert estimator is not None
    window = draw_window(random, outcomes, 200_000, 0.0, bent)
    found = estimate_classification(estimator, *all_predictions(window.cells, window.cell_sums))
    expected = realised(window)
    assert {name: own.value for name, own in found.items()} == pytest.approx(expected, abs=0.01)


def test_a_fall_of_all_rates_is_not_seen() -> None:
    random = np.random.default_rng(9)
    outcomes = draw_reference(random, 20_000)
    estimator = fit_estimator(outcomes)
    assert estimator is not None
    window = draw_window(random, outcomes, 20_000, factor=0.5)
    found = estimate_classification(estimator, *labelled_predictions(window.cells, window.cell_sums))
    assert found["click_through_rate"].value > 1.8 * window.labels.mean()
    assert found["click_through_rate"].lower > window.labels.mean()


def test_slopes_are_derivatives() -> None:
    """The variance is that of moving each cell's expected positives, one by one."""
    counts = np.array([[[40, 30, 10], [2, 20, 60]]])
    sums = counts * np.array([0.2, 0.5, 0.9])
    negatives, positives = np.array([30, 20, 10]), np.array([10, 20, 40])
    calibration = fit_calibration(negatives, positives, (negatives + positives) * np.array([0.2, 0.5, 0.9]))
    assert calibration is not None
    found = estimate_classification(ScoreEstimator(binary=True, calibrations=(calibration,)), counts, sums)
    rates = np.broadcast_to(calibration.probabilities(np.array([0.2, 0.5, 0.9])), (2, 3))
    expected = counts[0] * rates

    def roc_auc(y: FloatArray) -> float:
        positive, negative = y.sum(axis=0), (counts[0] - y).sum(axis=0)
        ranked = sum(positive[i] * (negative[:i].sum() + negative[i] / 2) for i in range(3))
        return float(ranked / positive.sum() / negative.sum())

    def average_precision(y: FloatArray) -> float:
        positive, both = y.sum(axis=0), counts[0].sum(axis=0)
        precision = [positive[i:].sum() / both[i:].sum() for i in range(3)]
        return float(positive @ precision / positive.sum())

    def f1(y: FloatArray) -> float:
        return float(2 * y[1].sum() / (y.sum() + counts[0, 1].sum()))

    block = (np.array([10, 20, 40]) + 0.5) / (np.array([40, 40, 50]) + 1)
    spread = np.maximum(rates * (1 - rates), block * (1 - block))
    for name, metric in {"roc_auc": roc_auc, "average_precision": average_precision, "f1": f1}.items():
        assert metric(expected) == pytest.approx(found[name].value)
        slope = np.zeros((2, 3))
        for place in np.ndindex(2, 3):
            step = np.zeros((2, 3))
            step[place] = 1e-4
            slope[place] = (metric(expected + step) - metric(expected - step)) / 2e-4
        variance = (counts[0] * spread * slope**2).sum()
        variance += ((counts[0] * slope).sum(axis=0) ** 2 * block * (1 - block) / [40, 40, 50]).sum()
        assert found[name].deviation == pytest.approx(variance**0.5, rel=1e-6)


def test_three_classes() -> None:
    random = np.random.default_rng(10)
    names = ("a", "b", "c")

    def draw(rows: int, sizes: tuple[float, ...]) -> tuple[FloatArray, FloatArray, FloatArray]:
        scores = random.dirichlet(sizes, rows)
        labels = (scores.cumsum(axis=1) > random.random((rows, 1))).argmax(axis=1).astype(float)
        return scores, labels, scores.argmax(axis=1).astype(float)

    scores, labels, answers = draw(20_000, (1, 1, 1))
    outcomes = count_outcomes(names, answers, labels, (0, 1, 2), tuple(scores.T), (None,) * 3)
    estimator = fit_estimator(outcomes)
    assert estimator is not None
    scores, labels, answers = draw(5_000, (2, 1, 0.5))
    window = count_outcomes(names, answers, labels, (0, 1, 2), tuple(scores.T), (None,) * 3)
    found = estimate_classification(estimator, window.cells.sum(axis=2), window.cell_sums.sum(axis=2))
    macro = {"average": "macro"}
    areas = [metrics.roc_auc_score(labels == i, scores[:, i]) for i in range(3)]
    assert {name: own.value for name, own in found.items()} == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(labels, answers),
            "f1_macro": metrics.f1_score(labels, answers, **macro),
            "precision_macro": metrics.precision_score(labels, answers, **macro),
            "recall_macro": metrics.recall_score(labels, answers, **macro),
            "roc_auc_macro": np.mean(areas),
        },
        abs=0.02,
    )
    accuracy = found["accuracy"]
    assert accuracy.lower <= metrics.accuracy_score(labels, answers) <= accuracy.upper
    assert accuracy.deviation < 0.012


def test_more_records_and_a_design_effect() -> None:
    random = np.random.default_rng(11)
    outcomes = draw_reference(random, 100_000)
    estimator = fit_estimator(outcomes)
    assert estimator is not None
    cells = draw_window(random, outcomes, 1_000).cells[:, :, 2]
    sums = cells * 0.01
    alone = estimate_classification(estimator, cells, sums)["accuracy"]
    more = estimate_classification(estimator, 4 * cells, 4 * sums)["accuracy"]
    assert 0.4 < more.deviation / alone.deviation < 0.6
    dependent = estimate_classification(estimator, cells, sums, 4.0)["accuracy"]
    assert dependent.deviation == pytest.approx(2 * alone.deviation)


def test_nothing_to_go_by() -> None:
    assert fit_estimator(ReferenceOutcomes(10, ("0", "1"))) is None
    random = np.random.default_rng(12)
    outcomes = draw_reference(random, 1_000)
    estimator = fit_estimator(outcomes)
    assert estimator is not None
    none = np.zeros((1, 2, outcomes.cells.shape[-1]), dtype=np.int64)
    assert {} == estimate_classification(estimator, none, none.astype(float))
    only = none.copy()
    only[0, 0, 30] = 10
    # Nothing was predicted positive, so there is no precision.
    found = estimate_classification(estimator, only, only * 0.15)
    assert "precision" not in found
    assert {"accuracy", "recall"} <= set(found)
