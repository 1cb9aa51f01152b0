"""The metrics of odd records; part of the ``catalogue``."""

from drift_exporter.expose.definition import MetricDefinition
from drift_exporter.snapshot import ANOMALY_BOUNDS

_DETECTOR = ("model", "version", "detector")
_WINDOW = (*_DETECTOR, "window")

ANOMALY_SCORE = MetricDefinition(
    "model_anomaly_score",
    "histogram",
    "share in [0, 1)",
    "How odd records are: the share of the reference's that are less odd.",
    _DETECTOR,
    ANOMALY_BOUNDS,
)
ANOMALIES = MetricDefinition(
    "model_anomalies_total",
    "counter",
    "records",
    "Records that are odder than all but the expected share of the reference.",
    _DETECTOR,
)
ANOMALY_SCORED_TOTAL = MetricDefinition(
    "model_anomaly_scored_records_total",
    "counter",
    "records",
    "Records that were scored.",
    _DETECTOR,
)
ANOMALY_SKIPPED_TOTAL = MetricDefinition(
    "model_anomaly_skipped_records_total",
    "counter",
    "records",
    "Records that were not scored since there were more than the configured rate.",
    _DETECTOR,
)
ANOMALY_WINDOW_SAMPLES = MetricDefinition(
    "model_anomaly_window_samples",
    "gauge",
    "records",
    "Records of the window that were scored.",
    _WINDOW,
)
ANOMALY_RATIO = MetricDefinition(
    "model_anomaly_ratio",
    "gauge",
    "ratio in [0, 1]",
    "Share of the window's scored records that are anomalies.",
    _WINDOW,
)
ANOMALY_EXPECTED_RATIO = MetricDefinition(
    "model_anomaly_expected_ratio",
    "gauge",
    "ratio in [0, 1]",
    "Share of records that are anomalies when all is well.",
    _DETECTOR,
)
ANOMALY_CONFIDENCE = MetricDefinition(
    "model_anomaly_confidence",
    "gauge",
    "confidence in [0, 1]",
    "How sure it is that the share of anomalies is above what is tolerated.",
    _WINDOW,
)
ANOMALY_METRICS = (
    ANOMALY_SCORE,
    ANOMALIES,
    ANOMALY_SCORED_TOTAL,
    ANOMALY_SKIPPED_TOTAL,
    ANOMALY_WINDOW_SAMPLES,
    ANOMALY_RATIO,
    ANOMALY_EXPECTED_RATIO,
    ANOMALY_CONFIDENCE,
)
