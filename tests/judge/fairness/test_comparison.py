import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.judge.fairness.comparison import (
    Rates,
    below_ratio,
    largest_difference,
    smallest_ratio,
)
from drift_exporter.judge.performance.estimates import Estimates
from drift_exporter.judge.performance.intervals import proportion

SAMPLES = 600
SLACK = 3 * np.sqrt(0.95 * 0.05 / SAMPLES)


def rates(successes: list[int], trials: list[int]) -> Rates:
    def at(z: float) -> Estimates:
        return proportion(np.array(successes), np.array(trials), z=z)

    return at


def test_two_groups_have_the_interval_of_newcombe() -> None:
    # Newcombe (1998), part 2, table II, method 10: 56/70 against 48/80.
    difference = largest_difference(rates([56, 48], [70, 80]))
    assert difference is not None
    assert (0.2, 0.0524, 0.3339) == pytest.approx(
        (difference.value, difference.lower, difference.upper), abs=5e-5
    )


def test_two_groups_whose_difference_may_be_nought_have_an_interval_from_there() -> None:
    # The same table: 9/10 against 3/10 is 0.1705 to 0.8090; turned around it is the same.
    for order in ([9, 3], [3, 9]):
        difference = largest_difference(rates(order, [10, 10]))
        assert difference is not None
        assert (0.1705, 0.8090) == pytest.approx((difference.lower, difference.upper), abs=5e-5)
    small = largest_difference(rates([5, 6], [10, 10]))
    assert small is not None
    assert small.lower == 0


def test_ratios_are_those_of_the_formula() -> None:
    numerator, denominator = (proportion(np.array([x]), np.array([100])) for x in (30, 60))
    (p, a, b), (q, c, d) = (
        (float(own.value[0]), float(own.lower[0]), float(own.upper[0])) for own in (numerator, denominator)
    )
    root = (p * q) ** 2 - a * d * (2 * p - a) * (2 * q - d)
    lower = (p * q - np.sqrt(root)) / (d * (2 * q - d))
    root = (p * q) ** 2 - b * c * (2 * p - b) * (2 * q - c)
    upper = (p * q + np.sqrt(root)) / (c * (2 * q - c))
    found = smallest_ratio(rates([30, 60], [100, 100]))
    assert found is not None
    assert (0.5, lower, upper) == pytest.approx((found.value, found.lower, found.upper))


@pytest.mark.parametrize("rows", [100, 1000])
@pytest.mark.parametrize(
    ("shares", "most"),
    [
        # With equal rates only the lower end can miss, near to it the interval is conservative.
        ([0.5, 0.5], 1.0),
        ([0.5, 0.2], 0.97),
        ([0.95, 0.76], 0.97),
        ([0.3, 0.1], 0.97),
        ([0.5, 0.45, 0.5, 0.4, 0.5], 1.0),
        ([0.4] * 20, 1.0),
    ],
)
def test_of_95_intervals_in_100_hold_the_true_value(shares: list[float], most: float, rows: int) -> None:
    random = np.random.default_rng([rows, len(shares), int(100 * shares[1])])
    true = np.array(shares)
    apart, ratio = true.max() - true.min(), true.min() / true.max()
    held = np.zeros(2)
    for counts in random.binomial(rows, true, (SAMPLES, len(true))):
        own = rates(counts.tolist(), [rows] * len(true))
        difference, quotient = largest_difference(own), smallest_ratio(own)
        assert difference is not None
        assert quotient is not None
        held += [
            (difference.lower or 0) <= apart + 1e-12 <= (difference.upper or 0) + 2e-12,
            (quotient.lower or 0) <= ratio <= (quotient.upper or 0) + 1e-12,
        ]
    for share in held / SAMPLES:
        assert 0.93 - SLACK <= share <= most + SLACK


@pytest.mark.parametrize("rows", [100, 1000])
@pytest.mark.parametrize("shares", [[0.5, 0.4], [0.1, 0.08], [0.95, 0.76], [0.5, 0.4, 0.5, 0.4]])
def test_a_ratio_of_just_four_fifths_is_called_broken_as_seldom_as_promised(
    shares: list[float], rows: int
) -> None:
    random = np.random.default_rng([rows, len(shares), int(100 * shares[1])])
    trials = np.full(len(shares), float(rows))
    found = [
        below_ratio(counts * 1.0, trials) or 0.0
        for counts in random.binomial(rows, shares, (2 * SAMPLES, len(shares)))
    ]
    assert np.mean(np.array(found) >= 0.95) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / (2 * SAMPLES))
    assert np.mean(np.array(found) >= 0.99) <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / (2 * SAMPLES))


def test_a_ratio_that_is_far_below_is_surely_broken_and_one_above_is_not() -> None:
    trials = np.array([1000.0, 1000.0, 1000.0])
    assert (below_ratio(np.array([500.0, 200.0, 450.0]), trials) or 0) > 0.9999
    assert below_ratio(np.array([500.0, 490.0, 480.0]), trials) == 0


def test_the_larger_of_two_differences_has_a_lower_end_for_all_of_their_pairs() -> None:
    small, large = rates([50, 55, 52], [100, 100, 100]), rates([20, 60, 40], [100, 100, 100])
    alone, both = largest_difference(large), largest_difference(small, large)
    assert alone is not None
    assert both is not None
    assert (alone.value, alone.upper) == (both.value, both.upper)
    assert 0 < (both.lower or 0) < (alone.lower or 0)
    six = largest_difference(rates([20, 60, 40, 40], [100] * 4))  # as many pairs
    assert six is not None
    assert six.lower == both.lower


def test_what_cannot_be_compared_is_not() -> None:
    assert largest_difference(rates([3], [10])) is None
    assert largest_difference(rates([3, 0], [10, 0])) is None
    assert largest_difference(rates([3, 4], [10, 10]), rates([3, 0], [10, 0])) is None
    assert smallest_ratio(rates([0, 0], [10, 10])) is None
    assert below_ratio(np.array([0.0, 0.0]), np.array([10.0, 10.0])) is None
    assert below_ratio(np.array([3.0, 0.0]), np.array([10.0, 0.0])) is None


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=6))
def test_values_are_within_their_intervals_whatever_the_counts(groups: list[tuple[int, int]]) -> None:
    successes, failures = np.array(groups).T
    own = rates(successes.tolist(), (successes + failures).tolist())
    for found in (largest_difference(own), largest_difference(own, own), smallest_ratio(own)):
        if found is not None:
            assert found.lower is not None
            assert found.upper is not None
            assert 0 <= found.lower <= found.value <= found.upper <= 1
    sure = below_ratio(successes * 1.0, (successes + failures) * 1.0)
    assert sure is None or 0 <= sure <= 1
