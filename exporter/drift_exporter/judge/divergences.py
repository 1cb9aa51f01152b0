"""Confidence intervals of psi, jensenshannon, hellinger and chi2, which are divergences of shares.

With m reference and n current records, N = nm / (n + m) / d and d the design effect, each of::

    N x PSI,   8 N x (Jensen-Shannon divergence in nats),   8 N x (Hellinger distance squared),
    N x sum of (q - p)^2 / ((m p + n q) / (m + n))    (Pearson's chi-square)

follows in the limit, for shifts that are small, the non-central chi-square distribution with B - 1 degrees of
freedom and N x the true value as its non-centrality: Potgieter, van Zyl, Schutte and Lombard (2023),
arXiv:2307.11878 for PSI; Read and Cressie (1988), Goodness-of-Fit Statistics for Discrete Multivariate Data,
chapter 8, for the family. The interval holds the true values under which what was seen is neither too high
nor too low, which holds at 0, too, where a normal approximation does not.

Two things are made good where that limit is far:

- For large shifts the variance is another one than 4 N x the true value, by a factor that follows from the
  derivatives of the divergence (delta method). Statistic and non-centrality are divided by it.
- Bins with few records add more or less than one degree of freedom, with another variance; see ``sparse``.
  Where the two shares of a bin are far apart both are larger yet, by the divergence's second derivatives.

And three things keep the interval on the safe side where all of this is coarse. The upper end is never below
what it is at the value that chance alone would give, so that a lucky match does not make it certain, and it
does without what sparse bins add by chance, for under a shift they may add nothing. In PSI, half counts pull
both sides together, their differences by n / (n + B / 2) for the smaller n and PSI by the square of it; the
upper end is divided by that instead. In the variance, the second derivatives count with their third power:
the second, which is that of normal counts, is too little for Poisson ones in simulations.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from drift_exporter.judge import sparse
from drift_exporter.judge.noncentral import noncentrality_at
from drift_exporter.judge.shares import LN2, Shares
from drift_exporter.reference.model import FloatArray

_FACTORS = (1 / 8, 1000.0)
"""Those of the variance are kept within these, where a share is next to nothing."""


class Divergence(NamedTuple):
    """``value`` (k,), scaled so that N x value is chi-square, and the ``factor`` of its variance (k,)."""

    value: FloatArray
    factor: FloatArray


class Chance(NamedTuple):
    """Mean and variance (k,) of what chance adds to N x a divergence; the mean also without sparse bins."""

    mean: FloatArray
    known_mean: FloatArray
    variance: FloatArray


def divergence_intervals(
    shares: Shares, scores: Mapping[str, FloatArray], design_effects: FloatArray, z: float
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Lower and upper ends, (k,) and (k,) by method, for the normal deviate ``z``."""
    m, n = shares.rows
    with np.errstate(divide="ignore", invalid="ignore"):
        size = n * m / (n + m) / design_effects
        weight = n / (n + m)
    found = {
        "psi": _psi(shares, scores["psi"], weight),
        "jensenshannon": _jensenshannon(shares, scores["jensenshannon"], weight),
        "hellinger": Divergence(8 * scores["hellinger"] ** 2, 1 - scores["hellinger"] ** 2 / 2),
        "chi2": _chi2(shares, scores["chi2"], weight),
    }
    value = np.concatenate([one.value for one in found.values()])
    factor = np.concatenate([one.factor for one in found.values()])
    by_chance = [_by_chance(shares, method, design_effects) for method in found]
    sizes = np.tile(size, len(found))
    lower, upper = _ends(
        value * sizes, factor, Chance(*(np.concatenate(part) for part in zip(*by_chance, strict=True))), z
    )
    ends_of = {
        "psi": lambda ends: ends,
        "jensenshannon": lambda ends: np.sqrt(np.minimum(ends / (8 * LN2), 1.0)),
        "hellinger": lambda ends: np.sqrt(np.minimum(ends / 8, 1.0)),
        "chi2": lambda ends: np.sqrt(np.minimum(ends * weight * (1 - weight), 1.0)),
    }
    lowers, uppers = (np.split(ends / sizes, len(found)) for ends in (lower, upper))
    least = np.minimum(m, n)
    uppers[0] *= ((least + shares.bins / 2) / least) ** 2
    return {
        method: (ends_of[method](low), ends_of[method](high))
        for method, low, high in zip(found, lowers, uppers, strict=True)
    }


