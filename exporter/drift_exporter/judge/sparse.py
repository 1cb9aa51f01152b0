"""What bins with few records add to a divergence by chance alone.

N times a divergence is, without drift, on average 1 for each bin, with a variance of 2, where a bin has many
records: that is where the chi-square distribution's degrees of freedom come from. A bin with few adds more or
less, depending on the divergence. Here both are computed from Poisson counts, as a table over the number of
records to be expected in the window.
"""

import functools
from collections.abc import Callable

import numpy as np
from scipy import special

from drift_exporter.reference.model import FloatArray

Part = Callable[[FloatArray, FloatArray, float], FloatArray]

MANY = 40.0
"""Records in a bin from which on it adds 1 on average, with a variance of 2."""

EXPECTED = np.geomspace(0.01, MANY, 32)
_NODES = np.arange(96.0)
_DEVIATES = np.linspace(-4.5, 4.5, len(_NODES))


def moments(method: str, ratio: float) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of what a bin adds to N times a divergence, for ``EXPECTED`` records in the window.

    ``ratio`` is the number of reference records for each of the window's, rounded to an eighth of an octave.
    """
    octaves = float(np.clip(np.round(8 * np.log2(max(ratio, 1e-9))) / 8, -20.0, 20.0))
    return _table(method, octaves)


@functools.lru_cache(maxsize=256)
def _table(method: str, octaves: float) -> tuple[FloatArray, FloatArray]:
    ratio = 2.0**octaves
    part = PARTS[method]
    means, variances = [], []
    for expected in EXPECTED.tolist():
        x, x_weights = _poisson(expected)
        y, y_weights = _poisson(ratio * expected)
        added = part(x[:, None], y[None, :], ratio)
        mean = float(x_weights @ added @ y_weights)
        means.append(mean)
        variances.append(float(x_weights @ (added - mean) ** 2 @ y_weights))
    return np.array(means), np.array(variances)


def _poisson(mean: float) -> tuple[FloatArray, FloatArray]:
    """Values and their probabilities; those of the normal distribution where there are too many values."""
    if mean <= MANY:
        values = _NODES
        weights = np.exp(special.xlogy(values, mean) - mean - special.gammaln(values + 1))
    else:
        values = np.maximum(mean + np.sqrt(mean) * _DEVIATES, 0.0)
        weights = np.exp(-(_DEVIATES**2) / 2)
    return values, weights / weights.sum()


def _psi(x: FloatArray, y: FloatArray, ratio: float) -> FloatArray:
    current, reference = x + 0.5, (y + 0.5) / ratio
    added = (current - reference) * np.log(current / reference)
    return ratio / (1 + ratio) * np.where(x + y > 0, added, 0.0)


def _hellinger(x: FloatArray, y: FloatArray, ratio: float) -> FloatArray:
    difference = np.sqrt(x) - np.sqrt(y / ratio)
    added: FloatArray = 4 * ratio / (1 + ratio) * difference * difference
    return added


def _jensenshannon(x: FloatArray, y: FloatArray, ratio: float) -> FloatArray:
    reference = y / ratio
    middle = (x + reference) / 2
    added: FloatArray = special.rel_entr(x, middle) + special.rel_entr(reference, middle)
    return 4 * ratio / (1 + ratio) * added


def _chi2(x: FloatArray, y: FloatArray, ratio: float) -> FloatArray:
    difference = x - y / ratio
    added: FloatArray = ratio * difference * difference / np.maximum(x + y, 1.0)
    return added


PARTS: dict[str, Part] = {
    "psi": _psi,
    "hellinger": _hellinger,
    "jensenshannon": _jensenshannon,
    "chi2": _chi2,
}
