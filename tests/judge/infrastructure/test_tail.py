import numpy as np
import pytest

from drift_exporter.judge.infrastructure.tail import largest_but, tail_quantile

# Quantiles that 5 in 100,000 are above, by scipy.stats.
TRUE = {"normal": 3.8906, "exponential": 9.9035, "student": 13.0337, "uniform": 0.99995}


def draw(kind: str, count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return {
        "normal": lambda: random.normal(0, 1, count),
        "exponential": lambda: random.exponential(1, count),
        "student": lambda: random.standard_t(4, count),
        "uniform": lambda: random.random(count),
    }[kind]()


@pytest.mark.parametrize("kind", list(TRUE))
def test_a_quantile_far_out_is_met_and_rather_from_above(kind: str) -> None:
    found = np.array([tail_quantile(draw(kind, 8064, seed), 5e-5, incidents=0) for seed in range(40)])
    assert TRUE[kind] * 0.97 <= np.median(found) <= TRUE[kind] * 1.25
    assert np.quantile(found, 0.05) > 0.75 * TRUE[kind]


def test_a_share_within_the_sample_is_its_quantile() -> None:
    values = draw("normal", 8064, 1)
    assert np.quantile(values, 0.99) == pytest.approx(tail_quantile(values, 0.01, incidents=0), rel=0.05)


@pytest.mark.parametrize("kind", ["normal", "exponential"])
def test_incidents_are_left_out_but_no_more_than_asked_for(kind: str) -> None:
    values = draw(kind, 8064, 2)
    clean = tail_quantile(values, 5e-5, incidents=4)
    for start in (1000, 3000, 5000):
        values[start : start + 24] += 60
    assert clean == pytest.approx(tail_quantile(values, 5e-5, incidents=4), rel=0.15)
    assert tail_quantile(values, 5e-5, incidents=2) > 2 * clean


def test_values_that_are_not_known_count_for_nothing() -> None:
    values = draw("normal", 4000, 3)
    gaps = np.full(8000, np.nan)
    gaps[::2] = values
    expected = tail_quantile(values, 1e-4, incidents=0)
    assert expected == pytest.approx(tail_quantile(gaps, 1e-4, incidents=0), rel=0.02)


def test_values_that_hardly_differ_have_a_tail_that_ends_soon() -> None:
    assert 0.0 == tail_quantile(np.zeros(100), 1e-4, incidents=1)
    counts = (np.random.default_rng(4).random(8064) < 0.007).astype(np.float64)
    assert 1.0 < tail_quantile(counts, 5e-5, incidents=0) < 5.0


def test_the_largest_but_for_the_highest_stretches() -> None:
    values = draw("uniform", 2000, 5)
    values[500:510] = 7.0
    values[1500] = 5.0
    assert 7.0 == largest_but(values, 0)
    assert 5.0 == largest_but(values, 1)
    assert 0.99 < largest_but(values, 2) < 1.0
    assert 3.0 == largest_but(np.full(50, 3.0), 2)
