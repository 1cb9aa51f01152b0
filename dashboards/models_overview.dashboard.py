"""Models overview: every model in one table, what is wrong with it, and whether the exporter is well."""

from exporter_row import exporter_panels
from frame import (
    ALERTS,
    ANOMALIES_UID,
    DETAIL_UID,
    FAIRNESS_UID,
    INFRASTRUCTURE_UID,
    OVERVIEW_UID,
    PERFORMANCE_UID,
    dashboard_link,
    detail_link,
    page_link,
    report_link,
    sections,
    variable,
)
from frame import dashboard as framed
from panels import (
    CONFIDENCE_STEPS,
    SOME_ARE_BAD,
    TIMES_TOLERANCE_STEPS,
    query,
    stat,
    state_timeline,
    timeseries,
)
from queries import errors, highest, quantile, rate, threshold
from tables import column, joined, table

M = 'model=~"$model"'
W = f'{M}, window="$window"'
VERSION = "model, version"
COLUMN = "model, version, column, kind"
LATENCY = "model_prediction_latency_seconds"

INFO = highest("model_info", M, VERSION)
DRIFT = highest("model_dataset_drift_confidence", W, VERSION)
DRIFTED = highest("model_drifted_columns_ratio", W, VERSION)
PSI = highest("model_drift_score", f'{W}, method="psi"', COLUMN)
TOLERANCE = highest("model_drift_tolerance", f'{M}, method="psi"', COLUMN)
TIMES_TOLERANCE = f"{PSI} / on ({COLUMN}) {TOLERANCE}"
# No alert is 0 here and not absent: that nothing fires is known.
ALERTS_OF_MODEL = f"({INFO} * on (model) group_left () count by (model) (ALERTS{{{ALERTS}}})) or {INFO} * 0"

SEVERITIES = {"page": "red", "ticket": "orange", "info": "blue"}
NAMES = {
    "model": "Model",
    "version": "Version",
    "team": "Team",
    "impact": "Impact",
    "task": "Task",
    "Value #B": "Alerts",
    "Value #C": "Predictions/s",
    "Value #D": "Errors",
    "Value #E": "p95 latency",
    "Value #F": "Drift confidence",
    "Value #G": "Drifted columns",
    "column": "Worst column",
    "kind": "Its kind",
    "Value #H": "Its drift / tolerance",
    "Value #I": "Last prediction",
}

models = table(
    "Models",
    "One line per model version. Drift is judged in the chosen window; the worst column is the one whose PSI "
    "is the largest multiple of its own tolerance. Click a model for its detail or its report.",
    query(highest("model_info", M, f"{VERSION}, team, impact, task"), table=True),
    query(ALERTS_OF_MODEL, table=True),
    query(rate("model_predictions_total", M, VERSION), table=True),
    query(errors(M, VERSION), table=True),
    query(quantile(0.95, LATENCY, M, VERSION), table=True),
    query(DRIFT, table=True),
    query(DRIFTED, table=True),
    query(f"topk by ({VERSION}) (1, {TIMES_TOLERANCE})", table=True),
    query(highest("model_last_prediction_timestamp_seconds", M, VERSION) + " * 1000", table=True),
    transformations=joined(NAMES, hide="Value #A"),
    columns=[
        column("Model", links=[detail_link("__value.raw"), report_link("__value.raw")]),
        column("Version", links=[detail_link("__data.fields.Model", "__value.raw")]),
        column("Alerts", unit="short", decimals=0, steps=SOME_ARE_BAD, width=80),
        column("Predictions/s", unit="reqps", decimals=2),
        column("Errors", unit="percentunit", decimals=2),
        column("p95 latency", unit="s", decimals=3),
        column("Drift confidence", unit="percentunit", decimals=1, steps=CONFIDENCE_STEPS),
        column("Drifted columns", unit="percentunit", decimals=0),
        column("Its drift / tolerance", unit="short", decimals=2, steps=TIMES_TOLERANCE_STEPS),
        column("Last prediction", unit="dateTimeFromNow"),
    ],
    sort=["-Alerts", "-Drift confidence"],
)

firing = table(
    "Firing alerts",
    "Alerts of the exporter's rules that fire now: of the chosen models, and those about no single model.",
    query(
        f"max by (alertname, severity, model, version, team, impact, window) (ALERTS{{{ALERTS}}})",
        table=True,
    ),
    transformations=joined(
        {
            "severity": "Severity",
            "alertname": "Alert",
            "model": "Model",
            "version": "Version",
            "window": "Window",
            "impact": "Impact",
            "team": "Team",
        },
        hide="Value",
    ),
    columns=[
        column("Severity", colours=SEVERITIES, width=80),
        column("Model", links=[detail_link("__value.raw"), report_link("__value.raw")]),
    ],
    sort=["Severity", "Alert"],
    size=(12, 8),
)

to_detail = [detail_link("__field.labels.model"), report_link("__field.labels.model")]

