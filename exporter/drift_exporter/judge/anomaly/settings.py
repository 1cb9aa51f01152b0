"""What is configured of one detector of anomalies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Scale = Literal["none", "standard", "robust"]


@dataclass(frozen=True)
class AnomalySettings:
    """A detector by name with its ``parameters``, and what counts as an anomaly.

    ``contamination`` in (0, 0.5] is the share of records that are to be anomalies. A share up to
    ``contamination * (1 + tolerance)`` is tolerated. ``columns`` are names of columns; None stands for all
    features of the reference. ``scale`` is how numbers are scaled before the detector sees them: by mean and
    standard deviation, by median and interquartile range, or not at all.
    """

    detector: str = "hbos"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    contamination: float = 0.01
    tolerance: float = 1.0
    seed: int = 0
    scale: Scale = "none"
    columns: tuple[str, ...] | None = None
