"""Correlation drift: which pairs of columns are related otherwise than in the reference.

Correlations are Spearman's, of ranks within each side, so a column that moves as a whole does not change
them. A categorical column stands for indicators of its most frequent bins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from drift_exporter.judge.multiple import benjamini_hochberg
from drift_exporter.reference.model import Column, FloatArray, IntArray, NumericColumn

TOLERANCE = 0.1
"""Change of a correlation that is tolerated."""

_OF_ONE = 3
_CLOSEST = 0.9999
"""Correlations nearer to 1 are taken as this one: the transformation of 1 itself is infinite."""


@dataclass(frozen=True)
class Correlations:
    """Correlations (q, q) of the members of one side, and of how many records each is (q, q).

    NaN where a member is constant.
    """

    values: FloatArray
    records: FloatArray


@dataclass(frozen=True)
class Pairs:
    """Pairs of columns, places ``one`` and ``other`` (k,), their ``change`` and p-values (k,)."""

    one: IntArray
    other: IntArray
    change: FloatArray
    p_values: FloatArray
    adjusted: FloatArray


def members_of(columns: Sequence[Column]) -> tuple[IntArray, IntArray]:
    """Places (q,) of the columns that members stand for, and bins (q,): of an indicator, -1 of a number.

    A categorical column has its three most frequent categories of the reference, one where there are two.
    """
    members: list[tuple[int, int]] = []
    for place, column in enumerate(columns):
        if isinstance(column, NumericColumn):
            members.append((place, -1))
        else:
            known = int(np.count_nonzero(column.category_counts))
            frequent = np.argsort(-column.category_counts, kind="stable")
            members += [(place, int(bin_)) for bin_ in frequent[: 1 if known <= 2 else _OF_ONE]]
    places, bins = np.array(members, dtype=np.int64).reshape(-1, 2).T
    return places, bins


def correlations(
    values: FloatArray, columns: Sequence[Column], members: tuple[IntArray, IntArray]
) -> Correlations:
    """Spearman's correlations of records (n, C), each of the records that have both values."""
    ranks = np.zeros((len(values), len(members[0])))
    known = np.ones_like(ranks)
    for position, (place, bin_) in enumerate(zip(*(m.tolist() for m in members), strict=True)):
        own = values[:, place]
        if bin_ < 0:
            there = ~np.isnan(own)
        else:
            there = own != columns[place].size - 1
            own = (own == bin_).astype(np.float64)
        known[:, position] = there
        if there.any():
            found = mid_ranks(own[there])
            ranks[there, position] = found - found.mean()
    squares = ranks**2
    scale = np.sqrt((squares.T @ known) * (known.T @ squares))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (ranks.T @ ranks) / scale
    return Correlations(np.where(scale > 0, np.clip(found, -1, 1), np.nan), known.T @ known)


def mid_ranks(values: FloatArray) -> FloatArray:
    """Ranks (n,) from 1 on; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - 0.5 * (counts - 1))[place.ravel()]


def correlation_drift(
    reference: Correlations,
    current: Correlations,
    owner: IntArray,
    tolerance: float = TOLERANCE,
    effects: FloatArray | None = None,
) -> Pairs | None:
    """Pairs of columns with what their correlation has changed by; None where there is no pair.

    The p-value is that of "the true change is at most ``tolerance``": the current correlation is moved by the
    tolerance towards the reference's, and both are compared by Fisher's z with the variance (1 + r^2 / 2) /
    (n - 3) of rank correlations (Bonett and Wright (2000), Sample size requirements for estimating Pearson,
    Kendall and Spearman correlations, Psychometrika 65), two-sided. Of several members of two columns the
    smallest p-value counts, times their number (Bonferroni). ``effects`` are the columns' design effects: a
    pair's current records tell as much as so many times fewer independent ones, by the larger of its two.
    Adjusted for the number of pairs: Benjamini and Hochberg (1995).
    """
    one, other = np.triu_indices(len(owner), 1)
    before, now = reference.values[one, other], current.values[one, other]
    m, n = reference.records[one, other], current.records[one, other]
    if effects is not None:
        n /= np.maximum(effects[owner[one]], effects[owner[other]])
    usable = np.isfinite(before) & np.isfinite(now) & (np.minimum(m, n) > 3) & (owner[one] != owner[other])
    if not usable.any():
        return None
    one, other, before, now = one[usable], other[usable], before[usable], now[usable]
    variance = (1 + before**2 / 2) / (m[usable] - 3) + (1 + now**2 / 2) / (n[usable] - 3)
    change = now - before
    left = np.maximum(np.abs(change) - tolerance, 0.0) * np.sign(change)
    moved = np.arctanh(np.clip(before + left, -_CLOSEST, _CLOSEST))
    z = np.abs(moved - np.arctanh(np.clip(before, -_CLOSEST, _CLOSEST))) / np.sqrt(variance)
    return _by_columns(owner[one], owner[other], change, 2 * special.ndtr(-z))


def _by_columns(one: IntArray, other: IntArray, change: FloatArray, p_values: FloatArray) -> Pairs:
    """One entry for each pair of columns: that of its members with the smallest p-value."""
    order = np.lexsort((-np.abs(change), p_values, other, one))
    one, other, change, p_values = one[order], other[order], change[order], p_values[order]
    first = np.flatnonzero(np.append(True, (np.diff(one) != 0) | (np.diff(other) != 0)))
    count = np.diff(np.append(first, len(one)))
    p = np.minimum(p_values[first] * count, 1.0)
    return Pairs(one[first], other[first], change[first], p, benjamini_hochberg(p))
