"""Confidence intervals of drift scores.

An interval says between which values the score would lie if both sides had records without end: 95 intervals
of 100 hold it. Both sides are samples, so both numbers of records, divided by the design effect d, limit it.

psi, jensenshannon, hellinger and chi2 are in ``divergences``. The others compare shares directly:

**ks**: at a given edge the difference of the distribution functions is normal with variance
F_ref (1 - F_ref) / m + F_cur (1 - F_cur) / n. The true largest difference is at one of the edges and below
its upper end, so the largest of all upper ends is one for it. The largest observed difference is biased
upwards, so the lower end is farther away: root of ln(2 / 0.05) / (2 N), by the two-sample
Dvoretzky-Kiefer-Wolfowitz inequality.
Massart (1990), The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality, Annals of Probability 18(3);
Wei and Dudley (2012), Two-sample Dvoretzky-Kiefer-Wolfowitz inequalities, Statistics and Probability Letters
82(3). Conservative where there is a shift.

**linf**: likewise, with each bin's share for the distribution function, and for the lower end the largest of
the bins' lower ends at 1 - 0.05 / B (Bonferroni). Conservative where there is a shift.

**wasserstein**: where the difference D of the distribution functions is beyond chance, its sign is known, and
the distance is an average over the records (delta method): the integral of |D| there has the variance of the
means of phi, the integral of that sign. Elsewhere the distance is biased upwards, by the integral of the
noise's mean absolute value at most, which is subtracted from the lower end. The two parts' deviations
are added, as if they always went together, so the interval is conservative, most of all without drift.
"""

import math
from collections.abc import Mapping

import numpy as np
from scipy import special

from drift_exporter.judge.compared import EXPORTED_SCORES, Compared
from drift_exporter.judge.distributions import Distributions
from drift_exporter.judge.divergences import divergence_intervals
from drift_exporter.judge.shares import Shares
from drift_exporter.judge.unseen import with_rare_together
from drift_exporter.reference.model import FloatArray, IntArray

LEVEL = 0.95
Z = float(special.ndtri((1 + LEVEL) / 2))
_BEYOND_CHANCE = 3.0
"""Standard deviations from which on a difference's sign is taken as known."""

Interval = tuple[FloatArray, FloatArray]


def all_intervals(
    compared: Compared, design_effects: FloatArray | None = None
) -> list[dict[str, tuple[float, float]]]:
    """Of each column the intervals of the scores that it has, lower and upper end by method.

    ``design_effects`` (k,), each at least 1, divide both numbers of records; 1 without them.
    """
    effects = np.ones(len(compared.stacked.exported_sizes)) if design_effects is None else design_effects
    ends = intervals(compared, effects)
    methods = [method for method in compared.scores if method in ends]
    known = [
        np.isfinite(compared.scores[method] + ends[method][0] + ends[method][1]).tolist()
        for method in methods
    ]
    lowers = [ends[method][0].tolist() for method in methods]
    uppers = [ends[method][1].tolist() for method in methods]
    columns = zip(zip(*known, strict=True), zip(*lowers, strict=True), zip(*uppers, strict=True), strict=True)
    return [
        {
            method: (low, high)
            for method, there, low, high in zip(methods, has, own_lowers, own_uppers, strict=True)
            if there
        }
        for has, own_lowers, own_uppers in columns
    ]


def intervals(compared: Compared, design_effects: FloatArray) -> dict[str, Interval]:
    """The same by method, lower and upper ends (k,) and (k,), which mean nothing where there is no score."""
    own = design_effects[compared.stacked.numeric]
    scores, values = compared.scores, compared.distributions
    with np.errstate(all="ignore"):
        found = exported_intervals(compared.shares, scores, design_effects)
        lower, upper = ks_interval(values, own)
        found["ks"] = compared.of_numeric(lower), compared.of_numeric(upper)
        reach, bias = wasserstein_error(values, compared.stacked.deviations, own)
        distance = scores["wasserstein"]
        reach, bias = compared.of_numeric(reach), compared.of_numeric(bias)
        found["wasserstein"] = np.maximum(distance - bias - reach, 0.0), distance + reach
    return found


def exported_intervals(
    shares: Shares, scores: Mapping[str, FloatArray], design_effects: FloatArray
) -> dict[str, Interval]:
    """Ends (k,) and (k,) of the scores of exported bins, by method.

    Where categories are rare the lower end is also one of the score with these together, see ``unseen``: the
    lower of the two.
    """
    found = _exported_intervals(shares, scores, design_effects)
    columns, together = with_rare_together(shares, np.flatnonzero(np.isfinite(scores["linf"])))
    if len(columns):
        scores_together = {method: score(together) for method, score in EXPORTED_SCORES.items()}
        others = _exported_intervals(together, scores_together, design_effects[columns])
        for method, (lower, _) in found.items():
            lower[columns] = np.minimum(lower[columns], others[method][0])
    return found


