"""Model performance: how good one model is by its labels, as estimated without, and how labels come."""

from alert_panels import alert_panels
from frame import ALERTS, sections, variable
from frame import dashboard as framed
from label_panels import label_panels, outcome_panels, segment_panels
from links import PERFORMANCE_UID, report_page
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
    links=[report_page()],
    panels=sections(
        ("$model $version, in the last $window", now_panels(M, W, ALERTS)),
        ("Alerts", alert_panels(ALERTS)),
        ("Performance", performance_panels(W)),
        ("Drift", drift_panels(M)),
        ("Labels", label_panels(M)),
        ("Outcomes, in the last $window", outcome_panels(M)),
        ("By segment", segment_panels(W)),
    ),
)
