"""What is counted since the beginning and never goes back: the counters of one model version."""

from dataclasses import dataclass, field

import numpy as np

from drift_exporter.reference.model import IntArray
from drift_exporter.snapshot import CONFIDENCE_BOUNDS, LATENCY_BOUNDS, Exemplar


@dataclass
class Totals:
    """Counters of one model version. ``columns`` (size,) are the counts of the reference's layout."""

    columns: IntArray
    predictions: int = 0
    errors: int = 0
    latency: IntArray = field(default_factory=lambda: np.zeros(len(LATENCY_BOUNDS) + 1, dtype=np.int64))
    latency_sum: float = 0.0
    confidence: IntArray = field(default_factory=lambda: np.zeros(len(CONFIDENCE_BOUNDS) + 1, dtype=np.int64))
    confidence_sum: float = 0.0
    last_timestamp: int | None = None
    exemplars: dict[int, Exemplar] = field(default_factory=dict)
