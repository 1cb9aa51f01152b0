"""Panels of "Fleet overview": the state of every model, models side by side, the exporter in short."""

from grafanalib import core

from alert_panels import alerts_over_time, firing_stat, firing_table
from links import HEALTH_UID, board_link, column_link, detail_link, report_link
from panels import CONFIDENCE_STEPS, SOME_ARE_BAD, TIMES_TOLERANCE_STEPS, Json, query, stat, timeseries
from queries import errors, highest, quantile, rate, threshold
from tables import column, joined, table

VERSION = "model, version"
COLUMN = "model, version, column, kind"
LATENCY = "model_prediction_latency_seconds"
TO_DETAIL = [detail_link("__field.labels.model"), report_link("__field.labels.model")]


def now_panels(models: str, window: str, alerts: str) -> list[core.Panel]:
    """All models in numbers. ``models`` is their matcher, ``window`` adds the window, ``alerts`` theirs."""
    return [
        stat(
            "Number of models",
            "Chosen models that the exporter knows of.",
            f"count(count by (model) (model_info{{{models}}}))",
            unit="short",
            decimals=0,
        ),
        stat(
            "Traffic",
            "Predictions per second of all chosen models.",
            f"sum(rate(model_predictions_total{{{models}}}[$__rate_interval]))",
            unit="reqps",
        ),
        stat(
            "Errors",
            "Share of predictions that failed, over all chosen models whose logs say so.",
            errors(models, ""),
            unit="percentunit",
            decimals=2,
        ),
        stat(
            "Highest drift confidence",
            "How sure it is that the most certain of the models has drifted beyond its tolerance, in the "
            "chosen window.",
            f"max(model_dataset_drift_confidence{{{window}}})",
            unit="percentunit",
            decimals=1,
            steps=CONFIDENCE_STEPS,
        ),
        firing_stat(alerts),
        stat(
            "Pages firing",
            "Alerts that wake somebody up.",
            f'count(ALERTS{{{alerts}, severity="page"}}) or vector(0)',
            unit="short",
            decimals=0,
            steps=SOME_ARE_BAD,
        ),
        _status(models, window, alerts),
        firing_table(alerts),
        alerts_over_time(alerts, "model"),
        _numbers(models, window),
    ]


def _status(models: str, window: str, alerts: str) -> core.Table:
    """Which model needs somebody, who that is, and what to look at."""
    info = highest("model_info", models, VERSION)
    psi = highest("model_drift_score", f'{window}, method="psi"', COLUMN)
    tolerance = highest("model_drift_tolerance", f'{models}, method="psi"', COLUMN)
    severities = {
        "page": ("Pages", "red"),
        "ticket": ("Tickets", "orange"),
        "info": ("Infos", "blue"),
    }
    return table(
        "Models",
        "One line per model version, with the alerts that fire for the model by severity. The worst column "
        "is the one whose PSI in the chosen window is the largest multiple of its own tolerance. Click a "
        "model for its detail or its report, a column for its distribution.",
        query(highest("model_info", models, f"{VERSION}, team, impact"), table=True),
        *(query(_firing(info, alerts, severity), table=True) for severity in severities),
        query(rate("model_predictions_total", models, VERSION), table=True),
        query(f"topk by ({VERSION}) (1, {psi} / on ({COLUMN}) {tolerance})", table=True),
        transformations=joined(
            {
                "model": "Model",
                "version": "Version",
                "impact": "Impact",
                "team": "Owner",
                "Value #B": "Pages",
                "Value #C": "Tickets",
                "Value #D": "Infos",
                "Value #E": "Predictions/s",
                "column": "Worst column",
                "Value #F": "Drift / tolerance",
            },
            hide=["Value #A", "kind"],
        ),
        columns=[
            column("Model", links=[detail_link("__value.raw"), report_link("__value.raw")]),
            column("Version", links=[detail_link("__data.fields.Model", "__value.raw")]),
            column("Impact", texts={"high": {"text": "high", "color": "purple", "index": 0}}, width=90),
            *(
                column(
                    heading,
                    unit="short",
                    decimals=0,
                    steps=[{"color": "green", "value": 0}, {"color": colour, "value": 1}],
                    width=90,
                )
                for heading, colour in severities.values()
            ),
            column("Predictions/s", unit="reqps", decimals=2),
            column(
                "Worst column",
                links=[
                    column_link("__value.raw", "__data.fields.Version", model="__data.fields.Model"),
                ],
            ),
            column("Drift / tolerance", unit="short", decimals=2, steps=TIMES_TOLERANCE_STEPS),
        ],
        sort=["-Pages", "-Tickets", "-Infos", "-Drift / tolerance"],
    )


def _firing(info: str, alerts: str, severity: str) -> str:
    """Alerts of a severity by model version. None is 0 here and not absent: that nothing fires is known."""
    fires = f'count by (model) (ALERTS{{{alerts}, severity="{severity}"}})'
    return f"({info} * on (model) group_left () {fires}) or {info} * 0"