def _ends(
    statistic: FloatArray, factor: FloatArray, chance: Chance, z: float
) -> tuple[FloatArray, FloatArray]:
    """Non-centralities (k,) and (k,) at the ends, from statistics (k,)."""
    beyond = np.maximum(statistic - chance.mean, 0.0)
    scale = (chance.variance + 4 * factor * beyond) / (2 * chance.mean + 4 * beyond)
    lower = noncentrality_at(statistic / scale, chance.mean / scale, np.full_like(scale, z))
    at_least = np.maximum(statistic, chance.mean) / scale
    upper = noncentrality_at(at_least, chance.known_mean / scale, np.full_like(scale, -z))
    return scale * lower, scale * upper


def _by_chance(shares: Shares, method: str, design_effects: FloatArray) -> Chance:
    m, n = shares.rows
    with np.errstate(divide="ignore", invalid="ignore"):
        portion = n / (n + m) / design_effects
    expected = (shares.reference + shares.current) * shares.columns.spread(portion)
    mean, variance = np.ones(len(expected)), np.full(len(expected), 2.0)
    ratio = float(m.sum() / max(n.sum(), 1.0))
    few = expected < sparse.MANY
    places = np.log(np.maximum(expected[few], sparse.EXPECTED[0]))
    grid = np.log(sparse.EXPECTED)
    means, variances = sparse.moments(method, ratio)
    mean[few] = np.interp(places, grid, means)
    variance[few] = np.interp(places, grid, variances)
    # Of a bin with hardly a record it is not known that its shares are apart.
    known = expected / (expected + 1) if method != "psi" else np.ones(len(expected))
    more = 1 + (_bias(shares, method) - 1) * known
    mean *= more
    variance *= more**3
    mean[~shares.seen] = variance[~shares.seen] = 0.0
    bins = np.maximum(shares.bins, 2)
    left = (bins - 1) / bins
    return Chance(
        np.maximum(shares.columns.sum(mean) * left, 0.05),
        np.maximum(shares.columns.sum(mean * known) * left, 0.05),
        np.maximum(shares.columns.sum(variance) * left, 0.1),
    )


def _bias(shares: Shares, method: str) -> FloatArray:
    """By how much each bin (E,) adds more to the statistic by chance than where both shares are the same.

    From the second derivatives of the divergence; 1 for ``psi``, whose half counts make up for it.
    """
    p, q = shares.smoothed
    m, n = shares.rows
    weight = shares.columns.spread(n / (m + n))
    pooled = (1 - weight) * p + weight * q
    if method == "hellinger":
        return (1 - weight) * np.sqrt(p / q) + weight * np.sqrt(q / p)
    if method == "jensenshannon":
        return 2 * pooled / (p + q)
    if method == "chi2":
        return p * q / (pooled * pooled)
    return np.ones_like(p)


def _psi(shares: Shares, value: FloatArray, weight: FloatArray) -> Divergence:
    p, q = shares.smoothed
    odds = q / p
    log = np.log(odds)
    return _divergence(shares, value, weight, (p, 1 - odds - log), (q, 1 - 1 / odds + log))


def _jensenshannon(shares: Shares, score: FloatArray, weight: FloatArray) -> Divergence:
    p, q = shares.smoothed
    middle = (p + q) / 2
    return _divergence(
        shares, 8 * LN2 * score**2, weight, (p, 4 * np.log(p / middle)), (q, 4 * np.log(q / middle))
    )


def _chi2(shares: Shares, score: FloatArray, weight: FloatArray) -> Divergence:
    p, q = shares.smoothed
    across = shares.columns.spread(weight)
    relative = (q - p) / ((1 - across) * p + across * q)
    squared = relative * relative
    with np.errstate(divide="ignore", invalid="ignore"):
        value = score**2 / (weight * (1 - weight))
    return _divergence(
        shares,
        value,
        weight,
        (p, -2 * relative - (1 - across) * squared),
        (q, 2 * relative - across * squared),
    )


def _divergence(
    shares: Shares,
    value: FloatArray,
    weight: FloatArray,
    reference: tuple[FloatArray, FloatArray],
    current: tuple[FloatArray, FloatArray],
) -> Divergence:
    """From shares and derivatives (E,) of both sides; the derivatives' variance is that of the estimate."""
    variance = weight * _variance(shares, *reference) + (1 - weight) * _variance(shares, *current)
    tiny = ~(value > 1e-12)
    factor = np.where(tiny, 1.0, variance / np.where(tiny, 1.0, 4 * value))
    return Divergence(value, np.clip(factor, *_FACTORS))


def _variance(shares: Shares, share: FloatArray, derivative: FloatArray) -> FloatArray:
    seen = np.where(shares.seen, share, 0.0)
    mean = shares.columns.sum(seen * derivative)
    return np.maximum(shares.columns.sum(seen * derivative * derivative) - mean * mean, 0.0)
