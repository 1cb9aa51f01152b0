"""The level of a signal now, and what it was known to be before each value."""

from collections.abc import Sequence

import numpy as np

from drift_exporter.judge.infrastructure.history import DAY, HOUR, History
from drift_exporter.judge.infrastructure.slots import median
from drift_exporter.reference.model import FloatArray

BLOCK = 6 * HOUR
"""A level is good for so long: forecasts are made anew about as often."""

MEMORIES = (1, 4, 12, 28)
"""Blocks whose median may be the level: from six hours to a week; besides these, the whole past."""


def levels(
    history: History, values: FloatArray, memories: Sequence[int] = MEMORIES
) -> list[tuple[float, FloatArray]]:
    """For the whole past and for each memory: the level now, and values (n,) less their level before.

    NaN where nothing was known before. A level of the whole past is taken off of all values.
    """
    whole = float(np.nanmedian(values))
    found = [(whole, values - whole)]
    size = max(round(BLOCK / history.cell), 1)
    count = len(values) // size
    if history.span < 2 * DAY or count < 8:
        return found
    rest = len(values) - count * size
    blocks = median(values[rest:].reshape(count, size).T)
    for memory in memories:
        if memory >= count:
            break
        padded = np.concatenate([np.full(memory, np.nan), blocks])
        # Row i holds the memory's blocks before block i; the last row is what is known now.
        before = median(np.lib.stride_tricks.sliding_window_view(padded, memory).T)
        known = np.repeat(before[:-1], size)
        found.append((float(before[-1]), np.concatenate([np.full(rest, np.nan), values[rest:] - known])))
    return found
