"""What has to be seen and heard of the cluster and the model, and what must not be."""

from collections.abc import Mapping, Sequence
from typing import Any

from support.demonstration import DemoError
from support.handles import Prometheus
from support.listeners import Notification
from support.stack import Stack, awaited

MODEL = "fraud"
ALERT = "ModelIncidentWithInfrastructure"
SIGNAL_ALERT = "InfrastructureSignalAnomalous"
MODEL_TEAM, SRE, SRE_PAGES = "/pages", "/sre", "/sre-pages"
SIGNALS = {"tcp_retransmits", "packet_drops", "disk_busy"}
CONTROL = "disk_busy"
METRIC = "false_negative_rate"


def forecasts_known(running: Stack, patience: float) -> None:
    """Wait until each signal and the model's own metric have a value and a band."""
    server = running.prometheus

    def known() -> bool:
        bands = {s.labels["signal"] for s in server.query("infra_signal and infra_signal_upper")}
        metrics = {s.labels["metric"] for s in server.query("model_infra_metric_anomaly_score")}
        return bands >= SIGNALS and METRIC in metrics

    awaited(
        known, lambda: f"bands of all signals; the exporter says: {running.exporter.log[-800:]}", patience
    )


def settled(running: Stack, patience: float, calm_seconds: int) -> None:
    """Wait until no alert is about, and no signal has been out of its band for so long."""
    server = running.prometheus

    def calm() -> bool:
        active = [alert for alert in running.alertmanager.alerts() if alert["status"]["state"] == "active"]
        return (
            not server.query(f"max_over_time(infra_signal_anomaly_score[{calm_seconds}s]) > 1")
            and not server.alerts()
            and not active
        )

    awaited(calm, lambda: f"calm; there are {server.alerts()}, {running.alertmanager.alerts()}", patience)


def infrastructure_alone(running: Stack, patience: float) -> Mapping[str, Any]:
    """What the team of the infrastructure hears of the busy disk; the model's team must hear nothing."""
    hook = running.hook
    awaited(
        lambda: hook.to(SRE),
        lambda: f"a notification to {SRE}; Prometheus has {running.prometheus.alerts()}",
        patience,
    )
    notes = list(hook.notifications)
    if {note.path for note in notes} != {SRE}:
        raise DemoError(f"others were told of the busy disk: {_said(notes)}")
    signals = {alert["labels"].get("signal") for alert in notes[0].payload["alerts"]}
    if set(notes[0].alert_names) != {SIGNAL_ALERT} or signals != {CONTROL}:
        raise DemoError(f"the notification is none of the busy disk: {_said(notes)}")
    if running.prometheus.query("model_infra_correlation"):
        raise DemoError("the busy disk is taken for something of the model's")
    return notes[0].payload


def heard_by_both(running: Stack, told: int, patience: float) -> Mapping[str, Any]:
    """The notification that each of the two teams gets, one each, after ``told`` others."""

    def since() -> list[Notification]:
        return [note for note in running.hook.notifications[told:] if note.payload["status"] == "firing"]

    awaited(
        lambda: {MODEL_TEAM, SRE_PAGES} <= {note.path for note in since() if ALERT in note.alert_names},
        lambda: f"a notification to both teams; there is {_said(since())}; {running.prometheus.alerts()}",
        patience,
    )
    notes = since()
    if sorted(note.path for note in notes) != sorted((MODEL_TEAM, SRE_PAGES)):
        raise DemoError(f"{len(notes)} notifications: {_said(notes)}")
    for note in notes:
        if set(note.alert_names) != {ALERT}:
            raise DemoError(f"not of the incident alone: {_said([note])}")
    return next(note.payload for note in notes if note.path == MODEL_TEAM)


def figures(server: Prometheus) -> list[str]:
    """What a person would compare: each signal beside what was expected, and what moves with the model."""
    lines = [f"{'':<22}{'now':>10}{'expected':>10}{'up to':>10}"]
    for signal in sorted(SIGNALS):
        values = [
            server.query(f'{metric}{{signal="{signal}"}}')
            for metric in ("infra_signal", "infra_signal_expected", "infra_signal_upper")
        ]
        lines.append(f"{signal:<22}" + "".join(f"{v[0].value:>10.3g}" if v else f"{'-':>10}" for v in values))
    for sample in server.query("model_infra_correlation"):
        own = ",".join(f'{name}="{sample.labels[name]}"' for name in ("metric", "signal", "version"))
        lag = server.query(f"model_infra_correlation_lag_seconds{{{own}}}")
        lines.append(
            f"{sample.labels['metric']} with {sample.labels['signal']}: correlation {sample.value:.2f}, "
            f"the signal goes ahead by {lag[0].value:.0f} s"
            if lag
            else f"{sample.labels['metric']} with {sample.labels['signal']}: {sample.value:.2f}"
        )
    return lines


def _said(notes: Sequence[Notification]) -> list[tuple[str, list[str]]]:
    return [(note.path, note.alert_names) for note in notes]
