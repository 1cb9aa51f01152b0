"""Model performance: how good one model is by its labels, as estimated without, and how labels come."""

from frame import (
    ALERTS,
    DETAIL_UID,
    FAIRNESS_UID,
    INFRASTRUCTURE_UID,
    OVERVIEW_UID,
    PERFORMANCE_UID,
    dashboard_link,
    page_link,
    sections,
    variable,
)
from frame import dashboard as framed
from label_panels import label_panels, outcome_panels, segment_panels
from performance_panels import drift_panels, now_panels, performance_panels

MODEL = 'model="$model"'
M = f'{MODEL}, version="$version"'
W = f'{M}, window="$window"'

dashboard = framed(
    "model_performance.dashboard.py",
    "Model performance",
    "Performance of one model by its labels and as estimated without them, concept drift, and the labels.",
    uid=PERFORMANCE_UID,
    model=MODEL,
    variables=[
        variable("model", "Model", "label_values(model_label_coverage_ratio, model)"),
        variable("version", "Version", f"label_values(model_label_coverage_ratio{{{MODEL}}}, version)"),
        variable("window", "Window", f"label_values(model_label_coverage_ratio{{{M}}}, window)"),
        variable(
            "metric",
            "Metric",
            f'label_values(model_performance_reference{{{M}, segment=""}}, metric)',
            several=True,
            all_value=".*",
        ),
    ],
    links=[
        dashboard_link("Models overview", OVERVIEW_UID),
        dashboard_link("Model detail", DETAIL_UID, model=True),
        dashboard_link("Model fairness", FAIRNESS_UID, model=True),
        dashboard_link("Model and infrastructure", INFRASTRUCTURE_UID, model=True, window=False),
        page_link(
            "Drift report",
            "Reference and current distribution of every column, by the exporter",
            "${exporter_url}/models/${model:percentencode}",
        ),
    ],
    panels=sections(
        ("$model $version, in the last $window", now_panels(M, W, ALERTS)),
        ("Performance", performance_panels(W)),
        ("Drift", drift_panels(M)),
        ("Labels", label_panels(M)),
        ("Outcomes, in the last $window", outcome_panels(M)),
        ("By segment", segment_panels(W)),
    ),
)
