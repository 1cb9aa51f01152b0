"""All columns of a reference in one array each, so that they can be compared to a window at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drift_exporter.reference.model import Column, FloatArray, IntArray, NumericColumn


@dataclass(frozen=True)
class Stacked:
    """The parts of k columns, one after the other: E exported bins, and F fine bins of j numeric columns.

    A window's counts are the columns' vectors one after the other, ``size`` numbers. In them, each exported
    bin is the sum from its ``exported_starts`` (E,) to the next one, and each fine bin is at its
    ``fine_places`` (F,). ``exported_sizes`` (k,) and ``fine_sizes`` (j,) are the numbers of bins of each
    column and of each numeric column, which are those at ``numeric`` (j,). ``fine_edges`` (F,) are the bins'
    inclusive upper bounds, 0 for each column's last one, which has none. ``deviations`` (j,) are the standard
    deviations.
    """

    size: int
    exported_sizes: IntArray
    exported_starts: IntArray
    exported_counts: IntArray
    numeric: IntArray
    fine_sizes: IntArray
    fine_places: IntArray
    fine_edges: FloatArray
    fine_counts: IntArray
    fine_sums: FloatArray
    deviations: FloatArray


def stack(columns: Sequence[Column]) -> Stacked:
    """Stack columns in their order."""
    numeric = [column for column in columns if isinstance(column, NumericColumn)]
    fine_sizes = _integers([column.size - 1 for column in numeric])
    starts = np.cumsum([0, *(column.size for column in columns)])[:-1].tolist()
    exported_starts = [
        start + (column.starts if isinstance(column, NumericColumn) else np.arange(column.size))
        for column, start in zip(columns, starts, strict=True)
    ]
    fine_places = [
        np.arange(start, start + column.size - 1)
        for column, start in zip(columns, starts, strict=True)
        if isinstance(column, NumericColumn)
    ]
    return Stacked(
        size=sum(column.size for column in columns),
        exported_sizes=_integers([len(own) for own in exported_starts]),
        exported_starts=_joined(exported_starts),
        exported_counts=_joined([column.exported_counts for column in columns]),
        numeric=_integers([i for i, column in enumerate(columns) if isinstance(column, NumericColumn)]),
        fine_sizes=fine_sizes,
        fine_places=_joined(fine_places),
        fine_edges=_joined_numbers([np.append(column.fine_edges, 0.0) for column in numeric]),
        fine_counts=_joined([column.fine_counts for column in numeric]),
        fine_sums=_joined_numbers([column.fine_sums for column in numeric]),
        deviations=np.array([column.standard_deviation for column in numeric], dtype=np.float64),
    )


def _integers(values: list[int]) -> IntArray:
    return np.array(values, dtype=np.int64)


def _joined(parts: Sequence[IntArray]) -> IntArray:
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _joined_numbers(parts: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate([np.empty(0), *parts])
