"""How good a model was on its reference, from counts and sums that can be added up chunk by chunk."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.reference.moments import Moments

TRUE_CLASSES = ("1", "1.0", "true", "True", "TRUE", "yes", "Yes", "YES", "y", "Y", "t", "T", "positive")
_EPSILON = float(np.finfo(np.float64).eps)


def positive_class(classes: Sequence[str]) -> str | None:
    """The positive one of one or two classes: 1, true, yes; else the one that sorts last.

    None where there are more classes, so that none is.
    """
    if not 1 <= len(classes) <= 2:
        return None
    told = [name for name in classes if name in TRUE_CLASSES]
    return told[0] if len(told) == 1 else max(classes)


def classification(confusion: IntArray, positive: int | None) -> Mapping[str, float]:
    """Metrics of a confusion matrix (classes, classes): predictions by row, labels by column.

    With a ``positive`` class: accuracy, precision, recall, f1, false_negative_rate, false_positive_rate and
    click_through_rate, the share of positive labels; without: accuracy and f1_macro, precision_macro and
    recall_macro, means over the classes that were predicted or are a label. A ratio of nothing to nothing is
    left out, and counts as 0 in a mean.
    """
    total = int(confusion.sum())
    if not total:
        return {}
    right = np.diag(confusion).astype(np.float64)
    predicted, labelled = confusion.sum(axis=1), confusion.sum(axis=0)
    found = {"accuracy": float(right.sum() / total)}
    if positive is None:
        known = predicted + labelled > 0
        found["f1_macro"] = float(np.mean(2 * right[known] / (predicted + labelled)[known]))
        found["precision_macro"] = float(np.mean(right[known] / np.maximum(predicted[known], 1)))
        found["recall_macro"] = float(np.mean(right[known] / np.maximum(labelled[known], 1)))
        return found
    if predicted[positive]:
        found["precision"] = float(right[positive] / predicted[positive])
    if labelled[positive]:
        found["recall"] = float(right[positive] / labelled[positive])
    if predicted[positive] + labelled[positive]:
        found["f1"] = float(2 * right[positive] / (predicted[positive] + labelled[positive]))
    negatives = total - labelled[positive]
    if labelled[positive]:
        found["false_negative_rate"] = float(1 - right[positive] / labelled[positive])
    if negatives:
        found["false_positive_rate"] = float((predicted[positive] - right[positive]) / negatives)
    found["click_through_rate"] = float(labelled[positive] / total)
    return found


def of_scores(
    scores: FloatArray, answers: FloatArray, labels: FloatArray, sums: "Scores"
) -> Mapping[str, float]:
    """roc_auc and average_precision of rows (rows,), and log_loss, brier and calibration error of the sums.

    ``scores`` are of the positive class; answers and labels are 0 or 1. Rows without one are passed over.
    """
    known = np.isfinite(scores) & ~np.isnan(answers) & ~np.isnan(labels)
    ranked, true = scores[known], labels[known]
    told = {
        "roc_auc": roc_auc(ranked, true),
        "average_precision": average_precision(ranked, true),
        "log_loss": sums.log_loss(),
        "brier": sums.brier(),
    }
    return {name: value for name, value in told.items() if value is not None}


def average_precision(scores: FloatArray, positive: FloatArray) -> float | None:
    """Mean over positive rows of the precision among rows with at least their score; labels are 0 and 1.

    None without a positive row.
    """
    order = np.argsort(-scores, kind="stable")
    ordered, labels = scores[order], positive[order] == 1
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    positives = np.cumsum(labels)[last] if len(labels) else np.zeros(0)
    if not len(last) or not positives[-1]:
        return None
    gained = np.diff(positives, prepend=0)
    return float((gained * positives / (last + 1)).sum() / positives[-1])


def roc_auc(scores: FloatArray, positive: FloatArray) -> float | None:
    """Area under the ROC curve of scores (rows,) for labels (rows,) of 0 and 1; ties count half.

    The share of pairs of a positive and a negative row in which the positive has the higher score (Mann and
    Whitney). None where there is only one sort of rows.
    """
    order = np.argsort(scores, kind="stable")
    _, first, counts = np.unique(scores[order], return_index=True, return_counts=True)
    middle = np.repeat(first + (counts + 1) / 2, counts)
    labels = positive[order] == 1
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return None
    return float((middle[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


@dataclass
class Errors:
    """Errors of a regression so far."""

    rows: int = 0
    signed: float = 0.0
    absolute: float = 0.0
    squared: float = 0.0
    percentage: float = 0.0
    labels: Moments | None = None

    def add(self, predictions: FloatArray, labels: FloatArray) -> None:
        """Add rows; those without a finite prediction and label are passed over."""
        both = np.isfinite(predictions) & np.isfinite(labels)
        error = predictions[both] - labels[both]
        self.rows += len(error)
        self.signed += float(error.sum())
        self.percentage += float((np.abs(error) / np.maximum(np.abs(labels[both]), _EPSILON)).sum())
        self.absolute += float(np.abs(error).sum())
        self.squared += float(np.square(error).sum())
        self.labels = self.labels or Moments()
        self.labels.add(labels[both])

    def metrics(self) -> Mapping[str, float]:
        """Errors: mean_absolute_error, root_mean_squared_error, mean_absolute_percentage_error and bias.

        The bias is the mean of predictions less labels. Where the labels differ, r2 as well.
        """
        if not self.rows or self.labels is None:
            return {}
        found = {
            "mean_absolute_error": self.absolute / self.rows,
            "root_mean_squared_error": math.sqrt(self.squared / self.rows),
            "mean_absolute_percentage_error": self.percentage / self.rows,
            "bias": self.signed / self.rows,
        }
        if self.labels.deviations > 0:
            found["r2"] = 1 - self.squared / self.labels.deviations
        return {name: value for name, value in found.items() if math.isfinite(value)}

    def sums(self) -> Mapping[str, float]:
        """What the errors add up to."""
        found = {"absolute": self.absolute, "squared": self.squared, "signed": self.signed}
        return {name: value for name, value in found.items() if math.isfinite(value)}


@dataclass
class Scores:
    """What the scores of a binary model add up to.

    A score is the probability of the positive class, or that of the class that was answered. No answer has
    less than 1/2 of the latter, so where no score at all is below 1/2 although negatives were predicted, it
    is the latter, unless ``told`` says which: positive or answer.
    """

    rows: int = 0
    told: str | None = None
    squares_of_positive: float = 0.0
    squares_of_answer: float = 0.0
    of_positive: float = 0.0
    of_answer: float = 0.0
    lowest: float = math.inf
    highest: float = -math.inf
    negatives: int = 0

    def add(self, scores: FloatArray, predicted: FloatArray, labels: FloatArray) -> None:
        """Add rows: scores, and predictions and labels as 0 or 1, NaN where missing; all (rows,)."""
        known = np.isfinite(scores) & ~np.isnan(predicted) & ~np.isnan(labels)
        if not known.any():
            return
        score, answer, label = scores[known], predicted[known], labels[known]
        self.rows += len(score)
        self.lowest = min(self.lowest, float(score.min()))
        self.highest = max(self.highest, float(score.max()))
        self.negatives += int((answer == 0).sum())
        self.of_positive += _loss(score, label)
        self.of_answer += _loss(as_positive(score, answer), label)
        self.squares_of_positive += float(np.square(score - label).sum())
        self.squares_of_answer += float(np.square(as_positive(score, answer) - label).sum())

    @property
    def answers(self) -> bool:
        """Whether the score is the probability of the class that was answered."""
        if self.told is not None:
            return self.told == "answer"
        return self.lowest >= 0.5 and self.highest <= 1 and self.negatives > 0

    def log_loss(self) -> float | None:
        """Mean negative logarithm of the probability given to what came true; None where none is given."""
        if not self.rows or not 0 <= self.lowest <= self.highest <= 1:
            return None
        return (self.of_answer if self.answers else self.of_positive) / self.rows

    def brier(self) -> float | None:
        """Mean of (probability - label)^2; None where scores are no probabilities."""
        if not self.rows or not 0 <= self.lowest <= self.highest <= 1:
            return None
        return (self.squares_of_answer if self.answers else self.squares_of_positive) / self.rows


def as_positive(scores: FloatArray, predicted: FloatArray) -> FloatArray:
    """Probabilities of the positive class from those of the class that was answered."""
    return np.where(predicted == 1, scores, 1 - scores)


def _loss(probability: FloatArray, label: FloatArray) -> float:
    clipped = np.clip(probability, _EPSILON, 1 - _EPSILON)
    return float(-np.where(label == 1, np.log(clipped), np.log1p(-clipped)).sum())
