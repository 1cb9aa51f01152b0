"""PCA reconstruction error: whether records still lie where the reference's columns move together.

The reference's principal components keep most of its variance; what a record has beside them is its error.
Where columns stop moving together as they did, errors grow (or shrink), though each column looks alike.
"""

from dataclasses import dataclass

import numpy as np

from drift_exporter.judge.multivariate.shares import beyond, by_column
from drift_exporter.reference.model import FloatArray, IntArray

VARIANCE_KEPT = 0.8
"""Share of the reference's variance that the components keep."""

TOLERANCE = 0.2
"""Change of the mean error that is tolerated, in standard deviations of a record's error."""

LEAST_ROWS = 20


@dataclass(frozen=True)
class Pca:
    """Components (p, c) of a reference around its ``mean`` (p,), and the errors of records of it.

    ``error`` and ``deviation`` are the mean and standard deviation of the errors of ``rows`` records that the
    components were not fitted on, and ``squares`` (p,) their mean squared errors by coordinate.
    """

    mean: FloatArray
    components: FloatArray
    error: float
    deviation: float
    rows: int
    squares: FloatArray

    def residuals(self, points: FloatArray) -> FloatArray:
        """What the components leave of points (n, p), as (n, p)."""
        centred = points - self.mean
        return centred - (centred @ self.components) @ self.components.T


def fit_pca(points: FloatArray) -> Pca | None:
    """Fit on every other point (m, p) of the reference; the errors are those of the points between.

    None where there are fewer than 20 of each, or where no error varies: then nothing can be told.

    Jolliffe (2002), Principal Component Analysis, 2nd ed.; as a measure of drift: Qahtan, Alharbi, Wang and
    Zhang (2015), A PCA-Based Change Detection Framework for Multidimensional Data Streams, KDD.
    """
    fitted, held = points[::2], points[1::2]
    if len(held) < LEAST_ROWS:
        return None
    mean = fitted.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(fitted, rowvar=False, bias=True).reshape(len(mean), -1))
    kept = np.cumsum(np.maximum(variances[::-1], 0.0))
    if kept[-1] <= 0:
        return None
    count = min(int(np.searchsorted(kept, VARIANCE_KEPT * kept[-1])) + 1, max(1, len(mean) - 1))
    pca = Pca(mean, vectors[:, ::-1][:, :count], 0.0, 0.0, len(held), np.zeros(len(mean)))
    residuals = pca.residuals(held)
    errors = np.sqrt((residuals**2).sum(axis=1))
    deviation = float(errors.std())
    if deviation <= 1e-9:
        return None
    return Pca(mean, pca.components, float(errors.mean()), deviation, len(held), (residuals**2).mean(axis=0))


def pca_drift(
    pca: Pca, points: FloatArray, owner: IntArray, columns: int, effect: float = 1.0
) -> tuple[float, float, FloatArray]:
    """Score, confidence and the columns' shares (columns,) of a window's points (n, p), n at least 2.

    The score is by how many standard deviations of a record's error the mean error has changed; confidence
    that it is more than tolerated is by a z-test with both sides' variances (Welch (1938), Biometrika 29).
    ``effect`` is the design effect: the points tell as much as that many times fewer independent ones. Shares
    are of what the squared errors have changed, where they did so the same way.
    """
    residuals = pca.residuals(points)
    errors = np.sqrt((residuals**2).sum(axis=1))
    score = (float(errors.mean()) - pca.error) / pca.deviation
    spread = float(errors.var(ddof=1)) / pca.deviation**2
    error = float(np.sqrt(1 / pca.rows + effect * spread / len(points)))
    change = (residuals**2).mean(axis=0) - pca.squares
    return score, beyond(score, TOLERANCE, error), by_column(np.copysign(1, score) * change, owner, columns)
