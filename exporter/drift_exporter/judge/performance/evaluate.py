"""Realised performance of groups of records, all at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from drift_exporter.count.moments import BINARY_MOMENTS, MULTICLASS_MOMENTS
from drift_exporter.count.outcomes import NOT_OF_CLASS, OF_CLASS, Outcomes
from drift_exporter.judge.performance.calibration import expected_calibration_error
from drift_exporter.judge.performance.confusion import accuracy, macro, of_class
from drift_exporter.judge.performance.curves import LabelledScores, average_precision, roc_auc
from drift_exporter.judge.performance.estimates import Estimate, Estimates, by_group
from drift_exporter.judge.performance.intervals import mean_of_positive, mean_of_share, proportion
from drift_exporter.judge.performance.ranking import ranking
from drift_exporter.judge.performance.regression import regression
from drift_exporter.reference.model import FloatArray

POSITIVE = 1
"""Number of a binary model's positive class."""
_BLOCK = 1 << 18
"""Score bins that are looked at together: more do not fit the processor's cache."""

Metrics = dict[str, Estimates]
Found = TypeVar("Found")


def performance(outcomes: Outcomes, minimum: int, design_effect: float = 1.0) -> Mapping[str, Estimate]:
    """Metrics of one group by name, see ``performances``."""
    return performances([outcomes], minimum, design_effect)[0]


def performances(
    groups: Sequence[Outcomes], minimum: int, design_effect: float = 1.0
) -> list[dict[str, Estimate]]:
    """Metrics of each group by name; none of a group with fewer than ``minimum`` labelled records.

    The groups are of one model version: they have task, classes and edges in common. A metric that needs
    scores is left out where fewer than ``minimum`` labelled records have one, and so is a ratio of nothing to
    nothing. ``design_effect`` is how much more records vary than independent ones do, at least 1.
    """

    def of_block(block: Sequence[Outcomes]) -> list[dict[str, Estimate]]:
        return by_group(_METRICS[block[0].task](block, minimum, design_effect), len(block))

    return _in_blocks(groups, minimum, of_block)


def class_performances(
    groups: Sequence[Outcomes], minimum: int, design_effect: float = 1.0
) -> list[dict[str, dict[str, Estimate]]]:
    """Of each group of a multiclass model, the metrics of each class that was predicted or is a label."""

    def of_block(block: Sequence[Outcomes]) -> list[dict[str, dict[str, Estimate]]]:
        confusion = np.stack([group.confusion for group in block])
        found: list[dict[str, dict[str, Estimate]]] = [{} for _ in block]
        for number, name in enumerate(block[0].classes):
            for place, own in enumerate(by_group(of_class(confusion, number, design_effect), len(block))):
                if own:
                    found[place][name] = own
        return found

    return _in_blocks(groups, minimum, of_block)


def scores_of(groups: Sequence[Outcomes]) -> LabelledScores | None:
    """Scores of the labelled records (k, S, B); None where no class has one."""
    if not groups[0].scored:
        return None
    counts = np.stack([group.cells[:, :, : OF_CLASS + 1].sum(axis=1) for group in groups]).astype(np.float64)
    sums = np.stack([group.cell_sums[:, :, : OF_CLASS + 1].sum(axis=1) for group in groups])
    return LabelledScores(
        np.stack(groups[0].edges),
        negatives=counts[:, :, NOT_OF_CLASS],
        positives=counts[:, :, OF_CLASS],
        negative_sums=sums[:, :, NOT_OF_CLASS],
        positive_sums=sums[:, :, OF_CLASS],
    )


