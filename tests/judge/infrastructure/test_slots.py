import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from drift_exporter.judge.infrastructure.slots import Slots, filled, median

VALUES = st.floats(-100, 100) | st.just(np.nan)


@given(arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=VALUES))
def test_medians_are_those_of_numpy(values: np.ndarray) -> None:
    columns = [column[~np.isnan(column)] for column in values.T]
    expected = [np.median(column) if len(column) else np.nan for column in columns]
    np.testing.assert_allclose(median(values), expected, rtol=1e-12, atol=1e-12)


def test_profiles_go_round() -> None:
    day = Slots(24, 3600.0)
    hours = np.arange(24.0)
    times = np.array([1800.0, 3600.0, 86400.0 + 5400.0, 0.0, 86399.0])
    np.testing.assert_allclose([0.0, 0.5, 1.0, 11.5, 11.5], day.between(hours, times), atol=0.01)
    before, after, share = day.around(np.array([1800.0, 2700.0, 0.0]))
    assert [0, 0, 23] == before.tolist()
    assert [0, 1, 0] == after.tolist()
    assert [0.0, 0.25, 0.5] == share.tolist()


def test_one_slot_is_the_same_at_all_times() -> None:
    assert [3.0, 3.0] == Slots(1, 3600.0).between(np.array([3.0]), np.array([0.0, 99.0])).tolist()


def test_what_is_not_known_is_filled_from_its_neighbours_around_the_period() -> None:
    nan = np.nan
    assert [2.0, 1.0, 2.0, 3.0] == filled(np.array([nan, 1.0, nan, 3.0])).tolist()
    assert [0.0, 0.0] == filled(np.array([nan, nan])).tolist()