def _exported_intervals(
    shares: Shares, scores: Mapping[str, FloatArray], design_effects: FloatArray
) -> dict[str, Interval]:
    found = divergence_intervals(shares, scores, design_effects, Z)
    found["linf"] = linf_interval(shares, design_effects)
    return found


def linf_interval(shares: Shares, design_effects: FloatArray) -> Interval:
    """Ends (k,) and (k,) of the largest difference of a share."""
    columns = shares.columns
    p, q = shares.plain
    difference = np.abs(p - q)
    strict = special.ndtri(1 - (1 - LEVEL) / (2 * np.maximum(shares.bins, 1)))
    lower = columns.max(difference - _reach(shares, design_effects, strict))
    above = difference + _reach(shares, design_effects, np.full_like(strict, Z))
    upper = columns.max(np.where(shares.seen, above, 0.0))
    return np.maximum(lower, 0.0), np.minimum(upper, 1.0)


def _reach(shares: Shares, design_effects: FloatArray, z: FloatArray) -> FloatArray:
    """How far (E,) a difference of shares may be off, for the normal deviates (k,).

    With z^2 / 2 records more on either side of a share, or bins of few records would have next to no error:
    Agresti and Coull (1998), Approximate is better than "exact" for interval estimation of binomial
    proportions, The American Statistician 52(2).
    """
    spread = shares.columns.spread
    squares = spread(z * z)
    variance = np.zeros(len(squares))
    for share, rows in zip(shares.plain, shares.rows, strict=True):
        records = spread(rows / design_effects)
        centred = (share * records + squares / 2) / (records + squares)
        variance += centred * (1 - centred) / records
    return spread(z) * np.sqrt(variance)


def ks_interval(values: Distributions, design_effects: FloatArray) -> Interval:
    """Ends (j,) and (j,) of the largest difference of the distribution functions."""
    columns = values.columns
    difference = np.abs(values.difference)
    m, n = (rows / design_effects for rows in values.rows)
    band = np.sqrt(math.log(2 / (1 - LEVEL)) / (2 * m * n / (m + n)))
    upper = columns.max(difference + Z * _deviation(values, design_effects))
    return np.maximum(columns.max(difference) - band, 0.0), np.minimum(upper, 1.0)


def wasserstein_error(values: Distributions, scales: FloatArray, design_effects: FloatArray) -> Interval:
    """How far (j,) the distance may be off by chance, and by how much (j,) at most it is biased upwards.

    In units of ``scales`` (j,).
    """
    columns = values.columns
    m, n = values.rows
    counts = values.reference + values.current
    places = np.where(
        counts > 0, (values.reference_sums + values.current_sums) / np.maximum(counts, 1), values.edges
    )
    # The last bin's edge stands for nothing; without values it is at the edge before.
    places = np.where(
        (counts == 0) & (np.arange(len(counts)) == columns.spread(columns.lasts)),
        columns.previous(values.edges),
        places,
    )
    widths = np.maximum(np.diff(places, append=places[-1:]), 0.0)
    widths[columns.lasts] = 0.0
    widths /= columns.spread(scales)
    deviation = _deviation(values, design_effects)
    known = np.abs(values.difference) > _BEYOND_CHANCE * deviation
    bias = columns.sum(np.where(known, 0.0, math.sqrt(2 / math.pi) * deviation * widths))
    reach = np.zeros(len(m))
    for signs in (np.where(known, np.sign(values.difference), 0.0), np.where(known, 0.0, 1.0)):
        phi = columns.previous(columns.running_sums(signs * widths))
        variance = (
            _variance(values, phi, values.reference, m) / m + _variance(values, phi, values.current, n) / n
        )
        reach += Z * np.sqrt(variance * design_effects)
    return reach, bias


def _variance(values: Distributions, phi: FloatArray, counts: IntArray, rows: FloatArray) -> FloatArray:
    mean: FloatArray = values.columns.sum(phi * counts) / rows
    centred = phi - values.columns.spread(mean)
    variance: FloatArray = values.columns.sum(centred * centred * counts) / rows
    return variance


def _deviation(values: Distributions, design_effects: FloatArray) -> FloatArray:
    """Standard deviation (F,) of the difference of the distribution functions at each edge."""
    columns = values.columns
    m, n = (columns.spread(rows / design_effects) for rows in values.rows)
    reference, current = values.functions
    return np.sqrt(reference * (1 - reference) / m + current * (1 - current) / n)
