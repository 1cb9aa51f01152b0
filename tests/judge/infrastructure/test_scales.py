import numpy as np
import pytest

from drift_exporter.judge.infrastructure.history import DAY, WEEK, History, on_grid
from drift_exporter.judge.infrastructure.scales import scale_by_slot, scale_of_minutes

START = 1_760_054_400.0
MEAN = np.sqrt(2 / np.pi)  # mean absolute deviation of a normal variable


def past(span: float) -> History:
    times = START + np.arange(0, span, 300.0)
    found = on_grid(times, np.ones(len(times)), 300.0)
    assert found is not None
    return found


def noise(history: History) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, len(history.values))


@pytest.mark.parametrize(("span", "slots"), [(4 * WEEK, 168), (WEEK, 24), (DAY, 1)])
def test_scales_are_mean_absolute_errors_by_slot(span: float, slots: int) -> None:
    history = past(span)
    found, scale = scale_by_slot(history, noise(history))
    assert (slots, slots) == (found.count, len(scale))
    assert scale == pytest.approx(MEAN, rel=0.35)
    assert scale.mean() == pytest.approx(MEAN, rel=0.15)


def test_one_incident_changes_no_scale() -> None:
    history = past(4 * WEEK)
    errors = noise(history)
    _, before = scale_by_slot(history, errors)
    errors[4000:4036] += 500
    _, after = scale_by_slot(history, errors)
    assert (after / before).max() < 1.4


def test_hours_without_errors_have_a_tenth_of_the_mean_scale() -> None:
    history = past(4 * WEEK)
    day = np.floor(history.times / 3600) % 24 < 12
    _, scale = scale_by_slot(history, noise(history) * day)
    assert 0.1 == pytest.approx(scale[18] / (MEAN / 2), rel=0.1)


def test_errors_that_are_alike_for_hours_make_slots_more_alike() -> None:
    history = past(4 * WEEK)
    lasting = np.repeat(np.random.default_rng(2).normal(0, 1, len(history.values) // 72), 72)
    _, scale = scale_by_slot(history, lasting)
    assert scale.std() / scale.mean() < 0.15


def test_minutes_at_which_errors_recur_have_a_factor() -> None:
    history = past(4 * WEEK)
    relative = noise(history)
    at = np.floor(history.times % DAY / 300).astype(int)
    every_third = np.floor(history.times / DAY) % 3 == 0
    relative[(at == 100) & every_third] *= 50
    factor = scale_of_minutes(history, relative)
    assert {99, 100, 101} <= set(np.flatnonzero(factor > 3).tolist())
    assert np.count_nonzero(factor > 1) < 10
    assert [1.0] * 288 == scale_of_minutes(history, np.zeros(len(relative))).tolist()
