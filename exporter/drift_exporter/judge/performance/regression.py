"""Metrics of regressions, from sums of powers of errors and labels (count.moments.REGRESSION_MOMENTS).

Intervals are Student's for the bias, symmetric about the logarithm for means of what is never negative, and
by the delta method for the root of the mean squared error (on the same scale) and for r2.
"""

from collections.abc import Mapping

import numpy as np

from drift_exporter.count.moments import REGRESSION_MOMENTS
from drift_exporter.judge.performance.estimates import Estimates
from drift_exporter.judge.performance.intervals import (
    factor_interval,
    mean,
    mean_of_positive,
    standard_error,
    student,
)
from drift_exporter.reference.model import FloatArray

_DIGITS = 1e-10
"""Labels that vary less than this beside their distance from the centre have lost their digits."""


def regression(moments: FloatArray, design_effect: float = 1.0) -> Mapping[str, Estimates]:
    """Metrics of sums (k, 13)."""
    sums = {name: moments[:, place] for place, name in enumerate(REGRESSION_MOMENTS)}
    number = sums["errors"]
    percentage = mean_of_positive(number, sums["percentage"], sums["percentage_squared"], design_effect)
    return {
        "mean_absolute_error": mean_of_positive(number, sums["absolute"], sums["squared"], design_effect),
        "root_mean_squared_error": _root_mean_squared_error(sums, design_effect),
        "mean_absolute_percentage_error": percentage,
        "r2": _r2(sums, design_effect),
        "bias": mean(number, sums["error"], sums["squared"], design_effect),
    }


def _root_mean_squared_error(sums: Mapping[str, FloatArray], design_effect: float) -> Estimates:
    number = sums["errors"]
    error = standard_error(number, sums["squared"], sums["squared_squared"], design_effect)
    with np.errstate(all="ignore"):
        squared = sums["squared"] / np.where(number > 0, number, np.nan)
        found = factor_interval(squared, error, student(number))
        return Estimates(np.sqrt(squared), np.sqrt(found.lower), np.sqrt(found.upper))


def _r2(sums: Mapping[str, FloatArray], design_effect: float) -> Estimates:
    """One less the ratio A / B of the mean squared error to the labels' variance.

    A record moves the ratio by (e^2 - A (y - mean)^2 / B) / B, the mean of which is 0; its square needs the
    labels' and squared errors' moments up to the fourth, which are about the centre and turned here.
    """
    number = sums["errors"]
    with np.errstate(all="ignore"):
        n = np.where(number > 0, number, np.nan)
        error, mean_label = sums["squared"] / n, sums["label"] / n
        second, third, fourth = (sums[name] / n for name in ("label_squared", "label_cubed", "label_fourth"))
        variance = second - np.square(mean_label)
        told = variance > _DIGITS * second
        ratio = error / np.where(told, variance, np.nan)
        # Mean of (y - mean)^4 and of e^2 (y - mean)^2.
        own = fourth - 4 * mean_label * third + 6 * mean_label**2 * second - 3 * mean_label**4
        joint = (
            sums["squared_by_label_squared"] - 2 * mean_label * sums["squared_by_label"]
        ) / n + mean_label**2 * error
        squares = sums["squared_squared"] / n - 2 * ratio * joint + np.square(ratio) * own
        # Fourth powers have half of the digits that squares have.
        exact = np.square(variance) > _DIGITS * fourth
        deviation = np.sqrt(np.maximum(squares, 0.0) / (n - 1) * design_effect) / variance
        found = factor_interval(ratio, np.where(exact, deviation, np.nan), student(number))
        return found.complement
