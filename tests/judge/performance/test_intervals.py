import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from drift_exporter.judge.performance.estimates import Estimate, Estimates, by_group
from drift_exporter.judge.performance.intervals import (
    f1,
    logit_interval,
    mean,
    mean_of_positive,
    mean_of_share,
    proportion,
)

TRIALS = np.array([1, 5, 30, 1000, 10**6])


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_proportions_have_the_interval_of_wilson(share: float) -> None:
    successes = np.round(TRIALS * share).astype(np.int64)
    found = proportion(successes, TRIALS)
    for place, (own, trials) in enumerate(zip(successes.tolist(), TRIALS.tolist(), strict=True)):
        expected = stats.binomtest(own, trials).proportion_ci(0.95, "wilson")
        assert expected.low == pytest.approx(found.lower[place], abs=1e-12)
        assert expected.high == pytest.approx(found.upper[place], abs=1e-12)


def test_a_design_effect_divides_the_trials() -> None:
    plain, wider = (
        proportion(np.array([30]), np.array([100])),
        proportion(np.array([60]), np.array([200]), 2.0),
    )
    assert (plain.lower.tolist(), plain.upper.tolist()) == (wider.lower.tolist(), wider.upper.tolist())


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_f1_is_within_its_interval_and_this_within_nought_and_one(
    right: int, missed: int, wrong: int
) -> None:
    found = f1(np.array([right]), np.array([right + wrong]), np.array([right + missed]))
    if right + missed + wrong == 0:
        assert np.isnan(found.value).all()
        return
    assert 2 * right / (2 * right + missed + wrong) == pytest.approx(found.value[0])
    assert 0 <= found.lower[0] <= found.value[0] <= found.upper[0] <= 1


def test_means_have_the_interval_of_student() -> None:
    values = np.random.default_rng(1).normal(3, 1, 12)
    sums = np.array([12.0]), np.array([values.sum()]), np.array([(values**2).sum()])
    expected = stats.t.interval(0.95, 11, values.mean(), stats.sem(values))
    found = mean(*sums)
    assert expected == pytest.approx((found.lower[0], found.upper[0]))
    # The same on the scale of logarithms, to the first order.
    factor = np.exp((expected[1] - values.mean()) / values.mean())
    positive = mean_of_positive(*sums)
    assert (values.mean() / factor, values.mean() * factor) == pytest.approx(
        (positive.lower[0], positive.upper[0])
    )


def test_means_of_shares_that_are_all_nought_have_the_interval_of_as_many_trials() -> None:
    zeros = mean_of_share(np.array([50.0]), np.array([0.0]), np.array([0.0]))
    assert proportion(np.array([0]), np.array([50])).upper == pytest.approx(zeros.upper)


def test_logit_intervals_are_symmetric_about_the_logit() -> None:
    found = logit_interval(np.array([0.9]), np.array([0.0009]))
    odds = [float(part[0] / (1 - part[0])) for part in (found.lower, found.value, found.upper)]
    assert odds[1] ** 2 == pytest.approx(odds[0] * odds[2])


def test_groups_have_what_is_known_of_them() -> None:
    nan = np.nan
    found = by_group(
        {"a": Estimates(np.array([1.0, 2.0, nan]), np.array([0.5, nan, nan]), np.array([2.0, 3.0, nan]))}, 3
    )
    assert [{"a": Estimate(1.0, 0.5, 2.0)}, {"a": Estimate(2.0)}, {}] == found
