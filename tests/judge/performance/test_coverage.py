"""Of 95 % intervals, 93 to 97 in 100 hold the true value, in windows of 100 and of 1,000 labels."""

from collections.abc import Mapping

import numpy as np
import pytest
from scipy.special import expit
from sklearn import metrics

from drift_exporter.count.moments import moments_of_binary, moments_of_ranking, moments_of_regression
from drift_exporter.judge.performance.confusion import accuracy, macro, of_class
from drift_exporter.judge.performance.curves import average_precision, roc_auc
from drift_exporter.judge.performance.estimates import Estimates
from drift_exporter.judge.performance.intervals import mean_of_positive, mean_of_share
from drift_exporter.judge.performance.ranking import ranking
from drift_exporter.judge.performance.regression import regression
from drift_exporter.reference.model import FloatArray, IntArray
from support.outcomes import labelled_scores

SAMPLES = 1500
# Three standard errors of a share of 0.95 among so many.
SLACK = 3 * np.sqrt(0.95 * 0.05 / SAMPLES)


def assert_covered(
    found: Mapping[str, Estimates],
    true: Mapping[str, float],
    least: Mapping[str, float] | None = None,
    most: float = 0.97,
) -> None:
    for name, value in true.items():
        own = found[name]
        known = np.isfinite(own.lower) & np.isfinite(own.upper)
        assert known.mean() > 0.99, name
        share = ((own.lower <= value) & (value <= own.upper))[known].mean()
        lowest = (least or {}).get(name, 0.93)
        assert lowest - SLACK <= share <= most + SLACK, (name, share)


def calibrated(
    random: np.random.Generator, mean: float, shape: tuple[int, ...]
) -> tuple[FloatArray, IntArray]:
    score = expit(random.normal(mean, 1.5, shape))
    return score, (random.random(shape) < score).astype(np.int64)


@pytest.mark.parametrize("rows", [100, 1000])
@pytest.mark.parametrize("mean", [0.0, -2.0])
def test_of_scores(mean: float, rows: int) -> None:
    random = np.random.default_rng([rows, int(-mean)])
    score, label = calibrated(random, mean, (400_000,))
    true = {
        "roc_auc": metrics.roc_auc_score(label, score),
        "average_precision": metrics.average_precision_score(label, score),
        "log_loss": metrics.log_loss(label, score),
        "brier": metrics.brier_score_loss(label, score),
    }
    score, label = calibrated(random, mean, (SAMPLES, rows))
    scores = labelled_scores(score, label)
    terms = moments_of_binary(score.ravel(), label.ravel().astype(np.float64))
    number, loss, loss_squared, brier, brier_squared = terms.reshape(SAMPLES, rows, -1).sum(axis=1).T
    found = {
        "roc_auc": roc_auc(scores),
        "average_precision": average_precision(scores),
        "log_loss": mean_of_positive(number, loss, loss_squared),
        "brier": mean_of_share(number, brier, brier_squared),
    }
    assert_covered(found, true)


@pytest.mark.parametrize(("share", "apart", "rows"), [(0.005, 3, 1000), (0.02, 6, 1000), (0.3, 8, 200)])
def test_of_areas_with_few_positives_and_of_sorts_that_are_all_but_apart(
    share: float, apart: float, rows: int
) -> None:
    random = np.random.default_rng([rows, apart])

    def draw(shape: tuple[int, ...]) -> tuple[FloatArray, IntArray]:
        label = (random.random(shape) < share).astype(np.int64)
        return expit(random.normal(-5, 1.5, shape) + apart * label), label

    score, label = draw((400_000,))
    true = metrics.roc_auc_score(label, score)
    found = roc_auc(labelled_scores(*draw((SAMPLES, rows))))
    assert_covered({"roc_auc": found.where(np.isfinite(found.value))}, {"roc_auc": true}, most=1.0)


CONFUSIONS = {
    "even": np.eye(3) * 0.8 + 0.2 / 3,
    "rare": np.array([[0.75, 0.03, 0.01], [0.05, 0.07, 0.01], [0.02, 0.02, 0.04]]),
    "perfect, nearly": np.eye(3) * 0.98 + 0.02 / 3,
}


@pytest.mark.parametrize("rows", [100, 1000])
@pytest.mark.parametrize("shape", CONFUSIONS)
def test_of_confusions(shape: str, rows: int) -> None:
    random = np.random.default_rng([rows, len(shape)])
    shares = CONFUSIONS[shape] / CONFUSIONS[shape].sum()

    def metrics_of(confusion: IntArray) -> dict[str, Estimates]:
        padded = np.pad(confusion, ((0, 0), (0, 1), (0, 1)))
        return {"accuracy": accuracy(padded), **macro(padded), **of_class(padded, 0)}

    true = metrics_of(np.round(shares * 1e12).astype(np.int64)[None])
    found = metrics_of(random.multinomial(rows, shares.ravel(), SAMPLES).reshape(-1, 3, 3))
    assert_covered(found, {name: float(own.value[0]) for name, own in true.items()})


@pytest.mark.parametrize("rows", [100, 1000])
def test_of_regressions(rows: int) -> None:
    random = np.random.default_rng(rows)

    def sums(samples: int, number: int) -> FloatArray:
        label = random.gamma(4, 2, (samples, number))
        prediction = label + random.normal(0.2, 1, label.shape)
        terms = moments_of_regression(prediction.ravel(), label.ravel())
        return terms.reshape(samples, number, -1).sum(axis=1)

    true = regression(sums(1, 400_000))
    found = regression(sums(SAMPLES, rows))
    names = ("mean_absolute_error", "root_mean_squared_error", "r2", "bias")
    # The variance of r2 needs fourth moments of labels that are not normal.
    least = {"r2": 0.92}
    assert_covered(found, {name: float(true[name].value[0]) for name in names}, least)


@pytest.mark.parametrize("rows", [100, 1000])
def test_of_lists(rows: int) -> None:
    random = np.random.default_rng(rows)

    def sums(samples: int, number: int) -> FloatArray:
        """One item stands for a list: the clicked one, or the first."""
        clicked = random.random((samples, number)) < 0.3
        place = np.minimum(random.geometric(0.35, clicked.shape), 10)
        position = np.stack([np.ones(clicked.shape), np.where(place > 1, place, 2)], axis=-1)
        clicks = np.stack([clicked & (place == 1), clicked & (place > 1)], axis=-1)
        terms = moments_of_ranking(position.ravel(), clicks.ravel().astype(np.float64))
        return terms.reshape(samples, number * 2, -1).sum(axis=1)

    true = ranking(sums(1, 400_000))
    found = ranking(sums(SAMPLES, rows))
    names = ("ndcg", "mean_reciprocal_rank")
    assert_covered(found, {name: float(true[name].value[0]) for name in names})
