"""Performance of a classifier expected from its scores alone (confidence-based performance estimation, CBPE).

A record whose calibrated score is c is positive with probability c, whatever its label will be. So the
confusion matrix of a window is expected to hold the sum of c as positives and that of 1 - c as negatives, and
metrics follow from it: Bialek, Kuberski, Perrakis and Bifet (2023), Estimating model performance under
covariate shift without labels, arXiv:2401.08348. It assumes that labels given the scores are as in the
reference: it sees what data drift does, and not concept drift.

The interval is that of the value realised on the same records, once their labels are there. Two things make
it: labels are drawn, each with variance c (1 - c); and c is known from the reference's records only. A metric
that has the derivative h by the expected positives of a bin with n records, of m in a calibration block, has
the variance (delta method)

    d x [sum over bins of n c (1 - c) h^2 + sum over blocks of (sum of n h)^2 c (1 - c) / m]

with d the design effect, 1 where records are independent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drift_exporter.judge.estimation.calibration import Calibration, fit_calibration
from drift_exporter.judge.estimation.estimate import Estimate, ratio
from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.reference.outcomes import ReferenceOutcomes

Gradient = tuple[float, FloatArray]
"""A value, and its derivatives (2, bins) by the expected positives of each cell."""


@dataclass(frozen=True)
class ScoreEstimator:
    """What is known of a model's scores: a calibration for each scored class.

    ``binary`` says that there is one scored class, the positive one; else there is one for each class.
    """

    binary: bool
    calibrations: tuple[Calibration, ...]


def fit_estimator(outcomes: ReferenceOutcomes) -> ScoreEstimator | None:
    """The estimator that a reference's labels make.

    None where it cannot be had: without scores, or where one of the scored classes was never, or always, the
    label, or where not every class of a multiclass model has a score.
    """
    binary = len(outcomes.classes) == 2 and len(outcomes.scored) == 1
    if not outcomes.scored or not (binary or len(outcomes.scored) == len(outcomes.classes)):
        return None
    cells, sums = outcomes.cells.sum(axis=1), outcomes.cell_sums.sum(axis=(1, 2))
    found = [fit_calibration(cells[i, 0], cells[i, 1], sums[i]) for i in range(len(outcomes.scored))]
    calibrations = [calibration for calibration in found if calibration is not None]
    return ScoreEstimator(binary, tuple(calibrations)) if len(calibrations) == len(found) else None


def all_predictions(cells: IntArray, cell_sums: FloatArray) -> tuple[IntArray, FloatArray]:
    """Counts and sums (scored, 2, bins) of all records, labelled or not, from cells (scored, 2, 3, bins)."""
    return cells[:, :, 2], cell_sums[:, :, 2]


def labelled_predictions(cells: IntArray, cell_sums: FloatArray) -> tuple[IntArray, FloatArray]:
    """Counts and sums (scored, 2, bins) of the labelled records, from cells (scored, 2, 3, bins)."""
    return cells[:, :, :2].sum(axis=2), cell_sums[:, :, :2].sum(axis=2)


def estimate_classification(
    estimator: ScoreEstimator, counts: IntArray, sums: FloatArray, design_effect: float = 1.0
) -> Mapping[str, Estimate]:
    """Expected metrics by name, from records and sums of their scores (scored, 2, bins).

    The second axis tells whether the class was predicted. Binary: accuracy, precision, recall, f1,
    false_negative_rate, false_positive_rate, roc_auc, average_precision, brier and click_through_rate.
    Multiclass: accuracy, and f1_macro, precision_macro, recall_macro and roc_auc_macro, the means over
    classes, one against the rest. A ratio of nothing to nothing is left out.
    """
    studies = [
        _Study(calibration, counts[i], sums[i], design_effect)
        for i, calibration in enumerate(estimator.calibrations)
    ]
    if not counts.sum():
        return {}
    if estimator.binary:
        (study,) = studies
        return {name: study.estimate(metric) for name, metric in _BINARY.items() if metric(study) is not None}
    return _multiclass(studies)


class _Study:
    """One class against the rest: records, expected positives and their doubts, by cell (2, bins)."""

    def __init__(
        self, calibration: Calibration, counts: IntArray, sums: FloatArray, design_effect: float
    ) -> None:
        self.calibration, self.design_effect = calibration, design_effect
        self.records = counts.astype(np.float64)
        self.scores = np.divide(sums, self.records, out=np.zeros_like(sums), where=counts > 0)
        self.rates = calibration.probabilities(self.scores)
        self.positives = self.records * self.rates
        self.negatives = self.records - self.positives
        of_block = calibration.block_rates[calibration.blocks]
        self.spread = np.maximum(self.rates * (1 - self.rates), of_block * (1 - of_block))

    def variance(self, slopes: FloatArray) -> float:
        """Variance of what has these derivatives (2, bins)."""
        labels = float((self.records * self.spread * slopes**2).sum())
        blocks = self.calibration.blocks
        weight = np.bincount(blocks, (self.records * slopes).sum(axis=0))
        rates, rows = self.calibration.block_rates, self.calibration.block_rows
        known = float((weight**2 * rates * (1 - rates) / np.maximum(rows, 1)).sum())
        return self.design_effect * (labels + known)

    def estimate(self, metric: "Callable[[_Study], Gradient | None]") -> Estimate:
        found = metric(self)
        assert found is not None  # noqa: S101 - the caller has asked whether it can be had
        return ratio(found[0], self.variance(found[1]))


def _share(over: FloatArray, under: FloatArray, study: _Study) -> Gradient | None:
    """A ratio of two sums over [[predicted negative], [predicted positive]] x [negative, positive] labels.

    ``over`` and ``under`` (2, 2) are what records of these four kinds add to either.
    """
    matrix = np.stack([study.negatives.sum(axis=1), study.positives.sum(axis=1)], axis=1)
    bottom = float((under * matrix).sum())
    if bottom <= 0:
        return None
    value = float((over * matrix).sum()) / bottom
    slope = ((over - value * under) / bottom) @ np.array([-1.0, 1.0])
    return value, np.broadcast_to(slope[:, None], study.records.shape)


def _ratio_of(
    over: Sequence[Sequence[float]], under: Sequence[Sequence[float]]
) -> Callable[[_Study], Gradient | None]:
    above, below = np.array(over, dtype=np.float64), np.array(under, dtype=np.float64)
    return lambda study: _share(above, below, study)


def _roc_auc(study: _Study) -> Gradient | None:
    """Share of pairs of a positive and a negative record that the score has in order; ties count half."""
    positives, negatives = study.positives.sum(axis=0), study.negatives.sum(axis=0)
    p, n = float(positives.sum()), float(negatives.sum())
    if p <= 0 or n <= 0:
        return None
    below = np.cumsum(negatives) - negatives / 2
    above = p - np.cumsum(positives) + positives / 2
    value = float((positives * below).sum()) / (p * n)
    slope = (below - above) / (p * n) - value * (1 / p - 1 / n)
    return value, np.broadcast_to(slope, study.records.shape)


def _average_precision(study: _Study) -> Gradient | None:
    """Precision at each bin's lower end, weighted by the positives that it holds."""
    positives, records = study.positives.sum(axis=0)[::-1], study.records.sum(axis=0)[::-1]
    total = float(positives.sum())
    if total <= 0:
        return None
    reached = np.maximum(np.cumsum(records), 1.0)
    precision = np.cumsum(positives) / reached
    value = float((positives * precision).sum()) / total
    later = np.cumsum((positives / reached)[::-1])[::-1]
    slope = ((precision + later - value) / total)[::-1]
    return value, np.broadcast_to(slope, study.records.shape)


