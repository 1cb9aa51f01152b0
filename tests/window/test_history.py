import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.window.history import Past, Rolling, make_history, seasonal_past, whole_past
from drift_exporter.window.ring import Ring
from drift_exporter.window.slices import MICROSECONDS, assign, make_levels, make_windows

HOUR = 3600 * MICROSECONDS
DAY = 24 * HOUR
WEEK = 7 * DAY
BASE = 1_767_225_600 * MICROSECONDS

LENGTHS = st.sampled_from([60, 3600, 5400, 86400, 604800, 2592000]).map(lambda s: s * MICROSECONDS)
ROLLING = st.builds(
    Rolling,
    st.integers(1, 60 * 24).map(lambda hours: hours * HOUR),
    st.integers(0, 10 * 24 * 60).map(lambda minutes: minutes * 60 * MICROSECONDS),
)
SEASONAL = st.builds(
    lambda season, seasons, offset: Rolling(seasons * season, offset, season),
    st.sampled_from([DAY, WEEK]),
    st.integers(2, 9),
    st.integers(0, 10 * 24 * 60).map(lambda minutes: minutes * 60 * MICROSECONDS),
)


def kept(past: Past, history_start: int) -> bool:
    return all(start >= history_start for start in past.weights)


@settings(deadline=None)
@given(rolling=ROLLING, length=LENGTHS, moment=st.integers(0, WEEK))
def test_a_whole_past_is_as_long_as_configured_kept_and_apart_from_the_window(
    rolling: Rolling, length: int, moment: int
) -> None:
    end = BASE + moment
    (window,) = make_windows({"w": length / MICROSECONDS})
    history = make_history(rolling, length)
    start = window.first_slice(end) * window.slice

    past = whole_past(rolling, history, start, end)

    assert {1.0} == set(past.weights.values())
    assert past.end <= min(start, end - rolling.offset)
    assert past.end > min(start, end - rolling.offset) - history.slice
    assert past.end - past.start == max(history.slice, rolling.length - rolling.length % history.slice)
    assert sorted(past.weights) == list(range(past.start, past.end, history.slice))
    assert kept(past, history.first_slice(end) * history.slice)


@settings(deadline=None)
@given(rolling=SEASONAL, length=LENGTHS, moment=st.integers(0, WEEK))
def test_a_seasonal_past_lies_whole_seasons_before_the_window(
    rolling: Rolling, length: int, moment: int
) -> None:
    assert rolling.season is not None
    end = BASE + moment
    (window,) = make_windows({"w": length / MICROSECONDS})
    if window.length >= rolling.season:
        return
    history = make_history(rolling, length)
    start = window.first_slice(end) * window.slice

    past = seasonal_past(rolling, rolling.season, history, start, end)

    assert past.seasons
    assert kept(past, history.first_slice(end) * history.slice)
    wide = max(end - start, history.slice)
    for ago, part in zip(itertools.count(1), past.seasons, strict=False):
        assert all(0 < weight <= 1 for weight in part.values())
        assert wide == pytest.approx(sum(part.values()) * history.slice, abs=2)
        # Half a slice either side of the middle of what is counted is at most how far it can be off.
        middle = sum(weight * (first + history.slice / 2) for first, weight in part.items())
        middle /= sum(part.values())
        season = (start + end) / 2 - middle
        assert season / rolling.season == pytest.approx(round(season / rolling.season), abs=0.01)
        assert round(season / rolling.season) >= ago
        assert max(part) + history.slice <= start + history.slice


def test_the_middle_of_a_seasonal_past_is_that_of_the_window() -> None:
    rolling = Rolling(14 * DAY, DAY, DAY)
    history = make_history(rolling, HOUR)
    end = BASE + 10 * HOUR + 37 * 60 * MICROSECONDS

    past = seasonal_past(rolling, DAY, history, end - HOUR, end)

    first = past.seasons[0]
    assert {BASE - DAY + 9 * HOUR: 23 / 60, BASE - DAY + 10 * HOUR: 37 / 60} == pytest.approx(first)
    assert 14 == len(past.seasons)


