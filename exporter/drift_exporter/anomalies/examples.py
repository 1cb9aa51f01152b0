"""The most anomalous records of the last day of event time, as many as are wanted.

They are kept by spans of some hours, as many of each: where the oldest span goes, those of the others stay.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.snapshot import OddColumn
from drift_exporter.window.slices import MICROSECONDS

REACH = 24 * 3600 * MICROSECONDS
SPAN = 4 * 3600 * MICROSECONDS
LONGEST = 128
"""Characters of an id, or of a value, that are kept."""


@dataclass(frozen=True)
class Example:
    """A record: its event time (microseconds), its percentile, and its columns that are odd, oddest first.

    ``id`` and ``trace_id`` are None where it has none.
    """

    time: int
    percentile: float
    columns: tuple[OddColumn, ...] = ()
    id: str | None = None
    trace_id: str | None = None


@dataclass
class Examples:
    """The ``size`` records with the largest percentiles of each span, by its start (microseconds)."""

    size: int
    spans: dict[int, tuple[Example, ...]] = field(default_factory=dict)

    def candidates(self, times: IntArray, percentiles: FloatArray, newest: int) -> IntArray:
        """Numbers of the records (records,) that would be kept, at most ``size`` of each span.

        ``newest`` is the newest event time (microseconds) after them.
        """
        if not self.size:
            return np.empty(0, dtype=np.int64)
        recent = np.flatnonzero((times > newest - REACH) & (times <= newest))
        span = times[recent] // SPAN
        order = recent[np.lexsort((-percentiles[recent], span))]
        of = times[order] // SPAN
        order = order[np.arange(len(of)) - np.searchsorted(of, of) < self.size]
        least = np.array([self._least(start) for start in (times[order] // SPAN * SPAN).tolist()])
        kept: IntArray = order[percentiles[order] > least] if len(order) else order
        return kept

    def add(self, found: Iterable[Example]) -> None:
        """Keep what is among the most anomalous of its span."""
        by_span: dict[int, list[Example]] = {}
        for one in found:
            by_span.setdefault(one.time // SPAN * SPAN, []).append(one)
        for start, new in by_span.items():
            # Of equal ones the first to come stays, whatever came with it.
            both = sorted((*self.spans.get(start, ()), *new), key=lambda one: -one.percentile)
            self.spans[start] = tuple(both[: self.size])

    def evict(self, watermark: int) -> None:
        """Let go of spans that are over for longer than a day at this event time (microseconds)."""
        for start in [start for start in self.spans if start + SPAN <= watermark - REACH]:
            del self.spans[start]

    def shown(self, watermark: int) -> Sequence[Example]:
        """The most anomalous ones of the last day, most anomalous first, of equal ones the newest."""
        every = [one for own in self.spans.values() for one in own if one.time > watermark - REACH]
        return sorted(every, key=lambda one: (-one.percentile, -one.time))[: self.size]

    def _least(self, start: int) -> float:
        """A percentile that is too small to be kept of a span."""
        known = self.spans.get(start, ())
        return known[-1].percentile if len(known) >= self.size else -1.0
