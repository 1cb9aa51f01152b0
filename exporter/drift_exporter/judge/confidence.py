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
from scipy import special

from drift_exporter.judge.pooling import pool
from drift_exporter.judge.scores import Counts
from drift_exporter.reference.model import FloatArray


class DriftStatistic(NamedTuple):
    """``value`` is T, ``bins`` is B after pooling, ``size`` is N, the effective number of records."""

    value: float
    bins: int
    size: float


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
    statistic = drift_statistic(reference, current, design_effect, quantiles=quantiles)
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
    value, bins, size = np.array(statistics, dtype=np.float64).T
    testable = bins > 1
    freedom = np.where(testable, bins - 1, 1.0)
    below = special.chndtr(value, freedom, size * np.asarray(tolerances, dtype=np.float64))
    return np.where(testable, np.clip(1.0 - below, 0.0, 1.0), 1.0)


def drift_statistic(
    reference: Counts, current: Counts, design_effect: float = 1.0, *, quantiles: bool = False
) -> DriftStatistic:
    """T, the number of bins it has, and N from counts (B,) and (B,).

    Sparse bins are pooled. What the rest bin, which is still sparse, adds to T against all others is capped
    by what an exact test makes of it: the square of the normal deviate that has the p-value of its count on
    one side given the count on both (Przyborowski and Wilenski (1940), Homogeneity of results in testing
    samples from Poisson series, Biometrika 31). So a single record of a rare category, which makes a large
    PSI, does not alarm, but a mass that was never seen in the reference does once it cannot be chance.
    """
    m, n = int(reference.sum()), int(current.sum())
    if not m or not n:
        return DriftStatistic(0.0, 1, 0.0)
    size = m * n / (m + n) / design_effect
    pooled = pool(reference, current, design_effect=design_effect, quantiles=quantiles)
    bins = len(pooled.reference)
    if bins < 2:
        return DriftStatistic(0.0, 1, size)
    p = (pooled.reference + 0.5) / (m + 0.5 * bins)
    q = (pooled.current + 0.5) / (n + 0.5 * bins)
    value = size * float(np.dot(q - p, np.log(q / p)))
    if pooled.rest:
        alone = size * float((q[-1] - p[-1]) * (special.logit(q[-1]) - special.logit(p[-1])))
        cap = _exact_deviate(
            float(pooled.reference[-1]) / design_effect,
            float(pooled.current[-1]) / design_effect,
            n / (m + n),
        )
        value -= alone - min(alone, cap)
    return DriftStatistic(max(value, 0.0), bins, size)


def _exact_deviate(reference: float, current: float, share: float) -> float:
    """Squared normal deviate of the two-sided binomial test of ``current`` in reference + current trials.

    ``share`` is the probability that a record is one of the current ones. Counts that were divided by a
    design effect are not whole; the incomplete beta function carries on between the whole ones.
    """
    at_least = 1.0 if current <= 0 else float(special.betainc(current, reference + 1, share))
    at_most = 1.0 if reference <= 0 else float(special.betainc(reference, current + 1, 1 - share))
    p_value = min(1.0, 2 * min(at_least, at_most))
    return float(special.ndtri(p_value / 2)) ** 2 if p_value > 0 else math.inf
