"""Columns for tests: references with real quantile bins, counts, and scores computed from the counts."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import ncx2

from drift_exporter.reference.model import CategoricalColumn, Column, Kind, NumericColumn
from drift_exporter.snapshot import ColumnDrift, Exemplar, Histogram


def numeric_column(
    name: str, values: ArrayLike, *, kind: Kind = "feature", missing: int = 0, bins: int = 10, fine: int = 40
) -> NumericColumn:
    """A numeric column whose reference is ``values``; one bin each where there are few distinct ones."""
    data = np.sort(np.asarray(values, dtype=np.float64))
    distinct = np.unique(data)
    if len(distinct) <= bins:
        edges = fine_edges = distinct[:-1]
    else:
        fine_edges = _quantiles(data, np.arange(1, fine) / fine)
        edges = _quantiles(data, np.arange(1, bins) / bins)
        fine_edges = np.union1d(edges, fine_edges)
    index = np.searchsorted(fine_edges, data, side="left")
    return NumericColumn(
        name=name,
        kind=kind,
        edges=edges,
        fine_edges=fine_edges,
        fine_counts=np.bincount(index, minlength=len(fine_edges) + 1),
        fine_sums=np.bincount(index, weights=data, minlength=len(fine_edges) + 1),
        missing=missing,
        mean=float(data.mean()),
        standard_deviation=float(data.std()),
        minimum=float(data[0]),
        maximum=float(data[-1]),
    )


def _quantiles(data: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    edges = np.unique(np.quantile(data, shares, method="inverted_cdf"))
    return edges[edges < data[-1]]


def categorical_column(
    name: str, counts: Mapping[str, int], kind: Kind = "feature", other: int = 0, missing: int = 0
) -> CategoricalColumn:
    """A categorical column whose reference has these counts, most frequent first."""
    by_count = sorted(counts, key=lambda c: -counts[c])
    return CategoricalColumn(
        name, kind, tuple(by_count), np.array([counts[c] for c in by_count], dtype=np.int64), other, missing
    )


def count_numeric(column: NumericColumn, values: ArrayLike, missing: int = 0) -> NDArray[np.int64]:
    """Counts of the exported bins."""
    index = np.searchsorted(column.edges, np.asarray(values, dtype=np.float64), side="left")
    return np.append(np.bincount(index, minlength=len(column.edges) + 1), missing)


def count_categories(
    column: CategoricalColumn, counts: Mapping[str, int], missing: int = 0
) -> NDArray[np.int64]:
    """Counts of the exported bins; an unseen category is ``other``."""
    other = sum(count for category, count in counts.items() if category not in column.categories)
    return np.array([*(counts.get(c, 0) for c in column.categories), other, missing], dtype=np.int64)


def column_drift(
    column: Column,
    current: NDArray[np.int64],
    *,
    tolerance: float = 0.05,
    mean: float | None = None,
    threshold: float = 0.95,
) -> ColumnDrift:
    """One column compared: PSI with half a count in each bin, distances, and the tolerance test."""
    reference = column.export(column.counts)
    used = (reference + current) > 0
    bins = int(used.sum())
    n, m = int(current.sum()), int(reference.sum())
    p = (reference[used] + 0.5) / (m + 0.5 * bins)
    q = (current[used] + 0.5) / (n + 0.5 * bins)
    psi = float(np.sum((q - p) * np.log(q / p)))
    hellinger = float(np.sqrt(max(0.0, 1 - np.sum(np.sqrt(p * q)))))
    middle = (p + q) / 2
    divergence = (np.sum(p * np.log2(p / middle)) + np.sum(q * np.log2(q / middle))) / 2
    scores = {
        "psi": psi,
        "jensenshannon": float(np.sqrt(max(0.0, divergence))),
        "hellinger": hellinger,
        "linf": float(np.max(np.abs(p - q))),
    }
    size = n * m / (n + m)
    confidence = float(ncx2.cdf(size * psi, max(bins - 1, 1), size * tolerance))
    return ColumnDrift(
        column=column,
        current=current,
        scores=scores,
        tolerance=tolerance,
        confidence=confidence,
        adjusted_confidence=confidence**2,
        drifted=confidence**2 >= threshold,
        mean=mean,
        effective_samples=float(n),
    )


def histogram(
    bounds: Sequence[float], values: ArrayLike, exemplars: Mapping[int, Exemplar] | None = None
) -> Histogram:
    """Values counted into inclusive buckets."""
    data = np.asarray(values, dtype=np.float64)
    counts = np.bincount(np.searchsorted(bounds, data, side="left"), minlength=len(bounds) + 1)
    return Histogram(tuple(bounds), counts, float(data.sum()), exemplars or {})
