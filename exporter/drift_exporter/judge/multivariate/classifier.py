"""Domain classifier: how well a model can tell the window's records from the reference's.

Where both come from the same distribution nothing can, and the area under the ROC curve (AUC) is 0.5.
Lopez-Paz and Oquab (2017), Revisiting classifier two-sample tests, ICLR.
"""

from collections.abc import Sequence

import numpy as np
from scipy import special

from drift_exporter.judge.multivariate.boosting import BINS, CodeArray, boost, score
from drift_exporter.judge.multivariate.shares import by_column
from drift_exporter.reference.model import Column, FloatArray, NumericColumn

TOLERANCE = 0.55
"""AUC that is tolerated."""

FOLDS = 3


def classifier_drift(
    reference: FloatArray,
    current: FloatArray,
    columns: Sequence[Column],
    seed: int,
    tolerance: float = TOLERANCE,
) -> tuple[float, float, FloatArray]:
    """AUC, confidence that it is above what is tolerated, and the columns' shares (C,) in telling.

    ``reference`` (m, C) and ``current`` (n, C) are records in random order, at least FOLDS of each. Boosted
    trees are fitted on all folds but one and tried on that one, so the AUC is of records they have not seen.
    Its variance is DeLong's (DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44), but at least that of
    an AUC at the tolerance by Hanley and McNeil (1982), Radiology 143. Both sides weigh the same.
    """
    codes = bin_codes(np.concatenate([reference, current]), columns)
    labels = np.repeat([0.0, 1.0], [len(reference), len(current)])
    fold = np.concatenate([np.arange(len(reference)) % FOLDS, np.arange(len(current)) % FOLDS])
    weights = np.repeat([0.5 / len(reference), 0.5 / len(current)], [len(reference), len(current)])
    weights *= len(labels)
    random = np.random.default_rng(seed)
    areas, variances = [], []
    gains = np.zeros(len(columns))
    for held in range(FOLDS):
        fitted = fold != held
        trees, gained = boost(codes[fitted], labels[fitted], weights[fitted], random)
        gains += gained
        told = score(trees, codes[~fitted])
        area, variance = area_under_curve(told, labels[~fitted] == 1)
        areas.append(area)
        variances.append(variance)
    area = float(np.mean(areas))
    error = float(np.sqrt(np.sum(variances))) / FOLDS
    confidence = float(special.ndtr((area - tolerance) / error))
    return area, confidence, by_column(gains, np.arange(len(columns)), len(columns))


def tolerance_with(psi: float) -> float:
    """The AUC that is tolerated where the columns' PSI may add up to ``psi`` without drift.

    Normal distributions with a PSI of d^2 are d deviations apart, and told apart with an AUC of
    ndtr(d / root 2): so both, that PSI and the one of the tolerated AUC, are added up.
    """
    return float(special.ndtr(np.sqrt(special.ndtri(TOLERANCE) ** 2 + psi / 2)))


def bin_codes(values: FloatArray, columns: Sequence[Column]) -> CodeArray:
    """Bins (n, C) of records (n, C): numbers by quantiles, categories by frequency; 0 is missing."""
    codes = np.zeros(values.shape, dtype=np.uint8)
    for place, column in enumerate(columns):
        own = values[:, place]
        if isinstance(column, NumericColumn):
            known = ~np.isnan(own)
            if known.any():
                edges = np.unique(np.quantile(own[known], np.arange(1, BINS - 1) / (BINS - 1)))
                codes[known, place] = np.searchsorted(edges, own[known]) + 1
        else:
            missing, other = column.size - 1, column.size - 2
            places = np.minimum(np.arange(column.size) + 1, BINS - 2)
            places[other], places[missing] = BINS - 1, 0
            codes[:, place] = places[own.astype(np.int64)]
    return codes


def area_under_curve(
    scores: FloatArray, positive: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> tuple[float, float]:
    """AUC of scores (n,) and its variance, given which (n,) are positive; there are some of each."""
    above, below = scores[positive], scores[~positive]
    # For each one: the share of the others that it ranks right, ties counting half.
    of_positive = _share_below(above, below)
    of_negative = 1 - _share_below(below, above)
    area = float(of_positive.mean())
    p, n = len(above), len(below)
    delong = _variance(of_positive) / p + _variance(of_negative) / n
    q_1, q_2 = TOLERANCE / (2 - TOLERANCE), 2 * TOLERANCE**2 / (1 + TOLERANCE)
    square = TOLERANCE**2
    least = (TOLERANCE - square + (p - 1) * (q_1 - square) + (n - 1) * (q_2 - square)) / (p * n)
    return area, max(delong, least)


def _share_below(values: FloatArray, others: FloatArray) -> FloatArray:
    ordered = np.sort(others)
    lower = np.searchsorted(ordered, values, side="left")
    upper = np.searchsorted(ordered, values, side="right")
    return (lower + upper) / (2 * len(others))


def _variance(values: FloatArray) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0
