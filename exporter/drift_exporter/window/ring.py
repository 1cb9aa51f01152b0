"""The slices that the windows of one model version are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.window.sample import NO_LIMIT, Sample, merge
from drift_exporter.window.slices import Window


@dataclass
class Slice:
    """Counts, sums and number of records of one slice of time, and some of the records where they are kept.

    Where the arrays cannot be written, as those of a state just read, they are replaced at the first change.
    """

    counts: IntArray
    sums: FloatArray
    rows: int
    sample: Sample | None = None


@dataclass(frozen=True)
class WindowSum:
    """A window's content. ``start`` and ``end`` in microseconds: the records' times are in [start, end].

    ``oldest`` is where its first slice with records starts, ``end`` where there is none. ``samples`` are
    those of its slices, where records are kept.
    """

    window: Window
    start: int
    end: int
    counts: IntArray
    sums: FloatArray
    rows: int
    oldest: int
    samples: tuple[Sample, ...] = ()


@dataclass
class Ring:
    """Slices by their start (microseconds), one dictionary for each level, in the order of ``make_levels``.

    ``changed`` holds the (level, start) of the slices, and ``evicted`` by level the time before which they
    are gone, since the last save; ``sampled`` are those of the changed slices whose sample is another.
    """

    windows: tuple[Window, ...]
    size: int
    sums_size: int
    slices: list[dict[int, Slice]] = field(default_factory=list)
    changed: set[tuple[int, int]] = field(default_factory=set)
    evicted: dict[int, int] = field(default_factory=dict)
    sampled: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        if not self.slices:
            self.slices = [{} for _ in self.windows]

    def add(self, level: int, start: int, counts: IntArray, sums: FloatArray, rows: int) -> None:
        """Add what was counted in one slice of ``level`` to that level and to all coarser ones."""
        for longer in range(level, len(self.windows)):
            window, slices = self.windows[longer], self.slices[longer]
            own_start = start - start % window.slice
            self.changed.add((longer, own_start))
            slot = slices.get(own_start)
            if slot is None:
                slices[own_start] = Slice(counts.copy(), sums.copy(), rows)
            elif slot.counts.flags.writeable:
                slot.counts += counts
                slot.sums += sums
                slot.rows += rows
            else:
                slices[own_start] = Slice(
                    slot.counts + counts, slot.sums + sums, slot.rows + rows, slot.sample
                )

    def keep(self, level: int, start: int, sample: Sample, size: int) -> None:
        """Keep some of the records that were just added to a slice, at most ``size`` of each slice."""
        for longer in range(level, len(self.windows)):
            own_start = start - start % self.windows[longer].slice
            part = self.slices[longer][own_start]
            merged = merge(part.sample, sample, size)
            if merged is not part.sample:
                part.sample = merged
                self.sampled.add((longer, own_start))

    def key_limit(self, level: int, start: int, size: int) -> int:
        """The largest key with which a record can get into the samples of a slice or of longer ones."""
        limits = [-1]
        for longer in range(level, len(self.windows)):
            part = self.slices[longer].get(start - start % self.windows[longer].slice)
            sample = None if part is None else part.sample
            if sample is None:
                return NO_LIMIT
            full = len(sample.keys) >= size
            limits.append(min(sample.limit, int(sample.keys[size - 1])) if full else sample.limit)
        return max(limits)

    def adopt(self, old: "Ring") -> None:
        """Take over the slices of the windows that are as long as before; none of them counts as changed."""
        slices = {window.key: own for window, own in zip(old.windows, old.slices, strict=True)}
        self.slices = [slices.get(window.key, {}) for window in self.windows]

    def evict(self, watermark: int) -> None:
        """Drop the slices that no window ending at or after ``watermark`` holds."""
        for level, (window, slices) in enumerate(zip(self.windows, self.slices, strict=True)):
            first = window.first_slice(watermark) * window.slice
            for start in [start for start in slices if start < first]:
                del slices[start]
                self.changed.discard((level, start))
                self.sampled.discard((level, start))
                self.evicted[level] = first

    def sum(self, level: int, watermark: int) -> WindowSum:
        """Add up the window of ``level`` that ends at ``watermark``."""
        window = self.windows[level]
        first = window.first_slice(watermark) * window.slice
        counts = np.zeros(self.size, dtype=np.int64)
        sums = np.zeros(self.sums_size, dtype=np.float64)
        rows, oldest = 0, watermark
        samples = []
        for start, part in self.slices[level].items():
            if first <= start <= watermark:
                counts += part.counts
                sums += part.sums
                rows += part.rows
                oldest = min(oldest, start)
                if part.sample is not None:
                    samples.append(part.sample)
        return WindowSum(window, first, watermark, counts, sums, rows, oldest, tuple(samples))

    def weigh(self, level: int, weights: Mapping[int, float]) -> tuple[IntArray, FloatArray, int]:
        """Counts, sums and number of records of the slices that start at these times, times their weights.

        Weighted counts are rounded once, after they are added up.
        """
        slices = self.slices[level]
        parts = [(slices[start], weight) for start, weight in weights.items() if start in slices]
        if all(weight == 1.0 for _, weight in parts):
            counts = np.zeros(self.size, dtype=np.int64)
            sums = np.zeros(self.sums_size, dtype=np.float64)
            for part, _ in parts:
                counts += part.counts
                sums += part.sums
            return counts, sums, sum(part.rows for part, _ in parts)
        weighted, sums = np.zeros(self.size), np.zeros(self.sums_size)
        for part, weight in parts:
            weighted += weight * part.counts
            sums += weight * part.sums
        rows = sum(weight * part.rows for part, weight in parts)
        return np.rint(weighted).astype(np.int64), sums, round(rows)
