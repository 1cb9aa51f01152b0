"""From scores to percentiles of the reference.

With m reference scores s_i that stem from detectors that had not seen their rows, the percentile of a score x
is the share of them below it, #{s_i < x} / (m + 1). 1 less this is the conformal p-value of x (Vovk,
Gammerman and Shafer (2005), Algorithmic learning in a random world; Bates, Candes, Lei, Romano and Sesia
(2023), Testing for outliers with conformal p-values, Annals of Statistics 51): of records like the
reference's a share of at most c has a percentile above 1 - c, also where scores are equal.

Between two reference scores the percentile rises linearly. Beyond the largest the excess over a high
threshold is taken to follow a generalised Pareto distribution (peaks over threshold: Pickands (1975),
Statistical inference using extreme order statistics, Annals of Statistics 3), fitted by probability-weighted
moments (Hosking and Wallis (1987), Parameter and quantile estimation for the generalized Pareto distribution,
Technometrics 29). So a larger score always has a larger percentile, and the order of records stays what the
detector makes it.
"""

from dataclasses import dataclass

import numpy as np

from drift_exporter.reference.model import FloatArray

TAIL = 0.02
_FEWEST = 20
"""The tail is fitted to this share of the scores, and at least to so many."""

_FLOOR = 1e-3
"""This part of what is beyond the largest score fades so slowly that doubles still tell scores apart."""

HIGHEST = float(np.nextafter(1.0, 0.0))


@dataclass(frozen=True)
class Percentiles:
    """``known`` (k,) are the different reference scores, ascending; ``below`` (k,) how many are smaller.

    ``rows`` is m. ``scale`` and ``shape`` are those of the excess over the largest.
    """

    known: FloatArray
    below: FloatArray
    rows: int
    scale: float
    shape: float

    def of(self, scores: FloatArray) -> FloatArray:
        """Percentiles (n,) in [0, 1) of scores (n,); NaN of NaN."""
        place = np.searchsorted(self.known, scores, "right")
        last = len(self.known) - 1
        lower = np.clip(place - 1, 0, last)
        upper = np.minimum(place, last)
        width = self.known[upper] - self.known[lower]
        over = scores - self.known[lower]
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(width > 0, over / width, 0.0)
        # Above an equal score all of its kind are below, but as little above as doubles have it.
        start = np.where(over > 0, np.append(self.below[1:], self.rows)[lower] - 1, self.below[lower])
        found = (start + np.clip(part, 0.0, 1.0)) / (self.rows + 1)
        beyond = scores > self.known[-1]
        found = np.where(beyond, 1 - self._survival(np.where(beyond, over, 0.0)) / (self.rows + 1), found)
        found = np.where(place == 0, 0.0, found)
        return np.where(np.isnan(scores), np.nan, np.minimum(found, HIGHEST))

    def _survival(self, excess: FloatArray) -> FloatArray:
        """Share of scores beyond the largest that are farther beyond, in (0, 1]."""
        relative = excess / self.scale
        pareto = np.exp(-relative) if self.shape < 1e-9 else (1 + self.shape * relative) ** (-1 / self.shape)
        return (1 - _FLOOR) * pareto + _FLOOR / (1 + np.log1p(relative))


def fit_percentiles(scores: FloatArray) -> Percentiles:
    """Percentiles by reference scores (m,), m > 0, all finite."""
    known, counts = np.unique(scores, return_counts=True)
    scale, shape = _tail(np.sort(scores))
    below = np.append(0, np.cumsum(counts)[:-1]).astype(np.float64)
    return Percentiles(known, below, len(scores), scale, shape)


def _tail(ordered: FloatArray) -> tuple[float, float]:
    """Scale and shape of the excess over the largest of ascending scores (m,)."""
    wanted = min(max(_FEWEST, round(TAIL * len(ordered))), len(ordered) - 1)
    spread = float(ordered[-1] - ordered[0]) or max(abs(float(ordered[-1])), 1.0)
    if wanted < 2:
        return spread, 0.0
    threshold = ordered[-wanted - 1]
    excess = ordered[-wanted:] - threshold
    mean = float(excess.mean())
    # The first moment weighted with the probability of being exceeded.
    weighted = float((excess * (wanted - np.arange(1, wanted + 1)) / (wanted - 1)).mean())
    apart = mean - 2 * weighted
    if mean <= 0 or apart <= 0:
        return (mean or 1e-3 * spread), 0.0
    shape = 2 - mean / apart
    # A bounded tail would have no room beyond its end, and a mean that is infinite is no use.
    shape = min(max(shape, 0.0), 0.9)
    scale = 2 * mean * weighted / apart if shape > 0 else mean
    return max(scale + shape * float(excess[-1]), 1e-9 * spread), shape
