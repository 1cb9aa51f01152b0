"""The largest difference and the smallest ratio of groups' rates, and how sure a ratio is below a limit.

Differences of two groups have the interval of Newcombe (1998), Interval estimation for the difference between
independent proportions, Statistics in Medicine 17(8), method 10; ratios that of Donner and Zou (2012),
Closed-form confidence intervals for functions of the normal mean and standard deviation, Statistical Methods
in Medical Research 21(4). Both are put together from each rate's own interval, so they hold near 0 and 1.

Of more than two groups the true largest difference is that of one pair and below this pair's upper end, so
the largest of all upper ends is one for it. The observed one is too large by chance, being the largest of
many, so the lower end is the largest of the pairs' lower ends at 1 - 0.05 / pairs (Bonferroni). Ratios
likewise. Conservative where many groups are alike.

Confidence that a ratio is below the limit is one less the p-value of the opposite: score tests of each pair
(Farrington and Manning (1990), Test statistics and sample size formulae for comparative binomial trials,
Statistics in Medicine 9(12)), the smallest p-value times the number of pairs.
"""

from collections.abc import Callable

import numpy as np
from scipy import special

from drift_exporter.judge.intervals import LEVEL, Z
from drift_exporter.judge.performance.estimates import Estimate, Estimates
from drift_exporter.reference.model import FloatArray, IntArray

FOUR_FIFTHS = 0.8
"""The least ratio of selection rates that US authorities tolerate (29 CFR 1607.4 D, 1978)."""

Rates = Callable[[float], Estimates]
"""Rates of groups (k,), with intervals of so many standard deviations; NaN where a group has none."""


def largest_difference(*rates: Rates) -> Estimate | None:
    """The largest difference of two groups in any of the ``rates``; None where one has not two groups."""
    known = [_known(own) for own in rates]
    if not known or any(len(place) < 2 for place in known):
        return None
    pairs = sum(_pairs(len(place)) for place in known)
    values, lowers, uppers = [], [], []
    for own, place in zip(rates, known, strict=True):
        plain, strict = _at(own, Z, place), _at(own, _strict(pairs), place)
        values.append(plain.value.max() - plain.value.min())
        lowers.append(_differences(strict, -1).max())
        uppers.append(_differences(plain, 1).max())
    return Estimate(float(max(values)), float(max(*lowers, 0.0)), float(max(uppers)))


def smallest_ratio(rates: Rates) -> Estimate | None:
    """The smallest rate over the largest; None with fewer than two groups, or where all rates are 0."""
    place = _known(rates)
    if len(place) < 2:
        return None
    plain, strict = _at(rates, Z, place), _at(rates, _strict(_pairs(len(place))), place)
    if plain.value.max() <= 0:
        return None
    lower = _of_two(_ratios(plain)[0]).min()
    upper = _of_two(_ratios(strict)[1]).min()
    value = plain.value.min() / plain.value.max()
    return Estimate(float(value), float(np.clip(lower, 0, value)), float(np.clip(upper, value, 1)))


def below_ratio(successes: FloatArray, trials: FloatArray, limit: float = FOUR_FIFTHS) -> float | None:
    """How sure it is, in [0, 1], that the smallest of the groups' true rates (k,) over the largest is below.

    Both may be less than counted, where records are not independent. None with fewer than two groups
    that have trials, or without any success.
    """
    place = np.flatnonzero(trials > 0)
    if len(place) < 2 or not successes[place].any():
        return None
    p_values = _p_values(successes[place], trials[place], limit)
    return float(max(0.0, 1 - _pairs(len(place)) * _of_two(p_values).min()))


def _known(rates: Rates) -> IntArray:
    found = rates(Z)
    return np.flatnonzero(np.isfinite(found.value) & np.isfinite(found.lower)).astype(np.int64)


def _at(rates: Rates, z: float, place: IntArray) -> Estimates:
    found = rates(z)
    return Estimates(found.value[place], found.lower[place], found.upper[place])


def _pairs(groups: int) -> int:
    return groups * (groups - 1) // 2


def _strict(pairs: int) -> float:
    return float(-special.ndtri((1 - LEVEL) / (2 * pairs)))


def _of_two(values: FloatArray) -> FloatArray:
    """Elements of a matrix (k, k) that compare two groups (k (k - 1),)."""
    return values[~np.eye(len(values), dtype=np.bool_)]


def _differences(rates: Estimates, side: int) -> FloatArray:
    """Upper (``side`` 1) or lower (-1) ends of each group's rate less each other's (k (k - 1),)."""
    below, above = rates.value - rates.lower, rates.upper - rates.value
    own, other = (above, below) if side > 0 else (below, above)
    reach = np.hypot(own[:, None], other[None, :])
    return _of_two(rates.value[:, None] - rates.value[None, :] + side * reach)


def _ratios(rates: Estimates) -> tuple[FloatArray, FloatArray]:
    """Lower and upper ends of each group's rate over each other's (k, k), infinite where that may be 0."""
    product = rates.value[:, None] * rates.value[None, :]
    own = (rates.lower * (2 * rates.value - rates.lower))[:, None]
    other = (rates.upper * (2 * rates.value - rates.upper))[None, :]
    highest = (rates.upper * (2 * rates.value - rates.upper))[:, None]
    least = (rates.lower * (2 * rates.value - rates.lower))[None, :]
    with np.errstate(all="ignore"):
        root = product + np.sqrt(np.maximum(product * product - own * other, 0.0))
        lower = np.where(own > 0, own / root, 0.0)
        root = product + np.sqrt(np.maximum(product * product - highest * least, 0.0))
        upper = np.where(least > 0, root / least, np.inf)
    return lower, upper


def _p_values(successes: FloatArray, trials: FloatArray, limit: float) -> FloatArray:
    """P-values (k, k) of the hypothesis that a group's rate is at least ``limit`` times the other's.

    Variances are those at the likeliest rates of which one is just so many times the other.
    """
    own_trials, other_trials = trials[:, None], trials[None, :]
    own, other = successes[:, None], successes[None, :]
    rate = successes / trials
    a = limit * (own_trials + other_trials)
    b = own_trials * limit + own + other_trials + other * limit
    c = own + other
    with np.errstate(all="ignore"):
        likeliest = (b - np.sqrt(np.maximum(b * b - 4 * a * c, 0.0))) / (2 * a)
        bound = limit * likeliest
        variance = bound * (1 - bound) / own_trials
        variance += limit * limit * likeliest * (1 - likeliest) / other_trials
        deviations = (rate[:, None] - limit * rate[None, :]) / np.sqrt(variance)
    found: FloatArray = special.ndtr(np.where(variance > 0, deviations, np.inf))
    return found
