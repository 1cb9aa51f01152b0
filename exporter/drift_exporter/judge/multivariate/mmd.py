"""Maximum mean discrepancy: a distance of two samples that sees any kind of difference, if there is enough.

Gretton, Borgwardt, Rasch, Scholkopf and Smola (2012), A kernel two-sample test, JMLR 13.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from drift_exporter.reference.model import FloatArray

TOLERANCE = 0.03
"""Distance that is tolerated."""

MOST_ROWS = 1_000
"""Records of each side at most: time and memory grow with their square."""

PERMUTATIONS = 499
_MEDIAN_ROWS = 500


class Mmd(NamedTuple):
    """``squared`` is the unbiased estimate of the squared distance; it may be below 0."""

    squared: float
    p_value: float
    confidence: float
    tolerance: float

    @property
    def distance(self) -> float:
        """The distance, 0 where nothing was found."""
        return float(np.sqrt(max(self.squared, 0.0)))


def mmd_drift(reference: FloatArray, current: FloatArray, seed: int, psi: float = 0.0) -> Mmd | None:
    """Compare points (m, p) and (n, p) in random order, of which at most 1,000 of each side are used.

    The kernel is exp(-|x - y|^2 / 2 s^2) with s the median distance of the points: equation (3) and section 8
    of Gretton et al. The p-value is that of "both come from one distribution", by permutation of the sides:
    (k + 1) / (b + 1) of b permutations. Confidence is that the distance is more than tolerated: normal, with
    the variance of the permutations and that of the witness function (section 2.3) on both sides together,
    and never above what the p-value allows.

    Where the columns' PSI may add up to ``psi`` without drift, the squared distance may be as large as that
    moves it at most: of normal columns moved by d it is |d|^2 / s^2 times the kernel's mean, for small d.

    None where a side has fewer than 4 points or all points are the same.
    """
    x, y = reference[:MOST_ROWS], current[:MOST_ROWS]
    m, n = len(x), len(y)
    if min(m, n) < 4:
        return None
    points = np.concatenate([x, y])
    scale = median_distance(points, m)
    if scale <= 0:
        return None
    kernel = gaussian_kernel(points, scale)
    np.fill_diagonal(kernel, 0.0)
    sides = np.zeros((m + n, PERMUTATIONS + 1))
    sides[:m, 0] = 1.0
    random = np.random.default_rng(seed)
    for column in range(1, PERMUTATIONS + 1):
        sides[random.permutation(m + n)[:m], column] = 1.0
    estimates = _unbiased(kernel, sides, m, n)
    squared, permuted = float(estimates[0]), estimates[1:]
    p_value = (1 + int(np.count_nonzero(permuted >= squared))) / (1 + PERMUTATIONS)
    variance = float(permuted.var()) + _witness_variance(kernel, m, n)
    tolerated = TOLERANCE**2 + psi / scale**2 * float(kernel[:m, :m].sum()) / (m * (m - 1))
    sure = float(special.ndtr((squared - tolerated) / np.sqrt(variance)))
    return Mmd(squared, p_value, min(sure, 1.0 - p_value), float(np.sqrt(tolerated)))


def median_distance(points: FloatArray, first: int) -> float:
    """The median distance of the points (N, p), or 250 of each side; the ``first`` of them are one side."""
    some = np.concatenate([points[:first][: _MEDIAN_ROWS // 2], points[first:][: _MEDIAN_ROWS // 2]])
    distances = np.sqrt(squared_distances(some)[np.triu_indices(len(some), 1)])
    middle = float(np.median(distances))
    # Of columns of few values most distances may be 0.
    return middle if middle > 0 else float(distances.mean())


def gaussian_kernel(points: FloatArray, scale: float) -> FloatArray:
    """exp(-|x - y|^2 / 2 scale^2) of all points (N, p), as (N, N)."""
    kernel = squared_distances(points)
    kernel *= -0.5 / scale**2
    np.exp(kernel, out=kernel)
    return kernel


def squared_distances(points: FloatArray) -> FloatArray:
    """|x - y|^2 of all points (N, p), as (N, N)."""
    lengths = (points**2).sum(axis=1)
    squares: FloatArray = points @ points.T
    squares *= -2
    squares += lengths[:, None]
    squares += lengths
    return np.maximum(squares, 0.0, out=squares)


def _unbiased(kernel: FloatArray, sides: FloatArray, m: int, n: int) -> FloatArray:
    """Equation (3) for each column of ``sides`` (N, b), which is 1 for the points of the first side.

    ``kernel`` (N, N) has zeros on its diagonal.
    """
    inside = np.einsum("ij,ij->j", sides, kernel @ sides)
    touching = kernel.sum(axis=1) @ sides
    across = touching - inside
    rest = kernel.sum() - inside - 2 * across
    return np.asarray(inside / (m * (m - 1)) + rest / (n * (n - 1)) - 2 * across / (m * n))


def _witness_variance(kernel: FloatArray, m: int, n: int) -> float:
    """Variance of the estimate's linear part, 4 var f / m + 4 var f / n with f the witness function."""
    of_first = kernel[:m, :m].sum(axis=1) / (m - 1) - kernel[:m, m:].mean(axis=1)
    of_second = kernel[m:, :m].mean(axis=1) - kernel[m:, m:].sum(axis=1) / (n - 1)
    return float(4 * of_first.var() / m + 4 * of_second.var() / n)
