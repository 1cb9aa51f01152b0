"""Drift scores: how far a column's current distribution is from its reference.

Each function takes counts and gives one number that is 0 where both distributions are the same. The two
sides may have different totals; shares are compared, not counts. None of them says whether a difference is
more than chance: that is what confidence is for.

``all_scores`` computes them for all columns at once; the functions of their names do it for one.

psi, jensenshannon, hellinger, chi2 and linf compare the exported bins, ``other`` and ``missing`` among them.
ks and wasserstein compare the values themselves, by the fine bins, without the missing ones.
"""

import math

import numpy as np
from numpy.typing import NDArray

from drift_exporter.judge import distributions, shares
from drift_exporter.judge.compared import Compared
from drift_exporter.judge.distributions import Distributions
from drift_exporter.judge.segments import Segments
from drift_exporter.judge.shares import Shares
from drift_exporter.reference.model import Column, FloatArray, IntArray
from drift_exporter.reference.stacked import stack

NUMERIC_SCORES = ("psi", "jensenshannon", "hellinger", "ks", "wasserstein")
CATEGORICAL_SCORES = ("psi", "jensenshannon", "hellinger", "chi2", "linf")

Counts = NDArray[np.integer]


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index of counts (B,) and (B,): sum of (q - p) ln(q / p), in nats.

    Symmetric, from 0 without upper limit. Bins that neither side has seen are left out and half a count is
    added to the others, so that an empty bin makes it large but not infinite.

    Jeffreys (1946), An invariant form for the prior probability in estimation problems.
    """
    return float(shares.psi(_alone(reference, current))[0])


def jensenshannon(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon distance of counts (B,) and (B,): root of the divergence in bits, in [0, 1].

    Symmetric and a metric. Endres and Schindelin (2003), A new metric for probability distributions.
    """
    return float(shares.jensenshannon(_alone(reference, current))[0])


def hellinger(reference: Counts, current: Counts) -> float:
    """Hellinger distance of counts (B,) and (B,), in [0, 1]; symmetric and a metric."""
    return float(shares.hellinger(_alone(reference, current))[0])


def chi2(reference: Counts, current: Counts) -> float:
    """Cramer's V of the 2 x B table of counts (B,) and (B,), in [0, 1].

    Pearson's chi-square over the number of records, as a root: an effect size, not a test. It depends on how
    many records each side has: a small window beside a large reference gives a smaller V for the same shift.

    Cramer (1946), Mathematical Methods of Statistics, chapter 21.
    """
    return float(shares.chi2(_alone(reference, current))[0])


def linf(reference: Counts, current: Counts) -> float:
    """Largest absolute difference of a bin's share, counts (B,) and (B,), in [0, 1]."""
    return float(shares.linf(_alone(reference, current))[0])


def ks(reference: Counts, current: Counts) -> float:
    """Kolmogorov-Smirnov distance of fine counts (F,) and (F,), in [0, 1].

    The largest difference of the two distribution functions at the fine edges. Between two edges they can be
    further apart by no more than the reference's share of one fine bin of several values.
    """
    nothing = np.zeros(len(reference))
    return float(distributions.ks(_values_alone(nothing, reference, current, nothing, nothing))[0])


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
    upper_bounds = np.append(edges, 0.0)
    alone = _values_alone(upper_bounds, reference, current, reference_sums, current_sums)
    return float(distributions.wasserstein(alone)[0])


def drift_scores(column: Column, counts: IntArray, sums: FloatArray | None = None) -> dict[str, float]:
    """All scores that apply to a column, by method.

    ``counts`` (column.size,) are the current counts; ``sums`` (F,) the current sums of the fine bins of a
    numeric column. ``wasserstein`` is divided by the reference's standard deviation. A score that cannot be
    computed is left out: all of them without a record, ks and wasserstein where one side has no value,
    wasserstein where the reference does not vary or a sum is not finite.
    """
    stacked = stack([column])
    own_sums = np.full(len(stacked.fine_edges), np.nan) if sums is None else sums
    return all_scores(Compared(stacked, counts, own_sums))[0] if counts.any() else {}


def all_scores(compared: Compared) -> list[dict[str, float]]:
    """Of each column the scores that apply to it and can be computed, by method."""
    methods = list(compared.scores)
    columns = zip(*(values.tolist() for values in compared.scores.values()), strict=True)
    return [
        {method: value for method, value in zip(methods, values, strict=True) if not math.isnan(value)}
        for values in columns
    ]


def _alone(reference: Counts, current: Counts) -> Shares:
    return Shares(Segments.of([len(reference)]), reference.astype(np.int64), current.astype(np.int64))


def _values_alone(
    edges: FloatArray,
    reference: Counts,
    current: Counts,
    reference_sums: FloatArray,
    current_sums: FloatArray,
) -> Distributions:
    return Distributions(
        Segments.of([len(reference)]),
        edges,
        reference.astype(np.int64),
        current.astype(np.int64),
        reference_sums,
        current_sums,
    )
