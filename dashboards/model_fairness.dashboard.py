"""Model fairness: what each group of people gets from one model, and how groups differ."""

from fairness_panels import difference_panels, group_panels, now_panels
from frame import (
    DETAIL_UID,
    FAIRNESS_UID,
    OVERVIEW_UID,
    PERFORMANCE_UID,
    dashboard_link,
    page_link,
    sections,
    variable,
)
from frame import dashboard as framed

MODEL = 'model="$model"'
M = f'{MODEL}, version="$version"'
W = f'{M}, window="$window"'
A = f'{W}, attribute=~"$attribute"'

dashboard = framed(
    "model_fairness.dashboard.py",
    "Model fairness",
    "Rates of the favourable answer and of errors by group, the four-fifths rule, and differences.",
    uid=FAIRNESS_UID,
    model=MODEL,
    variables=[
        variable("model", "Model", "label_values(model_fairness, model)"),
        variable("version", "Version", f"label_values(model_fairness{{{MODEL}}}, version)"),
        variable("window", "Window", f"label_values(model_fairness{{{M}}}, window)"),
        variable(
            "attribute",
            "Attribute",
            f"label_values(model_fairness{{{M}}}, attribute)",
            several=True,
            all_value=".*",
        ),
    ],
    links=[
        dashboard_link("Models overview", OVERVIEW_UID),
        dashboard_link("Model detail", DETAIL_UID, model=True),
        dashboard_link("Model performance", PERFORMANCE_UID, model=True),
        page_link(
            "Drift report",
            "Reference and current distribution of every column, by the exporter",
            "${exporter_url}/models/${model:percentencode}",
        ),
    ],
    panels=sections(
        ("$model $version, in the last $window", now_panels(A)),
        ("Differences", difference_panels(A)),
        ("By group", group_panels(M, A)),
    ),
)
