import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from drift_exporter.judge.multivariate.mmd import (
    MOST_ROWS,
    PERMUTATIONS,
    TOLERANCE,
    gaussian_kernel,
    median_distance,
    mmd_drift,
    squared_distances,
)
from drift_exporter.reference.model import FloatArray


def direct(x: FloatArray, y: FloatArray) -> float:
    """Equation (3) of Gretton et al. (2012), term by term, with the median distance of all points."""
    scale = np.median(pdist(np.concatenate([x, y])))

    def kernel(a: FloatArray, b: FloatArray) -> FloatArray:
        return np.asarray(np.exp(-cdist(a, b, "sqeuclidean") / (2 * scale**2)))

    m, n = len(x), len(y)
    within_x = (kernel(x, x).sum() - m) / (m * (m - 1))
    within_y = (kernel(y, y).sum() - n) / (n * (n - 1))
    return float(within_x + within_y - 2 * kernel(x, y).mean())


@pytest.mark.parametrize(("m", "n", "p", "shift"), [(60, 40, 3, 0.5), (200, 250, 1, 0.0), (5, 4, 2, 2.0)])
def test_the_estimate_is_the_formula(m: int, n: int, p: int, shift: float) -> None:
    random = np.random.default_rng(m)
    x, y = random.normal(size=(m, p)), random.normal(shift, 1, (n, p))
    found = mmd_drift(x, y, 0)
    assert found is not None
    assert found.squared == pytest.approx(direct(x, y), abs=1e-12)
    assert found.distance == pytest.approx(np.sqrt(max(direct(x, y), 0)))
    assert found == mmd_drift(x, y, 0)


def test_distances_and_kernel() -> None:
    points = np.random.default_rng(1).normal(size=(30, 4))
    np.testing.assert_allclose(cdist(points, points) ** 2, squared_distances(points), atol=1e-12)
    assert median_distance(points, 10) == pytest.approx(np.median(pdist(points)))
    np.testing.assert_allclose(np.exp(-(cdist(points, points) ** 2) / 8), gaussian_kernel(points, 2.0))


def test_p_values_are_uniform_without_drift_and_nothing_alarms() -> None:
    random = np.random.default_rng(2)
    found = [mmd_drift(random.normal(size=(80, 3)), random.normal(size=(50, 3)), i) for i in range(80)]
    p_values = np.array([one.p_value for one in found if one is not None])
    assert 80 == len(p_values)
    for level in (0.05, 0.25, 0.5):
        assert np.mean(p_values <= level) == pytest.approx(level, abs=0.12)
    assert np.mean([one.confidence >= 0.95 for one in found if one is not None]) <= 0.05


def test_a_shift_is_seen_and_more_rows_than_are_used_change_nothing() -> None:
    random = np.random.default_rng(3)
    x, y = random.normal(size=(400, 5)), random.normal(size=(300, 5))
    y[:, 0] += 1
    found = mmd_drift(x, y, 0)
    assert found is not None
    assert found.p_value == 1 / (PERMUTATIONS + 1)
    assert found.confidence > 0.99
    assert found.distance > TOLERANCE
    long = random.normal(size=(MOST_ROWS + 500, 2))
    assert mmd_drift(long, long[:50], 0) == mmd_drift(long[:MOST_ROWS], long[:50], 0)


def test_what_only_relations_show_is_seen() -> None:
    random = np.random.default_rng(4)
    x = random.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 500)
    y = random.multivariate_normal([0, 0], [[1, -0.7], [-0.7, 1]], 500)
    found = mmd_drift(x, y, 0)
    assert found is not None
    assert found.confidence > 0.99


def test_where_nothing_can_be_told() -> None:
    assert mmd_drift(np.zeros((50, 2)), np.zeros((50, 2)), 0) is None
    assert mmd_drift(np.eye(3), np.eye(3), 0) is None
    # Most distances are 0, and not all.
    rare = np.zeros((50, 1))
    rare[:5] = 1
    found = mmd_drift(rare, rare[::-1].copy(), 0)
    assert found is not None
    assert found.confidence < 0.5
