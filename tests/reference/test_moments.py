import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.reference.moments import Moments

VALUES = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=80)


@given(VALUES, st.lists(st.integers(0, 80), max_size=5))
def test_pieces_have_the_moments_of_the_whole(numbers: list[float], cuts: list[int]) -> None:
    values, moments = np.array(numbers), Moments()
    for part in np.split(values, sorted(min(cut, len(values)) for cut in cuts)):
        moments.add(part)
    assert (len(values), values.min(), values.max()) == (moments.count, moments.minimum, moments.maximum)
    size = np.abs(values).max()
    assert moments.mean == pytest.approx(values.mean(), rel=1e-9, abs=1e-9 * size)
    assert moments.standard_deviation == pytest.approx(values.std(), rel=1e-9, abs=1e-7 * size)


def test_a_small_spread_far_from_zero_is_not_lost() -> None:
    moments = Moments()
    for _ in range(1000):
        moments.add(np.array([1e9, 1e9 + 1]))
    assert moments.standard_deviation == pytest.approx(0.5, rel=1e-6)


def test_nothing_has_no_spread() -> None:
    assert np.isnan(Moments().standard_deviation)