dashboard = framed(
    "models_overview.dashboard.py",
    "Models overview",
    "Traffic, errors, latency, drift and alerts of all models, and the health of the exporter.",
    uid=OVERVIEW_UID,
    model=M,
    variables=[
        variable("team", "Team", "label_values(model_info, team)", several=True, all_value=".*"),
        variable(
            "impact",
            "Impact",
            'label_values(model_info{team=~"$team"}, impact)',
            several=True,
            all_value=".*",
        ),
        variable(
            "model",
            "Model",
            'label_values(model_info{team=~"$team", impact=~"$impact"}, model)',
            several=True,
        ),
        variable("window", "Window", f"label_values(model_window_samples{{{M}}}, window)"),
    ],
    links=[
        dashboard_link("Model detail", DETAIL_UID),
        dashboard_link("Model performance", PERFORMANCE_UID),
        dashboard_link("Model fairness", FAIRNESS_UID),
        dashboard_link("Model anomalies", ANOMALIES_UID),
        dashboard_link("Model and infrastructure", INFRASTRUCTURE_UID, window=False),
        page_link("Exporter", "The exporter's own pages", "${exporter_url}/"),
    ],
    panels=sections(
        (
            "All models",
            [
                stat(
                    "Number of models",
                    "Chosen models that the exporter knows of.",
                    f"count(count by (model) (model_info{{{M}}}))",
                    unit="short",
                ),
                stat(
                    "Traffic",
                    "Predictions per second of all chosen models.",
                    f"sum(rate(model_predictions_total{{{M}}}[$__rate_interval]))",
                    unit="reqps",
                ),
                stat(
                    "Errors",
                    "Share of predictions that failed, over all chosen models whose logs say so.",
                    errors(M, ""),
                    unit="percentunit",
                    decimals=2,
                ),
                stat(
                    "Highest drift confidence",
                    "How sure it is that the most certain of the models has drifted beyond its tolerance, in "
                    "the chosen window.",
                    f"max(model_dataset_drift_confidence{{{W}}})",
                    unit="percentunit",
                    decimals=1,
                    steps=CONFIDENCE_STEPS,
                ),
                stat(
                    "Alerts firing",
                    "Of the exporter's rules.",
                    f"count(ALERTS{{{ALERTS}}}) or vector(0)",
                    unit="short",
                    steps=SOME_ARE_BAD,
                ),
                stat(
                    "Pages firing",
                    "Alerts that wake somebody up.",
                    f'count(ALERTS{{{ALERTS}, severity="page"}}) or vector(0)',
                    unit="short",
                    steps=SOME_ARE_BAD,
                ),
                models,
                firing,
                state_timeline(
                    "Alerts over time",
                    "When which alert fired for which model.",
                    query(
                        f"max by (alertname, severity, model) (ALERTS{{{ALERTS}}})",
                        "{{alertname}} {{model}} ({{severity}})",
                    ),
                    unit="short",
                    steps=SOME_ARE_BAD,
                    texts={"1": {"text": "firing", "color": "red", "index": 0}},
                    size=(12, 8),
                ),
            ],
        ),
        (
            "Side by side",
            [
                timeseries(
                    "Traffic by model",
                    "Predictions per second.",
                    query(rate("model_predictions_total", M, "model"), "{{model}}"),
                    unit="reqps",
                    links=to_detail,
                ),
                timeseries(
                    "Errors by model",
                    "Share of predictions that failed. Models whose logs do not say so are not shown.",
                    query(errors(M, "model"), "{{model}}"),
                    query(threshold("error_ratio"), "alert above"),
                    dashed="alert above",
                    unit="percentunit",
                    links=to_detail,
                ),
                timeseries(
                    "95th percentile of latency by model",
                    "Up to this long 95 % of the predictions took, estimated from the histogram's buckets.",
                    query(quantile(0.95, LATENCY, M, "model"), "{{model}}"),
                    query(threshold("latency_p95_seconds"), "alert above"),
                    dashed="alert above",
                    unit="s",
                    links=to_detail,
                ),
                timeseries(
                    "Dataset drift confidence by model",
                    "How sure it is that at least one column has drifted beyond its tolerance in the chosen "
                    "window, after correction for the number of columns.",
                    query(DRIFT, "{{model}} {{version}}"),
                    query(threshold("drift_confidence_likely"), "likely"),
                    query(threshold("drift_confidence_certain"), "certain"),
                    dashed="(likely|certain)",
                    unit="percentunit",
                    maximum=1,
                    links=to_detail,
                ),
                timeseries(
                    "Drifted columns by model",
                    "Share of the columns that have drifted in the chosen window.",
                    query(DRIFTED, "{{model}} {{version}}"),
                    unit="percentunit",
                    maximum=1,
                    links=to_detail,
                ),
                timeseries(
                    "Records in the window by model",
                    "With too few records a window has no scores.",
                    query(f"sum by ({VERSION}) (model_window_samples{{{W}}})", "{{model}} {{version}}"),
                    unit="short",
                    links=to_detail,
                ),
            ],
        ),
        ("Exporter", exporter_panels(M)),
    ),
)
