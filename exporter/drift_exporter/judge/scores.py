"""Drift scores: how far a column's current distribution is from its reference.

Each function takes counts and gives one number that is 0 where both distributions are the same. The two
sides may have different totals; shares are compared, not counts. None of them says whether a difference is
more than chance: that is what confidence is for.

psi, jensenshannon, hellinger, chi2 and linf compare the exported bins, ``other`` and ``missing`` among them.
ks and wasserstein compare the values themselves, by the fine bins, without the missing ones.
"""

import math

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import Column, FloatArray, IntArray, NumericColumn

NUMERIC_SCORES = ("psi", "jensenshannon", "hellinger", "ks", "wasserstein")
CATEGORICAL_SCORES = ("psi", "jensenshannon", "hellinger", "chi2", "linf")

Counts = NDArray[np.integer]


def smoothed_shares(reference: Counts, current: Counts) -> tuple[FloatArray, FloatArray]:
    """Shares of the bins that were seen on either side, with half a count added to each (Jeffreys' prior).

    Takes counts (B,) and (B,), gives shares (B',) and (B',), all above 0.
    """
    seen = (reference + current) > 0
    p = reference[seen] + 0.5
    q = current[seen] + 0.5
    return p / p.sum(), q / q.sum()


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index of counts (B,) and (B,): sum of (q - p) ln(q / p), in nats.

    Symmetric, from 0 without upper limit. Bins that neither side has seen are left out and half a count is
    added to the others, so that an empty bin makes it large but not infinite.

    Jeffreys (1946), An invariant form for the prior probability in estimation problems.
    """
    p, q = smoothed_shares(reference, current)
    return float(np.dot(q - p, np.log(q / p)))


def jensenshannon(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon distance of counts (B,) and (B,): root of the divergence in bits, in [0, 1].

    Symmetric and a metric. Endres and Schindelin (2003), A new metric for probability distributions.
    """
    p, q = _shares(reference, current)
    middle = (p + q) / 2
    bits = _information(p, middle) + _information(q, middle)
    return math.sqrt(max(bits, 0.0) / 2)


def hellinger(reference: Counts, current: Counts) -> float:
    """Hellinger distance of counts (B,) and (B,), in [0, 1]; symmetric and a metric."""
    p, q = _shares(reference, current)
    difference = np.sqrt(p) - np.sqrt(q)
    return min(math.sqrt(np.dot(difference, difference) / 2), 1.0)


def chi2(reference: Counts, current: Counts) -> float:
    """Cramer's V of the 2 x B table of counts (B,) and (B,), in [0, 1].

    Pearson's chi-square over the number of records, as a root: an effect size, not a test. It depends on how
    many records each side has: a small window beside a large reference gives a smaller V for the same shift.

    Cramer (1946), Mathematical Methods of Statistics, chapter 21.
    """
    p, q = _shares(reference, current)
    weight = current.sum() / (reference.sum() + current.sum())
    pooled = (1 - weight) * p + weight * q
    difference = q - p
    return min(math.sqrt(weight * (1 - weight) * np.dot(difference, difference / pooled)), 1.0)


def linf(reference: Counts, current: Counts) -> float:
    """Largest absolute difference of a bin's share, counts (B,) and (B,), in [0, 1]."""
    return float(np.abs(reference / reference.sum() - current / current.sum()).max())


def ks(reference: Counts, current: Counts) -> float:
    """Kolmogorov-Smirnov distance of fine counts (F,) and (F,), in [0, 1].

    The largest difference of the two distribution functions at the fine edges. Between two edges they can be
    further apart by no more than the reference's share of one fine bin of several values.
    """
    return float(np.abs(_distribution_difference(reference, current)).max(initial=0.0))


