"""The slices of time in which a version's predictions and outcomes are counted.

An outcome counts in the slice of its prediction, whenever the label comes. Windows may end some time before
the newest prediction, for labels that take long: their slices are kept as long as a window reaches back.
"""

from dataclasses import dataclass, field, replace

from drift_exporter.count.tally import Tally
from drift_exporter.window.slices import Window


@dataclass
class TallyRing:
    """Tallies by the start of their slice (microseconds), one dictionary for each level.

    ``levels`` are windows that reach back ``offset`` microseconds further than those that are told of, in the
    order of ``make_levels``. ``changed`` and ``evicted`` are as in ``ring.Ring``.
    """

    levels: tuple[Window, ...]
    offset: int
    slices: list[dict[int, Tally]] = field(default_factory=list)
    changed: set[tuple[int, int]] = field(default_factory=set)
    evicted: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.slices:
            self.slices = [{} for _ in self.levels]

    def add(self, level: int, start: int, tally: Tally) -> None:
        """Add to one slice of ``level`` and to those of all coarser levels."""
        for longer in range(level, len(self.levels)):
            slices = self.slices[longer]
            own_start = start - start % self.levels[longer].slice
            known = slices.get(own_start)
            slices[own_start] = tally if known is None else known.plus(tally)
            self.changed.add((longer, own_start))

    def evict(self, watermark: int) -> None:
        """Drop the slices that no window ending at or after ``watermark`` less the offset holds."""
        for level, (window, slices) in enumerate(zip(self.levels, self.slices, strict=True)):
            first = window.first_slice(watermark) * window.slice
            for start in [start for start in slices if start < first]:
                del slices[start]
                self.changed.discard((level, start))
                self.evicted[level] = first

    def window(self, level: int, watermark: int) -> dict[int, Tally]:
        """The tallies, by start, of the window of ``level`` that ends ``offset`` before ``watermark``."""
        end = watermark - self.offset
        window = told_of(self.levels[level], self.offset)
        first = window.first_slice(end) * window.slice
        return {start: tally for start, tally in self.slices[level].items() if first <= start <= end}

    def adopt(self, old: "TallyRing") -> None:
        """Take over the slices of the levels that are as before; none of them counts as changed."""
        slices = {window.key: own for window, own in zip(old.levels, old.slices, strict=True)}
        self.slices = [slices.get(window.key, {}) for window in self.levels]


def reaching_back(windows: tuple[Window, ...], offset: int) -> tuple[Window, ...]:
    """Windows that reach back ``offset`` microseconds further, in their order."""
    return tuple(replace(window, length=window.length + offset) for window in windows)


def told_of(level: Window, offset: int) -> Window:
    """The window that a level of ``reaching_back`` is kept for."""
    return replace(level, length=level.length - offset)
