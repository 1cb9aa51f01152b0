"""Many tests at once: some look conspicuous by chance alone."""

import numpy as np

from drift_exporter.reference.model import FloatArray


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """P-values (k,) adjusted for their number (k,), in the same order.

    Calling drifted what is adjusted to at most a keeps the expected share of false ones among those called
    drifted at a or below, for independent or positively dependent tests.

    Benjamini and Hochberg (1995), Controlling the false discovery rate, J. R. Stat. Soc. B 57(1).
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    size = len(p_values)
    order = np.argsort(p_values)[::-1]
    inflated = p_values[order] * (size / np.arange(size, 0, -1))
    adjusted = np.empty(size)
    adjusted[order] = np.minimum(np.minimum.accumulate(inflated), 1.0)
    return adjusted


def dataset_p_value(p_values: FloatArray) -> float:
    """P-value of "no column at all has drifted" from the columns' p-values (k,), k at least 1.

    Simes (1986), An improved Bonferroni procedure for multiple tests of significance, Biometrika 73(3): the
    smallest adjusted p-value.
    """
    return float(benjamini_hochberg(p_values).min())
