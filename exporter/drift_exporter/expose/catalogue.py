"""Every metric that is exposed: its name, type, help text, labels and buckets.

This is the only place of these names; ``docs/metrics.md`` is checked against it.
"""

from dataclasses import dataclass
from typing import Literal

from drift_exporter.snapshot import CONFIDENCE_BOUNDS, EVALUATION_BOUNDS, LATENCY_BOUNDS

MetricType = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True)
class MetricDefinition:
    """One metric as users query it: counters end in ``_total``, histograms have no suffix."""

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


_VERSION = ("model", "version")
_COLUMN = (*_VERSION, "column", "kind")
_WINDOW = (*_VERSION, "window")

MODEL_INFO = MetricDefinition(
    "model_info",
    "gauge",
    "Always 1. What the configuration says of the model; join it for the team and the business impact.",
    (*_VERSION, "task", "impact", "team", "reference"),
)
PREDICTIONS = MetricDefinition(
    "model_predictions_total",
    "counter",
    "Prediction records counted.",
    _VERSION,
)
PREDICTION_ERRORS = MetricDefinition(
    "model_prediction_errors_total",
    "counter",
    "Prediction records that say that the prediction failed.",
    _VERSION,
)
PREDICTION_LATENCY = MetricDefinition(
    "model_prediction_latency_seconds",
    "histogram",
    "How long predictions took, from the log's latency field.",
    _VERSION,
    LATENCY_BOUNDS,
)
PREDICTION_CONFIDENCE = MetricDefinition(
    "model_prediction_confidence",
    "histogram",
    "The model's own score or probability of each prediction.",
    _VERSION,
    CONFIDENCE_BOUNDS,
)
LAST_PREDICTION = MetricDefinition(
    "model_last_prediction_timestamp_seconds",
    "gauge",
    "Event time of the newest prediction record, in seconds since the epoch.",
    _VERSION,
)
REFERENCE_SAMPLES = MetricDefinition(
    "model_reference_samples",
    "gauge",
    "Rows of the reference that the model version is compared to.",
    _VERSION,
)
DRIFTED_COLUMNS = MetricDefinition(
    "model_drifted_columns_ratio",
    "gauge",
    "Share of the model's columns that have drifted in the window.",
    _WINDOW,
)
DATASET_DRIFT_CONFIDENCE = MetricDefinition(
    "model_dataset_drift_confidence",
    "gauge",
    "How sure it is, in [0, 1], that at least one column's drift in the window is larger than tolerated.",
    _WINDOW,
)
WINDOW_SAMPLES = MetricDefinition(
    "model_window_samples",
    "gauge",
    "Records in the window; with too few of them there are no drift scores.",
    _WINDOW,
)
WINDOW_END = MetricDefinition(
    "model_window_end_timestamp_seconds",
    "gauge",
    "Event time at which the window ends, in seconds since the epoch.",
    _WINDOW,
)
DRIFT_SCORE = MetricDefinition(
    "model_drift_score",
    "gauge",
    "Distance between the column in the window and its reference, by the named method.",
    (*_COLUMN, "method", "window"),
)
DRIFT_TOLERANCE = MetricDefinition(
    "model_drift_tolerance",
    "gauge",
    "Score up to which the column's drift is tolerated, by the named method.",
    (*_COLUMN, "method"),
)
DRIFT_CONFIDENCE = MetricDefinition(
    "model_drift_confidence",
    "gauge",
    "How sure it is, in [0, 1], that the column's drift is larger than tolerated, "
    "adjusted for the number of columns (Benjamini-Hochberg).",
    (*_COLUMN, "window"),
)
COLUMN_BIN = MetricDefinition(
    "model_column_bin_total",
    "counter",
    "Values of the column counted in the bin.",
    (*_COLUMN, "bin"),
)
COLUMN_REFERENCE = MetricDefinition(
    "model_column_reference_ratio",
    "gauge",
    "Share of the reference's rows in the bin; a column's bins add up to 1.",
    (*_COLUMN, "bin"),
)
COLUMN_UPPER_BOUND = MetricDefinition(
    "model_column_bin_upper_bound",
    "gauge",
    "Inclusive upper bound of a numeric column's bin, in the column's own unit.",
    (*_COLUMN, "bin"),
)
BUILD_INFO = MetricDefinition(
    "drift_exporter_build_info",
    "gauge",
    "Always 1. The version of drift-exporter and of the Python that runs it.",
    ("version", "python_version"),
)
RELOAD_SUCCESSFUL = MetricDefinition(
    "drift_exporter_config_last_reload_successful",
    "gauge",
    "1 if the last attempt to load the configuration succeeded, 0 if the one before it is still in use.",
)
RELOAD_TIMESTAMP = MetricDefinition(
    "drift_exporter_config_last_reload_success_timestamp_seconds",
    "gauge",
    "When the configuration in use was loaded, in seconds since the epoch.",
)
SOURCE_RECORDS = MetricDefinition(
    "drift_exporter_source_records_total",
    "counter",
    "Records read from the source and counted.",
    ("source",),
)
SOURCE_BYTES = MetricDefinition(
    "drift_exporter_source_bytes_total",
    "counter",
    "Bytes read from the source.",
    ("source",),
)
SOURCE_REJECTED = MetricDefinition(
    "drift_exporter_source_rejected_total",
    "counter",
    "Lines of the source that could not be counted and went to the dead-letter file.",
    ("source", "reason"),
)
SOURCE_LAG = MetricDefinition(
    "drift_exporter_source_lag_bytes",
    "gauge",
    "Bytes that the source holds and that have not been read yet.",
    ("source",),
)
SOURCE_WATERMARK = MetricDefinition(
    "drift_exporter_source_watermark_timestamp_seconds",
    "gauge",
    "Newest event time read from the source, in seconds since the epoch.",
    ("source",),
)
SOURCE_UP = MetricDefinition(
    "drift_exporter_source_up",
    "gauge",
    "1 if the source could be read at the last attempt, 0 if not.",
    ("source",),
)
LATE_RECORDS = MetricDefinition(
    "drift_exporter_late_records_total",
    "counter",
    "Records left out of windows because their event time is too old (late) or ahead of the clock (future).",
    ("model", "reason"),
)
INVALID_VALUES = MetricDefinition(
    "drift_exporter_invalid_values_total",
    "counter",
    "Values of a type that the column does not have; they are counted as missing.",
    ("model", "column"),
)
DROPPED_SERIES = MetricDefinition(
    "drift_exporter_dropped_series_total",
    "counter",
    "Series left out at evaluations because of a limit; it grows for as long as something is left out.",
    ("model", "reason"),
)
EVALUATION_SUCCESS = MetricDefinition(
    "drift_exporter_evaluation_success",
    "gauge",
    "1 if the model's last evaluation succeeded, 0 if not.",
    ("model",),
)
EVALUATION_DURATION = MetricDefinition(
    "drift_exporter_evaluation_duration_seconds",
    "histogram",
    "How long the model's evaluations took.",
    ("model",),
    EVALUATION_BOUNDS,
)

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
    DRIFT_TOLERANCE,
    DRIFT_CONFIDENCE,
    COLUMN_BIN,
    COLUMN_REFERENCE,
    COLUMN_UPPER_BOUND,
    BUILD_INFO,
    RELOAD_SUCCESSFUL,
    RELOAD_TIMESTAMP,
    SOURCE_RECORDS,
    SOURCE_BYTES,
    SOURCE_REJECTED,
    SOURCE_LAG,
    SOURCE_WATERMARK,
    SOURCE_UP,
    LATE_RECORDS,
    INVALID_VALUES,
    DROPPED_SERIES,
    EVALUATION_SUCCESS,
    EVALUATION_DURATION,
)
"""All of them, in the order in which they are exposed."""