def test_a_window_shorter_than_a_slice_is_compared_with_a_slice() -> None:
    rolling = Rolling(2 * DAY, 0, DAY)
    history = make_history(rolling, HOUR)
    end = BASE + 10 * HOUR + 31 * 60 * MICROSECONDS

    past = seasonal_past(rolling, DAY, history, end - 2 * 60 * MICROSECONDS, end)

    assert {BASE - DAY + 10 * HOUR: 1.0} == past.seasons[0]


@pytest.mark.parametrize(
    ("days", "offset_days", "season", "longest_days", "slices"),
    [
        (7, 1, None, 7, 112 + 2),
        (1, 1, None, 7, 192 + 2),
        (28, 1, None, 7, 280 + 2),
        (28, 1, WEEK, 7, 840 + 2),
        (14, 0, DAY, 1, 360 + 2),
    ],
)
def test_number_of_slices(
    days: int, offset_days: int, season: int | None, longest_days: int, slices: int
) -> None:
    history = make_history(Rolling(days * DAY, offset_days * DAY, season), longest_days * DAY)
    assert slices == history.length // history.slice


def test_the_history_is_one_more_level_between_the_windows() -> None:
    windows = make_windows({"1h": 3600.0, "30d": 2592000.0})
    history = make_history(Rolling(14 * DAY, DAY, DAY), 30 * DAY)

    levels = make_levels(windows, history)

    assert ("1h", "history", "30d") == tuple(level.name for level in levels)
    assert (windows[0].length, -HOUR, windows[1].length) == tuple(level.key for level in levels)
    assert make_levels(windows, None) == windows


@settings(deadline=None, max_examples=50)
@given(
    offsets=st.lists(st.integers(-50 * 24 * 60, 0), min_size=1, max_size=60),
    rolling=st.sampled_from(
        [Rolling(7 * DAY, DAY), Rolling(14 * DAY, DAY, DAY), Rolling(28 * DAY, 0, WEEK), Rolling(HOUR, 0)]
    ),
)
def test_the_history_holds_each_record_once_and_so_do_the_windows(
    offsets: list[int], rolling: Rolling
) -> None:
    windows = make_windows({"1h": 3600.0, "24h": 86400.0, "30d": 2592000.0})
    levels = make_levels(windows, make_history(rolling, windows[-1].length))
    level = next(i for i, one in enumerate(levels) if one.history)
    times = BASE + np.array(offsets, dtype=np.int64) * 60 * MICROSECONDS
    ring, watermark, late = Ring(levels, 1, 0), None, 0
    for time in times:
        found = assign(np.array([time]), watermark, 2**62, levels)
        watermark, late = found.watermark, late + found.late
        if found.level[0] >= 0:
            ring.add(int(found.level[0]), int(found.start[0]), np.array([1]), np.empty(0), 1)
        ring.evict(watermark)
    assert watermark is not None
    newest = np.maximum.accumulate(times)
    counted = times[times > newest - max(one.length for one in levels)]

    past = whole_past(rolling, levels[level], watermark, watermark)
    _, _, rows = ring.weigh(level, past.weights)

    assert len(times) - len(counted) == late
    assert np.count_nonzero((counted >= past.start) & (counted < past.end)) == rows
    for number, window in enumerate(levels):
        first = window.first_slice(watermark) * window.slice
        assert np.count_nonzero(counted >= first) == ring.sum(number, watermark).rows


def test_weights_are_applied_before_counts_are_rounded() -> None:
    ring = Ring(make_windows({"1h": 3600.0}), 2, 1)
    for start in (0, 60 * MICROSECONDS, 120 * MICROSECONDS):
        ring.add(0, start, np.array([3, 1]), np.array([1.5]), 4)

    counts, sums, rows = ring.weigh(0, {0: 0.25, 60 * MICROSECONDS: 0.25, 2**40: 1.0})

    assert ([2, 0], [0.75], 2) == (counts.tolist(), sums.tolist(), rows)
    assert ([6, 2], 8) == (ring.weigh(0, {0: 1.0, 60 * MICROSECONDS: 1.0})[0].tolist(), 8)
