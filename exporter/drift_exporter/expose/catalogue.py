"""Every metric that is exposed: its name, type, help text, labels and buckets.

This is the only place of these names; ``docs/metrics.md`` is checked against it.
"""

from collections.abc import Mapping

from drift_exporter.expose.anomaly_catalogue import ANOMALY_METRICS
from drift_exporter.expose.definition import MetricDefinition
from drift_exporter.expose.outcome_catalogue import OUTCOME_METRICS
from drift_exporter.snapshot import (
    CHECKPOINT_BOUNDS,
    CONFIDENCE_BOUNDS,
    EVALUATION_BOUNDS,
    LATENCY_BOUNDS,
)
from drift_exporter.sources.source import LOST_RECORDS, REQUESTS, UNPAIRED

_VERSION = ("model", "version")
_COLUMN = (*_VERSION, "column", "kind")
_WINDOW = (*_VERSION, "window")
_STREAM = (*_VERSION, "stream", "detector")

MODEL_INFO = MetricDefinition(
    "model_info",
    "gauge",
    "always 1",
    "Always 1. What the configuration says of the model; join it for the team and the business impact.",
    (*_VERSION, "task", "impact", "team", "reference"),
)
PREDICTIONS = MetricDefinition(
    "model_predictions_total",
    "counter",
    "records",
    "Prediction records counted.",
    _VERSION,
)
PREDICTION_ERRORS = MetricDefinition(
    "model_prediction_errors_total",
    "counter",
    "records",
    "Prediction records that say that the prediction failed.",
    _VERSION,
)
PREDICTION_LATENCY = MetricDefinition(
    "model_prediction_latency_seconds",
    "histogram",
    "seconds",
    "How long predictions took, from the log's latency field.",
    _VERSION,
    LATENCY_BOUNDS,
)
PREDICTION_CONFIDENCE = MetricDefinition(
    "model_prediction_confidence",
    "histogram",
    "ratio in [0, 1]",
    "The model's own score or probability of each prediction.",
    _VERSION,
    CONFIDENCE_BOUNDS,
)
LAST_PREDICTION = MetricDefinition(
    "model_last_prediction_timestamp_seconds",
    "gauge",
    "seconds since the epoch",
    "Event time of the newest prediction record.",
    _VERSION,
)
REFERENCE_SAMPLES = MetricDefinition(
    "model_reference_samples",
    "gauge",
    "rows",
    "Rows of the reference that the model version is compared to.",
    _VERSION,
)
DRIFTED_COLUMNS = MetricDefinition(
    "model_drifted_columns_ratio",
    "gauge",
    "ratio in [0, 1]",
    "Share of the model's columns that have drifted in the window.",
    _WINDOW,
)
DATASET_DRIFT_CONFIDENCE = MetricDefinition(
    "model_dataset_drift_confidence",
    "gauge",
    "ratio in [0, 1]",
    "How sure it is that at least one column's drift in the window is larger than tolerated.",
    _WINDOW,
)
WINDOW_SAMPLES = MetricDefinition(
    "model_window_samples",
    "gauge",
    "records",
    "Records in the window; with too few of them there are no drift scores.",
    _WINDOW,
)
WINDOW_END = MetricDefinition(
    "model_window_end_timestamp_seconds",
    "gauge",
    "seconds since the epoch",
    "Event time at which the window ends.",
    _WINDOW,
)
DRIFT_SCORE = MetricDefinition(
    "model_drift_score",
    "gauge",
    "the method's own",
    "Distance between the column in the window and its reference, by the named method.",
    (*_COLUMN, "method", "window"),
)
DRIFT_SCORE_LOWER = MetricDefinition(
    "model_drift_score_lower",
    "gauge",
    "the method's own",
    "Lower end of the 95 % confidence interval of the drift score.",
    (*_COLUMN, "method", "window"),
)
DRIFT_SCORE_UPPER = MetricDefinition(
    "model_drift_score_upper",
    "gauge",
    "the method's own",
    "Upper end of the 95 % confidence interval of the drift score.",
    (*_COLUMN, "method", "window"),
)
DRIFT_TOLERANCE = MetricDefinition(
    "model_drift_tolerance",
    "gauge",
    "the method's own",
    "Score up to which the column's drift is tolerated, by the named method.",
    (*_COLUMN, "method"),
)
DRIFT_CONFIDENCE = MetricDefinition(
    "model_drift_confidence",
    "gauge",
    "ratio in [0, 1]",
    "How sure it is, for this column taken alone, that its drift is larger than tolerated.",
    (*_COLUMN, "window"),
)
DRIFT_EFFECTIVE_SAMPLES = MetricDefinition(
    "model_drift_effective_samples",
    "gauge",
    "records",
    "How many independent records the window's records are worth to the column's confidence.",
    (*_COLUMN, "window"),
)
DRIFT_CONTRIBUTION = MetricDefinition(
    "model_drift_contribution_ratio",
    "gauge",
    "ratio in [0, 1]",
    "The drifted feature's share of the model's drift in the window; a window's features add up to 1.",
    (*_COLUMN, "window"),
)
MULTIVARIATE_SCORE = MetricDefinition(
    "model_multivariate_drift_score",
    "gauge",
    "the method's own",
    "Distance between all columns together in the window and their reference, by the named method.",
    (*_VERSION, "method", "window"),
)
MULTIVARIATE_CONFIDENCE = MetricDefinition(
    "model_multivariate_drift_confidence",
    "gauge",
    "ratio in [0, 1]",
    "How sure it is that all columns together have drifted by more than the method tolerates.",
    (*_VERSION, "method", "window"),
)
MULTIVARIATE_COLUMN = MetricDefinition(
    "model_multivariate_drift_column_ratio",
    "gauge",
    "ratio in [0, 1]",
    "Share of the column in what sets the window apart from the reference, by the named method.",
    (*_COLUMN, "method", "window"),
)
CORRELATION_DRIFT = MetricDefinition(
    "model_correlation_drift",
    "gauge",
    "correlation, -2 to 2",
    "Rank correlation of two columns in the window less that in the reference, where it has drifted.",
    (*_COLUMN, "other", "other_kind", "window"),
)
COLUMN_BIN = MetricDefinition(
    "model_column_bin_total",
    "counter",
    "values",
    "Values of the column counted in the bin.",
    (*_COLUMN, "bin"),
)
COLUMN_REFERENCE = MetricDefinition(
    "model_column_reference_ratio",
    "gauge",
    "ratio in [0, 1]",
    "Share of the reference's rows in the bin; a column's bins add up to 1.",
    (*_COLUMN, "bin"),
)
COLUMN_UPPER_BOUND = MetricDefinition(
    "model_column_bin_upper_bound",
    "gauge",
    "the column's own",
    "Inclusive upper bound of a numeric column's bin.",
    (*_COLUMN, "bin"),
)
STREAM_DETECTIONS = MetricDefinition(
    "model_stream_drift_detections_total",
    "counter",
    "changes",
    "Changes of the stream's mean that the detector has found.",
    _STREAM,
)
STREAM_LAST_DETECTION = MetricDefinition(
    "model_stream_drift_last_detection_timestamp_seconds",
    "gauge",
    "seconds since the epoch",
    "Event time of the record at which the detector last found a change.",
    _STREAM,
)
STREAM_WARNING = MetricDefinition(
    "model_stream_drift_warning",
    "gauge",
    "0 or 1",
    "1 if the detector suspects a change, 0 if not; only for detectors with a level of warning.",
    _STREAM,
)
STREAM_MEAN = MetricDefinition(
    "model_stream_mean",
    "gauge",
    "the stream's own",
    "Mean of the stream since the last change that the detector has found.",
    _STREAM,
)
STREAM_VALUES = MetricDefinition(
    "model_stream_values_total",
    "counter",
    "values",
    "Values of the stream that the detector has seen.",
    _STREAM,
)
BUILD_INFO = MetricDefinition(
    "drift_exporter_build_info",
    "gauge",
    "always 1",
    "Always 1. The version of drift-exporter and of the Python that runs it.",
    ("version", "python_version"),
)
RELOAD_SUCCESSFUL = MetricDefinition(
    "drift_exporter_config_last_reload_successful",
    "gauge",
    "0 or 1",
    "1 if the last attempt to load the configuration succeeded, 0 if the one before it is still in use.",
)
RELOAD_TIMESTAMP = MetricDefinition(
    "drift_exporter_config_last_reload_success_timestamp_seconds",
    "gauge",
    "seconds since the epoch",
    "When the configuration in use was loaded.",
)
SOURCE_RECORDS = MetricDefinition(
    "drift_exporter_source_records_total",
    "counter",
    "records",
    "Records read from the source and counted.",
    ("source",),
)
SOURCE_BYTES = MetricDefinition(
    "drift_exporter_source_bytes_total",
    "counter",
    "bytes",
    "Bytes read from the source.",
    ("source",),
)
SOURCE_LOST = MetricDefinition(
    "drift_exporter_source_lost_bytes_total",
    "counter",
    "bytes",
    "Bytes of the source that were seen and were gone before they were read.",
    ("source",),
)
SOURCE_LOST_RECORDS = MetricDefinition(
    "drift_exporter_source_lost_records_total",
    "counter",
    "records",
    "Records of the source that were gone before they were read.",
    ("source", "reason"),
)
SOURCE_REQUESTS = MetricDefinition(
    "drift_exporter_source_requests_total",
    "counter",
    "requests",
    "HTTP requests that were made to the source, or that it made to us, by status code.",
    ("source", "code"),
)
SOURCE_UNPAIRED = MetricDefinition(
    "drift_exporter_source_unpaired_events_total",
    "counter",
    "events",
    "Events of a request or of its response whose other half did not come in time.",
    ("source", "event"),
)
SOURCE_REJECTED = MetricDefinition(
    "drift_exporter_source_rejected_total",
    "counter",
    "lines",
    "Lines of the source that could not be counted and went to the dead-letter file.",
    ("source", "reason"),
)
UNCONFIGURED_RECORDS = MetricDefinition(
    "drift_exporter_unconfigured_records_total",
    "counter",
    "records",
    "Records of a log that models share, which name none of the configured models.",
    ("source", "model"),
)
SOURCE_LAG = MetricDefinition(
    "drift_exporter_source_lag_bytes",
    "gauge",
    "bytes",
    "Bytes that the source holds and that have not been read yet.",
    ("source",),
)
SOURCE_LAG_RECORDS = MetricDefinition(
    "drift_exporter_source_lag_records",
    "gauge",
    "records",
    "Records that the source holds and that have not been read yet.",
    ("source",),
)
SOURCE_WATERMARK = MetricDefinition(
    "drift_exporter_source_watermark_timestamp_seconds",
    "gauge",
    "seconds since the epoch",
    "Newest event time read from the source.",
    ("source",),
)
SOURCE_UP = MetricDefinition(
    "drift_exporter_source_up",
    "gauge",
    "0 or 1",
    "1 if the source could be read at the last attempt, 0 if not.",
    ("source",),
)
LATE_RECORDS = MetricDefinition(
    "drift_exporter_late_records_total",
    "counter",
    "records",
    "Records left out of windows because their event time is too old (late) or ahead of the clock (future).",
    ("model", "reason"),
)
DUPLICATES = MetricDefinition(
    "drift_exporter_duplicate_records_total",
    "counter",
    "records",
    "Records that were not counted because a record with the same id was.",
    ("model",),
)
FORGOTTEN_IDS = MetricDefinition(
    "drift_exporter_forgotten_ids_total",
    "counter",
    "ids",
    "Ids that had to be forgotten too early because of a limit; a record that comes again counts twice then.",
    ("model",),
)
INVALID_VALUES = MetricDefinition(
    "drift_exporter_invalid_values_total",
    "counter",
    "values",
    "Values of a type that the column does not have; they are counted as missing.",
    ("model", "column"),
)
DROPPED_SERIES = MetricDefinition(
    "drift_exporter_dropped_series_total",
    "counter",
    "series",
    "Series left out at evaluations because of a limit; it grows for as long as something is left out.",
    ("model", "reason"),
)
EVALUATION_SUCCESS = MetricDefinition(
    "drift_exporter_evaluation_success",
    "gauge",
    "0 or 1",
    "1 if the model's last evaluation succeeded, 0 if not.",
    ("model",),
)
EVALUATION_DURATION = MetricDefinition(
    "drift_exporter_evaluation_duration_seconds",
    "histogram",
    "seconds",
    "How long the model's evaluations took.",
    ("model",),
    EVALUATION_BOUNDS,
)
CHECKPOINT_TIMESTAMP = MetricDefinition(
    "drift_exporter_checkpoint_timestamp_seconds",
    "gauge",
    "seconds since the epoch",
    "When the model's state was last saved; its metrics are as of then.",
    ("model",),
)
CHECKPOINT_DURATION = MetricDefinition(
    "drift_exporter_checkpoint_duration_seconds",
    "histogram",
    "seconds",
    "How long it took to save the model's state.",
    ("model",),
    CHECKPOINT_BOUNDS,
)

