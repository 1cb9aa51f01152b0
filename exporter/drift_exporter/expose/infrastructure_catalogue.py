"""Metrics of signals and of what moves together with models; part of the catalogue."""

from drift_exporter.expose.definition import MetricDefinition
from drift_exporter.infrastructure.snapshot import QUERY_BOUNDS

_SIGNAL = ("signal",)
_METRIC = ("model", "version", "metric")
_CORRELATION = (*_METRIC, "signal", "window")

MODEL_METRIC = MetricDefinition(
    "model_infra_metric",
    "gauge",
    "the query's own",
    "Newest value of the model's metric, as it is compared with signals.",
    _METRIC,
)
MODEL_METRIC_EXPECTED = MetricDefinition(
    "model_infra_metric_expected",
    "gauge",
    "the query's own",
    "Value that is expected of the model's metric now.",
    _METRIC,
)
MODEL_METRIC_LOWER = MetricDefinition(
    "model_infra_metric_lower",
    "gauge",
    "the query's own",
    "Lower end of the band that the model's metric is expected in now.",
    _METRIC,
)
MODEL_METRIC_UPPER = MetricDefinition(
    "model_infra_metric_upper",
    "gauge",
    "the query's own",
    "Upper end of the band that the model's metric is expected in now.",
    _METRIC,
)
MODEL_METRIC_SCORE = MetricDefinition(
    "model_infra_metric_anomaly_score",
    "gauge",
    "half-widths of the band",
    "Distance of the model's metric from what is expected of it, 0 on the harmless side; above 1 it is odd.",
    _METRIC,
)
CORRELATION = MetricDefinition(
    "model_infra_correlation",
    "gauge",
    "correlation, -1 to 1",
    "Correlation of the model's metric with the signal in the window, of what both are off what is expected.",
    _CORRELATION,
)
CORRELATION_LAG = MetricDefinition(
    "model_infra_correlation_lag_seconds",
    "gauge",
    "seconds",
    "By how much the signal moves before the model's metric; below 0 the metric moves first.",
    _CORRELATION,
)
CORRELATION_CONFIDENCE = MetricDefinition(
    "model_infra_correlation_confidence",
    "gauge",
    "ratio in [0, 1]",
    "How sure it is that the two do not move together by chance, all signals considered.",
    _CORRELATION,
)
SIGNAL = MetricDefinition(
    "infra_signal",
    "gauge",
    "the query's own",
    "Newest value of the signal.",
    _SIGNAL,
)
SIGNAL_EXPECTED = MetricDefinition(
    "infra_signal_expected",
    "gauge",
    "the query's own",
    "Value that is expected of the signal now.",
    _SIGNAL,
)
SIGNAL_LOWER = MetricDefinition(
    "infra_signal_lower",
    "gauge",
    "the query's own",
    "Lower end of the band that the signal is expected in now.",
    _SIGNAL,
)
SIGNAL_UPPER = MetricDefinition(
    "infra_signal_upper",
    "gauge",
    "the query's own",
    "Upper end of the band that the signal is expected in now.",
    _SIGNAL,
)
SIGNAL_SCORE = MetricDefinition(
    "infra_signal_anomaly_score",
    "gauge",
    "half-widths of the band",
    "Distance of the signal from what is expected, 0 on the harmless side; above 1 it is out of its band.",
    _SIGNAL,
)
SIGNAL_ANOMALOUS = MetricDefinition(
    "infra_signal_anomalous",
    "gauge",
    "0 or 1",
    "1 if the signal is outside of its band, and not by one value alone; 0 if not.",
    _SIGNAL,
)
SIGNAL_TIMESTAMP = MetricDefinition(
    "infra_signal_timestamp_seconds",
    "gauge",
    "seconds since the epoch",
    "Time of the signal's newest value.",
    _SIGNAL,
)
FIT_TIMESTAMP = MetricDefinition(
    "infra_forecast_fit_timestamp_seconds",
    "gauge",
    "seconds since the epoch",
    "Time of the newest value that the signal's forecast was learnt from.",
    _SIGNAL,
)
GROUP_SCORE = MetricDefinition(
    "infra_group_anomaly_score",
    "gauge",
    "the threshold's own",
    "How odd the group's signals are together; above 1 it is beyond what contamination allows.",
    ("group",),
)
GROUP_ANOMALOUS = MetricDefinition(
    "infra_group_anomalous",
    "gauge",
    "0 or 1",
    "1 if the group's signals are odd together, and not once alone; 0 if not.",
    ("group",),
)
QUERY_SUCCESS = MetricDefinition(
    "infra_query_success",
    "gauge",
    "0 or 1",
    "1 if the signal's query was answered at the last attempt, 0 if not.",
    _SIGNAL,
)
QUERY_FAILURES = MetricDefinition(
    "infra_query_failures_total",
    "counter",
    "attempts",
    "Attempts at which the signal's query was not answered.",
    _SIGNAL,
)
QUERY_DURATION = MetricDefinition(
    "infra_query_duration_seconds",
    "histogram",
    "seconds",
    "How long requests to the Prometheus server took, failed ones too.",
    (),
    QUERY_BOUNDS,
)

INFRASTRUCTURE_METRICS: tuple[MetricDefinition, ...] = (
    MODEL_METRIC,
    MODEL_METRIC_EXPECTED,
    MODEL_METRIC_LOWER,
    MODEL_METRIC_UPPER,
    MODEL_METRIC_SCORE,
    CORRELATION,
    CORRELATION_LAG,
    CORRELATION_CONFIDENCE,
    SIGNAL,
    SIGNAL_EXPECTED,
    SIGNAL_LOWER,
    SIGNAL_UPPER,
    SIGNAL_SCORE,
    SIGNAL_ANOMALOUS,
    SIGNAL_TIMESTAMP,
    FIT_TIMESTAMP,
    GROUP_SCORE,
    GROUP_ANOMALOUS,
    QUERY_SUCCESS,
    QUERY_FAILURES,
    QUERY_DURATION,
)
"""All of them, in the order in which they are exposed."""
