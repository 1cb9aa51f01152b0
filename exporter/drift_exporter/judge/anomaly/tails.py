"""ECOD and COPOD: how far out each value of a record is in the reference's distribution of its column.

A record is judged as if it alone were added to the m reference rows: the share of rows at or below its value
is (c + 1) / (m + 1) with c rows there, and likewise for those at or above. U_l and U_r are minus the
logarithms of both. The skewness of the reference's column chooses a side, U_s: the right tail where it is
positive, the left where it is negative, both added where it is 0. Scores are sums over the columns of

- max(U_l, U_r, U_s) (ECOD; Li, Zhao, Hu, Botta, Ionescu and Chen (2022), ECOD: Unsupervised outlier detection
  using empirical cumulative distribution functions, IEEE TKDE);
- max(U_s, (U_l + U_r) / 2) (COPOD; Li, Zhao, Botta, Ionescu and Hu (2020), COPOD: Copula-based outlier
  detection, ICDM).

These are the sums that PyOD's detectors take. PyOD adds a batch as a whole to the rows, so there a record's
score depends on what else is in its batch: a burst of anomalies partly hides itself. Here it does not.
"""

from typing import Literal, Self

import numpy as np

from drift_exporter.reference.model import FloatArray


class Tails:
    """Scores records by their tails; ``kind`` is which of both sums."""

    def __init__(self, kind: Literal["ecod", "copod"]) -> None:
        self.kind = kind
        self._sorted: tuple[FloatArray, ...] = ()
        self._skewness: list[float] = []

    def fit(self, values: FloatArray, /) -> Self:
        """Learn the distributions of the columns of rows (m, C) without missing values."""
        self._sorted = tuple(np.sort(column) for column in values.T)
        self._skewness = [_skewness(column) for column in values.T]
        return self

    def decision_function(self, values: FloatArray, /) -> FloatArray:
        """Scores (n,) of records (n, C)."""
        scores = np.zeros(len(values))
        for column, known, skewness in zip(values.T, self._sorted, self._skewness, strict=True):
            rows = len(known)
            # Sorted values are looked up several times as fast.
            order = np.argsort(column)
            ordered = column[order]
            left = -np.log((np.searchsorted(known, ordered, "right") + 1) / (rows + 1))
            right = -np.log((rows - np.searchsorted(known, ordered, "left") + 1) / (rows + 1))
            skewed = right if skewness > 0 else left if skewness < 0 else left + right
            other = np.maximum(left, right) if self.kind == "ecod" else (left + right) / 2
            scores[order] += np.maximum(skewed, other)
        return scores


def _skewness(values: FloatArray) -> float:
    """Third central moment over the cubed deviation; 0 of a constant."""
    mean = values.mean()
    apart = values - mean
    # As scipy.stats.skew has it: deviations that are rounding errors are none.
    deviation = float(np.sqrt(np.square(apart).mean()))
    if deviation <= np.finfo(np.float64).eps * abs(float(mean)):
        return 0.0
    return float(((apart / deviation) ** 3).mean())
