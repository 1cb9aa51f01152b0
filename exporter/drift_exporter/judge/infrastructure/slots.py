"""Medians of values by their place in a period, such as the hour of the week."""

from dataclasses import dataclass

import numpy as np

from drift_exporter.reference.model import FloatArray, IntArray

_NEARLY = 1e-6


@dataclass(frozen=True)
class Slots:
    """The slots of a period: ``count`` slots of ``length`` seconds each."""

    count: int
    length: float

    def between(self, profile: FloatArray, times: FloatArray) -> FloatArray:
        """Values (n,) of a profile (count,) at times (n,): interpolated between the middles of slots."""
        if self.count == 1:
            return np.full(len(times), profile[0])
        before, after, share = self.around(times)
        found: FloatArray = profile[before] * (1 - share) + profile[after] * share
        return found

    def around(self, times: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
        """The slots whose middles are before and after times (n,), and what share of the way has passed.

        Both are the same in the very middle of a slot.
        """
        place = times / self.length - 0.5
        below = np.floor(place + _NEARLY)
        share = np.maximum(place - below, 0.0)
        before = below.astype(np.int64) % self.count
        after = np.where(share > _NEARLY, (before + 1) % self.count, before)
        return before, after, share


def median(values: FloatArray) -> FloatArray:
    """Median over the first axis of values (n, ...), NaN left out; NaN where there is none.

    What numpy.nanmedian gives, without its loop over columns.
    """
    ordered = np.sort(values, axis=0)
    if not len(ordered) or not np.isnan(ordered[-1]).any():
        half = (len(ordered) - 1) // 2
        return np.asarray((ordered[half] + ordered[-1 - half]) / 2, dtype=np.float64)
    last = np.maximum((~np.isnan(ordered)).sum(axis=0) - 1, 0)
    low = np.take_along_axis(ordered, (last // 2)[None], axis=0)[0]
    high = np.take_along_axis(ordered, ((last + 1) // 2)[None], axis=0)[0]
    found: FloatArray = (low + high) / 2
    return found


def filled(profile: FloatArray) -> FloatArray:
    """A profile (slots,) with what is not known interpolated from the neighbours around the period."""
    known = np.flatnonzero(np.isfinite(profile))
    if len(known) == len(profile) or not len(known):
        return np.nan_to_num(profile)
    found: FloatArray = np.interp(np.arange(len(profile)), known, profile[known], period=len(profile))
    return found
