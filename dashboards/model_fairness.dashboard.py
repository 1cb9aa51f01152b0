"""Model fairness: what each group of people gets from one model, and how groups differ."""

from alert_panels import alert_panels
from fairness_panels import difference_panels, group_panels, now_panels
from frame import ALERTS, sections, variable
from frame import dashboard as framed
from links import FAIRNESS_UID, report_page

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
    links=[report_page()],
    panels=sections(
        ("$model $version, in the last $window", now_panels(A)),
        ("Alerts", alert_panels(ALERTS)),
        ("Differences", difference_panels(A)),
        ("By group", group_panels(M, A)),
    ),
)
