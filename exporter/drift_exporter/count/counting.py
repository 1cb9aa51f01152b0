"""Counting: arrays of values in, counts per group and bin out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from drift_exporter.count.binner import Binner
from drift_exporter.count.layout import CategoricalSlot, Layout, NumericSlot
from drift_exporter.decode.plan import CodeArray
from drift_exporter.reference.model import FloatArray, IntArray, Kind

# Intermediate arrays of this length stay in the processor's cache and in memory that is used again; longer
# ones take twice the time.
_BLOCK_ROWS = 1 << 15


@dataclass(frozen=True)
class GroupCounts:
    """Counts (groups, layout.size), sums (groups, layout.sums_size) and rows (groups,).

    ``invalid`` counts infinite values by (kind, name); they are missing in the counts.
    """

    counts: IntArray
    sums: FloatArray
    rows: IntArray
    invalid: Mapping[tuple[Kind, str], int]


def count_columns(
    layout: Layout,
    numeric: tuple[FloatArray, ...],
    categorical: tuple[CodeArray, ...],
    group: IntArray,
    groups: int,
) -> GroupCounts:
    """Count each column's values by group.

    ``numeric`` and ``categorical`` are the plan's leaves (rows,), ``group`` (rows,) is in 0..groups-1.
    """
    counts = np.zeros((groups, layout.size), dtype=np.int64)
    sums = np.zeros((groups, layout.sums_size), dtype=np.float64)
    invalid: dict[tuple[Kind, str], int] = {}
    for start in range(0, len(group), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        for slot in layout.numeric:
            wrong = _count_numeric(slot, numeric[slot.leaf][rows], group[rows], counts, sums)
            if wrong:
                key = (slot.column.kind, slot.column.name)
                invalid[key] = invalid.get(key, 0) + wrong
        for categorical_slot in layout.categorical:
            codes = categorical[categorical_slot.leaf][rows]
            _count_categorical(categorical_slot, codes, group[rows], counts)
    return GroupCounts(counts, sums, np.bincount(group, minlength=groups), invalid)


def _count_numeric(
    slot: NumericSlot, values: FloatArray, group: IntArray, counts: IntArray, sums: FloatArray
) -> int:
    """Add one column's counts and sums; return how many values were infinite."""
    groups, bins = len(counts), slot.binner.bins
    place = _place(slot.binner.bin(values), group, groups, bins)
    total = np.bincount(place, weights=values, minlength=groups * bins)
    infinite = 0
    if not np.isfinite(total).all():
        finite = np.isfinite(values)
        infinite = int(np.count_nonzero(np.isinf(values)))
        if not finite.all():
            place = place[finite]
            total = np.bincount(place, weights=values[finite], minlength=groups * bins)
            missing = np.bincount(group[~finite], minlength=groups)
            counts[:, slot.start + bins] += missing
    found = np.bincount(place, minlength=groups * bins)
    counts[:, slot.start : slot.start + bins] += found.reshape(groups, bins)
    sums[:, slot.sums_start : slot.sums_start + bins] += total.reshape(groups, bins)
    return infinite


def _count_categorical(slot: CategoricalSlot, codes: CodeArray, group: IntArray, counts: IntArray) -> None:
    groups = len(counts)
    by_code = len(slot.bins)
    found = np.bincount(_place(codes.astype(np.int64), group, groups, by_code), minlength=groups * by_code)
    # Several codes may share a bin, so they are added one by one; there are few.
    for code, position in enumerate(slot.bins.tolist()):
        counts[:, slot.start + position] += found.reshape(groups, by_code)[:, code]


def _place(bins: IntArray, group: IntArray, groups: int, size: int) -> IntArray:
    if groups == 1:
        return bins
    bins += group * size
    return bins


def histogram_by(
    binner: Binner, values: FloatArray, group: IntArray, groups: int
) -> tuple[IntArray, FloatArray]:
    """Counts (groups, bins) and sums (groups,) of the finite values."""
    finite = np.isfinite(values)
    if not finite.all():
        values, group = values[finite], group[finite]
    place = _place(binner.bin(values), group, groups, binner.bins)
    counts = np.bincount(place, minlength=groups * binner.bins).astype(np.int64)
    sums = np.bincount(group, weights=values, minlength=groups).astype(np.float64)
    return counts.reshape(groups, binner.bins), sums
