"""From one model's counts to its snapshot: the totals as they are, each window judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from drift_exporter.anomalies.judging import CapturedAnomalies, capture_anomalies, judge_anomalies
from drift_exporter.comparison import Choice, current_reference, reference_for
from drift_exporter.config.references import RollingReference, VersionReference
from drift_exporter.config.values import format_duration
from drift_exporter.dating import date_columns
from drift_exporter.ingest import ModelIngest
from drift_exporter.judge.evaluate import confidences_of, judge_window
from drift_exporter.outcomes.dating import with_onsets
from drift_exporter.outcomes.judging import (
    CapturedOutcomes,
    capture_labels,
    capture_outcomes,
    judge_outcomes,
)
from drift_exporter.reference.counted import without_counts
from drift_exporter.reference.model import IntArray
from drift_exporter.snapshot import (
    CONFIDENCE_BOUNDS,
    LATENCY_BOUNDS,
    ColumnTotals,
    Histogram,
    ModelSnapshot,
    OutcomesSnapshot,
    VersionSnapshot,
    WindowSnapshot,
)
from drift_exporter.window.ring import WindowSum
from drift_exporter.window.slices import LATE_REASONS, MICROSECONDS
from drift_exporter.window.totals import Totals


@dataclass
class Durations:
    """How long something took (seconds), by the inclusive upper bounds of its buckets."""

    bounds: tuple[float, ...]
    counts: IntArray = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = np.zeros(len(self.bounds) + 1, dtype=np.int64)

    def observe(self, seconds: float) -> None:
        """Add one."""
        self.counts[int(np.searchsorted(self.bounds, seconds))] += 1
        self.total += seconds

    def histogram(self) -> Histogram:
        """What was observed so far."""
        return Histogram(self.bounds, self.counts.copy(), self.total)


Sums = Mapping[str, tuple[tuple[WindowSum, Choice], ...]]

Captured = tuple[
    ModelSnapshot, Sums, Mapping[str, CapturedOutcomes], Mapping[str, tuple[CapturedAnomalies, ...]]
]
"""A model without its windows; by version its windows' sums, each with its reference, outcomes, anomalies.

