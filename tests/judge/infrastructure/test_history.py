import numpy as np
import pytest

from drift_exporter.judge.infrastructure.history import DAY, HOUR, LONGEST, WEEK, History, on_grid
from drift_exporter.judge.infrastructure.slots import Slots

START = 1_760_000_400.0


def known(history: History | None) -> History:
    assert history is not None
    return history


@pytest.mark.parametrize(
    ("span", "spacing", "step", "cell"),
    [
        (WEEK, 60.0, 60.0, 300.0),
        (DAY, 60.0, 60.0, 60.0),
        (DAY, 15.0, 15.0, 60.0),
        (WEEK, 300.0, 60.0, 300.0),
        (WEEK, 900.0, 60.0, 900.0),
        (WEEK, 420.0, 420.0, 600.0),
        (100 * DAY, DAY, DAY, DAY),
        (300 * DAY, 3 * DAY, 3 * DAY, 3 * DAY),
    ],
)
def test_cells_are_as_long_as_values_are_apart(span: float, spacing: float, step: float, cell: float) -> None:
    times = START + np.arange(0, span, spacing)
    history = known(on_grid(times, np.arange(len(times), dtype=np.float64), step))
    assert cell == history.cell
    assert times[-1] == history.newest
    assert len(times) - 1 == history.values[-1]


def test_the_last_value_of_a_cell_counts_in_any_order_and_gaps_stay() -> None:
    times = START + np.arange(0, WEEK, 60.0)
    values = np.arange(len(times), dtype=np.float64)
    values[(times >= START + DAY) & (times < START + DAY + HOUR)] = np.nan
    order = np.random.default_rng(1).permutation(len(times))
    history = known(on_grid(times[order], values[order], 60.0))
    assert 12 == np.isnan(history.values).sum()
    assert [4.0, 9.0, 14.0] == history.values[:3].tolist()
    assert -30.0 == history.shift


def test_what_is_old_is_left_out() -> None:
    times = START + np.arange(0, LONGEST + WEEK, HOUR)
    assert (LONGEST + WEEK) / HOUR == len(known(on_grid(times, np.ones(len(times)), HOUR)).values)
    times = START + np.arange(0, LONGEST + WEEK, 300.0)
    assert LONGEST / 300 == len(known(on_grid(times, np.ones(len(times)), 60.0)).values)


def test_rows_are_periods_and_can_be_taken_back() -> None:
    times = START + np.arange(0, 10 * DAY, 300.0)
    history = known(on_grid(times, np.arange(len(times), dtype=np.float64), 60.0))
    rows = history.rows(history.values, Slots(24, HOUR))
    assert (11, 24, 12) == rows.shape
    first = round(START % DAY / 300)
    assert [np.nan if i < first else i - first for i in range(288)] == pytest.approx(
        rows[0].reshape(-1).tolist(), nan_ok=True
    )
    assert history.values.tolist() == history.unrolled(rows).tolist()


def test_a_trend_over_weeks_is_told_whatever_the_season() -> None:
    times = START + np.arange(0, 4 * WEEK, 300.0)
    weekend = np.floor(times / DAY) % 7 >= 5
    trend = (times - START) / DAY
    values = trend + 10 * np.sin(2 * np.pi * times / DAY) - 30 * weekend
    slow = known(on_grid(times, values, 60.0)).slow_level()
    middle = slice(4 * 288, -4 * 288)
    apart = slow[middle] - trend[middle]
    assert apart.max() - apart.min() < 0.5
