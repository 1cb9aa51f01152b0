"""Panels of "Model and infrastructure" about signals: over a model's metric, correlated with it, all."""

from grafanalib import core

from alert_panels import alerts_over_time, firing_table
from links import INFRASTRUCTURE_UID, board_link
from panels import (
    SOME_ARE_BAD,
    TIMES_TOLERANCE_STEPS,
    ZERO_IS_BAD,
    Json,
    band,
    query,
    state_timeline,
    timeseries,
)
from queries import highest, quantile
from tables import column, joined, table

MODEL_COLOUR = "blue"
SIGNAL_COLOUR = "orange"
METRIC = "model_infra_metric"
CORRELATION = "model_infra_correlation"


def overlay_panels(metric: str, signal: str) -> list[core.Panel]:
    """A model's metric and a signal, with their bands, and how far both are off."""
    return [
        timeseries(
            "$metric of $model over $signal",
            "The model's metric (blue, left axis) and the signal (orange, right axis), each with the band "
            "that it was expected in. Marks are alerts and anomalies of the signal.",
            *_with_ends("model", METRIC, metric),
            *_with_ends("signal", "infra_signal", signal),
            unit="short",
            minimum=None,
            overrides=[*band("model", MODEL_COLOUR), *band("signal", SIGNAL_COLOUR), _right("signal.*")],
            size=(24, 10),
        ),
        timeseries(
            "Metric and what was expected",
            "The model's metric with its expected value (dashed) and band.",
            *_with_ends("value", METRIC, metric),
            query(f"max({METRIC}_expected{{{metric}}})", "expected"),
            unit="short",
            minimum=None,
            dashed="expected",
            overrides=band("value", MODEL_COLOUR),
        ),
        timeseries(
            "Signal and what was expected",
            "The signal with its expected value (dashed) and band.",
            *_with_ends("value", "infra_signal", signal),
            query(f"max(infra_signal_expected{{{signal}}})", "expected"),
            unit="short",
            minimum=None,
            dashed="expected",
            overrides=band("value", SIGNAL_COLOUR),
        ),
        timeseries(
            "How far off",
            "Distance from the expected value in half-widths of the band, on the harmful side: above 1 is "
            "outside of the band.",
            query(f"max({METRIC}_anomaly_score{{{metric}}})", "$metric"),
            query(f"max(infra_signal_anomaly_score{{{signal}}})", "$signal"),
            unit="none",
            decimals=1,
            size=(24, 7),
        ),
    ]


def _with_ends(name: str, metric: str, matchers: str) -> list[Json]:
    return [
        query(f"max({metric}{{{matchers}}})", name),
        query(f"max({metric}_lower{{{matchers}}})", f"{name} lower"),
        query(f"max({metric}_upper{{{matchers}}})", f"{name} upper"),
    ]


def _right(pattern: str) -> Json:
    return {
        "matcher": {"id": "byRegexp", "options": pattern},
        "properties": [{"id": "custom.axisPlacement", "value": "right"}],
    }


