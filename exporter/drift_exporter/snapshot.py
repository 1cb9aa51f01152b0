"""What one evaluation leaves behind: the only thing a scrape or a page ever looks at.

A snapshot is immutable. ``judge`` makes it, ``expose`` renders it. An absent value is None or an empty
tuple, never zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from drift_exporter.infrastructure.snapshot import InfrastructureSnapshot
from drift_exporter.judge.performance.estimates import Estimate
from drift_exporter.reference.model import Column, FloatArray, IntArray, Kind, Reference

LATENCY_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
"""Inclusive upper bounds in seconds of the prediction latency's buckets."""

CONFIDENCE_BOUNDS = tuple(i / 20 for i in range(1, 21))
"""Inclusive upper bounds of the prediction confidence's buckets: twenty even ones over [0, 1]."""

EVALUATION_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
"""Inclusive upper bounds in seconds of the evaluation duration's buckets."""

CHECKPOINT_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Inclusive upper bounds in seconds of the checkpoint duration's buckets."""

DELAY_BOUNDS = (
    *(60.0, 300.0, 900.0, 3600.0, 3 * 3600.0, 6 * 3600.0, 12 * 3600.0),
    *(86400.0, 2 * 86400.0, 4 * 86400.0, 7 * 86400.0, 14 * 86400.0, 30 * 86400.0),
)
"""Inclusive upper bounds in seconds of the label delay's buckets: a minute to thirty days."""

ANOMALY_BOUNDS = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999, 1.0)
"""Inclusive upper bounds of the anomaly score's buckets: percentiles of the reference."""

SERIES_LIMIT = "limit"
"""Why series may be left out: there would be more than ``limits.series``."""


@dataclass(frozen=True)
class Exemplar:
    """A trace seen in a bucket: its id, the observed value and its time (seconds since the epoch).

    ``label`` says what ``trace_id`` holds: a trace's id, or the record's (``id``) where it has no trace.
    """

    trace_id: str
    value: float
    timestamp: float
    label: str = "trace_id"


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
class Onset:
    """When something began to be off, in event time (seconds since the epoch).

    ``time`` alone is that of the evaluation at which it became likely. Where it was found afterwards, from
    what slices of time hold, it is the most likely one, between ``earliest`` and ``latest`` with a
    probability of about 95 %; either is None where it has no such end. With ``before`` it was there in the
    oldest slice that is kept, which starts at ``time``.
    """

    time: float
    before: bool = False
    earliest: float | None = None
    latest: float | None = None


