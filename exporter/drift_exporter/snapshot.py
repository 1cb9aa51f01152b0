"""What one evaluation leaves behind: the only thing a scrape or a page ever looks at.

A snapshot is immutable. ``judge`` makes it, ``expose`` renders it. An absent value is None or an empty
tuple, never zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from drift_exporter.reference.model import Column, FloatArray, IntArray, Kind, Reference

LATENCY_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
"""Inclusive upper bounds in seconds of the prediction latency's buckets."""

CONFIDENCE_BOUNDS = tuple(i / 20 for i in range(1, 21))
"""Inclusive upper bounds of the prediction confidence's buckets: twenty even ones over [0, 1]."""

EVALUATION_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
"""Inclusive upper bounds in seconds of the evaluation duration's buckets."""

CHECKPOINT_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Inclusive upper bounds in seconds of the checkpoint duration's buckets."""

SERIES_LIMIT = "limit"
"""Why series may be left out: there would be more than ``limits.series``."""


@dataclass(frozen=True)
class Exemplar:
    """A trace seen in a bucket: its id, the observed value and its time (seconds since the epoch)."""

    trace_id: str
    value: float
    timestamp: float


@dataclass(frozen=True)
class Histogram:
    """Counts (len(bounds)+1,) of values up to each inclusive bound and beyond the last; not cumulative.

    ``exemplars`` maps a bucket's index to the newest trace seen in it.
    """

    bounds: tuple[float, ...]
    counts: IntArray
    total: float
    exemplars: Mapping[int, Exemplar] = field(default_factory=dict)


@dataclass(frozen=True)
class ColumnDrift:
    """One column in one window, compared to its reference.

    ``current`` (len(column.bins),) counts the exported bins, ``ratio`` and ``reference_ratio`` alike.
    ``scores`` maps a method's name to its value; a method that does not apply is left out.
    ``effective_samples`` is how many independent records the window's records are worth.
    """

    column: Column
    current: IntArray
    scores: Mapping[str, float]
    tolerance: float
    confidence: float
    adjusted_confidence: float
    drifted: bool
    mean: float | None
    effective_samples: float


@dataclass(frozen=True)
class WindowSnapshot:
    """One window of one model version. ``columns`` is empty where there were too few records.

    ``name`` is as configured (1h, 7d); ``start`` and ``end`` are event times in seconds since the epoch.
    """

    name: str
    start: float
    end: float
    samples: int
    columns: tuple[ColumnDrift, ...]
    drifted_ratio: float | None
    dataset_confidence: float | None


@dataclass(frozen=True)
class ColumnTotals:
    """Since the beginning: how often each exported bin of a column was seen (a counter)."""

    column: Column
    counts: IntArray


@dataclass(frozen=True)
class VersionSnapshot:
    """One version of a model."""

    version: str
    predictions: int
    errors: int | None
    latency: Histogram | None
    confidence: Histogram | None
    last_timestamp: float | None
    columns: tuple[ColumnTotals, ...]
    windows: tuple[WindowSnapshot, ...]
    reference: Reference | None


@dataclass(frozen=True)
class Checkpoint:
    """When a model was last saved (seconds since the epoch), and how long saving took."""

    timestamp: float
    duration: Histogram


@dataclass(frozen=True)
class ModelSnapshot:
    """One configured model with all its versions. ``late`` counts by reason (``late``, ``future``).

    ``invalid`` counts by (kind, column). ``problem`` says why the last evaluation failed, None if it did not.
    ``checkpoint`` is None where no state is kept. ``duplicates`` counts records left out since their id came
    before, and ``forgotten_ids`` ids that had to be forgotten too early; None where all records count.
    """

    name: str
    task: str
    impact: str
    team: str
    reference: str
    versions: tuple[VersionSnapshot, ...]
    invalid: Mapping[tuple[Kind, str], int]
    late: Mapping[str, int]
    dropped_series: Mapping[str, int]
    problem: str | None
    evaluation_duration: Histogram
    checkpoint: Checkpoint | None = None
    duplicates: int | None = None
    forgotten_ids: int | None = None


@dataclass(frozen=True)
class SourceSnapshot:
    """One source (named after its model and role, such as ``fraud/predictions``).

    ``unconfigured`` counts the records of a shared log that name no configured model, by the name there.
    ``counts`` is what else the source counts (see ``sources.source.COUNTED``), by kind and label. What a
    source cannot know of its lag is None.
    """

    name: str
    type: str
    up: bool
    records: int
    bytes: int
    lost_bytes: int
    rejected: Mapping[str, int]
    lag_bytes: int | None
    watermark: float | None
    problem: str | None
    unconfigured: Mapping[str, int] = field(default_factory=dict)
    lag_records: int | None = None
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """Everything there is to expose, as of ``created`` (seconds since the epoch)."""

    created: float
    models: tuple[ModelSnapshot, ...]
    sources: tuple[SourceSnapshot, ...]
    config_reload_successful: bool
    config_reload_timestamp: float


__all__ = [
    "CHECKPOINT_BOUNDS",
    "CONFIDENCE_BOUNDS",
    "EVALUATION_BOUNDS",
    "LATENCY_BOUNDS",
    "SERIES_LIMIT",
    "Checkpoint",
    "ColumnDrift",
    "ColumnTotals",
    "Exemplar",
    "FloatArray",
    "Histogram",
    "ModelSnapshot",
    "Snapshot",
    "SourceSnapshot",
    "VersionSnapshot",
    "WindowSnapshot",
]