def correlation_panels(matchers: str, alerts: str) -> list[core.Panel]:
    """Which of the model's metrics misbehave, and with which signals they move."""
    by = "version, metric, signal, window"
    here = board_link(
        "Show both",
        INFRASTRUCTURE_UID,
        "model",
        "version",
        metric="__data.fields.Metric",
        signal="__data.fields.Signal",
    )
    return [
        table(
            "Correlations",
            "Signals that move together with a metric of the model that misbehaves, beyond chance. Lag is "
            "by how much the signal is first; negative where the model is. Click a signal to see the two "
            "above.",
            query(highest(CORRELATION, matchers, by), table=True),
            query(highest(f"{CORRELATION}_lag_seconds", matchers, by), table=True),
            query(highest(f"{CORRELATION}_confidence", matchers, by), table=True),
            transformations=joined(
                {
                    "metric": "Metric",
                    "signal": "Signal",
                    "version": "Version",
                    "window": "Window",
                    "Value #A": "Correlation",
                    "Value #B": "Lag",
                    "Value #C": "Confidence",
                },
                hide=["Value"],
            ),
            columns=[
                column("Metric", width=160),
                column("Signal", links=[here], width=160),
                column("Correlation", unit="none", decimals=2),
                column("Lag", unit="s"),
                column("Confidence", unit="percentunit", decimals=1),
            ],
            sort=["-Confidence"],
            size=(14, 8),
        ),
        timeseries(
            "Correlation over time",
            "As long as a pair moves together beyond chance.",
            query(highest(CORRELATION, matchers, "metric, signal"), "{{metric}} and {{signal}}"),
            unit="none",
            decimals=2,
            minimum=-1,
            maximum=1,
            size=(10, 8),
        ),
        state_timeline(
            "Metrics of the model",
            "How far each metric of the model is off, in half-widths of its band: orange is outside of it.",
            query(highest(f"{METRIC}_anomaly_score", matchers, "metric"), "{{metric}}"),
            unit="none",
            decimals=1,
            steps=TIMES_TOLERANCE_STEPS,
            size=(24, 6),
        ),
        firing_table(
            alerts,
            {"signal": "Signal", "pod": "Pod", "node": "Node", "version": "Version", "team": "Owner"},
            size=(12, 10),
        ),
        alerts_over_time(alerts, size=(12, 10)),
    ]


def signal_panels() -> list[core.Panel]:
    """All signals and groups of them, whichever model suffers."""
    return [
        state_timeline(
            "Anomalies",
            "When which signal was anomalous, long and far enough outside of its band; and when signals that "
            "are judged together were odd together.",
            query("max by (signal) (infra_signal_anomalous)", "{{signal}}"),
            query("max by (group) (infra_group_anomalous)", "{{group}} together"),
            unit="short",
            steps=SOME_ARE_BAD,
            texts={
                "0": {"text": "as expected", "color": "green", "index": 0},
                "1": {"text": "anomalous", "color": "red", "index": 1},
            },
        ),
        timeseries(
            "How far signals are off",
            "Distance from the expected value in half-widths of the band, on the harmful side: above 1 is "
            "outside of the band.",
            query("max by (signal) (infra_signal_anomaly_score)", "{{signal}}"),
            unit="none",
            decimals=1,
        ),
        timeseries(
            "How odd groups are",
            "Signals that are judged together, as configured: above 1 their combination is odd.",
            query("max by (group) (infra_group_anomaly_score)", "{{group}}"),
            unit="none",
            decimals=1,
        ),
    ]


def query_panels() -> list[core.Panel]:
    """Whether signals can be asked for, how long that takes, how old what is known is."""
    return [
        state_timeline(
            "Answers",
            "Whether each query had an answer that can be used.",
            query("min by (signal) (infra_query_success)", "{{signal}}"),
            unit="short",
            steps=ZERO_IS_BAD,
            texts={
                "0": {"text": "failed", "color": "red", "index": 0},
                "1": {"text": "answered", "color": "green", "index": 1},
            },
            size=(12, 8),
        ),
        timeseries(
            "Failed queries",
            "In the time shown, by signal.",
            query("sum by (signal) (increase(infra_query_failures_total[$__rate_interval]))", "{{signal}}"),
            unit="short",
        ),
        timeseries(
            "Duration of queries",
            "Median and 95th percentile, failed ones too.",
            query(quantile(0.5, "infra_query_duration_seconds", "", ""), "median"),
            query(quantile(0.95, "infra_query_duration_seconds", "", ""), "95 %"),
            unit="s",
            size=(8, 8),
        ),
        timeseries(
            "Queries per second",
            "Requests to the Prometheus server, failed ones too.",
            query("sum(rate(infra_query_duration_seconds_count[$__rate_interval]))", "queries"),
            unit="reqps",
            size=(8, 8),
        ),
        timeseries(
            "Age of values and forecasts",
            "How old the newest value of each signal is, and how long ago what is expected of it was learnt.",
            query("time() - max by (signal) (infra_signal_timestamp_seconds)", "{{signal}}: value"),
            query("time() - max by (signal) (infra_forecast_fit_timestamp_seconds)", "{{signal}}: forecast"),
            unit="s",
            size=(8, 8),
        ),
    ]
