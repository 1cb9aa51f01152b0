"""How sure one may be that a column has drifted by more than what is tolerated.

With m reference and n current records, N = nm / (n + m), the statistic T = N PSI follows a non-central
chi-square distribution with B - 1 degrees of freedom and non-centrality N t where the true PSI is t:
Potgieter, van Zyl, Schutte and Lombard (2023), The Population Resemblance Statistic, arXiv:2307.11878. The
p-value of "the true PSI is at most the tolerance t" is that distribution's upper tail at T. Both sides are
samples, so a small reference is as good a reason for doubt as a small window.

The chi-square distribution holds only where bins are well filled. Bins that are not are pooled, and what
is left of them is held to an exact test; see ``drift_statistic``.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from drift_exporter.judge.pooling import pool
from drift_exporter.judge.scores import Counts
from drift_exporter.reference.model import FloatArray


class DriftStatistic(NamedTuple):
    """``value`` is T, ``bins`` is B after pooling, ``size`` is N, the effective number of records.

    ``freedom`` is B - 1, or what T is on the average by chance where the shift is as large as is tolerated,
    if that is more; ``spread`` is the ratio of T's variance there to that of the non-central chi-square
    distribution, at least 1.
    """

    value: float
    bins: int
    size: float
    freedom: float
    spread: float = 1.0


_MARGIN = 0.3
"""Small p-values are taken larger by this share where a shift is tolerated. What is left out beyond the
second order, the skewness above all, made them up to that much too small in simulations with references of
1,000 records."""

_SHORTEST = 1e-9

_NOTHING = DriftStatistic(0.0, 1, 0.0, 0.0)


def drift_p_value(
    reference: Counts,
    current: Counts,
    tolerance: float,
    design_effect: float = 1.0,
    *,
    quantiles: bool = False,
) -> float:
    """P-value of "the true PSI is at most ``tolerance``" from counts (B,) and (B,), in [0, 1].

    ``design_effect`` (at least 1) divides both numbers of records where the records are not independent: d
    records of a stream tell as much as one independent one. ``quantiles`` says that the bins were laid at
    quantiles of the reference, as those of a numeric column are. Without a record on either side it is 1.
    """
    statistic = drift_statistic(reference, current, design_effect, quantiles=quantiles, tolerance=tolerance)
    return float(p_values([statistic], [tolerance])[0])


def drift_confidence(
    reference: Counts,
    current: Counts,
    tolerance: float,
    design_effect: float = 1.0,
    *,
    quantiles: bool = False,
) -> float:
    """1 - p: how sure one may be that the true PSI is above ``tolerance``, in [0, 1]."""
    return 1.0 - drift_p_value(reference, current, tolerance, design_effect, quantiles=quantiles)


def p_values(statistics: list[DriftStatistic], tolerances: list[float]) -> FloatArray:
    """P-values (k,) of statistics (k,) and their tolerances (k,); 1 where fewer than two bins are left."""
    if not statistics:
        return np.empty(0)
    value, bins, size, freedom, spread = np.array(statistics, dtype=np.float64).T
    testable = bins > 1
    freedom = np.where(testable, freedom, 1.0)
    tolerated = size * np.asarray(tolerances, dtype=np.float64)
    usual = freedom + tolerated
    value = np.where(value > usual, usual + (value - usual) / np.sqrt(spread), value)
    above = np.clip(1.0 - special.chndtr(value, freedom, tolerated), 0.0, 1.0)
    above *= 1.0 + np.where(tolerated > 0, _MARGIN, 0.0) * (1.0 - above)
    return np.where(testable, above, 1.0)


def drift_statistic(
    reference: Counts,
    current: Counts,
    design_effect: float = 1.0,
    *,
    quantiles: bool = False,
    tolerance: float = 0.0,
) -> DriftStatistic:
    """T, the number of bins it has, and N from counts (B,) and (B,).

    Sparse bins are pooled. What a rest bin, which is still sparse, adds to T against all others is capped
    by what an exact test makes of it: the square of the normal deviate that has the p-value of its count on
    one side given the count on both (Przyborowski and Wilenski (1940), Homogeneity of results in testing
    samples from Poisson series, Biometrika 31). So a single record of a rare category, which makes a large
    PSI, does not alarm, but a mass that was never seen in the reference does once it cannot be chance.
    """
    m, n = int(reference.sum()), int(current.sum())
    if not m or not n:
        return _NOTHING
    size = m * n / (m + n) / design_effect
    pooled = pool(reference, current, design_effect=design_effect, quantiles=quantiles)
    bins = len(pooled.reference)
    if bins < 2:
        return DriftStatistic(0.0, 1, size, 0.0)
    p = (pooled.reference + 0.5) / (m + 0.5 * bins)
    q = (pooled.current + 0.5) / (n + 0.5 * bins)
    information = float(np.dot(q - p, np.log(q / p)))
    value = size * information
    for rest in range(bins - pooled.rests, bins):
        odds = special.logit(q[rest]) - special.logit(p[rest])
        alone = size * float((q[rest] - p[rest]) * odds)
        cap = _exact_deviate(
            float(pooled.reference[rest]) / design_effect,
            float(pooled.current[rest]) / design_effect,
            n / (m + n),
        )
        value -= alone - min(alone, cap)
    known = np.arange(bins) < bins - pooled.rests
    freedom, spread = _second_order(p, q, known, n / (m + n), information, tolerance)
    return DriftStatistic(max(value, 0.0), bins, size, freedom, spread)


def _second_order(  # noqa: PLR0913, PLR0917 - two sides, what is known of them, three numbers
    p: FloatArray,
    q: FloatArray,
    known: NDArray[np.bool_],
    share: float,
    information: float,
    tolerance: float,
) -> tuple[float, float]:
    """Mean of T by chance, and the ratio of its variance to 4 N PSI, for a shift as large as is tolerated.

    Of shares (B,) and (B,), ``information`` apart by PSI, that shift is the part of the way from p to q that
    is ``tolerance`` long. Both come from the Taylor expansion of PSI around it: half its second derivatives
    times the variances of the shares, and the variance of its first-order term (the delta method). Without
    tolerance they are B - 1 and 1. ``share`` is n / (m + n), by which N / m and N / n are shared out.

    The reference's shares of bins that are not ``known`` (B,), its rest bins, are next to nothing, and so a
    ratio to them; what they add is held to an exact test already, and here they count as if p were q.
    """
    usual = len(p) - 1.0
    if not 0 < tolerance < math.inf or information <= 0:
        return usual, 1.0
    tolerated = p + min(1.0, math.sqrt(tolerance / information)) * (q - p)
    ratio = tolerated / p
    logarithm = np.log(ratio)
    chance = (1 - share) * np.dot(1 - tolerated, 1 + 1 / ratio)
    chance += share * np.dot(1 - p, np.where(known, 1 + ratio, 2.0))
    variance = (1 - share) * _variance(tolerated, logarithm + 1 - 1 / ratio)
    variance += share * _variance(p, np.where(known, 1 - logarithm - ratio, 0.0))
    length = 4 * float(np.dot(tolerated - p, logarithm))
    # Of a length that is lost in rounding nothing is known; there the distribution is the chi-square one.
    spread = variance / length if length > _SHORTEST else 1.0
    return max(usual, float(chance) / 2), max(1.0, spread)


def _variance(shares: FloatArray, values: FloatArray) -> float:
    mean = float(np.dot(shares, values))
    return float(np.dot(shares, np.square(values - mean)))


def _exact_deviate(reference: float, current: float, share: float) -> float:
    """Squared normal deviate of the two-sided binomial test of ``current`` in reference + current trials.

    ``share`` is the probability that a record is one of the current ones. Counts that were divided by a
    design effect are not whole; the incomplete beta function carries on between the whole ones.
    """
    at_least = 1.0 if current <= 0 else float(special.betainc(current, reference + 1, share))
    at_most = 1.0 if reference <= 0 else float(special.betainc(reference, current + 1, 1 - share))
    p_value = min(1.0, 2 * min(at_least, at_most))
    return float(special.ndtri(p_value / 2)) ** 2 if p_value > 0 else math.inf