@dataclass(frozen=True)
class ColumnDrift:
    """One column in one window, compared to its reference.

    ``current`` (len(column.bins),) counts the exported bins, ``ratio`` and ``reference_ratio`` alike.
    ``scores`` maps a method's name to its value; a method that does not apply is left out. ``intervals``
    maps it to the lower and the upper end of the score's 95 % confidence interval. ``contribution`` is the
    column's share of the model's drift, None where it has none.
    ``effective_samples`` is how many independent records the window's records are worth. ``since`` is when
    it began to be off, None where that is not likely, or cannot be told.
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
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    contribution: float | None = None
    since: Onset | None = None


@dataclass(frozen=True)
class ColumnShare:
    """How much of what sets a window apart is due to one column, in [0, 1]."""

    column: Column
    ratio: float


@dataclass(frozen=True)
class CorrelationChange:
    """By how much the correlation of two columns has changed, and how sure it is that it is too much.

    ``confidence`` is adjusted for the number of pairs.
    """

    column: Column
    other: Column
    change: float
    confidence: float


@dataclass(frozen=True)
class MultivariateDrift:
    """All columns of one window together, compared to the reference by one method.

    ``records`` of the window were looked at. ``columns`` (the largest share first) and ``pairs`` (the surest
    first) are those that stand out, empty where nothing does.
    """

    method: str
    score: float
    tolerance: float
    confidence: float
    records: int
    columns: tuple[ColumnShare, ...] = ()
    pairs: tuple[CorrelationChange, ...] = ()


@dataclass(frozen=True)
class WindowSnapshot:
    """One window of one model version. ``columns`` is empty where there were too few records.

    ``name`` is as configured (1h, 7d); ``start`` and ``end`` are event times in seconds since the epoch.
    ``reference`` is what it is compared with; where there is nothing, ``absent`` says why (a sentence without
    its full stop), if there is more to say than that none is configured.
    """

    name: str
    start: float
    end: float
    samples: int
    columns: tuple[ColumnDrift, ...]
    drifted_ratio: float | None
    dataset_confidence: float | None
    reference: Reference | None = None
    absent: str | None = None
    multivariate: tuple[MultivariateDrift, ...] = ()


@dataclass(frozen=True)
class ColumnTotals:
    """Since the beginning: how often each exported bin of a column was seen (a counter)."""

    column: Column
    counts: IntArray


@dataclass(frozen=True)
class StreamSnapshot:
    """A stream of values of one version, watched by a detector; counters since the beginning.

    ``last_detection`` is an event time in seconds since the epoch. ``mean`` is that of the values since the
    last change. ``warning`` is None where the detector has no such level.
    """

    stream: str
    detector: str
    values: int
    detections: int
    last_detection: float | None
    mean: float | None
    warning: bool | None


@dataclass(frozen=True)
class EstimationError:
    """An estimate of labelled records less what is true of them.

    ``confidence`` is how sure it is that this is more than tolerated, None where that cannot be told.
    """

    value: float
    confidence: float | None


@dataclass(frozen=True)
class FairnessValue:
    """A metric of one attribute, of one ``group`` or (with none) of all of them together."""

    metric: str
    attribute: str
    group: str
    estimate: Estimate
    confidence: float | None = None


@dataclass(frozen=True)
class PerformanceWindow:
    """Predictions of one window, with the labels that have come for them.

    ``start`` and ``end`` are event times in seconds since the epoch. ``labelled`` is None where the model has
    no labels. ``performance`` maps a segment and its
    value (two empty texts: all records) to metrics; classes are values of the segment ``class``.
    ``estimated`` is of all predictions, ``errors`` of the labelled ones. ``concept_confidence`` is how sure
    it is that labels go with scores otherwise than in the reference, ``drops`` by metric that performance
    fell below the reference's by more than tolerated. ``since`` is when either began, None where neither is
    likely, or that cannot be told.
    """

    name: str
    start: float
    end: float
    rows: int
    labelled: int | None
    performance: Mapping[tuple[str, str], Mapping[str, Estimate]]
    reference: Mapping[str, float]
    estimated: Mapping[str, Estimate] = field(default_factory=dict)
    errors: Mapping[str, EstimationError] = field(default_factory=dict)
    concept_confidence: float | None = None
    drops: Mapping[str, float] = field(default_factory=dict)
    fairness: tuple[FairnessValue, ...] = ()
    since: Onset | None = None


@dataclass(frozen=True)
class OutcomeCount:
    """How often a class was predicted and another (or the same) came true, in one segment; a counter."""

    prediction: str
    label: str
    segment: str
    value: str
    count: int


@dataclass(frozen=True)
class ScoreOutcomes:
    """Labelled records by twenty even bins of the score, which begin at 0: counters since the beginning.

    All are (20,): how many have a positive label, how many a negative one, and the sum of their scores.
    """

    positives: IntArray
    negatives: IntArray
    scores: FloatArray


@dataclass(frozen=True)
class OutcomesSnapshot:
    """Outcomes of one version. ``labels`` counts those joined, None where the model has none.

    ``delays`` is None where labels have no time.
    """

    labels: int | None
    delays: Histogram | None
    counts: tuple[OutcomeCount, ...]
    scores: ScoreOutcomes | None
    windows: tuple[PerformanceWindow, ...]


@dataclass(frozen=True)
class LabelsSnapshot:
    """Labels of a model that are not (or not only) the first of a prediction, by reason.

    ``early`` ones wait for their prediction, and ``pending`` predictions for their label.
    """

    rejected: Mapping[str, int]
    early: int
    pending: int


@dataclass(frozen=True)
class AnomalyWindow:
    """Scored records of one window. ``start`` and ``end`` are event times in seconds since the epoch.

    ``counts`` (len(ANOMALY_BOUNDS) + 1,) are by bucket of their percentile; ``anomalies`` of the ``scored``
    ones are odd, ``skipped`` more were not scored. ``ratio`` and ``confidence`` (that it is above what is
    tolerated) are None where too few were scored.
    """

    name: str
    start: float
    end: float
    scored: int
    skipped: int
    anomalies: int
    counts: IntArray
    ratio: float | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class OddColumn:
    """A column of a record, its share of what makes it odd, and its value where that may be shown."""

    kind: Kind
    name: str
    share: float
    value: str | None = None


@dataclass(frozen=True)
class AnomalousRecord:
    """A record: its event time (seconds since the epoch), its percentile, and its odd columns, oddest first.

    ``id`` and ``trace_id`` are None where it has none.
    """

    time: float
    percentile: float
    columns: tuple[OddColumn, ...]
    id: str | None
    trace_id: str | None


@dataclass(frozen=True)
class AnomalySnapshot:
    """What one detector found in a version's records.

    ``scores`` are percentiles of the reference; they, ``anomalies`` and ``skipped`` (records that were not
    scored) count since the beginning. Of records like the reference's the share ``expected`` are anomalies;
    ``tolerated`` is the largest share that is no reason to worry. ``records`` are the most anomalous ones of
    the last day, most anomalous first.
    """

    detector: str
    expected: float
    tolerated: float
    scores: Histogram
    anomalies: int
    skipped: int
    windows: tuple[AnomalyWindow, ...]
    records: tuple[AnomalousRecord, ...]

    @property
    def scored(self) -> int:
        """Number of records that were scored, since the beginning."""
        return int(self.scores.counts.sum())


@dataclass(frozen=True)
class VersionSnapshot:
    """One version of a model. ``absent`` says why there is no reference now, as that of a window does."""

    version: str
    predictions: int
    errors: int | None
    latency: Histogram | None
    confidence: Histogram | None
    last_timestamp: float | None
    columns: tuple[ColumnTotals, ...]
    windows: tuple[WindowSnapshot, ...]
    reference: Reference | None
    streams: tuple[StreamSnapshot, ...] = ()
    absent: str | None = None
    outcomes: OutcomesSnapshot | None = None
    anomalies: tuple[AnomalySnapshot, ...] = ()


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
    ``interval_methods`` are those whose scores' intervals are series.
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
    interval_methods: tuple[str, ...] = ()
    labels: LabelsSnapshot | None = None


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
    """Everything there is to expose, as of ``created`` (seconds since the epoch).

    ``runbooks`` is the address of the folder with the alerts' runbooks, for links of pages.
    """

    created: float
    models: tuple[ModelSnapshot, ...]
    sources: tuple[SourceSnapshot, ...]
    config_reload_successful: bool
    config_reload_timestamp: float
    infrastructure: InfrastructureSnapshot | None = None
    runbooks: str | None = None


__all__ = [
    "ANOMALY_BOUNDS",
    "CHECKPOINT_BOUNDS",
    "CONFIDENCE_BOUNDS",
    "EVALUATION_BOUNDS",
    "LATENCY_BOUNDS",
    "SERIES_LIMIT",
    "AnomalousRecord",
    "AnomalySnapshot",
    "AnomalyWindow",
    "Checkpoint",
    "ColumnDrift",
    "ColumnShare",
    "ColumnTotals",
    "CorrelationChange",
    "Estimate",
    "EstimationError",
    "Exemplar",
    "FairnessValue",
    "FloatArray",
    "Histogram",
    "InfrastructureSnapshot",
    "LabelsSnapshot",
    "ModelSnapshot",
    "MultivariateDrift",
    "OddColumn",
    "Onset",
    "OutcomeCount",
    "OutcomesSnapshot",
    "PerformanceWindow",
    "ScoreOutcomes",
    "Snapshot",
    "SourceSnapshot",
    "StreamSnapshot",
    "VersionSnapshot",
    "WindowSnapshot",
]
