"""HBOS: how sparse the histograms of a record's columns are where its values lie.

Each column has bins of equal width from its smallest to its largest value. A record's score is minus the sum
over the columns of log2(density + alpha) of its bin. A value out of the range by no more than ``tolerance``
widths counts as in the outermost bin, and beyond as in the emptiest one. (Goldstein and Dengel (2012),
Histogram-based outlier score (HBOS): a fast unsupervised anomaly detection algorithm, KI-2012.)

Scores are those of PyOD's HBOS, to the last digits, without its import: that takes seconds and 200 MiB.
"""

from typing import Self

import numpy as np

from drift_exporter.reference.model import FloatArray


class Histograms:
    """Scores records by the histograms of their columns; parameters are called as PyOD has them."""

    def __init__(self, n_bins: int = 10, alpha: float = 0.1, tol: float = 0.5) -> None:
        """``n_bins`` in each column, at least 2; ``alpha`` and ``tol``, the tolerance, in (0, 1)."""
        if not isinstance(n_bins, int) or isinstance(n_bins, bool) or n_bins < 2:
            raise ValueError(f"n_bins is {n_bins!r}; give a whole number from 2 on, or 'auto'")
        for name, value in (("alpha", alpha), ("tol", tol)):
            if not isinstance(value, int | float) or not 0 < value < 1:
                raise ValueError(f"{name} is {value!r}; give a number between 0 and 1")
        self._bins, self._alpha, self._tolerance = n_bins, float(alpha), float(tol)
        self._edges: tuple[FloatArray, ...] = ()
        self._levels: tuple[FloatArray, ...] = ()

    def fit(self, values: FloatArray, /) -> Self:
        """Learn the histograms of the columns of rows (m, C) without missing values."""
        edges, levels = [], []
        for column in values.T:
            density, own = np.histogram(column, bins=self._bins, density=True)
            level = np.log2(density + self._alpha)
            # Bins, and what is below and above of all of them: near and far.
            far = level.min()
            levels.append(np.concatenate([[far], level[:1], level, level[-1:], [far]]))
            low, high = own[1] - own[0], own[-1] - own[-2]
            edges.append(
                np.concatenate(
                    [
                        [np.nextafter(own[0] - low * self._tolerance, -np.inf)],
                        own,
                        [own[-1] + high * self._tolerance],
                    ]
                )
            )
        self._edges, self._levels = tuple(edges), tuple(levels)
        return self

    def decision_function(self, values: FloatArray, /) -> FloatArray:
        """Scores (n,) of records (n, C)."""
        scores = np.zeros(len(values))
        for column, edges, levels in zip(values.T, self._edges, self._levels, strict=True):
            scores -= levels[np.searchsorted(edges, column, "left")]
        return scores
