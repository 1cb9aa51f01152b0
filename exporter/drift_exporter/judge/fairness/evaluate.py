"""Fairness metrics of an attribute's groups.

``favourable`` is the answer that people want, by its class number: a record is selected when it is predicted,
and a label is positive when it is the label. Names are those of Barocas, Hardt and Narayanan (2023), Fairness
and Machine Learning, and of fairlearn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drift_exporter.count.outcomes import Outcomes
from drift_exporter.judge.fairness.comparison import (
    Rates,
    below_ratio,
    largest_difference,
    smallest_ratio,
)
from drift_exporter.judge.intervals import Z
from drift_exporter.judge.performance.calibration import calibration_in_the_large
from drift_exporter.judge.performance.estimates import Estimate, Estimates, by_group
from drift_exporter.judge.performance.evaluate import scores_of
from drift_exporter.judge.performance.intervals import proportion
from drift_exporter.reference.model import FloatArray, IntArray

RECORDS = "records"
DIFFERENCES: Mapping[str, tuple[str, ...]] = {
    "demographic_parity_difference": ("selection_rate",),
    "equal_opportunity_difference": ("true_positive_rate",),
    "equalized_odds_difference": ("true_positive_rate", "false_positive_rate"),
    "predictive_parity_difference": ("positive_predictive_value",),
    "calibration_difference": ("calibration_error",),
}
"""Metrics of the attribute: the largest difference between two groups in any of these metrics of groups."""
RATIO = "demographic_parity_ratio"


@dataclass(frozen=True)
class Fairness:
    """Metrics by name: of each group, and of the attribute as a whole.

    ``confidence`` maps an attribute's metric to how sure one may be, in [0, 1], that its true value is beyond
    what is tolerated: that of ``demographic_parity_ratio`` is below four fifths.
    """

    groups: Mapping[str, Mapping[str, Estimate]]
    attribute: Mapping[str, Estimate]
    confidence: Mapping[str, float]


def fairness(
    groups: Mapping[str, Outcomes], favourable: int, minimum_group: int, design_effect: float = 1.0
) -> Fairness:
    """Fairness of one attribute from the outcomes of each of its groups.

    Selection is of all predictions, everything else of labelled ones; a group with fewer than
    ``minimum_group`` of them has no such metric and no part in the attribute's, which need two groups. Its
    number of ``records`` it always has.
    """
    held = list(groups.values())
    if not held:
        return Fairness({}, {}, {})
    counts = _counts(held, favourable, minimum_group)
    rates: dict[str, Rates] = {name: _proportions(*own, design_effect) for name, own in counts.items()}
    calibration = _calibration(held, favourable, minimum_group, design_effect)
    if calibration is not None:
        rates["calibration_error"] = calibration
    found = by_group({name: own(Z) for name, own in rates.items()}, len(held))
    for own, outcomes in zip(found, held, strict=True):
        own[RECORDS] = Estimate(float(outcomes.rows))

    attribute: dict[str, Estimate] = {}
    for name, parts in DIFFERENCES.items():
        if all(part in rates for part in parts):
            difference = largest_difference(*(rates[part] for part in parts))
            attribute |= {} if difference is None else {name: difference}
    ratio = smallest_ratio(rates["selection_rate"])
    attribute |= {} if ratio is None else {RATIO: ratio}
    selected, predicted = counts["selection_rate"]
    confidence = below_ratio(selected / design_effect, predicted / design_effect)
    return Fairness(
        dict(zip(groups, found, strict=True)), attribute, {} if confidence is None else {RATIO: confidence}
    )


def _counts(
    groups: Sequence[Outcomes], favourable: int, minimum_group: int
) -> dict[str, tuple[IntArray, IntArray]]:
    """Successes and trials (k,) of each rate; no trials in groups with too few records."""
    predicted = np.stack([group.predicted for group in groups])
    confusion = np.stack([group.confusion for group in groups])
    enough = predicted.sum(axis=1) >= minimum_group
    confusion = confusion * (confusion.sum(axis=(1, 2)) >= minimum_group)[:, None, None]
    right = confusion[:, favourable, favourable]
    selected, labelled = confusion[:, favourable].sum(axis=1), confusion[:, :, favourable].sum(axis=1)
    others = confusion.sum(axis=(1, 2)) - labelled
    return {
        "selection_rate": (predicted[:, favourable] * enough, predicted.sum(axis=1) * enough),
        "true_positive_rate": (right, labelled),
        "false_positive_rate": (selected - right, others),
        "positive_predictive_value": (right, selected),
    }


def _proportions(successes: IntArray, trials: IntArray, design_effect: float) -> Rates:
    def at(z: float) -> Estimates:
        return proportion(successes, trials, design_effect, z)

    return at


def _calibration(
    groups: Sequence[Outcomes], favourable: int, minimum_group: int, design_effect: float
) -> Rates | None:
    """How much higher the favourable class's mean score is than its share of the labels.

    None without a score. The score of a binary model's negative class is one less the positive's.
    """
    scored = groups[0].scored
    other = groups[0].task == "binary" and favourable not in scored
    held = scores_of(groups)
    if held is None or (not other and favourable not in scored):
        return None
    scores = held.of_class(0 if other else scored.index(favourable))
    value, variance = calibration_in_the_large(scores)
    known = scores.probabilities & (np.sum(scores.totals, axis=0) >= minimum_group)
    value = np.where(known, -value if other else value, np.nan)
    deviation: FloatArray = np.sqrt(variance * design_effect)

    def at(z: float) -> Estimates:
        return Estimates.around(value, z * deviation)

    return at
