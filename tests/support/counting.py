"""Counting raw values into a column's bins, the plain way."""

from collections.abc import Sequence

import numpy as np

from drift_exporter.reference.model import CategoricalColumn, FloatArray, IntArray, NumericColumn


def count_numbers(column: NumericColumn, values: FloatArray) -> tuple[IntArray, FloatArray]:
    """Counts (column.size,) and fine sums (column.size - 1,) of values, NaN where one is missing."""
    present = values[~np.isnan(values)]
    fine = np.searchsorted(column.fine_edges, present, side="left")
    counts = np.bincount(fine, minlength=column.size - 1)
    with np.errstate(over="ignore"):
        sums = np.bincount(fine, weights=present, minlength=column.size - 1)
    return np.append(counts, len(values) - len(present)).astype(np.int64), sums.astype(np.float64)


def count_categories(column: CategoricalColumn, values: Sequence[str | None]) -> IntArray:
    """Counts (column.size,) of values, None where one is missing."""
    place = {category: i for i, category in enumerate(column.categories)}
    other = len(column.categories)
    index = [other + 1 if value is None else place.get(value, other) for value in values]
    return np.bincount(index, minlength=column.size).astype(np.int64)