All are copies of one moment.
"""


def judge_model(ingest: ModelIngest, captured: Captured) -> ModelSnapshot:
    """Judge a model as of its newest record."""
    traffic, sums, outcomes, anomalies = captured
    versions = tuple(
        replace(
            version,
            outcomes=_outcomes(ingest, version, outcomes),
            anomalies=judge_anomalies(anomalies.get(version.version, ()), ingest.model.drift.minimum_records),
            windows=tuple(
                _judge(ingest, version.version, *window) for window in sums.get(version.version, ())
            ),
        )
        for version in traffic.versions
    )
    return replace(traffic, versions=versions)


def _outcomes(
    ingest: ModelIngest, version: VersionSnapshot, outcomes: Mapping[str, CapturedOutcomes]
) -> OutcomesSnapshot | None:
    captured = outcomes.get(version.version)
    if captured is None:
        return None
    judged = judge_outcomes(ingest.model, captured, ingest.reference(version.version))
    return with_onsets(ingest.onsets, ingest.model, version.version, captured, judged)


def _judge(ingest: ModelIngest, version: str, window: WindowSum, choice: Choice) -> WindowSnapshot:
    name, step = window.window.name, window.end // window.window.slice
    start, end = window.start / MICROSECONDS, window.end / MICROSECONDS
    reference = choice.reference
    if reference is None:
        nothing = WindowSnapshot(name, start, end, window.rows, (), None, None, absent=choice.absent)
        return ingest.onsets.follow(version, nothing, 0.0, lambda columns: [None] * len(columns))
    judged = judge_window(
        name,
        start,
        end,
        reference,
        window.counts,
        window.sums,
        window.rows,
        ingest.criteria,
        ingest.history.earlier(version, name, step),
        (window.end - window.oldest) / MICROSECONDS,
    )
    ingest.history.note(version, name, step, confidences_of(judged))
    return ingest.onsets.follow(
        version,
        replace(judged, reference=reference),
        window.window.slice / MICROSECONDS,
        lambda columns: date_columns(ingest, version, window, reference, columns),
    )


def capture(ingest: ModelIngest, durations: Durations) -> Captured:
    """Copy what is to be judged."""
    with ingest.lock:
        watermark = ingest.watermark
        sums = (
            {}
            if watermark is None
            else {
                name: tuple(
                    ring.sum(level, watermark)
                    for level, window in enumerate(ring.windows)
                    if not window.history
                )
                for name, ring in ingest.rings.items()
                if ring.size
            }
        )
        compared = {
            name: tuple((window, reference_for(ingest, name, window, sums)) for window in windows)
            for name, windows in sums.items()
        }
        model = ingest.model
        anomalies = {} if ingest.anomalies is None else capture_anomalies(ingest.anomalies, watermark)
        traffic = ModelSnapshot(
            name=model.name,
            task=model.task,
            impact=model.impact,
            team=model.team,
            reference=_reference_text(ingest),
            versions=tuple(
                replace(
                    _version(ingest, name, totals, current_reference(ingest, name, sums)),
                    anomalies=tuple(one.snapshot for one in anomalies.get(name, ())),
                )
                for name, totals in ingest.totals.items()
            ),
            invalid=dict(ingest.invalid),
            late={reason: ingest.late[reason] for reason in LATE_REASONS},
            dropped_series={},
            problem=None if ingest.anomalies is None else ingest.anomalies.problem,
            duplicates=None if ingest.ids is None else ingest.duplicates,
            forgotten_ids=None if ingest.ids is None else ingest.ids.forgotten,
            interval_methods=model.drift.intervals,
            labels=None if ingest.outcomes is None else capture_labels(ingest.outcomes),
            evaluation_duration=durations.histogram(),
        )
        outcomes = {} if ingest.outcomes is None else capture_outcomes(ingest.outcomes, watermark)
        return traffic, compared, outcomes, anomalies


def _reference_text(ingest: ModelIngest) -> str:
    reference = ingest.model.reference
    if reference is None:
        return ""
    if isinstance(reference, Mapping):
        return ",".join(f"{version}={path.name}" for version, path in reference.items())
    if isinstance(reference, VersionReference):
        return f"version {reference.version}"
    if isinstance(reference, RollingReference):
        season = "" if reference.seasonal is None else f", seasonal {reference.seasonal}"
        lengths = format_duration(reference.rolling), format_duration(reference.offset)
        return f"rolling {lengths[0]}, offset {lengths[1]}{season}"
    return reference.name


def _version(ingest: ModelIngest, name: str, totals: Totals, current: Choice) -> VersionSnapshot:
    layout = ingest.layout(name)
    fields = ingest.model.predictions.fields
    columns: tuple[ColumnTotals, ...] = ()
    if layout is not None:
        told = current.reference or without_counts(layout.reference)
        columns = tuple(
            ColumnTotals(column, column.export(totals.columns[start : start + column.size].copy()))
            for column in told.columns
            for start in (layout.starts[column.kind, column.name],)
        )
    latency = confidence = None
    if fields.latency is not None:
        latency = Histogram(LATENCY_BOUNDS, totals.latency.copy(), totals.latency_sum, dict(totals.exemplars))
    if fields.score is not None:
        confidence = Histogram(CONFIDENCE_BOUNDS, totals.confidence.copy(), totals.confidence_sum)
    return VersionSnapshot(
        version=name,
        predictions=totals.predictions,
        errors=totals.errors if fields.error is not None else None,
        latency=latency,
        confidence=confidence,
        last_timestamp=None if totals.last_timestamp is None else totals.last_timestamp / MICROSECONDS,
        columns=columns,
        windows=(),
        streams=ingest.streams.snapshot(name),
        reference=current.reference,
        absent=current.absent,
    )
