"""How many rows there are of each stretch of time, so that what expires is known without looking for it."""

from collections.abc import Mapping

import numpy as np

from drift_exporter.reference.model import IntArray

Slots = Mapping[int, int]
"""Number of rows by the beginning of their stretch (microseconds), none of them 0."""


def moved(slots: Slots, step: int, come: IntArray, gone: IntArray) -> dict[int, int]:
    """Slots of ``step`` microseconds after rows of some times (microseconds) have come and others gone."""
    found = dict(slots)
    for times, sign in ((come, 1), (gone, -1)):
        starts, counts = np.unique(times // step * step, return_counts=True)
        for start, count in zip(starts.tolist(), counts.tolist(), strict=True):
            found[start] = found.get(start, 0) + sign * count
    return {start: count for start, count in found.items() if count}


def expired(slots: Slots, due: int) -> tuple[dict[int, int], int]:
    """The slots from ``due`` on, and the number of rows in those before."""
    kept = {start: count for start, count in slots.items() if start >= due}
    return kept, sum(slots.values()) - sum(kept.values())
