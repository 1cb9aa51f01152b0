import numpy as np
import pytest

from drift_exporter.judge.performance.calibration import (
    calibration_in_the_large,
    expected_calibration_error,
)
from support.outcomes import labelled_scores

SAMPLES = 400


@pytest.mark.parametrize("rows", [100, 1000])
@pytest.mark.parametrize("tilt", [0.0, 0.1, 0.3])
def test_of_intervals_95_in_100_hold_the_true_error(tilt: float, rows: int) -> None:
    """Labels are as probable as the score less ``tilt`` of its distance from 0.5."""
    random = np.random.default_rng([rows, int(10 * tilt)])
    score = random.random((SAMPLES, rows))
    probability = score + tilt * (0.5 - score)
    label = (random.random(score.shape) < probability).astype(np.int64)
    found = expected_calibration_error(labelled_scores(score, label))
    # Scores are even, so the mean distance from 0.5 is 1/4.
    true = tilt / 4
    assert ((found.lower <= true) & (true <= found.upper)).mean() >= 0.93
    assert (found.lower <= found.value).all()
    assert (found.value <= found.upper).all()


def test_calibration_in_the_large_is_the_mean_difference_and_its_variance() -> None:
    random = np.random.default_rng(3)
    score = random.random(500)
    label = (random.random(500) < 0.3).astype(np.int64)
    value, variance = calibration_in_the_large(labelled_scores(score[None], label[None]))
    assert (score - label).mean() == pytest.approx(value[0], abs=1e-12)
    # Scores within a bin are taken to be the bin's mean.
    assert (score - label).var(ddof=1) / 500 == pytest.approx(variance[0], rel=1e-4)


def test_without_the_even_edges_there_is_no_error() -> None:
    scores = labelled_scores(
        np.full((1, 9), 0.4), np.ones((1, 9), dtype=np.int64), np.linspace(0.1, 0.95, 30)
    )
    assert np.isnan(expected_calibration_error(scores).value).all()
