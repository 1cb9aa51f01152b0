import numpy as np
import pytest

from drift_exporter.judge.infrastructure.history import DAY, WEEK, History, on_grid
from drift_exporter.judge.infrastructure.profiles import Profile, candidates

START = 1_760_054_400.0  # midnight


def past(span: float, spacing: float = 300.0, seed: int = 1) -> History:
    times = START + np.arange(0, span, spacing)
    hour = times % DAY / 3600
    values = 50 + 10 * (hour >= 12) + np.random.default_rng(seed).normal(0, 1, len(times))
    found = on_grid(times, values, spacing)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("span", "spacing", "slots", "minutes"),
    [
        (4 * WEEK, 300.0, [1, 24, 168, 1, 24, 168], [0, 0, 0, 288, 288, 288]),
        (WEEK, 300.0, [1, 24, 1, 24], [0, 0, 288, 288]),
        (1.5 * DAY, 300.0, [1], [0]),
        (4 * WEEK, 3600.0, [1, 24, 168], [0, 0, 0]),
        (8 * WEEK, 6 * 3600.0, [1, 4, 28], [0, 0, 0]),
        (60 * DAY, DAY, [1, 1, 7], [0, 0, 0]),
        (120 * DAY, 2 * DAY, [1], [0]),
    ],
)
def test_there_are_as_many_profiles_as_the_past_is_long_enough_for(
    span: float, spacing: float, slots: list[int], minutes: list[int]
) -> None:
    found = candidates(past(span, spacing))
    assert slots == [len(profile.values) for profile in found]
    assert minutes == [len(profile.minutes) for profile in found]


def error(history: History, profile: Profile) -> float:
    apart = history.values - profile.foreseen
    return float(np.abs(apart - np.median(apart)).mean())


def test_the_day_is_foreseen_from_other_days_and_edges_to_the_minute() -> None:
    history = past(4 * WEEK)
    none, day, _, _, edges, _ = candidates(history)
    assert error(history, none) > 4
    assert error(history, day) < 1.2
    assert error(history, edges) < error(history, day)
    assert 10 == pytest.approx(day.values[18] - day.values[6], abs=1)


def test_a_value_is_not_foreseen_by_itself() -> None:
    history = past(4 * WEEK)
    odd = History(history.start, history.cell, history.offset, history.newest, history.values.copy())
    odd.values[3000:3288] += 1000
    for before, after in zip(candidates(history), candidates(odd), strict=True):
        changed = np.abs(after.foreseen - before.foreseen)[3000:3288]
        assert np.median(changed) < 50


def test_minutes_that_differ_by_chance_have_no_profile() -> None:
    times = START + np.arange(0, 4 * WEEK, 300.0)
    history = on_grid(times, np.random.default_rng(2).normal(0, 1, len(times)), 300.0)
    assert history is not None
    assert np.count_nonzero(candidates(history)[3].minutes) <= 3
