import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from drift_exporter.judge.multiple import benjamini_hochberg, dataset_p_value

P_VALUES = st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.05, 1.0])), min_size=1, max_size=50)


@given(P_VALUES)
def test_adjusted_as_scipy_does(p_values: list[float]) -> None:
    expected = stats.false_discovery_control(p_values, method="bh")
    np.testing.assert_allclose(benjamini_hochberg(np.array(p_values)), expected, rtol=1e-12)


def test_a_worked_example() -> None:
    adjusted = benjamini_hochberg(np.array([0.01, 0.5, 0.03, 0.02]))
    np.testing.assert_allclose([0.04, 0.5, 0.04, 0.04], adjusted)


@given(P_VALUES)
def test_simes_is_the_least_of_the_ordered_p_values_over_their_rank(p_values: list[float]) -> None:
    ordered = np.sort(p_values)
    expected = min(1.0, float((ordered * len(ordered) / np.arange(1, len(ordered) + 1)).min()))
    np.testing.assert_allclose(dataset_p_value(np.array(p_values)), expected, rtol=1e-12)


def test_simes_holds_its_level_on_independent_columns() -> None:
    random = np.random.default_rng(1)
    false_alarms = np.mean([dataset_p_value(random.uniform(size=40)) <= 0.05 for _ in range(4000)])
    assert 0.04 <= false_alarms <= 0.06


def test_nothing_to_adjust() -> None:
    assert benjamini_hochberg(np.array([])).shape == (0,)
