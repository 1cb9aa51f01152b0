"""Model anomalies: how many of one model's records are odd, how odd, and how sure that is."""

from alert_panels import alert_panels
from anomaly_panels import now_panels, score_panels, share_panels, volume_panels
from frame import ALERTS, sections, variable
from frame import dashboard as framed
from links import ANOMALIES_UID, report_page

MODEL = 'model="$model"'
M = f'{MODEL}, version="$version"'
D = f'{M}, detector=~"$detector"'
W = f'{D}, window="$window"'

dashboard = framed(
    "model_anomalies.dashboard.py",
    "Model anomalies",
    "Odd records of one model: their share against the expected one, scores, and how many are scored.",
    uid=ANOMALIES_UID,
    model=MODEL,
    variables=[
        variable("model", "Model", "label_values(model_anomaly_expected_ratio, model)"),
        variable("version", "Version", f"label_values(model_anomaly_expected_ratio{{{MODEL}}}, version)"),
        variable("window", "Window", f"label_values(model_anomaly_window_samples{{{M}}}, window)"),
        variable(
            "detector",
            "Detector",
            f"label_values(model_anomaly_expected_ratio{{{M}}}, detector)",
            several=True,
            all_value=".*",
        ),
    ],
    links=[report_page("The most anomalous recent records, and what makes them odd, by the exporter")],
    panels=sections(
        ("$model $version, in the last $window", now_panels(W, D, ALERTS)),
        ("Alerts", alert_panels(ALERTS)),
        ("Against the expected share", share_panels(D)),
        ("Scores", score_panels(D)),
        ("Records", volume_panels(D)),
    ),
)
