import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import PCA

from drift_exporter.judge.multivariate.pca import TOLERANCE, VARIANCE_KEPT, fit_pca, pca_drift
from drift_exporter.judge.multivariate.shares import beyond
from drift_exporter.reference.model import FloatArray


def points(random: np.random.Generator, records: int, correlation: float = 0.9) -> FloatArray:
    """Eight coordinates; the first two are correlated."""
    found = random.normal(size=(records, 8))
    found[:, 1] = correlation * found[:, 0] + np.sqrt(1 - correlation**2) * found[:, 1]
    return found


def test_errors_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(5)
    mixed = points(random, 3_000) @ random.normal(size=(8, 8))
    pca = fit_pca(mixed)
    assert pca is not None
    theirs = PCA(n_components=VARIANCE_KEPT, svd_solver="full").fit(mixed[::2])
    assert theirs.n_components_ == pca.components.shape[1]
    window = random.normal(size=(50, 8))
    expected = window - theirs.inverse_transform(theirs.transform(window))
    np.testing.assert_allclose(expected, pca.residuals(window), atol=1e-9)
    held = mixed[1::2] - theirs.inverse_transform(theirs.transform(mixed[1::2]))
    assert pca.error == pytest.approx(np.linalg.norm(held, axis=1).mean())


def test_columns_that_move_together_no_more_are_seen_and_named() -> None:
    random = np.random.default_rng(6)
    pca = fit_pca(points(random, 10_000))
    assert pca is not None
    owner = np.repeat(np.arange(4), 2)
    score, confidence, shares = pca_drift(pca, points(random, 1_000, -0.9), owner, 4)
    assert score > 3 * TOLERANCE
    assert confidence > 0.999
    assert shares[0] > 0.8
    assert shares.sum() == pytest.approx(1)


def test_errors_that_shrink_are_drift_too() -> None:
    random = np.random.default_rng(7)
    pca = fit_pca(points(random, 10_000, 0.0))
    assert pca is not None
    score, confidence, _ = pca_drift(pca, 0.5 * points(random, 1_000, 0.0), np.arange(8), 8)
    assert score < -TOLERANCE
    assert confidence > 0.999


def test_records_like_the_reference_are_no_drift_however_many() -> None:
    random = np.random.default_rng(8)
    pca = fit_pca(points(random, 10_000))
    assert pca is not None
    for records in (50, 500, 50_000):
        assert pca_drift(pca, points(random, records), np.arange(8), 8)[1] < 0.5


def test_where_nothing_can_be_told() -> None:
    assert fit_pca(np.zeros((1_000, 3))) is None
    assert fit_pca(np.random.default_rng(1).normal(size=(38, 3))) is None
    # One coordinate is its own component, and leaves no error.
    assert fit_pca(np.random.default_rng(1).normal(size=(100, 1))) is None


@pytest.mark.parametrize("error", [0.05, 0.3])
def test_at_the_edge_of_the_tolerated_confidence_is_uniform(error: float) -> None:
    differences = np.random.default_rng(9).normal(0.2, error, 4_000)
    p_values = np.array([1 - beyond(difference, 0.2, error) for difference in differences])
    for level in (0.01, 0.05, 0.2):
        assert np.mean(p_values <= level) == pytest.approx(level, abs=0.02)
    p = 1 - beyond(0.31, 0.0, error)
    assert p == pytest.approx(2 * stats.norm.sf(0.31 / error))


def test_without_any_error_it_is_sure_or_not() -> None:
    assert (1.0, 0.0) == (beyond(-0.3, 0.2, 0.0), beyond(0.1, 0.2, 0.0))