def _numbers(models: str, window: str) -> core.Table:
    return table(
        "Models in numbers",
        "How each model version serves, and how sure it is that it has drifted in the chosen window. With "
        "too few records a window has no confidence.",
        query(highest("model_info", models, f"{VERSION}, task"), table=True),
        query(errors(models, VERSION), table=True),
        query(quantile(0.95, LATENCY, models, VERSION), table=True),
        query(highest("model_dataset_drift_confidence", window, VERSION), table=True),
        query(highest("model_drifted_columns_ratio", window, VERSION), table=True),
        query(f"sum by ({VERSION}) (model_window_samples{{{window}}})", table=True),
        query(highest("model_last_prediction_timestamp_seconds", models, VERSION) + " * 1000", table=True),
        transformations=joined(
            {
                "model": "Model",
                "version": "Version",
                "task": "Task",
                "Value #B": "Errors",
                "Value #C": "p95 latency",
                "Value #D": "Drift confidence",
                "Value #E": "Drifted columns",
                "Value #F": "Records",
                "Value #G": "Last prediction",
            },
            hide=["Value #A"],
        ),
        columns=[
            column("Model", links=[detail_link("__value.raw"), report_link("__value.raw")]),
            column("Errors", unit="percentunit", decimals=2),
            column("p95 latency", unit="s", decimals=3),
            column("Drift confidence", unit="percentunit", decimals=1, steps=CONFIDENCE_STEPS),
            column("Drifted columns", unit="percentunit", decimals=0),
            column("Records", unit="short"),
            column("Last prediction", unit="dateTimeFromNow"),
        ],
        sort=["-Drift confidence"],
    )


def side_panels(models: str, window: str) -> list[core.Panel]:
    """Models beside each other over time."""
    drift = highest("model_dataset_drift_confidence", window, VERSION)
    return [
        timeseries(
            "Traffic by model",
            "Predictions per second.",
            query(rate("model_predictions_total", models, "model"), "{{model}}"),
            unit="reqps",
            links=TO_DETAIL,
            size=(8, 8),
        ),
        timeseries(
            "Errors by model",
            "Share of predictions that failed. Models whose logs do not say so are not shown.",
            query(errors(models, "model"), "{{model}}"),
            query(threshold("error_ratio"), "alert above"),
            dashed="alert above",
            unit="percentunit",
            links=TO_DETAIL,
            size=(8, 8),
        ),
        timeseries(
            "95th percentile of latency by model",
            "Up to this long 95 % of the predictions took, estimated from the histogram's buckets.",
            query(quantile(0.95, LATENCY, models, "model"), "{{model}}"),
            query(threshold("latency_p95_seconds"), "alert above"),
            dashed="alert above",
            unit="s",
            links=TO_DETAIL,
            size=(8, 8),
        ),
        timeseries(
            "Dataset drift confidence by model",
            "How sure it is that at least one column has drifted beyond its tolerance in the chosen "
            "window, after correction for the number of columns.",
            query(drift, "{{model}} {{version}}"),
            query(threshold("drift_confidence_likely"), "likely"),
            query(threshold("drift_confidence_certain"), "certain"),
            dashed="(likely|certain)",
            unit="percentunit",
            maximum=1,
            links=TO_DETAIL,
            size=(8, 8),
        ),
        timeseries(
            "Drifted columns by model",
            "Share of the columns that have drifted in the chosen window.",
            query(highest("model_drifted_columns_ratio", window, VERSION), "{{model}} {{version}}"),
            unit="percentunit",
            maximum=1,
            links=TO_DETAIL,
            size=(8, 8),
        ),
        timeseries(
            "Records in the window by model",
            "With too few records a window has no scores.",
            query(f"sum by ({VERSION}) (model_window_samples{{{window}}})", "{{model}} {{version}}"),
            unit="short",
            links=TO_DETAIL,
            size=(8, 8),
        ),
    ]


def exporter_panels(models: str) -> list[core.Panel]:
    """The exporter's health in a few numbers; more is in its own dashboard."""
    source = 'drift_exporter_source_up{source=~"($model)/.*"}'
    evaluated = f"drift_exporter_evaluation_success{{{models}}}"
    health: list[Json] = [board_link("Exporter health", HEALTH_UID, "model")]
    return [
        stat(
            "Exporters",
            "Exporters that are scraped. Click for their health.",
            "count(drift_exporter_build_info)",
            unit="short",
            decimals=0,
            links=health,
            size=(6, 4),
        ),
        stat(
            "Sources down",
            "Sources that could not be read at the last attempt. Click for the exporters' health.",
            f"count({source}) - sum({source})",
            unit="short",
            decimals=0,
            steps=SOME_ARE_BAD,
            links=health,
            size=(6, 4),
        ),
        stat(
            "Models failing",
            "Models whose last evaluation failed. Click for the exporters' health.",
            f"count({evaluated}) - sum({evaluated})",
            unit="short",
            decimals=0,
            steps=SOME_ARE_BAD,
            links=health,
            size=(6, 4),
        ),
        stat(
            "Saved",
            "When the model was saved that was not for the longest time; its metrics are as of then. Click "
            "for the exporters' health.",
            f"min(drift_exporter_checkpoint_timestamp_seconds{{{models}}}) * 1000",
            unit="dateTimeFromNow",
            links=health,
            size=(6, 4),
        ),
    ]