def wasserstein(
    edges: FloatArray,
    reference: Counts,
    current: Counts,
    reference_sums: FloatArray,
    current_sums: FloatArray,
) -> float:
    """Wasserstein-1 distance, in the values' own unit; divide by a scale to compare columns.

    ``edges`` (F-1,) are the inclusive upper bounds of all fine bins but the last, ``reference`` and
    ``current`` (F,) the counts, ``reference_sums`` and ``current_sums`` (F,) the sums of the values in them.

    The distance is the integral of |D| with D = F_reference - F_current. Within a bin (a, b], integration by
    parts gives the integral of D exactly, whatever the values in the bin are::

        integral of D from a to b = b D(b) - a D(a) - (S_reference / m - S_current / n)

    where S are the bin's sums and m, n the totals. In the two open bins the boundary term at infinity is 0,
    for D vanishes there and both sides have finitely many values. Adding up the absolute values of these
    integrals gives the distance, exactly so where the two distribution functions do not cross inside a bin.

    Where D has opposite signs at a and b they do cross, and the sum would cancel. Such a bin counts as if all
    values of a side were at their mean, which keeps its counts and sums: D then has three steps. A bin in
    which the functions cross is wrong by at most its width times the shares that both sides have in it.
    """
    centre = reference_sums.sum() / reference.sum()
    edges = edges - centre
    m, n = reference.sum(), current.sum()
    reference_means = (reference_sums - centre * reference) / m
    current_means = (current_sums - centre * current) / n
    difference = _distribution_difference(reference, current)
    integrals = np.diff(np.concatenate([[0.0], edges * difference, [0.0]])) - (
        reference_means - current_means
    )
    distance = np.abs(integrals)
    crossed = np.flatnonzero(difference[:-1] * difference[1:] < 0)
    if len(crossed):
        inner = crossed + 1
        distance[inner] = _three_steps(
            edges[crossed],
            edges[crossed + 1],
            difference[crossed],
            difference[crossed + 1],
            (reference[inner] / m, reference_means[inner]),
            (current[inner] / n, current_means[inner]),
        )
    return float(distance.sum())


def drift_scores(column: Column, counts: IntArray, sums: FloatArray | None = None) -> dict[str, float]:
    """All scores that apply to a column, by method.

    ``counts`` (column.size,) are the current counts; ``sums`` (F,) the current sums of the fine bins of a
    numeric column. ``wasserstein`` is divided by the reference's standard deviation. A score that cannot be
    computed is left out: all of them without a record, ks and wasserstein where one side has no value,
    wasserstein where the reference does not vary or a sum is not finite.
    """
    if not counts.any():
        return {}
    reference, current = column.exported_counts, column.export(counts)
    scores = {
        "psi": psi(reference, current),
        "jensenshannon": jensenshannon(reference, current),
        "hellinger": hellinger(reference, current),
    }
    if not isinstance(column, NumericColumn):
        scores["chi2"] = chi2(reference, current)
        scores["linf"] = linf(reference, current)
        return scores
    fine = counts[:-1]
    if fine.any() and column.fine_counts.any():
        scores["ks"] = ks(column.fine_counts, fine)
        if sums is not None and column.standard_deviation > 0:
            with np.errstate(over="ignore", invalid="ignore"):
                distance = wasserstein(column.fine_edges, column.fine_counts, fine, column.fine_sums, sums)
                normalised = float(np.divide(distance, column.standard_deviation))
            if math.isfinite(normalised):
                scores["wasserstein"] = normalised
    return scores


def _shares(reference: Counts, current: Counts) -> tuple[FloatArray, FloatArray]:
    seen = (reference + current) > 0
    return reference[seen] / reference.sum(), current[seen] / current.sum()


def _information(p: FloatArray, q: FloatArray) -> float:
    positive = p > 0
    p = p[positive]
    return float(np.dot(p, np.log2(p / q[positive])))


def _distribution_difference(reference: Counts, current: Counts) -> FloatArray:
    """F_reference - F_current at the edges, (F-1,) from counts (F,)."""
    below_reference = np.cumsum(reference)
    below_current = np.cumsum(current)
    difference: FloatArray = below_reference / below_reference[-1] - below_current / below_current[-1]
    return difference[:-1]


def _three_steps(  # noqa: PLR0913, PLR0917 - two ends with two values each, two masses
    left: FloatArray,
    right: FloatArray,
    at_left: FloatArray,
    at_right: FloatArray,
    reference: tuple[FloatArray, FloatArray],
    current: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """Integral of |D| from left to right where each side is one atom: its share, and its share x place."""
    place_reference = _place(*reference, left, right)
    place_current = _place(*current, left, right)
    first, last = np.minimum(place_reference, place_current), np.maximum(place_reference, place_current)
    between = np.where(place_reference < place_current, at_left + reference[0], at_left - current[0])
    steps: FloatArray = np.abs(at_left) * (first - left) + np.abs(between) * (last - first)
    return steps + np.abs(at_right) * (right - last)


def _place(share: FloatArray, moment: FloatArray, left: FloatArray, right: FloatArray) -> FloatArray:
    """Mean of the values in a bin, kept inside of it; any place will do where there are none."""
    mean = np.divide(moment, share, out=left.copy(), where=share > 0)
    return np.clip(mean, left, right)
