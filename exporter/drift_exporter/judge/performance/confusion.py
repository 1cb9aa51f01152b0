"""Metrics of confusion matrices (k, K + 1, K + 1): predictions by row, labels by column.

The last row and column are answers and labels of no known class: such an answer is wrong whatever the label
is, and neither has a place of its own in a mean over classes.

Means over classes have the interval of Wilson with as many trials as a proportion would need to vary as they
do (Kish (1965), Survey Sampling, on effective sample sizes), their variance by the delta method for
multinomial counts (Takahashi, Yamamoto, Kuchiba and Koyama (2022), Confidence interval for micro-averaged F1
and macro-averaged F1 scores, Applied Intelligence 52).
"""

from collections.abc import Mapping

import numpy as np

from drift_exporter.judge.performance.estimates import Estimates
from drift_exporter.judge.performance.intervals import f1, proportion, score_interval
from drift_exporter.reference.model import FloatArray, IntArray

_PREDICTED, _LABELLED = 2, 1
"""Axes of which the sums are numbers of predictions and of labels by class."""


def of_class(confusion: IntArray, number: int, design_effect: float = 1.0) -> Mapping[str, Estimates]:
    """Precision, recall and f1 of the class of this ``number``."""
    right = confusion[:, number, number]
    predicted = confusion[:, number].sum(axis=1)
    labelled = confusion[:, :, number].sum(axis=1)
    return {
        "precision": proportion(right, predicted, design_effect),
        "recall": proportion(right, labelled, design_effect),
        "f1": f1(right, predicted, labelled, design_effect),
    }


def accuracy(confusion: IntArray, design_effect: float = 1.0) -> Estimates:
    """Share of the predictions that are right."""
    right = np.einsum("kii->k", confusion[:, :-1, :-1])
    return proportion(right, confusion.sum(axis=(1, 2)), design_effect)


def macro(confusion: IntArray, design_effect: float = 1.0) -> Mapping[str, Estimates]:
    """f1_macro, precision_macro and recall_macro: means over the classes that were predicted or are a label.

    As in scikit-learn, a class that was never predicted has precision 0 there, and one that is no record's
    label has recall 0.
    """
    counts = confusion.astype(np.float64)
    return {
        "f1_macro": _mean_over_classes(counts, (_PREDICTED, _LABELLED), design_effect),
        "precision_macro": _mean_over_classes(counts, (_PREDICTED,), design_effect),
        "recall_macro": _mean_over_classes(counts, (_LABELLED,), design_effect),
    }


def _mean_over_classes(counts: FloatArray, sides: tuple[int, ...], design_effect: float) -> Estimates:
    """Mean of right answers over predictions, labels or the mean of both, as ``sides`` says.

    A derivative is for a record of one answer and one label. They do not change when all counts are
    multiplied, so their mean is 0.
    """
    diagonal = np.arange(counts.shape[1] - 1)
    right = counts[:, diagonal, diagonal]
    sizes = {side: counts.sum(axis=side)[:, :-1] for side in (_PREDICTED, _LABELLED)}
    number = (sizes[_PREDICTED] + sizes[_LABELLED] > 0).sum(axis=1).astype(np.float64)
    size = sum((sizes[side] for side in sides), np.zeros_like(right))
    with np.errstate(all="ignore"):
        inverse = np.where(size > 0, len(sides) / size, 0.0)
        ratio = right * inverse
        value = ratio.sum(axis=1) / np.where(number > 0, number, np.nan)
        derivative = np.zeros_like(counts)
        derivative[:, diagonal, diagonal] = inverse
        for side in sides:
            np.moveaxis(derivative, side, 2)[:, :-1] -= (ratio * inverse / len(sides))[:, :, None]
        variance = (counts * np.square(derivative)).sum(axis=(1, 2)) / np.square(number)
        # What it would be if every class were as good as the mean: a rare class without a wrong answer, or
        # without a right one, does not vary by the delta method.
        alike = np.square(number) / inverse.sum(axis=1)
        trials = np.where(variance > 0, np.minimum(value * (1 - value) / variance, alike), alike)
    return score_interval(value, trials / design_effect)
