import numpy as np
import pytest

from drift_exporter.anomalies.examples import REACH, SPAN, Example, Examples

START = 491_000 * 3_600_000_000
START -= START % SPAN


def test_the_largest_percentiles_of_each_span_are_candidates() -> None:
    examples = Examples(2)
    times = START + np.array([0, 1, 2, SPAN, SPAN + 1, SPAN + 2])
    percentiles = np.array([0.991, 0.999, 0.995, 0.992, 0.993, 0.994])
    assert [1, 2, 5, 4] == examples.candidates(times, percentiles, int(times[-1])).tolist()


def test_only_what_is_above_the_least_one_known_is_a_candidate() -> None:
    examples = Examples(2)
    examples.add([Example(START, 0.992), Example(START + 1, 0.996), Example(START + 2, 0.994)])
    assert [0.996, 0.994] == [one.percentile for one in examples.spans[START]]
    times = START + np.array([3, 4, SPAN])
    percentiles = np.array([0.994, 0.995, 0.991])
    assert [1, 2] == examples.candidates(times, percentiles, START + SPAN).tolist()


def test_late_and_future_ones_are_none() -> None:
    times = START + np.array([-REACH, 1 - REACH, 0, 1])
    assert [1, 2] == sorted(Examples(9).candidates(times, np.full(4, 0.999), START).tolist())


def test_none_are_wanted() -> None:
    examples = Examples(0)
    assert [] == examples.candidates(np.array([START]), np.array([0.999]), START).tolist()
    assert [] == list(examples.shown(START))


def test_shown_are_the_most_anomalous_of_the_last_day_newest_first_among_equal_ones() -> None:
    examples = Examples(3)
    hour = SPAN // 4
    for i in range(48):
        examples.add([Example(START + i * hour, 0.99 + (i % 4) / 1000), Example(START + i * hour + 1, 0.99)])
    now = START + 47 * hour
    examples.evict(now)
    shown = examples.shown(now)
    assert [0.993] * 3 == [one.percentile for one in shown]
    assert [47, 43, 39] == [(one.time - START) // hour for one in shown]
    # Half a day later half of them are there still.
    shown = examples.shown(now + 12 * hour)
    assert [47, 43, 39] == [(one.time - START) // hour for one in shown]
    assert [] == list(examples.shown(now + 24 * hour + 2))


@pytest.mark.parametrize("size", [1, 7])
def test_a_week_keeps_no_more_than_a_day(size: int) -> None:
    examples = Examples(size)
    for i in range(7 * 24 * 60):
        time = START + i * 60_000_000
        examples.add([Example(time, 0.99 + (i * 7919 % 1000) / 1e6)])
        examples.evict(time)
        assert 24 // 4 + 2 >= len(examples.spans)
    assert all(size == len(own) for own in list(examples.spans.values())[:-1])
