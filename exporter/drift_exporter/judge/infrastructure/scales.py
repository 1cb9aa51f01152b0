"""How much a signal's errors differ by the hour."""

import numpy as np

from drift_exporter.judge.infrastructure.history import DAY, WEEK, History
from drift_exporter.judge.infrastructure.slots import Slots, median
from drift_exporter.reference.model import FloatArray

_WORTH = 24.0
_LEAST = 0.1


def scale_by_slot(history: History, errors: FloatArray) -> tuple[Slots, FloatArray]:
    """Mean absolute errors (slots,) by the hour of the week, the day, or all together.

    Those of a slot are the median over periods, so that one incident leaves them as they are, and are drawn
    to those of the hour of the day, and these to all, as if these were worth ``_WORTH`` independent values.
    None is less than a tenth of all.
    """
    size = np.abs(errors)
    known = size[np.isfinite(size)]
    length = max(3600.0, history.cell)
    usual, rare = np.quantile(known, (0.95, 0.995)).tolist()
    cut = 3 * usual if usual > 0 else rare if rare > 0 else np.inf
    overall = float(np.minimum(known, cut).mean())
    slots, scale = Slots(1, length), np.array([overall])
    apart = _independent(np.minimum(size, cut))
    for period, least in ((DAY, 2 * DAY), (WEEK, 2 * WEEK)):
        if history.span < least or length > period or not overall:
            break
        slots = Slots(round(period / length), length)
        rows = history.rows(size, slots)
        sums = np.nansum(rows, axis=2)
        inside = np.isfinite(rows).sum(axis=2)
        counts = inside.sum(axis=0) * apart
        means = np.divide(sums, inside, out=np.full(sums.shape, np.nan), where=inside > 0)
        own = np.nan_to_num(median(means))
        prior = np.resize(scale, slots.count)
        scale = (counts * own + _WORTH * prior) / (counts + _WORTH)
    return slots, np.maximum(scale, _LEAST * overall)


def _independent(size: FloatArray) -> float:
    """How many independent values one of ``size`` (n,) is worth, if they are autoregressive."""
    pairs = np.isfinite(size[1:]) & np.isfinite(size[:-1])
    if not pairs.any():
        return 1.0
    first, second = size[:-1][pairs], size[1:][pairs]
    first, second = first - first.mean(), second - second.mean()
    both = float(np.sqrt((first @ first) * (second @ second)))
    alike = min(max(float(first @ second) / both, 0.0), 1.0) if both > 0 else 0.0
    return (1 - alike) / (1 + alike)


def scale_of_minutes(history: History, relative: FloatArray) -> FloatArray:
    """By what factor errors, in scales (n,), are larger at some cells of the day (cells,)."""
    rows = history.rows(np.abs(relative), Slots(round(DAY / history.cell), history.cell))[:, :, 0]
    # As large as on every fifth day: what happens at that time on some days only is no incident.
    rank = -(-4 * len(rows) // 5) - 1
    own = np.partition(np.nan_to_num(rows), rank, axis=0)[rank]
    usual = float(np.median(own))
    if usual <= 0:
        return np.ones(len(own))
    factor = np.where(own > 2 * usual, own / usual, 1.0)
    found: FloatArray = np.maximum.reduce([factor, np.roll(factor, 1), np.roll(factor, -1)])
    return found
