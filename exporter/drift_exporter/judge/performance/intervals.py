"""95 % confidence intervals of proportions and of means, for many groups at once.

``design_effect`` d, at least 1, is how much more such numbers vary than those of independent records: n
records are worth n / d.

Wilson (1927), Probable inference, the law of succession, and statistical inference, Journal of the American
Statistical Association 22(158).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from drift_exporter.judge.intervals import LEVEL, Z
from drift_exporter.judge.performance.estimates import Estimates
from drift_exporter.reference.model import FloatArray

Numbers = NDArray[np.int64] | FloatArray


def proportion(successes: Numbers, trials: Numbers, design_effect: float = 1.0, z: float = Z) -> Estimates:
    """Share of the trials that are successes, with Wilson's score interval; none without trials."""
    with np.errstate(all="ignore"):
        value = successes / np.where(trials > 0, trials, np.nan)
        return score_interval(value, trials / design_effect, z)


def score_interval(value: FloatArray, trials: FloatArray, z: float = Z) -> Estimates:
    """Wilson's interval of proportions that vary as those of so many ``trials``, which may be broken numbers.

    Without trials there is a value and no interval.
    """
    with np.errstate(all="ignore"):
        squares = z * z / np.where(trials > 0, trials, np.nan)
        centre = (value + squares / 2) / (1 + squares)
        reach = np.sqrt(value * (1 - value) * squares + squares * squares / 4) / (1 + squares)
        # At 0 and 1 the end is the value; what is left of the difference is rounding.
        lower = np.where(value <= 0, value, np.maximum(centre - reach, 0.0))
        upper = np.where(value >= 1, value, np.minimum(centre + reach, 1.0))
    return Estimates(
        value, np.where(np.isnan(reach), np.nan, lower), np.where(np.isnan(reach), np.nan, upper)
    )


def f1(right: Numbers, predicted: Numbers, labelled: Numbers, design_effect: float = 1.0) -> Estimates:
    """F1 of a class from how often it was rightly predicted, predicted at all, and the label.

    Of the U records that are of the class or predicted so, the right ones are binomial with some share J, and
    f1 = 2 J / (1 + J): the ends are those of J's score interval. There is no value without such records.
    """
    share = proportion(right, predicted + labelled - right, design_effect)
    return Estimates(*(2 * part / (1 + part) for part in (share.value, share.lower, share.upper)))


def mean(number: FloatArray, total: FloatArray, squares: FloatArray, design_effect: float = 1.0) -> Estimates:
    """Mean of ``number`` values from their sum and the sum of their squares, with Student's interval.

    One value alone has no interval.
    """
    with np.errstate(all="ignore"):
        value = total / np.where(number > 0, number, np.nan)
        return Estimates.around(
            value, student(number) * standard_error(number, total, squares, design_effect)
        )


def mean_of_positive(
    number: FloatArray, total: FloatArray, squares: FloatArray, design_effect: float = 1.0
) -> Estimates:
    """The same for values that are never negative: the interval is symmetric about the mean's logarithm.

    Such means are skewed, with few values far above them.
    """
    with np.errstate(all="ignore"):
        value = total / np.where(number > 0, number, np.nan)
        return factor_interval(value, standard_error(number, total, squares, design_effect), student(number))


def mean_of_share(
    number: FloatArray, total: FloatArray, squares: FloatArray, design_effect: float = 1.0
) -> Estimates:
    """The same for values in [0, 1]: Wilson's interval with as many trials as a share needs to vary so."""
    with np.errstate(all="ignore"):
        value = total / np.where(number > 0, number, np.nan)
        variance = np.square(standard_error(number, total, squares))
        trials = np.where(variance > 0, value * (1 - value) / variance, number)
    return score_interval(value, trials / design_effect)


def factor_interval(value: FloatArray, error: FloatArray, quantile: FloatArray | float = Z) -> Estimates:
    """Interval of a positive value with this standard ``error``, symmetric about the logarithm.

    By the delta method; a value of 0 has no interval.
    """
    with np.errstate(all="ignore"):
        factor = np.exp(quantile * error / value)
        return Estimates(value, value / factor, value * factor)


def logit_interval(value: FloatArray, variance: FloatArray, z: float = Z) -> Estimates:
    """Interval of a value in (0, 1) with this variance, symmetric about its logit (delta method)."""
    with np.errstate(all="ignore"):
        odds = special.logit(value)
        reach = z * np.sqrt(variance) / (value * (1 - value))
        return Estimates(value, special.expit(odds - reach), special.expit(odds + reach))


def standard_error(
    number: FloatArray, total: FloatArray, squares: FloatArray, design_effect: float = 1.0
) -> FloatArray:
    """Standard error of a mean, NaN with fewer than two values."""
    with np.errstate(all="ignore"):
        deviations = np.maximum(squares - total * total / number, 0.0)
        freedom = np.where(number > 1, number - 1, np.nan)
        return np.asarray(np.sqrt(deviations / freedom / number * design_effect))


def student(number: FloatArray) -> FloatArray:
    """Quantile of Student's distribution for the mean of so many values, NaN with fewer than two."""
    freedom = np.where(number > 1, number - 1, np.nan)
    return np.asarray(special.stdtrit(freedom, (1 + LEVEL) / 2))