def _brier(study: _Study) -> Gradient | None:
    """Mean of (score - label)^2; None where scores are no probabilities."""
    if study.scores.min() < 0 or study.scores.max() > 1:
        return None
    total = study.records.sum()
    value = float(
        (study.positives * (1 - study.scores) ** 2 + study.negatives * study.scores**2).sum() / total
    )
    return value, (1 - 2 * study.scores) / total


_ALL = [[1, 1], [1, 1]]
_ACCURACY = _ratio_of([[1, 0], [0, 1]], _ALL)
_PRECISION = _ratio_of([[0, 0], [0, 1]], [[0, 0], [1, 1]])
_RECALL = _ratio_of([[0, 0], [0, 1]], [[0, 1], [0, 1]])
_F1 = _ratio_of([[0, 0], [0, 2]], [[0, 1], [1, 2]])
_BINARY: Mapping[str, Callable[[_Study], Gradient | None]] = {
    "accuracy": _ACCURACY,
    "precision": _PRECISION,
    "recall": _RECALL,
    "f1": _F1,
    "false_negative_rate": _ratio_of([[0, 1], [0, 0]], [[0, 1], [0, 1]]),
    "false_positive_rate": _ratio_of([[0, 0], [1, 0]], [[1, 0], [1, 0]]),
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "brier": _brier,
    "click_through_rate": _ratio_of([[0, 1], [0, 1]], _ALL),
}
_MACRO = {"f1_macro": _F1, "precision_macro": _PRECISION, "recall_macro": _RECALL, "roc_auc_macro": _roc_auc}


def _multiclass(studies: Sequence[_Study]) -> Mapping[str, Estimate]:
    """Accuracy, and means over the classes.

    How classes vary together is not known from counts of one class each, so the deviation of a mean is taken
    as if they did so wholly: it is never too small.
    """
    found: dict[str, Estimate] = {}
    predicted = float(sum(study.records[1].sum() for study in studies))
    if predicted:
        chosen = np.array([[0.0], [1 / predicted]])
        right = sum(float(study.positives[1].sum()) for study in studies) / predicted
        variance = sum(study.variance(np.broadcast_to(chosen, study.records.shape)) for study in studies)
        found["accuracy"] = ratio(right, variance)
    for name, metric in _MACRO.items():
        told = [study.estimate(metric) for study in studies if metric(study) is not None]
        if told:
            deviation = float(np.mean([one.deviation for one in told]))
            found[name] = ratio(float(np.mean([one.value for one in told])), deviation**2)
    return found
