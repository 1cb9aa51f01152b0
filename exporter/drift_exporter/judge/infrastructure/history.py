"""A signal's past on an even grid, as a forecast learns from it."""

from dataclasses import dataclass

import numpy as np

from drift_exporter.judge.infrastructure.slots import Slots, median
from drift_exporter.reference.model import FloatArray

HOUR, DAY, WEEK = 3600.0, 86400.0, 7 * 86400.0
LONGEST = 8 * WEEK
"""Nothing is learnt from what is older, unless values are rarer than every five minutes."""

_LEAST_SPAN = HOUR
_LEAST_VALUES = 30
_CELLS = (60.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10800.0, 14400.0, 21600.0, 43200.0, DAY)
_COARSE = 300.0


@dataclass(frozen=True)
class History:
    """Values (n,) of a signal, the last one of each cell of ``cell`` seconds; NaN where there is none.

    ``start`` (epoch seconds) is where the first cell begins; values are those of ``offset`` seconds after
    their cell's beginning. ``newest`` is the time of the last value.
    """

    start: float
    cell: float
    offset: float
    newest: float
    values: FloatArray

    @property
    def times(self) -> FloatArray:
        """Times (n,) of the values."""
        found: FloatArray = (
            self.start + np.arange(len(self.values), dtype=np.float64) * self.cell + self.offset
        )
        return found

    @property
    def shift(self) -> float:
        """Seconds by which values are after the middle of their cell."""
        return self.offset - self.cell / 2

    @property
    def span(self) -> float:
        """Seconds from the first cell to the last."""
        return len(self.values) * self.cell

    def rows(self, values: FloatArray, slots: Slots) -> FloatArray:
        """Values (n,) of the cells as (periods, slots, cells of a slot), NaN where there is none."""
        inside = round(slots.length / self.cell)
        width = slots.count * inside
        before = round(self.start / self.cell) % width
        behind = -(before + len(values)) % width
        filled = np.concatenate([np.full(before, np.nan), values, np.full(behind, np.nan)])
        return filled.reshape(-1, slots.count, inside)

    def unrolled(self, rows: FloatArray) -> FloatArray:
        """Values (n,) of the cells from what ``rows`` gave, or one of its shape."""
        flat = rows.reshape(-1)
        before = round(self.start / self.cell) % (rows.shape[1] * rows.shape[2])
        return flat[before : before + len(self.values)]

    def slow_level(self) -> FloatArray:
        """The level (n,), as it moves over weeks: means of seven days, with a day's median each."""
        per_day = round(DAY / self.cell)
        days = self.rows(self.values, Slots(1, DAY))[:, 0, :].T
        levels = median(days)
        known = np.isfinite(levels)
        levels = np.interp(np.arange(len(levels)), np.flatnonzero(known), levels[known])
        weekly = np.convolve(levels, np.full(7, 1 / 7), mode="valid")
        middles = (np.arange(len(weekly)) + 3.5) * per_day - round(self.start / self.cell) % per_day
        found: FloatArray = np.interp(np.arange(len(self.values)), middles, weekly)
        return found


def on_grid(times: FloatArray, values: FloatArray, step: float) -> History | None:
    """The past of a signal from values (n,) at times (n,), epoch seconds in any order.

    Cells last 5 minutes, a minute where there are less than two days, or ``step`` or the time between values
    where that is longer. The last value of each is used, not a mean: bands are for single values. None with
    less than an hour or 30 known values.
    """
    known = np.isfinite(values) & np.isfinite(times)
    if known.sum() < _LEAST_VALUES:
        return None
    times, values = times[known], values[known]
    newest = times.max()
    recent = times > newest - LONGEST * max(step / _COARSE, 1.0)
    times, values = times[recent], values[recent]
    span = newest - times.min() + step
    if span < _LEAST_SPAN or len(times) < _LEAST_VALUES:
        return None
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    wanted = max(step, _COARSE if span >= 2 * DAY else _CELLS[0], float(np.median(np.diff(times))))
    cell = next((cell for cell in _CELLS if cell >= wanted - 1e-6), float(np.ceil(wanted / DAY)) * DAY)
    places = np.floor(times / cell).astype(np.int64)
    first = int(places[0])
    filled = np.full(int(places[-1]) - first + 1, np.nan)
    filled[places - first] = values
    offset = float(np.median(times - places * cell))
    return History(first * cell, cell, offset, float(newest), filled)
