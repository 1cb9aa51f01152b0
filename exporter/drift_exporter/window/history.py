"""The past of a version, and which of it a window is compared with.

The history is one more level of slices beside those of the windows. A window is never compared with itself:
the reference ends ``offset`` before the newest record, and where the window is longer than that, where the
window begins.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from drift_exporter.window.slices import MICROSECONDS, Window, slice_seconds

_SLICES_PER_REFERENCE = 48
_SLICES_PER_HISTORY = 180
_SEASONAL_SLICE = 3600


@dataclass(frozen=True)
class Rolling:
    """A rolling reference: its length, offset and season (None: whole), all in microseconds."""

    length: int
    offset: int
    season: int | None = None


@dataclass(frozen=True)
class Past:
    """Slices of the history: their starts (microseconds) and which share of each counts, by season.

    ``start`` and ``end`` are what they span at most, in microseconds. Without a season there is one part.
    """

    seasons: tuple[Mapping[int, float], ...]
    start: int
    end: int

    @property
    def weights(self) -> Mapping[int, float]:
        """Shares of all slices by their starts; one at the edge of two seasons has a part of both."""
        if len(self.seasons) == 1:
            return self.seasons[0]
        found: dict[int, float] = {}
        for part in self.seasons:
            for start, weight in part.items():
                found[start] = found.get(start, 0.0) + weight
        return found


def make_history(rolling: Rolling, longest: int) -> Window:
    """The level of slices for a rolling reference beside windows of at most ``longest`` microseconds.

    Seasonal ones have slices of an hour. Others have at least 48 slices in the reference, unless the history
    as a whole would then have many more than 180.
    """
    reach = rolling.length + max(rolling.offset, longest)
    if rolling.season is None:
        most = max(rolling.length / _SLICES_PER_REFERENCE, reach / _SLICES_PER_HISTORY) / MICROSECONDS
        length = slice_seconds(most) * MICROSECONDS
    else:
        length = _SEASONAL_SLICE * MICROSECONDS
    # Slices are whole, so a reference may begin up to two of them earlier.
    return Window("history", reach + 2 * length, length, history=True)


def whole_past(rolling: Rolling, history: Window, start: int, end: int) -> Past:
    """The whole reference of a window from ``start`` to the newest record at ``end`` (microseconds)."""
    last = min(end - rolling.offset, start) // history.slice
    first = last - max(1, rolling.length // history.slice)
    weights = {number * history.slice: 1.0 for number in range(first, last)}
    return Past((weights,), first * history.slice, last * history.slice)


def seasonal_past(rolling: Rolling, season: int, history: Window, start: int, end: int) -> Past:
    """The parts of the reference that lie whole seasons before a window, the latest first.

    The window goes from ``start`` to ``end``, the newest record (microseconds). A slice that reaches out of
    such a part counts with the share of it that lies inside, so that the middle of both is at the same time
    of the season. A window shorter than a slice is compared with one slice's length around its middle.
    """
    until = min(end - rolling.offset, start)
    wider = max(0, history.slice - (end - start))
    begin, stop = start - wider // 2, end + (wider - wider // 2)
    parts = []
    ago = season
    while start - ago >= until - rolling.length:
        if end - ago <= until:
            parts.append(_shares(begin - ago, stop - ago, history.slice))
        ago += season
    return Past(tuple(parts), until - rolling.length, until)


def _shares(start: int, end: int, length: int) -> dict[int, float]:
    """Slices that overlap with a span, and the share of each that lies in it."""
    return {
        first: (min(first + length, end) - max(first, start)) / length
        for first in range(start - start % length, end, length)
    }
