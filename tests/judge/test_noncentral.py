import numpy as np
import pytest
from scipy import special

from drift_exporter.judge.noncentral import noncentrality_at
from drift_exporter.judge.sparse import EXPECTED, PARTS, moments

FREEDOMS = (0.5, 1, 2, 3, 6, 7.5, 9, 15, 50, 300)
NONCENTRALITIES = (0.0, 0.5, 2, 10, 40, 150, 1000, 5000)


@pytest.mark.parametrize("probability", [0.025, 0.05, 0.5, 0.975])
def test_the_distribution_is_inverted_nearly_exactly(probability: float) -> None:
    freedom, expected = (grid.ravel() for grid in np.meshgrid(FREEDOMS, NONCENTRALITIES))
    value = special.chndtrix(probability, freedom, expected)
    target = np.full(len(value), special.ndtri(probability))
    found = noncentrality_at(value, freedom, target)
    # What the interval promises is the probability, and that is the exact distribution's.
    assert special.chndtr(value, freedom, found) == pytest.approx(np.full(len(value), probability), abs=0.003)


def test_it_goes_on_where_scipy_ends() -> None:
    # By far: the distribution is normal then, with mean f + L and variance 2 f + 4 L.
    freedom, noncentrality = 9.0, 1e8
    value = freedom + noncentrality + 1.96 * np.sqrt(2 * freedom + 4 * noncentrality)
    found = noncentrality_at(np.array([value]), np.array([freedom]), np.array([1.96]))
    assert found[0] == pytest.approx(noncentrality, rel=1e-5)


def test_below_every_noncentrality_is_zero() -> None:
    value, freedom = np.array([0.0, 0.5, 0.5, 20.0]), np.array([1.0, 3.0, 9.0, 50.0])
    assert noncentrality_at(value, freedom, np.full(4, 1.96)).tolist() == [0.0] * 4


@pytest.mark.parametrize("method", PARTS)
@pytest.mark.parametrize("ratio", [0.5, 2.0, 64.0])
def test_what_sparse_bins_add_is_that_of_simulated_ones(method: str, ratio: float) -> None:
    random = np.random.default_rng(1)
    means, variances = moments(method, ratio)
    for i in (4, 16, 24):
        x = random.poisson(EXPECTED[i], 200_000).astype(float)
        y = random.poisson(ratio * EXPECTED[i], 200_000).astype(float)
        added = PARTS[method](x, y, ratio)
        assert means[i] == pytest.approx(added.mean(), rel=0.05, abs=0.01)
        assert variances[i] == pytest.approx(added.var(), rel=0.12, abs=0.02)


@pytest.mark.parametrize("method", PARTS)
@pytest.mark.parametrize("ratio", [0.1, 1.0, 50.0])
def test_a_well_filled_bin_is_one_degree_of_freedom(method: str, ratio: float) -> None:
    means, variances = moments(method, ratio)
    filled = (EXPECTED > 20) & (EXPECTED * ratio > 20)
    assert means[filled] == pytest.approx(np.ones(filled.sum()), abs=0.05)
    assert variances[filled] == pytest.approx(np.full(filled.sum(), 2.0), abs=0.25)


def test_bins_that_nobody_has_seen_add_nothing() -> None:
    for part in PARTS.values():
        assert part(np.array([0.0]), np.array([0.0]), 3.0).tolist() == [0.0]
