import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from drift_exporter.judge.calibration import (
    FEWEST_BLOCKS,
    FEWEST_WINDOWS,
    design_effect,
    design_effect_of_blocks,
    effects_in_window,
    phases_of_day,
)
from drift_exporter.judge.confidence import drift_confidence
from drift_exporter.reference.model import FloatArray, IntArray, WindowCalibration

EVEN = np.full(10, 0.1)


def independent(windows: int, records: int, shares: FloatArray = EVEN, seed: int = 1) -> IntArray:
    return np.random.default_rng(seed).multinomial(records, shares, windows)


def clustered(windows: int, clusters: int, size: int, seed: int = 1) -> IntArray:
    """Each record comes ``size`` times: the design effect is just that."""
    return independent(windows, clusters, seed=seed) * size


def cyclic(windows: int, records: int, amplitude: float, seed: int = 1) -> IntArray:
    """The mix of values swings from window to window, in one direction."""
    random = np.random.default_rng(seed)
    swing = amplitude * np.sin(np.arange(windows) * 2.39996)
    shares = EVEN * np.exp(swing[:, None] * np.linspace(-1, 1, len(EVEN)))
    return random.multinomial(records, shares / shares.sum(axis=1, keepdims=True))


def effect(windows: IntArray) -> float:
    return design_effect(windows, windows.sum(axis=0))


def calibration(length: float, effects: list[float], records: float = 1000.0) -> WindowCalibration:
    none = np.zeros(len(effects), dtype=np.int64)
    return WindowCalibration(length, 100, records, False, np.array(effects), 0, none, none)  # noqa: FBT003


@pytest.mark.parametrize("windows", [20, 100, 1000])
def test_independent_records_have_no_effect_to_speak_of(windows: int) -> None:
    found = [effect(independent(windows, 500, seed=seed)) for seed in range(50)]
    assert min(found) == 1.0
    assert float(np.mean(found)) < 1.1


@pytest.mark.parametrize("size", [2, 5, 20])
@pytest.mark.parametrize("windows", [20, 100, 500])
def test_records_that_come_in_clusters_count_once(windows: int, size: int) -> None:
    found = [effect(clustered(windows, 200, size, seed)) for seed in range(50)]
    assert size <= float(np.mean(found)) <= 1.25 * size
    assert min(found) > 0.65 * size


def test_the_first_order_is_what_pearsons_statistic_says() -> None:
    windows = clustered(2000, 200, 4)
    total = windows.sum(axis=0)
    statistics = [
        stats.chi2_contingency([window, total - window], correction=False).statistic for window in windows
    ]
    # The tail of 2,000 windows is known up to a few parts in a hundred.
    assert effect(windows) == pytest.approx(np.mean(statistics) / 9, rel=0.1)
    assert effect(windows) >= np.mean(statistics) / 9 - 1e-9


@pytest.mark.parametrize("amplitude", [0.3, 0.6])
@pytest.mark.parametrize("kept", [12, 60, 2000])
def test_a_swing_in_one_direction_does_not_alarm(amplitude: float, kept: int) -> None:
    """Also where there are too few windows to see the tail: the second order foresees it."""
    windows = cyclic(2000, 500, amplitude)
    total = windows.sum(axis=0)
    known = design_effect(windows[:kept], windows[:kept].sum(axis=0))
    later = cyclic(300, 500, amplitude, seed=2)

    def alarms(found: float) -> float:
        confident = [drift_confidence(total, window, 0.0, found, quantiles=True) for window in later]
        return float(np.mean(np.array(confident) >= 0.99))

    assert alarms(known) <= 0.01
    assert alarms(1.0) >= 0.25


@pytest.mark.parametrize("parts", [1, 7, 30])
def test_windows_put_together_from_independent_blocks_have_their_effect(parts: int) -> None:
    blocks = clustered(200, 100, 5)
    found = design_effect_of_blocks(blocks, blocks.sum(axis=0), parts)
    assert found == pytest.approx(5.0, rel=0.25)


def test_windows_of_whole_days_have_no_daily_cycle_in_them() -> None:
    random = np.random.default_rng(5)
    phases = np.arange(56) % 8
    slope = np.sin(2 * np.pi * phases / 8)[:, None] * np.linspace(-1, 1, 10)
    shares = np.exp(slope) / np.exp(slope).sum(axis=1, keepdims=True)
    blocks = random.multinomial(500, shares)
    total = blocks.sum(axis=0)
    assert design_effect_of_blocks(blocks, total, 8) > 10
    assert design_effect_of_blocks(blocks, total, 8, phases=phases) < 1.5
    # Half a day is no whole day.
    assert design_effect_of_blocks(blocks, total, 4, phases=phases) > 10


def test_parts_of_a_day() -> None:
    hours = np.arange(30) * 3_600_000_000
    found = phases_of_day(hours, 3_600_000_000)
    assert found is not None
    assert [*range(24), *range(6)] == found.tolist()
    assert phases_of_day(hours, 7 * 3_600_000_000) is None
    assert phases_of_day(hours, 24 * 3_600_000_000) is None


def test_too_little_says_nothing() -> None:
    windows = independent(30, 500)
    total = windows.sum(axis=0)
    assert math.isnan(design_effect(windows[: FEWEST_WINDOWS - 1], total))
    assert math.isnan(design_effect_of_blocks(windows[: FEWEST_BLOCKS - 1], total, 3))


def test_a_constant_does_not_vary() -> None:
    windows = np.column_stack([np.zeros(20, dtype=np.int64), np.full(20, 100), np.zeros(20, dtype=np.int64)])
    assert effect(windows) == 1.0


@given(
    st.lists(
        st.lists(st.integers(0, 10_000), min_size=5, max_size=5).filter(any),
        min_size=FEWEST_WINDOWS,
        max_size=30,
    )
)
def test_any_counts_have_an_effect_of_at_least_one(rows: list[list[int]]) -> None:
    windows = np.array(rows, dtype=np.int64)
    found = effect(windows)
    assert 1.0 <= found < math.inf
    # As many more records of each kind are as many more clusters of the same.
    assert effect(windows * 3) >= found - 1e-9


def test_between_two_lengths_it_is_interpolated() -> None:
    known = (calibration(3600, [1.0, 3.0]), calibration(14400, [2.0, 1.0]))
    for length, expected in [
        (60, [1.0, 3.0]),
        (3600, [1.0, 3.0]),
        (7200, [1.5, 2.0]),
        (14400, [2.0, 1.0]),
        (1e9, [2.0, 1.0]),
    ]:
        np.testing.assert_allclose(effects_in_window(known, 2, length, 1000), expected)
    np.testing.assert_array_equal([1.0, 1.0, 1.0], effects_in_window((), 3, 3600, 1000))


def test_what_is_not_chance_weighs_more_with_more_records() -> None:
    known = (calibration(3600, [1.0, 3.0], records=200.0),)
    np.testing.assert_allclose([1.0, 3.0], effects_in_window(known, 2, 3600, 50))
    np.testing.assert_allclose([1.0, 3.0], effects_in_window(known, 2, 3600, 200))
    np.testing.assert_allclose([1.0, 11.0], effects_in_window(known, 2, 3600, 1000))
