import numpy as np

from drift_exporter.judge.infrastructure.history import DAY, WEEK, History, on_grid
from drift_exporter.judge.infrastructure.levels import MEMORIES, levels

START = 1_760_000_400.0


def past(values: np.ndarray) -> History:
    found = on_grid(START + np.arange(len(values)) * 300.0, values, 300.0)
    assert found is not None
    return found


def test_levels_are_medians_of_what_was_before() -> None:
    values = np.repeat(np.arange(112.0), 72)  # four weeks of six hours each
    found = levels(past(values), values)
    assert [55.5, 111.0, 109.5, 105.5, 97.5] == [level for level, _ in found]
    assert len(MEMORIES) + 1 == len(found)
    last, day = found[1][1], found[2][1]
    assert np.isnan(last[:72]).all()
    assert [1.0] * 72 == last[-72:].tolist()
    assert [2.5] * 72 == day[-72:].tolist()


def test_blocks_end_with_the_newest_value() -> None:
    values = np.concatenate([np.zeros(30), np.repeat(np.arange(112.0), 72)])
    assert 111.0 == levels(past(values), values, (1,))[1][0]
    assert np.isnan(levels(past(values), values, (1,))[1][1][: 30 + 72]).all()


def test_gaps_are_left_out() -> None:
    values = np.repeat(np.arange(28.0), 288)
    values[-288 * 3 : -100] = np.nan
    found = dict(zip([0, *MEMORIES], levels(past(values), values), strict=True))
    assert 27.0 == found[1][0]
    assert 27.0 == found[4][0]
    assert 26 * DAY < WEEK * 4


def test_less_than_two_days_have_one_level() -> None:
    values = np.arange(500.0)
    ((level, errors),) = levels(past(values), values)
    assert 249.5 == level
    assert (values - 249.5).tolist() == errors.tolist()
