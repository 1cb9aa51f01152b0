"""Model and infrastructure: a model's metric over a signal, what moves together, what serves it."""

from cluster_panels import gpu_panels, node_panels, pod_panels
from frame import INFRASTRUCTURE_ALERTS, annotation, sections, variable
from frame import dashboard as framed
from infrastructure_panels import correlation_panels, overlay_panels, query_panels, signal_panels
from links import INFRASTRUCTURE_UID, report_page

MODEL = 'model="$model"'
M = f'{MODEL}, version="$version"'
METRIC = f'{M}, metric="$metric"'
SIGNAL = 'signal="$signal"'

dashboard = framed(
    "model_infrastructure.dashboard.py",
    "Model and infrastructure",
    "One model's metrics and the signals of the infrastructure below it, with what is expected of both.",
    uid=INFRASTRUCTURE_UID,
    model=MODEL,
    alerts=INFRASTRUCTURE_ALERTS,
    marks=[
        annotation(
            "Anomalies of the signal",
            "orange",
            f"max by (signal) (infra_signal_anomalous{{{SIGNAL}}}) > 0",
            title="Anomaly",
            body="{{signal}}",
            tags="signal",
        ),
    ],
    variables=[
        variable("model", "Model", "label_values(model_infra_metric_expected, model)"),
        variable("version", "Version", f"label_values(model_infra_metric_expected{{{MODEL}}}, version)"),
        variable("metric", "Metric", f"label_values(model_infra_metric_expected{{{M}}}, metric)"),
        variable("signal", "Signal", "label_values(infra_signal, signal)"),
    ],
    links=[report_page()],
    panels=sections(
        ("$metric of $model $version, and $signal", overlay_panels(METRIC, SIGNAL)),
        ("What moves together", correlation_panels(M, INFRASTRUCTURE_ALERTS)),
        ("All signals", signal_panels()),
        ("Queries", query_panels()),
        ("Pods that serve $model", pod_panels(MODEL)),
        ("Nodes that they are on", node_panels(MODEL)),
        ("GPUs of these pods", gpu_panels(MODEL)),
    ),
)
