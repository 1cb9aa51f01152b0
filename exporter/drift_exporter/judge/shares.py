"""Shares of the exported bins of many columns at once, and the scores that compare them.

Each score is (k,), one number a column, 0 where both sides have the same shares and NaN where one side has no
record. See ``scores`` for what they mean; the formulas are here.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special

from drift_exporter.judge.segments import Segments
from drift_exporter.reference.model import FloatArray, IntArray

LN2 = float(np.log(2.0))


@dataclass(frozen=True)
class Shares:
    """Reference and current counts (E,) of the bins of ``columns``, one column after the other."""

    columns: Segments
    reference: IntArray
    current: IntArray

    @cached_property
    def rows(self) -> tuple[FloatArray, FloatArray]:
        """Number of records on either side, (k,) and (k,)."""
        return (
            self.columns.sum(self.reference).astype(np.float64),
            self.columns.sum(self.current).astype(np.float64),
        )

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """Whether either side has a record in the bin (E,)."""
        seen: NDArray[np.bool_] = (self.reference + self.current) > 0
        return seen

    @cached_property
    def bins(self) -> IntArray:
        """Number of the bins that either side has seen (k,)."""
        return self.columns.sum(self.seen.astype(np.int64))

    @cached_property
    def plain(self) -> tuple[FloatArray, FloatArray]:
        """Shares p of the reference and q of the window, (E,) and (E,)."""
        m, n = self.rows
        with np.errstate(invalid="ignore"):
            return self.reference / self.columns.spread(m), self.current / self.columns.spread(n)

    @cached_property
    def smoothed(self) -> tuple[FloatArray, FloatArray]:
        """The same with half a count more in each bin that either side has seen (Jeffreys' prior), above 0.

        Both shares of the other bins are 1, so that they have no part in any comparison.
        """
        p, q = (np.where(self.seen, counts + 0.5, 0.0) for counts in (self.reference, self.current))
        p, q = (side / self.columns.spread(self.columns.sum(side)) for side in (p, q))
        return np.where(self.seen, p, 1.0), np.where(self.seen, q, 1.0)


def psi(shares: Shares) -> FloatArray:
    """Sum of (q - p) ln(q / p), smoothed."""
    p, q = shares.smoothed
    return _known(shares, shares.columns.sum((q - p) * np.log(q / p)))


def jensenshannon(shares: Shares) -> FloatArray:
    """Root of the Jensen-Shannon divergence in bits."""
    return np.sqrt(divergence(shares) / LN2)


def divergence(shares: Shares) -> FloatArray:
    """Jensen-Shannon divergence in nats: half of the sums of p ln(p / m) and q ln(q / m), m = (p + q) / 2."""
    p, q = shares.plain
    middle = (p + q) / 2
    nats = shares.columns.sum(special.rel_entr(p, middle) + special.rel_entr(q, middle)) / 2
    return np.maximum(nats, 0.0)


def hellinger(shares: Shares) -> FloatArray:
    """Root of half the sum of the squared differences of the roots of p and q."""
    p, q = shares.plain
    difference = np.sqrt(p) - np.sqrt(q)
    return np.minimum(np.sqrt(shares.columns.sum(difference * difference) / 2), 1.0)


def chi2(shares: Shares) -> FloatArray:
    """Root of Pearson's chi-square of the 2 x B table over the number of records."""
    p, q = shares.plain
    m, n = shares.rows
    with np.errstate(invalid="ignore"):
        weight = n / (m + n)
    across = shares.columns.spread(weight)
    pooled = (1 - across) * p + across * q
    difference = q - p
    parts = np.divide(difference * difference, pooled, out=difference * difference, where=shares.seen)
    squared: FloatArray = weight * (1 - weight) * shares.columns.sum(parts)
    return np.minimum(np.sqrt(squared), 1.0)


def linf(shares: Shares) -> FloatArray:
    """Largest absolute difference of p and q."""
    p, q = shares.plain
    return shares.columns.max(np.abs(p - q))


def _known(shares: Shares, values: FloatArray) -> FloatArray:
    """NaN where a side has no record, which the half counts would hide."""
    m, n = shares.rows
    return np.where((m > 0) & (n > 0), values, np.nan)
