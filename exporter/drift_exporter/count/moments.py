"""What a labelled record adds to the sums of which performance is made, beside its place in the counts.

Each function gives a matrix (rows, M) whose columns are named in ``MOMENTS``; sums of its rows can be added
up over slices and groups. A record that has no such term (no score, no label, a value that is not finite)
adds 0 to it and to the number of records that have one.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import FloatArray, IntArray

BINARY_MOMENTS = ("probabilities", "log_loss", "log_loss_squared", "brier", "brier_squared")
MULTICLASS_MOMENTS = ("probabilities", "log_loss", "log_loss_squared")
REGRESSION_MOMENTS = (
    "errors",
    "error",
    "absolute",
    "squared",
    "squared_squared",
    "percentage",
    "percentage_squared",
    "label",
    "label_squared",
    "label_cubed",
    "label_fourth",
    "squared_by_label",
    "squared_by_label_squared",
)
RANKING_MOMENTS = (
    "items",
    "clicks",
    "requests",
    "reciprocal_rank",
    "reciprocal_rank_squared",
    "gain",
    "gain_squared",
)
MOMENTS: Mapping[str, tuple[str, ...]] = {
    "binary": BINARY_MOMENTS,
    "multiclass": MULTICLASS_MOMENTS,
    "regression": REGRESSION_MOMENTS,
    "ranking": RANKING_MOMENTS,
}

_EPSILON = float(np.finfo(np.float64).eps)
_LARGEST = 1e70
"""Fourth powers of larger numbers, and sums of them, exceed the range of a double."""
ROUNDING = 1e-6
"""How far a probability may be outside of [0, 1]: models that compute in single precision are."""

BoolArray = NDArray[np.bool_]


def moments_of_binary(score: FloatArray, positive: FloatArray) -> FloatArray:
    """Terms (rows, 5) of probabilities of the positive class and labels, 1 positive and 0 not, both (rows,).

    Logarithms are of probabilities between the double's epsilon and 1 less it, as in scikit-learn. A score
    that is no probability has no terms.
    """
    known = _probable(score) & ((positive == 0) | (positive == 1))
    probability = np.where(known, np.clip(score, 0.0, 1.0), 0.5)
    label = np.where(known, positive, 0.0)
    clipped = np.clip(probability, _EPSILON, 1 - _EPSILON)
    loss = -np.where(label == 1, np.log(clipped), np.log1p(-clipped))
    squared = np.square(label - probability)
    return _of_known(known, [loss, loss * loss, squared, squared * squared])


def moments_of_multiclass(scores: FloatArray, label: IntArray) -> FloatArray:
    """Terms (rows, 3) of each class's probability (rows, K) and the label's number (rows,).

    A label of another class (a number below 0, or K and above) and a record without all probabilities have
    no terms.
    """
    rows, classes = scores.shape
    known = _probable(scores).all(axis=1) & (label >= 0) & (label < classes)
    given = scores[np.arange(rows), np.where(known, label, 0)] if classes else np.zeros(rows)
    loss = -np.log(np.clip(np.where(known, given, 1.0), _EPSILON, 1 - _EPSILON))
    return _of_known(known, [loss, loss * loss])


def moments_of_regression(prediction: FloatArray, label: FloatArray, centre: float = 0.0) -> FloatArray:
    """Terms (rows, 13) of predictions and labels, both (rows,).

    ``centre`` is subtracted from the labels where their powers are summed: with a number near their mean (the
    reference's), labels that are far from 0 and close to each other keep their digits. It has to be the same
    for all sums that are added up. Numbers of 1e70 and more, either way, have no terms, as infinite ones.
    """
    known = (np.abs(prediction) < _LARGEST) & (np.abs(label) < _LARGEST)
    foreseen, true = np.where(known, prediction, 0.0), np.where(known, label, 0.0)
    error = foreseen - true
    absolute = np.abs(error)
    squared = error * error
    percentage = absolute / np.maximum(np.abs(true), _EPSILON)
    centred = true - centre
    twice = centred * centred
    return _of_known(
        known,
        [
            error,
            absolute,
            squared,
            squared * squared,
            percentage,
            percentage * percentage,
            centred,
            twice,
            twice * centred,
            twice * twice,
            squared * centred,
            squared * twice,
        ],
    )


def moments_of_ranking(position: FloatArray, positive: FloatArray) -> FloatArray:
    """Terms (rows, 7) of items shown: the place in the list, from 1, and 1 where clicked, 0 where not.

    Both are (rows,). An item without a place counts as an item and for its click only.
    """
    labelled = np.isfinite(positive)
    clicked = labelled & (positive == 1)
    placed = labelled & np.isfinite(position) & (position >= 1)
    place = np.where(placed, position, 1.0)
    hit = (placed & clicked).astype(np.float64)
    reciprocal = hit / place
    gain = hit / np.log2(1 + place)
    return _of_known(
        labelled,
        [
            clicked.astype(np.float64),
            (placed & (position == 1)).astype(np.float64),
            reciprocal,
            reciprocal * reciprocal,
            gain,
            gain * gain,
        ],
    )


def _probable(score: FloatArray) -> BoolArray:
    with np.errstate(invalid="ignore"):
        found: BoolArray = (score >= -ROUNDING) & (score <= 1 + ROUNDING)
    return found


def _of_known(known: BoolArray, terms: list[FloatArray]) -> FloatArray:
    table = np.empty((len(known), len(terms) + 1))
    table[:, 0] = known
    for place, term in enumerate(terms, 1):
        table[:, place] = term
    if not known.all():
        table[~known] = 0.0
    return table
