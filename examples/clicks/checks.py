"""What has to be seen of the two models, and what must not be heard."""

from collections.abc import Mapping
from typing import Any

from clicks.traffic import Traffic
from support.demonstration import DemoError
from support.handles import Prometheus
from support.stack import Stack, awaited

MODEL, CONTROL = "clicks", "clicks_control"
ALERT = "ModelConceptDrift"


def caught_up(running: Stack, replayed: Traffic, patience: float) -> None:
    """Wait until all predictions and labels are counted: else silence would say nothing."""
    server = running.prometheus
    for model, labels in replayed.labels.items():
        for metric, expected in (
            ("model_predictions_total", len(replayed.predictions)),
            ("model_labels_total", len(labels)),
        ):
            query = f'sum({metric}{{model="{model}"}})'
            awaited(
                lambda query=query, expected=expected: server.query(f"{query} >= {expected}"),  # type: ignore[misc]
                lambda query=query, expected=expected: f"{query} is {expected}; is {server.query(query)}",  # type: ignore[misc]
                patience,
            )


def heard(running: Stack, patience: float) -> Mapping[str, Any]:
    """The one notification, which tells of the concept drift of the model."""
    hook = running.hook
    awaited(
        lambda: hook.notifications,
        lambda: f"a notification at the webhook; Prometheus has {running.prometheus.alerts()}",
        patience,
    )
    # What fires by now and is not inhibited has been told when the longest wait of a new group is over.
    awaited(lambda: not untold(running), lambda: f"told of all alerts; not of {untold(running)}", patience)
    notes = list(hook.notifications)
    if len(notes) != 1:
        raise DemoError(f"{len(notes)} notifications: {[(note.path, note.alert_names) for note in notes]}")
    (note,) = notes
    if note.path != "/pages" or ALERT not in note.alert_names:
        raise DemoError(f"the notification is none of {ALERT}: {note.path} {note.alert_names}")
    if {alert["labels"].get("model") for alert in note.payload["alerts"]} != {MODEL}:
        raise DemoError(f"the notification is not of {MODEL} alone: {note.payload['alerts']}")
    return note.payload


def untold(running: Stack) -> list[Mapping[str, str]]:
    """Alerts that are active in Alertmanager whose group was not told of yet."""
    told = {
        alert["labels"].get("model")
        for note in running.hook.notifications
        for alert in note.payload["alerts"]
    }
    return [
        alert["labels"]
        for alert in running.alertmanager.alerts()
        if alert["status"]["state"] == "active" and alert["labels"].get("model") not in told
    ]


def control_was_silent(running: Stack) -> None:
    """No alert of the control has fired at any time, and no inputs of either model have drifted."""
    server = running.prometheus
    for selector in (f'model="{CONTROL}"', 'alertname="ModelDrift"'):
        fired = server.query(f'last_over_time(ALERTS{{alertstate="firing",{selector}}}[1h])')
        if fired:
            raise DemoError(f"alerts that should not have fired: {[dict(s.labels) for s in fired]}")
    if not server.query(f'model_concept_drift_confidence{{model="{CONTROL}"}}'):
        raise DemoError(f"{CONTROL} was not judged")


def figures(server: Prometheus) -> list[str]:
    """What a person would compare: both models, all windows."""
    rows = (
        ("click-through rate, realised", 'model_performance{metric="click_through_rate",', "{:.3f}"),
        (
            "                    estimated",
            'model_performance_estimated{metric="click_through_rate",',
            "{:.3f}",
        ),
        (
            "                    reference",
            'model_performance_reference{metric="click_through_rate",',
            "{:.3f}",
        ),
        ("labels that have come", "model_label_coverage_ratio{", "{:.0%}"),
        ("concept drift, confidence", "model_concept_drift_confidence{", "{:.1%}"),
        ("data drift, confidence", "model_dataset_drift_confidence{", "{:.1%}"),
    )
    lines = [" " * 32 + "".join(f"{model:>16}" for model in (MODEL, CONTROL))]
    for window in ("24h", "7d"):
        lines.append(window)
        for name, metric, form in rows:
            values = [
                "".join(
                    form.format(s.value)
                    for s in server.query(f'max({metric}model="{m}",window="{window}"}})')
                )
                for m in (MODEL, CONTROL)
            ]
            lines.append(f"  {name:<30}" + "".join(f"{value or '-':>16}" for value in values))
    return lines
