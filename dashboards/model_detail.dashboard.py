"""Model detail: one model's traffic, latency, outputs, drift by column, and data quality."""

from grafanalib import core

from alert_panels import alert_panels, firing_stat
from detail_columns import drift_panels, quality_panels
from detail_streams import stream_panels
from detail_together import together_panels
from distributions import bins_chart, heatmap
from frame import ALERTS, sections, variable
from frame import dashboard as framed
from links import DETAIL_UID, report_page, role_link
from panels import CONFIDENCE_STEPS, query, stat, timeseries
from queries import errors, highest, quantile, rate, threshold
from tables import column, joined, table

MODEL = 'model="$model"'
M = f'{MODEL}, version=~"$version"'
W = f'{M}, window="$window"'
LATENCY = "model_prediction_latency_seconds"
SCORE = "model_prediction_confidence"


def now_panels() -> list[core.Panel]:
    """Who the model is and how it is."""
    return [
        table(
            "Versions",
            "What the configuration says of the model, and how many rows each version's reference has.",
            query(highest("model_info", M, "version, task, impact, team, reference"), table=True),
            query(highest("model_reference_samples", M, "version"), table=True),
            query(highest("model_last_prediction_timestamp_seconds", M, "version") + " * 1000", table=True),
            transformations=joined(
                {
                    "version": "Version",
                    "task": "Task",
                    "impact": "Impact",
                    "team": "Owner",
                    "reference": "Reference",
                    "Value #B": "Reference rows",
                    "Value #C": "Last prediction",
                },
                hide=["Value #A"],
            ),
            columns=[
                column("Version", width=80),
                column("Task", width=85),
                column("Impact", width=70),
                column("Reference rows", unit="short", minimum_width=115),
                column("Last prediction", unit="dateTimeFromNow", minimum_width=145),
            ],
            sort=["-Last prediction"],
            size=(13, 5),
        ),
        stat(
            "Drift confidence",
            "How sure it is that at least one column has drifted beyond its tolerance in the chosen window.",
            f"max(model_dataset_drift_confidence{{{W}}})",
            unit="percentunit",
            decimals=1,
            steps=CONFIDENCE_STEPS,
            size=(4, 5),
        ),
        stat(
            "Drifted columns",
            "Share of the columns that have drifted in the chosen window.",
            f"max(model_drifted_columns_ratio{{{W}}})",
            unit="percentunit",
            decimals=0,
            size=(4, 5),
        ),
        firing_stat(ALERTS, size=(3, 5)),
        *alert_panels(ALERTS),
    ]


def traffic_panels() -> list[core.Panel]:
    """How much is asked of the model, and how it copes."""
    return [
        timeseries(
            "Traffic",
            "Predictions per second by version.",
            query(rate("model_predictions_total", M, "version"), "{{version}}"),
            unit="reqps",
            stacked=True,
            size=(8, 8),
        ),
        timeseries(
            "Errors",
            "Share of predictions that failed, where the log says so.",
            query(errors(M, "version"), "{{version}}"),
            query(threshold("error_ratio"), "alert above"),
            unit="percentunit",
            dashed="alert above",
            size=(8, 8),
        ),
        timeseries(
            "Records in the windows",
            "Records of each window; with too few of them there are no scores.",
            query(f"sum by (version, window) (model_window_samples{{{M}}})", "{{version}} {{window}}"),
            unit="short",
            size=(8, 8),
        ),
        timeseries(
            "Latency",
            "Up to this long 50, 95 and 99 % of the predictions took, estimated from the histogram's "
            "buckets. Points are traces, where the log has trace ids.",
            query(quantile(0.5, LATENCY, M, "version"), "p50 {{version}}"),
            query(quantile(0.95, LATENCY, M, "version"), "p95 {{version}}", exemplar=True),
            query(quantile(0.99, LATENCY, M, "version"), "p99 {{version}}"),
            query(threshold("latency_p95_seconds"), "alert if p95 is above"),
            unit="s",
            dashed="alert if .*",
        ),
        heatmap(
            "Latency by bucket",
            "Predictions in each bucket of latency, over all chosen versions.",
            f"sum by (le) (increase({LATENCY}_bucket{{{M}}}[$__rate_interval]))",
            unit="s",
        ),
    ]


def output_panels() -> list[core.Panel]:
    """What the model says."""
    bins = f'{M}, kind="prediction"'
    part = rate("model_column_bin_total", bins, "version, column, bin")
    whole = rate("model_column_bin_total", bins, "version, column")
    return [
        heatmap(
            "Score by bucket",
            "Predictions in each bucket of the model's own score or probability, over all chosen versions.",
            f"sum by (le) (increase({SCORE}_bucket{{{M}}}[$__rate_interval]))",
            unit="percentunit",
        ),
        _against_reference(
            "Score, reference and current",
            "score",
            "The bins hold a tenth of the reference's scores each, where it has enough different ones.",
        ),
        timeseries(
            "Predictions by value",
            "Share of each class, or of each of the reference's bins where predictions are numbers.",
            query(f"{part} / on (version, column) group_left () ({whole} > 0)", "{{bin}} {{version}}"),
            unit="percentunit",
            maximum=1,
            links=[role_link("prediction")],
        ),
        _against_reference(
            "Predictions, reference and current",
            "prediction",
            "Click a bar for more of it.",
        ),
    ]


def _against_reference(title: str, kind: str, more: str) -> core.BarChart:
    return bins_chart(
        title,
        "Share of each bin in the reference and in the records of the last window, over the chosen versions. "
        f"{more}",
        f'{M}, kind="{kind}"',
        size=(12, 8),
        links=[role_link(kind)],
    )


dashboard = framed(
    "model_detail.dashboard.py",
    "Model detail",
    "Traffic, latency, outputs, drift by column and data quality of one model.",
    uid=DETAIL_UID,
    model=MODEL,
    variables=[
        variable("model", "Model", "label_values(model_info, model)"),
        variable(
            "version",
            "Version",
            f"label_values(model_info{{{MODEL}}}, version)",
            several=True,
            all_value=".*",
        ),
        variable("window", "Window", f"label_values(model_window_samples{{{MODEL}}}, window)"),
        variable(
            "column",
            "Column",
            f"label_values(model_column_reference_ratio{{{M}}}, column)",
            several=True,
            all_value=".*",
        ),
        variable(
            "method",
            "Method",
            f"label_values(model_drift_score{{{M}}}, method)",
            default="psi",
        ),
    ],
    links=[report_page()],
    panels=sections(
        ("$model", now_panels()),
        ("Traffic and latency", traffic_panels()),
        ("Outputs", output_panels()),
        ("Drift", drift_panels(M)),
        ("All columns together", together_panels(M)),
        ("Streams", stream_panels(M)),
        ("Data quality", quality_panels(M)),
    ),
)
