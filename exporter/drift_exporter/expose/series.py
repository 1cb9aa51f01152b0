"""A snapshot as series: what each value is called, and which series go together.

Series come in *parts* that are kept or left out as a whole, so that a limit never leaves half a column.
"""

import platform
from collections.abc import Iterator

from drift_exporter import __version__
from drift_exporter.expose import catalogue
from drift_exporter.expose.anomaly_series import anomaly_parts
from drift_exporter.expose.outcome_series import label_series, outcome_parts
from drift_exporter.expose.parts import Part, Series, present
from drift_exporter.reference.model import MISSING, Column, Kind, NumericColumn
from drift_exporter.snapshot import (
    ColumnTotals,
    ModelSnapshot,
    Snapshot,
    SourceSnapshot,
    VersionSnapshot,
    WindowSnapshot,
)

UNVERSIONED = "unversioned"
"""The version label where records name no version."""

_ROLES_FIRST: dict[Kind, int] = {"prediction": 0, "score": 1, "label": 2, "feature": 3}


def exporter_series(snapshot: Snapshot) -> tuple[Series, ...]:
    """What the exporter says of itself and its sources: never subject to a limit."""
    return (
        Series(catalogue.BUILD_INFO, (__version__, platform.python_version()), 1),
        Series(catalogue.RELOAD_SUCCESSFUL, (), int(snapshot.config_reload_successful)),
        Series(catalogue.RELOAD_TIMESTAMP, (), snapshot.config_reload_timestamp),
        *(series for source in snapshot.sources for series in _source(source)),
        *(series for model in snapshot.models for series in _model(model)),
    )


def _source(source: SourceSnapshot) -> Iterator[Series]:
    name = (source.name,)
    yield from present(
        (catalogue.SOURCE_RECORDS, name, source.records),
        (catalogue.SOURCE_BYTES, name, source.bytes),
        (catalogue.SOURCE_LOST, name, source.lost_bytes),
        (catalogue.SOURCE_LAG, name, source.lag_bytes),
        (catalogue.SOURCE_LAG_RECORDS, name, source.lag_records),
        (catalogue.SOURCE_WATERMARK, name, source.watermark),
        (catalogue.SOURCE_UP, name, int(source.up)),
    )
    for reason, count in source.rejected.items():
        yield Series(catalogue.SOURCE_REJECTED, (source.name, reason), count)
    for (kind, label), count in source.counts.items():
        yield Series(catalogue.SOURCE_COUNTS[kind], (source.name, label), count)
    for model, count in source.unconfigured.items():
        yield Series(catalogue.UNCONFIGURED_RECORDS, (source.name, model), count)


def _model(model: ModelSnapshot) -> Iterator[Series]:
    # Rules join model_info for the impact and the team, so every model has it, even before its first record.
    for version in [v.version for v in model.versions] or [UNVERSIONED]:
        labels = (model.name, version, model.task, model.impact, model.team, model.reference)
        yield Series(catalogue.MODEL_INFO, labels, 1)
    for reason, count in model.late.items():
        yield Series(catalogue.LATE_RECORDS, (model.name, reason), count)
    yield from present(
        (catalogue.DUPLICATES, (model.name,), model.duplicates),
        (catalogue.FORGOTTEN_IDS, (model.name,), model.forgotten_ids),
    )
    # A feature may be called like a role: the label is the name alone, so the two are one series.
    invalid: dict[str, int] = {}
    for (_, column), count in model.invalid.items():
        invalid[column] = invalid.get(column, 0) + count
    for column, count in invalid.items():
        yield Series(catalogue.INVALID_VALUES, (model.name, column), count)
    yield Series(catalogue.EVALUATION_SUCCESS, (model.name,), int(model.problem is None))
    yield Series(catalogue.EVALUATION_DURATION, (model.name,), model.evaluation_duration)
    if model.labels is not None:
        yield from label_series(model.name, model.labels)
    if model.checkpoint is not None:
        yield Series(catalogue.CHECKPOINT_TIMESTAMP, (model.name,), model.checkpoint.timestamp)
        yield Series(catalogue.CHECKPOINT_DURATION, (model.name,), model.checkpoint.duration)


def model_parts(snapshot: Snapshot) -> Iterator[Part]:
    """The models' series in the snapshot's order.

    Ranks: a version's totals and windows first, then drift, that of all columns together before that of each,
    then bins. Within drift and bins every model's first column comes before any model's second, so that no
    model starves another; predictions and scores come before features.
    """
    for i, model in enumerate(snapshot.models):
        for j, version in enumerate(model.versions):
            yield Part(model.name, (0, 0, i, j), tuple(_totals(model.name, version)))
            yield from outcome_parts(model.name, version, (i, j))
            yield from anomaly_parts(model.name, version, (i, j))
            multivariate = tuple(_multivariate(model.name, version))
            if multivariate:
                yield Part(model.name, (1, -1, i, j), multivariate)
            drift = _drift(model, version)
            totals = {(c.column.kind, c.column.name): c for c in version.columns}
            keys = sorted(dict.fromkeys([*totals, *drift]), key=lambda key: _ROLES_FIRST[key[0]])
            for position, key in enumerate(keys):
                if key in drift:
                    yield Part(model.name, (1, position, i, j), tuple(drift[key]))
                if key in totals:
                    yield Part(model.name, (2, position, i, j), _bins(model.name, version, totals[key]))


