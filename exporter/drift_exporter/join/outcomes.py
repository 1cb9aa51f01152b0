"""What comes of labels whose predictions are known."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_exporter.join.resolve import CORRECTION, DUPLICATE, FIRST, SUPERSEDED, LabelArray, resolve
from drift_exporter.join.rows import JOINED, UNTIMED, Rows, kinds
from drift_exporter.reference.model import IntArray

_REASONS = {DUPLICATE: "duplicate", CORRECTION: "correction", SUPERSEDED: "superseded"}


@dataclass(frozen=True)
class Outcomes:
    """Predictions with a label each: ``rows`` (joined,) of predictions and ``values`` (joined,) of labels.

    Where ``corrected``, the prediction had another label before, the one in ``previous``, which counts no
    more. ``delays`` are microseconds from a prediction to its label, which may be below 0; to the newest
    prediction at the time where labels have no time of their own.
    """

    rows: Rows
    values: NDArray[Any]
    previous: NDArray[Any]
    corrected: NDArray[np.bool_]
    delays: IntArray


@dataclass(frozen=True)
class Found:
    """``outcomes``, ``counts`` by reason, and for each prediction the label that holds for it now.

    ``held`` (predictions,) are rows of labels without id and ``time``; ``changed`` (predictions,) tells for
    which ones a label is newer than before.
    """

    outcomes: Outcomes
    counts: Mapping[str, int]
    held: Rows
    changed: NDArray[np.bool_]


def no_outcomes(predictions: np.dtype[Any], value: np.dtype[Any]) -> Outcomes:
    """Nothing was joined."""
    values = np.empty(0, dtype=value)
    none = np.empty(0, dtype=np.int64)
    return Outcomes(np.empty(0, dtype=predictions), values, values, none.astype(np.bool_), none)


def find_outcomes(
    predictions: Rows, group: IntArray, labels: LabelArray, stored: Rows, *, waited: bool
) -> Found:
    """Join labels to their predictions.

    ``group`` (labels,) is the number of each one's prediction, in order; each prediction has a label.
    ``stored`` (predictions,) are the rows of labels that hold for them, of another kind than ``JOINED`` where
    there is none. With ``waited`` the labels came before their predictions.
    """
    has = kinds(stored) == JOINED
    before = LabelArray(stored["stamp"], stored["state"] >= UNTIMED, stored["value"])
    resolved = resolve(group, labels, before, has)
    some = (resolved.code == FIRST) | (resolved.code == CORRECTION)
    rows = predictions[group[some]]
    delays = labels.stamp[some] - rows["time"]
    if waited:
        # When such a label without a time came relative to its prediction is not known.
        delays = np.where(labels.untimed[some], 0, delays)
    counts = Counter(
        {reason: int(np.count_nonzero(resolved.code == code)) for code, reason in _REASONS.items()}
    )
    counts["joined"] = int(np.count_nonzero(resolved.code == FIRST))
    held = np.zeros(len(predictions), dtype=stored.dtype)
    held["prediction"] = predictions["time"]
    held["stamp"], held["value"] = resolved.held.stamp, resolved.held.value
    held["state"] = JOINED + UNTIMED * resolved.held.untimed
    outcomes = Outcomes(
        rows,
        labels.value[some],
        resolved.previous[some],
        resolved.code[some] == CORRECTION,
        delays,
    )
    return Found(outcomes, +counts, held, resolved.changed)


def is_late(labels: LabelArray, predictions: IntArray, max_delay: int) -> NDArray[np.bool_]:
    """Which labels are too late for predictions with such times (labels,); those without a time never are."""
    late: NDArray[np.bool_] = ~labels.untimed & (labels.stamp - predictions > max_delay)
    return late


def some_labels(labels: LabelArray, which: NDArray[Any]) -> LabelArray:
    """Some of the labels."""
    return LabelArray(labels.stamp[which], labels.untimed[which], labels.value[which])


def numbered(group: IntArray) -> tuple[IntArray, IntArray]:
    """The distinct ones of numbers that are in order, and the number of each among them (n,)."""
    first = np.ones(len(group), dtype=np.bool_)
    first[1:] = group[1:] != group[:-1]
    return group[first], np.cumsum(first) - 1