SOURCE_COUNTS: Mapping[str, MetricDefinition] = {
    REQUESTS: SOURCE_REQUESTS,
    LOST_RECORDS: SOURCE_LOST_RECORDS,
    UNPAIRED: SOURCE_UNPAIRED,
}
"""Metrics of what sources count beside records."""

METRICS: tuple[MetricDefinition, ...] = (
    MODEL_INFO,
    PREDICTIONS,
    PREDICTION_ERRORS,
    PREDICTION_LATENCY,
    PREDICTION_CONFIDENCE,
    LAST_PREDICTION,
    REFERENCE_SAMPLES,
    DRIFTED_COLUMNS,
    DATASET_DRIFT_CONFIDENCE,
    WINDOW_SAMPLES,
    WINDOW_END,
    DRIFT_SCORE,
    DRIFT_SCORE_LOWER,
    DRIFT_SCORE_UPPER,
    DRIFT_TOLERANCE,
    DRIFT_CONFIDENCE,
    DRIFT_EFFECTIVE_SAMPLES,
    DRIFT_CONTRIBUTION,
    MULTIVARIATE_SCORE,
    MULTIVARIATE_CONFIDENCE,
    MULTIVARIATE_COLUMN,
    CORRELATION_DRIFT,
    COLUMN_BIN,
    COLUMN_REFERENCE,
    COLUMN_UPPER_BOUND,
    STREAM_DETECTIONS,
    STREAM_LAST_DETECTION,
    STREAM_WARNING,
    STREAM_MEAN,
    STREAM_VALUES,
    *ANOMALY_METRICS,
    *OUTCOME_METRICS,
    BUILD_INFO,
    RELOAD_SUCCESSFUL,
    RELOAD_TIMESTAMP,
    SOURCE_RECORDS,
    SOURCE_BYTES,
    SOURCE_LOST,
    SOURCE_LOST_RECORDS,
    SOURCE_REQUESTS,
    SOURCE_UNPAIRED,
    SOURCE_REJECTED,
    UNCONFIGURED_RECORDS,
    SOURCE_LAG,
    SOURCE_LAG_RECORDS,
    SOURCE_WATERMARK,
    SOURCE_UP,
    LATE_RECORDS,
    DUPLICATES,
    FORGOTTEN_IDS,
    INVALID_VALUES,
    DROPPED_SERIES,
    EVALUATION_SUCCESS,
    EVALUATION_DURATION,
    CHECKPOINT_TIMESTAMP,
    CHECKPOINT_DURATION,
)
"""All of them, in the order in which they are exposed."""