def _totals(model: str, version: VersionSnapshot) -> Iterator[Series]:
    labels = (model, version.version)
    reference = version.reference
    yield from present(
        (catalogue.PREDICTIONS, labels, version.predictions),
        (catalogue.PREDICTION_ERRORS, labels, version.errors),
        (catalogue.PREDICTION_LATENCY, labels, version.latency),
        (catalogue.PREDICTION_CONFIDENCE, labels, version.confidence),
        (catalogue.LAST_PREDICTION, labels, version.last_timestamp),
        (catalogue.REFERENCE_SAMPLES, labels, None if reference is None else reference.rows),
    )
    for window in version.windows:
        yield from present(
            (catalogue.DRIFTED_COLUMNS, (*labels, window.name), window.drifted_ratio),
            (catalogue.DATASET_DRIFT_CONFIDENCE, (*labels, window.name), window.dataset_confidence),
            (catalogue.WINDOW_SAMPLES, (*labels, window.name), window.samples),
            (catalogue.WINDOW_END, (*labels, window.name), window.end),
        )
    for stream in version.streams:
        own = (*labels, stream.stream, stream.detector)
        yield from present(
            (catalogue.STREAM_DETECTIONS, own, stream.detections),
            (catalogue.STREAM_LAST_DETECTION, own, stream.last_detection),
            (catalogue.STREAM_WARNING, own, None if stream.warning is None else int(stream.warning)),
            (catalogue.STREAM_MEAN, own, stream.mean),
            (catalogue.STREAM_VALUES, own, stream.values),
        )


def _multivariate(model: str, version: VersionSnapshot) -> Iterator[Series]:
    for window in version.windows:
        for drift in window.multivariate:
            labels = (model, version.version, drift.method, window.name)
            yield from present(
                (catalogue.MULTIVARIATE_SCORE, labels, drift.score),
                (catalogue.MULTIVARIATE_CONFIDENCE, labels, drift.confidence),
            )
            for share in drift.columns:
                column = (*_column_labels(model, version, share.column), drift.method, window.name)
                yield Series(catalogue.MULTIVARIATE_COLUMN, column, share.ratio)
            for pair in drift.pairs:
                both = (*_column_labels(model, version, pair.column), pair.other.name, pair.other.kind)
                yield Series(catalogue.CORRELATION_DRIFT, (*both, window.name), pair.change)


def _column_labels(model: str, version: VersionSnapshot, column: Column) -> tuple[str, ...]:
    return (model, version.version, column.name, column.kind)


def _drift(model: ModelSnapshot, version: VersionSnapshot) -> dict[tuple[Kind, str], list[Series]]:
    parts: dict[tuple[Kind, str], list[Series]] = {}
    for window in version.windows:
        for key, series in _window_drift(model, version, window):
            part = parts.setdefault(key, [])
            # The tolerance has no window: the first window that has the column says it for all.
            if series.metric is catalogue.DRIFT_TOLERANCE and any(
                s.metric is catalogue.DRIFT_TOLERANCE for s in part
            ):
                continue
            part.append(series)
    return parts


def _window_drift(
    model: ModelSnapshot, version: VersionSnapshot, window: WindowSnapshot
) -> Iterator[tuple[tuple[Kind, str], Series]]:
    for drift in window.columns:
        labels = _column_labels(model.name, version, drift.column)
        intervals = [
            ((*labels, method, window.name), drift.intervals[method])
            for method in model.interval_methods
            if method in drift.intervals
        ]
        for series in present(
            *(
                (catalogue.DRIFT_SCORE, (*labels, method, window.name), score)
                for method, score in drift.scores.items()
            ),
            *((catalogue.DRIFT_SCORE_LOWER, labelled, lower) for labelled, (lower, _) in intervals),
            *((catalogue.DRIFT_SCORE_UPPER, labelled, upper) for labelled, (_, upper) in intervals),
            (catalogue.DRIFT_TOLERANCE, (*labels, "psi"), drift.tolerance),
            (catalogue.DRIFT_CONFIDENCE, (*labels, window.name), drift.confidence),
            (catalogue.DRIFT_EFFECTIVE_SAMPLES, (*labels, window.name), drift.effective_samples),
            (catalogue.DRIFT_CONTRIBUTION, (*labels, window.name), drift.contribution),
        ):
            yield (drift.column.kind, drift.column.name), series


def _bins(model: str, version: VersionSnapshot, totals: ColumnTotals) -> tuple[Series, ...]:
    column = totals.column
    labels = _column_labels(model, version, column)
    reference = column.exported_counts
    rows = int(reference.sum())
    series = [
        Series(catalogue.COLUMN_BIN, (*labels, bin_), count)
        for bin_, count in zip(column.bins, totals.counts.tolist(), strict=True)
    ]
    if rows:
        series += [
            Series(catalogue.COLUMN_REFERENCE, (*labels, bin_), count / rows)
            for bin_, count in zip(column.bins, reference.tolist(), strict=True)
        ]
    if isinstance(column, NumericColumn):
        series += [
            Series(catalogue.COLUMN_UPPER_BOUND, (*labels, bin_), bound)
            for bin_, bound in zip(column.bins, column.upper_bounds.tolist(), strict=False)
            if bin_ != MISSING
        ]
    return tuple(series)
