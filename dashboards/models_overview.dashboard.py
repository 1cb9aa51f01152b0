"""Fleet overview: every model in one table, what is wrong with it, and whether the exporter is well."""

from frame import ALERTS, sections, variable
from frame import dashboard as framed
from links import OVERVIEW_UID, page_link
from overview_panels import exporter_panels, now_panels, side_panels

M = 'model=~"$model"'
W = f'{M}, window="$window"'

dashboard = framed(
    "models_overview.dashboard.py",
    "Fleet overview",
    "State, owner, traffic, drift and alerts of all models, and whether the exporter is well.",
    uid=OVERVIEW_UID,
    model=M,
    variables=[
        variable("team", "Owner", "label_values(model_info, team)", several=True, all_value=".*"),
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
    links=[page_link("Exporter", "The exporter's own pages", "${exporter_url}/")],
    panels=sections(
        ("All models", now_panels(M, W, ALERTS)),
        ("Side by side", side_panels(M, W)),
        ("Exporter", exporter_panels(M)),
    ),
)
