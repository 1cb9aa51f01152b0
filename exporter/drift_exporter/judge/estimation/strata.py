"""What a reference says of labels given the score, as linear functions of its label rates.

The reference's bins of the score are put together to strata of some records each. The expected rate at a
score is interpolated between the strata's mean scores, so a window whose scores have moved, also within a
stratum, is compared with the rates at its own scores. It is a weighted sum of the strata's rates, so it has
no bias from their noise, and its covariance follows from theirs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import FloatArray, IntArray

_MOST = 64
"""Strata of equal size between the ends; towards these they become smaller, for there rates run apart."""
_FEWEST = 10
"""Records of the smallest stratum."""


@dataclass(frozen=True)
class Strata:
    """Rates of the reference: ``scores`` (strata,) ascending, ``rates`` and their ``variances`` (strata,).

    ``known`` (bins,) are the bins between the reference's lowest and highest: of labels at scores outside of
    these it says nothing.
    """

    scores: FloatArray
    rates: FloatArray
    variances: FloatArray
    known: NDArray[np.bool_]

    def weights(self, scores: FloatArray) -> FloatArray:
        """Weights (n, strata) of the strata's rates at scores (n,), each row adding up to 1."""
        if len(self.scores) == 1:
            return np.ones((len(scores), 1))
        right = np.clip(np.searchsorted(self.scores, scores), 1, len(self.scores) - 1)
        left = right - 1
        width = self.scores[right] - self.scores[left]
        share = np.clip((scores - self.scores[left]) / np.where(width > 0, width, 1.0), 0.0, 1.0)
        found = np.zeros((len(scores), len(self.scores)))
        rows = np.arange(len(scores))
        found[rows, left] = 1 - share
        found[rows, right] += share
        return found


def make_strata(negatives: IntArray, positives: IntArray, sums: FloatArray) -> Strata | None:
    """Strata of the reference's records in each bin of the score (bins,); None without a record."""
    rows = negatives + positives
    filled = np.flatnonzero(rows)
    if not len(filled):
        return None
    stratum = np.full(len(rows), -1)
    stratum[filled] = _cut(rows[filled])
    count = int(stratum.max()) + 1
    own = stratum[filled]
    size = np.bincount(own, rows[filled], count)
    right = np.bincount(own, positives[filled], count)
    rates = right / size
    # Two of each label are added where the variance is meant: a rate of 0 is not known for certain (Agresti
    # and Coull (1998), Approximate is better than "exact" for interval estimation of binomial proportions).
    smooth = (right + 2 * right.sum() / size.sum()) / (size + 2)
    known = (np.arange(len(rows)) >= filled[0]) & (np.arange(len(rows)) <= filled[-1])
    scores = np.bincount(own, sums[filled], count) / size
    return Strata(scores, rates, smooth * (1 - smooth) / size, known)


def _cut(rows: IntArray) -> IntArray:
    """Number of the stratum (k,) of bins with these records (k,), all more than 0."""
    full = max(_FEWEST, int(rows.sum()) // _MOST)
    total = np.cumsum(rows)
    before, after = total - rows, int(total[-1]) - total
    found = np.zeros(len(rows), dtype=np.int64)
    number, size = 0, 0
    for place, own in enumerate(rows.tolist()):
        # Twice as many as are beyond, but no more than a full one, nor fewer than the least.
        wanted = min(full, max(_FEWEST, min(int(before[place]), int(after[place]))))
        if size >= wanted and int(after[place]) + own >= _FEWEST:
            number, size = number + 1, 0
        found[place] = number
        size += own
    return found
