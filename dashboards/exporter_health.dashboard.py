"""Exporter health: whether exporters read, judge and save, what they leave out, and what they cost."""

from frame import ALERTS, sections, variable
from frame import dashboard as framed
from health_panels import now_panels, process_panels, work_panels
from health_sources import loss_panels, source_panels
from links import HEALTH_UID, page_link

E = 'job=~"$job", instance=~"$instance"'
M = f'{E}, model=~"$model"'
S = f'{E}, source=~"($model)/.*"'
OWN_ALERTS = ALERTS.replace("Model.*|", "")

dashboard = framed(
    "exporter_health.dashboard.py",
    "Exporter health",
    "Whether exporters read, judge and save, what they leave out, and what they cost.",
    uid=HEALTH_UID,
    model='model=~"$model"',
    alerts=OWN_ALERTS,
    variables=[
        # "All" stands for those that there are: ".*" would be every target of Prometheus.
        variable("job", "Job", "label_values(drift_exporter_build_info, job)", several=True),
        variable(
            "instance",
            "Exporter",
            'label_values(drift_exporter_build_info{job=~"$job"}, instance)',
            several=True,
        ),
        variable(
            "model", "Model", f"label_values(drift_exporter_evaluation_success{{{E}}}, model)", several=True
        ),
    ],
    links=[page_link("Exporter", "The exporter's own pages", "${exporter_url}/")],
    panels=sections(
        ("Now", now_panels(E, M, S, OWN_ALERTS)),
        ("Sources", source_panels(S)),
        ("Left out", loss_panels(M, S)),
        ("Evaluation and state", work_panels(M)),
        ("Scrapes and process", process_panels(E)),
    ),
)
