"""Cutting the reference into windows of time, and calibrating on them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from drift_exporter.count.counting import count_columns
from drift_exporter.count.layout import Layout
from drift_exporter.decode.records import Records
from drift_exporter.judge.backtest import crosswise_effects, own_alarms
from drift_exporter.judge.calibration import (
    FEWEST_BLOCKS,
    FEWEST_RECORDS,
    FEWEST_WINDOWS,
    design_effect,
    design_effect_of_blocks,
    phases_of_day,
)
from drift_exporter.reference.model import Column, FloatArray, IntArray, NumericColumn, WindowCalibration
from drift_exporter.window.slices import MICROSECONDS

_MOST_WINDOWS = 1000
_CELLS = 6_000_000
_COUNTED_CELLS = 1 << 22
_BLOCKS = (1, 5, 15, 60, 300, 900, 3600, 10_800, 86_400, 604_800)
_JUDGED = 200
_JUDGEMENTS = 60_000
"""Of a wide model fewer windows are judged."""

Tolerance = Callable[[str], float]


@dataclass
class _Cut:
    """Windows of one length (microseconds), every ``stride``-th of them: exported counts, and records."""

    length: int
    stride: int
    counts: IntArray
    rows: IntArray = field(init=False)

    def __post_init__(self) -> None:
        self.rows = np.zeros(len(self.counts), dtype=np.int64)

    def places(self, times: IntArray, start: int) -> IntArray:
        """Which of the windows (rows,) times (rows,) are in; -1 in none."""
        number = (times - start) // self.length
        place = number // self.stride
        inside = (number % self.stride == 0) & (place < len(self.counts))
        return np.where(inside, place, -1)

    def enough(self) -> IntArray:
        """Exported counts of the windows with enough records to compare."""
        found: IntArray = self.counts[self.rows >= FEWEST_RECORDS]
        return found

    def starts(self, start: int) -> IntArray:
        """When these windows begin."""
        return start + np.flatnonzero(self.rows >= FEWEST_RECORDS) * self.stride * self.length


class WindowCounts:
    """Counts of the reference's own windows, of the lengths that will be judged."""

    def __init__(self, layout: Layout, lengths: Sequence[float], start: int, end: int, rows: int) -> None:
        """``lengths`` in seconds; records are from ``start`` to ``end`` (microseconds), ``rows`` of them."""
        self._layout = layout
        self._start = start
        self._span = end - start + 1
        self._rows = rows
        self._lengths = sorted(round(length * MICROSECONDS) for length in lengths)
        self._columns = layout.reference.columns
        sizes = [len(column.bins) for column in self._columns]
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        wanted = {length for length in self._lengths if self._fits(length, FEWEST_WINDOWS)}
        self._block = self._block_length() if len(wanted) < len(self._lengths) else None
        if self._block is not None:
            wanted.add(self._block)
        self._cuts: Mapping[int, _Cut] = {length: self._cut(length, len(wanted)) for length in wanted}

    @property
    def wanted(self) -> bool:
        """Whether there is anything to be found."""
        return bool(self._cuts)

    def add(self, records: Records) -> None:
        """Count the records of a chunk."""
        if records.timestamps is None:
            return
        for cut in self._cuts.values():
            places = cut.places(records.timestamps, self._start)
            used, group = np.unique(places, return_inverse=True)
            block = max(1, _COUNTED_CELLS // max(1, self._layout.size))
            for first in range(0, len(used), block):
                self._count(cut, records, used[first : first + block], group - first)

    def _count(self, cut: _Cut, records: Records, used: IntArray, group: IntArray) -> None:
        own = np.flatnonzero((group >= 0) & (group < len(used)))
        # Records of no window of this cut are the first group, where there are any.
        own = own[used[group[own]] >= 0]
        if not len(own):
            return
        found = count_columns(
            self._layout,
            tuple(values[own] for values in records.numeric),
            tuple(codes[own] for codes in records.categorical),
            group[own],
            len(used),
        )
        kept = used >= 0
        cut.rows[used[kept]] += found.rows[kept]
        for i, column in enumerate(self._columns):
            start = self._layout.starts[column.kind, column.name]
            counts = column.export(found.counts[:, start : start + column.size])
            cut.counts[used[kept], self._starts[i] : self._starts[i + 1]] += counts[kept]

    def calibrate(
        self, columns: tuple[Column, ...], tolerance: Tolerance, seed: int
    ) -> tuple[WindowCalibration, ...]:
        """What the windows say, by length.

        ``columns`` are those of the reference with all rows counted; ``tolerance`` gives a column's tolerated
        PSI by its name.
        """
        self._columns = columns
        found = [self._calibrated(length, tolerance, seed) for length in self._lengths]
        return tuple(one for one in found if one is not None)

    def _calibrated(self, length: int, tolerance: Tolerance, seed: int) -> WindowCalibration | None:
        columns = range(len(self._columns))
        cut = self._cuts.get(length)
        windows = None if cut is None else cut.enough()
        nothing = np.zeros(len(self._columns), dtype=np.int64)
        if windows is not None and len(windows) >= FEWEST_WINDOWS:
            effects = [design_effect(self._of(windows, i), self._total(i)) for i in columns]
            judged, alarms, plain = self._alarms(windows, tolerance)
            return WindowCalibration(
                length=length / MICROSECONDS,
                windows=len(windows),
                records=self._mean_records(windows),
                blocks=False,
                design_effects=_rounded(effects),
                judged=judged,
                alarms=alarms,
                plain_alarms=plain,
            )
        if self._block is None or length < self._block:
            return None
        blocks = self._cuts[self._block].enough()
        if len(blocks) < FEWEST_BLOCKS:
            return None
        parts = length / self._block
        phases = phases_of_day(self._cuts[self._block].starts(self._start), self._block)
        return WindowCalibration(
            length=length / MICROSECONDS,
            windows=len(blocks),
            records=self._mean_records(blocks) * parts,
            blocks=True,
            design_effects=_rounded(
                [
                    design_effect_of_blocks(self._of(blocks, i), self._total(i), parts, seed, phases)
                    for i in columns
                ]
            ),
            judged=0,
            alarms=nothing,
            plain_alarms=nothing,
        )

    def _alarms(self, windows: IntArray, tolerance: Tolerance) -> tuple[int, IntArray, IntArray]:
        alarms = np.zeros(len(self._columns), dtype=np.int64)
        plain = np.zeros(len(self._columns), dtype=np.int64)
        if len(windows) < 2 * FEWEST_WINDOWS:
            return 0, alarms, plain
        most = max(FEWEST_WINDOWS, min(_JUDGED, _JUDGEMENTS // max(1, len(self._columns))))
        # Neighbours in pairs, so that both halves are judged.
        step = max(1, math.ceil(len(windows) / most))
        chosen = np.arange(len(windows))
        chosen = chosen[chosen // 2 % step == 0] if step > 1 else chosen
        for i, column in enumerate(self._columns):
            own, total = self._of(windows, i), self._total(i)
            alarms[i], plain[i] = own_alarms(
                own[chosen],
                total,
                tolerance(column.name),
                crosswise_effects(own, total),
                quantiles=isinstance(column, NumericColumn),
            )
        return len(chosen), alarms, plain

    def _of(self, windows: IntArray, column: int) -> IntArray:
        return windows[:, self._starts[column] : self._starts[column + 1]]

    def _total(self, column: int) -> IntArray:
        return self._columns[column].exported_counts

    def _mean_records(self, windows: IntArray) -> float:
        return float(self._of(windows, 0).sum(axis=1).mean())

    def _fits(self, length: int, windows: int) -> bool:
        """Whether there are that many windows of that length, with enough records on the average."""
        return self._span // length >= windows and self._rows * length / self._span >= FEWEST_RECORDS

    def _block_length(self) -> int | None:
        lengths = [seconds * MICROSECONDS for seconds in _BLOCKS]
        return max((length for length in lengths if self._fits(length, FEWEST_BLOCKS)), default=None)

    def _cut(self, length: int, cuts: int) -> _Cut:
        whole = self._span // length
        size = int(self._starts[-1])
        most = min(_MOST_WINDOWS, max(FEWEST_BLOCKS, _CELLS // max(1, cuts * size)))
        stride = math.ceil(whole / most)
        return _Cut(length, stride, np.zeros((math.ceil(whole / stride), size), dtype=np.int64))


def _rounded(effects: Sequence[float]) -> FloatArray:
    """Sums depend on the order of adding them; what is stored does not."""
    return np.array([float(f"{effect:.6g}") for effect in effects])