def _in_blocks(
    groups: Sequence[Outcomes], minimum: int, judge: Callable[[Sequence[Outcomes]], list[dict[str, Found]]]
) -> list[dict[str, Found]]:
    """What is found of the groups with enough labels, and nothing of the others."""
    listed: list[dict[str, Found]] = [{} for _ in groups]
    enough = [place for place, group in enumerate(groups) if group.labelled >= max(minimum, 1)]
    if not enough:
        return listed
    size = max(1, _BLOCK // max(groups[0].cells.size, 1))
    for start in range(0, len(enough), size):
        places = enough[start : start + size]
        for place, found in zip(places, judge([groups[place] for place in places]), strict=True):
            listed[place] = found
    return listed


def _binary(groups: Sequence[Outcomes], minimum: int, design_effect: float) -> Metrics:
    confusion = np.stack([group.confusion for group in groups])
    number = confusion.sum(axis=(1, 2))
    negatives, positives = (confusion[:, :, label].sum(axis=1) for label in (1 - POSITIVE, POSITIVE))
    found: Metrics = {
        "accuracy": accuracy(confusion, design_effect),
        **of_class(confusion, POSITIVE, design_effect),
        "false_positive_rate": proportion(confusion[:, POSITIVE, 1 - POSITIVE], negatives, design_effect),
        "click_through_rate": proportion(positives, number, design_effect),
    }
    found["false_negative_rate"] = found["recall"].complement
    scores = scores_of(groups)
    return found if scores is None else found | _scored(groups, scores.of_class(0), minimum, design_effect)


def _scored(
    groups: Sequence[Outcomes], scores: LabelledScores, minimum: int, design_effect: float
) -> Metrics:
    scored = np.sum(scores.totals, axis=0)
    enough = scored >= minimum
    sums = _sums(groups, BINARY_MOMENTS)
    # Some scores that are no probabilities: all of them may be something else.
    told = enough & (sums["probabilities"] == scored)
    found = {
        "roc_auc": roc_auc(scores, design_effect).where(enough),
        "average_precision": average_precision(scores, design_effect).where(enough),
        "expected_calibration_error": expected_calibration_error(scores, design_effect).where(told),
    }
    for name, mean in (("log_loss", mean_of_positive), ("brier", mean_of_share)):
        own = mean(sums["probabilities"], sums[name], sums[f"{name}_squared"], design_effect)
        found[name] = own.where(told)
    return found


def _multiclass(groups: Sequence[Outcomes], minimum: int, design_effect: float) -> Metrics:
    confusion = np.stack([group.confusion for group in groups])
    found: Metrics = {"accuracy": accuracy(confusion, design_effect), **macro(confusion, design_effect)}
    scores = scores_of(groups)
    if scores is not None:
        areas = roc_auc(scores, design_effect).where(np.sum(scores.totals, axis=0) >= minimum)
        found["roc_auc_macro"] = _mean_area(areas)
    if len(groups[0].scored) == len(groups[0].classes) > 0:
        sums = _sums(groups, MULTICLASS_MOMENTS)
        number = sums["probabilities"]
        loss = mean_of_positive(number, sums["log_loss"], sums["log_loss_squared"], design_effect)
        found["log_loss"] = loss.where(number >= minimum)
    return found


def _mean_area(areas: Estimates) -> Estimates:
    """Mean (k,) over the classes that have an area (k, S), as if all were off together: conservative.

    The counts do not tell how the classes' areas go together; that they go the same way is the worst case.
    """
    known = np.isfinite(areas.value)
    number = known.sum(axis=1)
    parts = (areas.value, areas.lower, areas.upper)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Estimates(*(np.where(known, part, 0.0).sum(axis=1) / number for part in parts))


def _regression(groups: Sequence[Outcomes], minimum: int, design_effect: float) -> Metrics:
    moments = np.stack([group.moments for group in groups])
    return _with_enough(regression(moments, design_effect), moments[:, 0] >= minimum)


def _ranking(groups: Sequence[Outcomes], minimum: int, design_effect: float) -> Metrics:
    moments = np.stack([group.moments for group in groups])
    return _with_enough(ranking(moments, design_effect), moments[:, 0] >= minimum)


def _with_enough(found: Mapping[str, Estimates], enough: NDArray[np.bool_]) -> Metrics:
    return {name: estimates.where(enough) for name, estimates in found.items()}


def _sums(groups: Sequence[Outcomes], names: Sequence[str]) -> dict[str, FloatArray]:
    table = np.stack([group.moments for group in groups])
    return {name: table[:, place] for place, name in enumerate(names)}


_METRICS: Mapping[str, Callable[[Sequence[Outcomes], int, float], Metrics]] = {
    "binary": _binary,
    "multiclass": _multiclass,
    "regression": _regression,
    "ranking": _ranking,
}
