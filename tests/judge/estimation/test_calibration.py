import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from drift_exporter.judge.estimation.calibration import fit_calibration, pool_adjacent_violators
from drift_exporter.reference.model import FloatArray, IntArray

COUNTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=30)


@given(COUNTS)
def test_blocks_are_those_of_isotonic_regression(counts: list[tuple[int, int]]) -> None:
    negatives, positives = np.array([own for own in counts if sum(own)] or [(1, 1)]).T
    weights = (negatives + positives).astype(np.float64)
    rates = positives / weights
    blocks = pool_adjacent_violators(rates, weights)
    found = np.bincount(blocks, positives) / np.bincount(blocks, weights)
    expected = IsotonicRegression().fit_transform(np.arange(len(rates)), rates, sample_weight=weights)
    np.testing.assert_allclose(found[blocks], expected, atol=1e-12)


def counted(
    random: np.random.Generator, rows: int, bend: float
) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Scores in 100 bins, of which the positive share is score ** bend."""
    scores = random.random(rows)
    labels = random.random(rows) < scores**bend
    bins = (scores * 100).astype(int)
    rows_of = [np.bincount(bins[labels == side], minlength=100) for side in (False, True)]
    return rows_of[0], rows_of[1], np.bincount(bins, scores, 100), scores


def test_scores_that_are_off_are_calibrated() -> None:
    negatives, positives, sums, _ = counted(np.random.default_rng(1), 20_000, 2.0)
    found = fit_calibration(negatives, positives, sums)
    assert found is not None
    assert found.calibrated
    at = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(found.probabilities(at), at**2, atol=0.05)
    # Beyond the points the rate stays as it is.
    assert found.probabilities(np.array([-5.0, 5.0])).tolist() == [found.rates[0], found.rates[-1]]


def test_scores_that_cannot_be_made_better_stay_as_they_are() -> None:
    scores = np.arange(1, 20) / 20
    positives = np.arange(1, 20) * 10
    found = fit_calibration(200 - positives, positives, 200 * scores)
    assert found is not None
    assert not found.calibrated
    assert [0.0, 0.33, 1.0] == found.probabilities(np.array([-0.1, 0.33, 1.2])).tolist()


def test_scores_that_are_no_probabilities_are_calibrated() -> None:
    negatives, positives, sums, _ = counted(np.random.default_rng(2), 1_000, 1.0)
    found = fit_calibration(negatives, positives, 10 * sums)
    assert found is not None
    assert found.calibrated


@pytest.mark.parametrize("side", [0, 1])
def test_without_a_record_of_each_label_there_is_none(side: int) -> None:
    counts = [np.array([3, 4]), np.array([0, 0])]
    assert fit_calibration(counts[side], counts[1 - side], np.array([0.3, 2.0])) is None


def test_blocks_cover_bins_without_a_record() -> None:
    found = fit_calibration(np.array([0, 5, 0, 1, 0]), np.array([0, 1, 0, 5, 0]), np.array([0, 2.0, 0, 4, 0]))
    assert found is not None
    assert [0, 0, 0, 1, 1] == found.blocks.tolist()
    assert [6.0, 6.0] == found.block_rows.tolist()
