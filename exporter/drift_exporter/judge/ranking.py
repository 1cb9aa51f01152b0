"""Which columns explain a model's shift, and how much of it each does.

What counts of a column is its *excess*: the PSI beyond what chance alone makes of it and beyond what is
tolerated. With T, B and N as ``confidence`` has them, T is on average B - 1 + N PSI (the mean of the
non-central chi-square distribution), so (T - (B - 1)) / N is an estimate of the true PSI that is right on
average, also in small windows. The tolerance is subtracted from it.

A column's share is its excess times its weight, over the sum of these. Only features that have drifted are in
it: predictions, scores and labels are what a shift does and not what it comes from.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from drift_exporter.judge.confidence import DriftStatistic
from drift_exporter.reference.model import Column, FloatArray


def excess_psi(statistics: Sequence[DriftStatistic], tolerances: Sequence[float]) -> FloatArray:
    """PSI beyond chance and tolerance (k,), at least 0; 0 where fewer than two bins are left to compare."""
    found = [(one.value, one.bins, one.size) for one in statistics]
    value, bins, size = np.array(found, dtype=np.float64).reshape(-1, 3).T
    testable = (bins > 1) & (size > 0)
    expected_free = np.divide(value - (bins - 1), size, out=np.zeros_like(value), where=testable)
    return np.maximum(np.where(testable, expected_free - np.asarray(tolerances, dtype=np.float64), 0.0), 0.0)


def weights_of(columns: Sequence[Column], importance: Mapping[str, float] | None) -> FloatArray:
    """The weight of each column (k,): 1 without a map, else what it says, 0 for a name that is not in it.

    That of a column that is no feature is NaN.
    """
    return np.array(
        [
            np.nan
            if column.kind != "feature"
            else 1.0
            if importance is None
            else importance.get(column.name, 0.0)
            for column in columns
        ],
        dtype=np.float64,
    )


def contributions(excess: FloatArray, drifted: NDArray[np.bool_], weights: FloatArray) -> FloatArray:
    """Each column's share (k,) of the weighted excess of those that have drifted; they add up to 1.

    NaN for a column that has not drifted or has no weight (NaN), and for all where there is nothing to share
    out: where none has drifted, or only ones of weight 0.
    """
    counted = drifted & ~np.isnan(weights)
    # The largest weight is made 1, so that no product of weights and excesses is out of range.
    heaviest = float(np.max(weights, initial=0.0, where=counted))
    parts = np.where(counted, excess * (weights / heaviest if heaviest > 0 else 0.0), 0.0)
    total = float(parts.sum())
    if total <= 0:
        return np.full(len(excess), np.nan)
    return np.where(counted, parts / total, np.nan)
