"""Values at even times, as many of the newest as there is room for."""

import numpy as np

from drift_exporter.reference.model import FloatArray, IntArray


class Grid:
    """Values at multiples of ``step`` (seconds), counted in it as *places*; NaN where there is none.

    It holds ``size`` places up to ``newest``, the last one that a value was put at; -1 before there is one.
    Putting a value further on drops the oldest ones.
    """

    def __init__(self, step: float, size: int) -> None:
        self.step, self.size = step, size
        self.newest = -1
        self._values = np.full(size, np.nan)

    def place(self, time: float) -> int:
        """The last place at or before a time (seconds since the epoch)."""
        return int(np.floor(time / self.step + 1e-6))

    def places(self, times: FloatArray) -> IntArray:
        """The places (n,) nearest to times (n,)."""
        found: IntArray = np.rint(times / self.step).astype(np.int64)
        return found

    def times(self, places: IntArray) -> FloatArray:
        """Times (n,) of places (n,)."""
        return places.astype(np.float64) * self.step

    def put(self, places: IntArray, values: FloatArray) -> None:
        """Set values (n,) at places (n,), in order; those too old are left out."""
        if not len(places):
            return
        newest = int(places[-1])
        if newest > self.newest:
            gap = min(newest - max(self.newest, newest - self.size), self.size)
            self._values[np.arange(newest - gap + 1, newest + 1) % self.size] = np.nan
            self.newest = newest
        kept = places > self.newest - self.size
        self._values[places[kept] % self.size] = values[kept]

    def tail(self, count: int, end: int) -> FloatArray:
        """Values (count,) at the places up to ``end``, NaN where there is none."""
        found = np.full(count, np.nan)
        first = max(end - count + 1, self.newest - self.size + 1, 0)
        last = min(end, self.newest)
        if first <= last:
            at = first - (end - count + 1)
            start, length = first % self.size, last - first + 1
            head = min(length, self.size - start)
            found[at : at + head] = self._values[start : start + head]
            found[at + head : at + length] = self._values[: length - head]
        return found

    def take(self, other: "Grid") -> None:
        """Put all that another one of the same step and size holds."""
        if other.newest >= 0:
            places = np.arange(max(other.newest - other.size + 1, 0), other.newest + 1)
            self.put(places, other.tail(len(places), other.newest))

    def at(self, place: int) -> float:
        """The value at a place that is held."""
        return float(self._values[place % self.size])
