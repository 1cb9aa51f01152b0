"""Profiles of a signal by the hour, and what each would have foreseen of other periods."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from drift_exporter.judge.infrastructure.history import DAY, HOUR, WEEK, History
from drift_exporter.judge.infrastructure.slots import Slots, filled, median
from drift_exporter.reference.model import FloatArray

_FOLDS = 4
_CERTAIN = 4.0
_OF_MEDIAN = 1.4826 * 1.2533
"""Standard error of a median over that of a median absolute deviation, by the root of the number, for normal
values."""


@dataclass(frozen=True)
class Profile:
    """A profile (slots,) by the slots of a period, and that by cells of the day, empty where there is none.

    ``foreseen`` (n,) is what the same way of learning says of each value of the history from other periods.
    """

    slots: Slots
    values: FloatArray
    minutes: FloatArray
    foreseen: FloatArray


def candidates(history: History) -> list[Profile]:
    """Profiles that the history is long enough for, the simplest first."""
    length = max(HOUR, history.cell)
    nothing = np.zeros(len(history.values))
    found = [Profile(Slots(1, length), np.zeros(1), np.zeros(0), nothing)]
    if length > DAY or history.span < 2 * DAY:
        return found
    long = history.span >= 2 * WEEK
    level = history.values - (history.slow_level() if long else float(np.nanmedian(history.values)))
    for period in (DAY, WEEK) if long else (DAY,):
        slots = Slots(round(period / length), length)
        values, foreseen = _learn(history, level, slots, filled)
        found.append(Profile(slots, values, np.zeros(0), foreseen))
    if history.cell < length:
        found += [_with_minutes(history, level, profile) for profile in found]
    return found


def _with_minutes(history: History, level: FloatArray, profile: Profile) -> Profile:
    cells = Slots(round(DAY / history.cell), history.cell)
    rest = level - profile.foreseen
    minutes, foreseen = _learn(history, rest - np.nanmedian(rest), cells, np.nan_to_num, certain=True)
    return Profile(profile.slots, profile.values, minutes, profile.foreseen + foreseen)


def _learn(
    history: History,
    values: FloatArray,
    slots: Slots,
    complete: Callable[[FloatArray], FloatArray],
    *,
    certain: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """The medians (slots,) of values (n,) by slot, and those learnt from other periods at each value (n,).

    ``certain``: slots whose median may as well be 0 have 0.
    """
    rows = history.rows(values, slots)
    by_slot = rows[:, :, 0] if rows.shape[2] == 1 else median(rows.transpose(2, 0, 1))
    times = (np.arange(rows.shape[1] * rows.shape[2]) + 0.5) * history.cell

    def learn(periods: FloatArray) -> FloatArray:
        middle = median(periods)
        if certain:
            error = _OF_MEDIAN * median(np.abs(periods - middle)) / np.sqrt(len(periods))
            middle = np.where(np.abs(middle) > _CERTAIN * error, middle, 0.0)
        return complete(middle)

    foreseen = np.empty(rows.shape)
    fold = np.arange(len(rows)) % min(len(rows), _FOLDS)
    for held in range(int(fold.max()) + 1):
        own = slots.between(learn(by_slot[fold != held]), times)
        foreseen[fold == held] = own.reshape(rows.shape[1:])
    return learn(by_slot), history.unrolled(foreseen)
