"""A reference with the bins of another one, and counts of its own."""

from dataclasses import replace

import numpy as np

from drift_exporter.reference.model import Column, FloatArray, IntArray, NumericColumn, Reference


def with_counts(
    bins: Reference, counts: IntArray, sums: FloatArray, rows: int, span: tuple[float, float]
) -> Reference:
    """The reference whose columns counted this, under the bins of ``bins``.

    ``counts`` (sum of the columns' sizes,) and ``sums`` (sum of the numeric columns' fine bins,) are in the
    order of the columns; ``span`` is the time of the records, in seconds since the epoch. What bins do not
    tell (standard deviation, least and greatest value) stays as it is in ``bins``: ``wasserstein`` has the
    same unit whatever is compared.
    """
    columns: list[Column] = []
    start = sums_start = 0
    for column in bins.columns:
        own = counts[start : start + column.size]
        start += column.size
        if isinstance(column, NumericColumn):
            own_sums = sums[sums_start : sums_start + column.size - 1]
            sums_start += column.size - 1
            columns.append(_numeric(column, own, own_sums))
        else:
            columns.append(
                replace(column, category_counts=own[:-2], other=int(own[-2]), missing=int(own[-1]))
            )
    return replace(bins, columns=tuple(columns), rows=rows, start=span[0], end=span[1], sample=None)


def without_counts(bins: Reference) -> Reference:
    """The bins alone, nothing counted."""
    counts = sum(column.size for column in bins.columns)
    sums = sum(column.size - 1 for column in bins.columns if isinstance(column, NumericColumn))
    return with_counts(bins, np.zeros(counts, dtype=np.int64), np.zeros(sums), 0, (0.0, 0.0))


def _numeric(column: NumericColumn, counts: IntArray, sums: FloatArray) -> NumericColumn:
    values = int(counts[:-1].sum())
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(sums.sum()) / values if values else column.mean
    return replace(column, fine_counts=counts[:-1], fine_sums=sums, missing=int(counts[-1]), mean=mean)
