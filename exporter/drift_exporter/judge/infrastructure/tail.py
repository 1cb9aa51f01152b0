"""How far out a band has to reach so that only a given small share of values lies beyond.

A share of 1 in 10,000 is asked of some thousand dependent values, which is beyond what was seen. Values
above a high threshold follow a generalized Pareto distribution (Pickands (1975), Statistical inference using
extreme order statistics, Ann. Statist. 3(1)); its quantiles extend the empirical ones (Davison and Smith
(1990), Models for exceedances over high thresholds, JRSS B 52(3); for streams: Siffer, Fouque, Termier and
Largouet (2017), Anomaly detection in streams with extreme value theory, KDD). Shape and scale are those of
probability weighted moments (Hosking and Wallis (1987), Parameter and quantile estimation for the generalized
Pareto distribution, Technometrics 29(3)), the shape drawn to a mild one where there are few values.
"""

import math

import numpy as np

from drift_exporter.reference.model import FloatArray, IntArray

_TAIL = 0.03
_FEWEST, _MOST = 10, 300
_SHAPE, _WORTH = 0.1, 20.0
"""The shape that is assumed before any value is seen, and how many exceedances it is worth."""
_SHAPES = (-0.5, 0.5)
_APART = 12
"""Exceedances that are fewer places apart than this are of one incident."""


def tail_quantile(values: FloatArray, share: float, *, incidents: int) -> float:
    """The value beyond which ``share`` of ``values`` (n,), in time order, are expected to lie.

    ``incidents`` says how many stretches of values, far beyond what the others make likely, are left out as
    what the band is to find. NaN values are not known.
    """
    places = np.flatnonzero(np.isfinite(values))
    known = values[places]
    if incidents:
        fence = _fence(known, share)
        far = np.flatnonzero(known > fence)
        if len(far):
            kept = _without_incidents(known, places, far, incidents)
            known = known[kept]
    return _quantile(known, share)


def _quantile(known: FloatArray, share: float) -> float:
    count = len(known)
    exceeding = min(max(int(_TAIL * count), _FEWEST), _MOST, count - 1)
    threshold = float(np.partition(known, count - exceeding - 1)[count - exceeding - 1])
    beyond = np.flatnonzero(known > threshold)
    if not len(beyond):
        return threshold
    excess = np.sort(known[beyond]) - threshold
    mean = float(excess.mean())
    weights = 1 - (np.arange(1, len(excess) + 1) - 0.35) / len(excess)
    weighted = float((weights * excess).mean())
    # As light a tail as there can be where excesses are all alike.
    shape = 2 - mean / max(mean - 2 * weighted, 0.1 * mean)
    stretches = 1 + int(np.count_nonzero(np.diff(beyond) > _APART))
    shape = (stretches * shape + _WORTH * _SHAPE) / (stretches + _WORTH)
    shape = min(max(shape, _SHAPES[0]), _SHAPES[1])
    doubt = 1 + 1 / math.sqrt(stretches)
    return threshold + doubt * _beyond(mean * (1 - shape), shape, len(beyond) / count / share)


def _beyond(scale: float, shape: float, ratio: float) -> float:
    """The excess that one in ``ratio`` exceedances is above."""
    ratio = max(ratio, 1.0)
    if abs(shape) < 1e-6:
        return scale * math.log(ratio)
    return scale / shape * float(ratio**shape - 1)


def _fence(known: FloatArray, share: float) -> float:
    """What hardly any value is above that belongs to the others, from quantiles that incidents leave."""
    low, middle, high = np.quantile(known, (0.9, 0.95, 0.99)).tolist()
    near, wide = middle - low, high - low
    if near <= 0:
        return float(high + 10 * max(wide, 0.0))
    # The quantiles of a generalized Pareto distribution at 1/2 and 9/10 have this ratio.
    shapes = np.linspace(0.05, 0.25, 5)
    shape = float(np.interp(wide / near, (10.0**shapes - 1) / (2.0**shapes - 1), shapes))
    scale = near * shape / (2.0**shape - 1)
    return float(low + _beyond(scale, shape, 0.1 / (share / 10)))


def largest_but(values: FloatArray, stretches: int) -> float:
    """The largest of ``values`` (n,), in time order, but for the highest ``stretches`` of these."""
    far = np.flatnonzero(values > np.quantile(values, 0.99))
    if not len(far):
        return float(values.max())
    kept = _without_incidents(values, np.arange(len(values)), far, stretches)
    return float(values[kept].max())


def _without_incidents(known: FloatArray, places: IntArray, far: IntArray, incidents: int) -> IntArray:
    """Places in ``known`` to keep: without the ``incidents`` highest stretches of those ``far`` out."""
    breaks = np.flatnonzero(np.diff(places[far]) > _APART) + 1
    stretches = np.split(far, breaks)
    stretches.sort(key=lambda stretch: -float(known[stretch].max()))
    kept = np.ones(len(known), dtype=bool)
    for stretch in stretches[:incidents]:
        kept[max(stretch[0] - _APART, 0) : stretch[-1] + _APART + 1] = False
    return np.flatnonzero(kept)
