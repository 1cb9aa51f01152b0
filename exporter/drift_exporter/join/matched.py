"""What a batch of predictions or labels means, before it is taken."""

from collections.abc import Mapping
from dataclasses import dataclass

from drift_exporter.join.outcomes import Outcomes
from drift_exporter.join.progress import Progress
from drift_exporter.join.rows import Block


@dataclass(frozen=True)
class Matched:
    """What a batch means: predictions and labels that were joined, and ``counts`` of rows by what they were.

    Labels: ``joined``, ``correction``, ``duplicate``, ``superseded``, ``late``, ``unknown`` (also of those
    that have waited in vain until now), ``no_id``. Predictions: ``duplicate_prediction``,
    ``prediction_without_id``, ``late_prediction`` (all labels would be too late), ``future_prediction``.
    The others are for ``take``.
    """

    outcomes: Outcomes
    counts: Mapping[str, int]
    progress: Progress
    predictions: Block | None = None
    labels: Block | None = None
