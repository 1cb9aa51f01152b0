"""Alerts: those that fire now, and when which fired. Each leads to its runbook."""

from grafanalib import core

from links import detail_link, report_link, runbook_link
from panels import SOME_ARE_BAD, Json, query, stat, state_timeline
from tables import column, joined, table

# Severities by how urgent they are, so that a table can be sorted by them.
RANKS = {"page": 3, "ticket": 2, "info": 1}
SEVERITY_TEXTS = {
    "3": {"text": "page", "color": "red", "index": 0},
    "2": {"text": "ticket", "color": "orange", "index": 1},
    "1": {"text": "info", "color": "blue", "index": 2},
    "0": {"text": "other", "color": "text", "index": 3},
}
HEADINGS = {
    "model": "Model",
    "version": "Version",
    "window": "Window",
    "team": "Owner",
}


def alert_panels(alerts: str) -> list[core.Panel]:
    """Alerts of the chosen model."""
    return [
        firing_table(alerts, {"version": "Version", "window": "Window", "team": "Owner"}),
        alerts_over_time(alerts),
    ]


def firing_table(
    alerts: str, headings: dict[str, str] | None = None, size: tuple[int, int] = (12, 8)
) -> core.Table:
    """Alerts that fire now, the most urgent first. ``headings`` maps their labels that are shown to words."""
    shown = HEADINGS if headings is None else headings
    by = ", ".join(("alertname", *shown))
    ranked = [
        f'max by ({by}) (ALERTS{{{alerts}, severity="{severity}"}}) * {rank}'
        for severity, rank in RANKS.items()
    ]
    columns = [
        _severity(),
        column("Alert", minimum_width=235, links=[runbook_link("__value.raw")]),
    ]
    if shown.get("model") and headings is None:
        columns.append(column("Model", links=[detail_link("__value.raw"), report_link("__value.raw")]))
    return table(
        "Firing alerts",
        "Alerts of the exporter's rules that fire now, those about no single model included, the most "
        "urgent first. Click an alert for its runbook.",
        query(" or ".join([*ranked, f"max by ({by}) (ALERTS{{{alerts}}}) * 0"]), table=True),
        transformations=joined({"Value": "Severity", "alertname": "Alert"} | shown, hide=[]),
        columns=columns,
        sort=["-Severity", "Alert"],
        size=size,
    )


def _severity() -> Json:
    return column("Severity", unit="none", decimals=0, texts=SEVERITY_TEXTS, width=90)


def alerts_over_time(alerts: str, *labels: str, size: tuple[int, int] = (12, 8)) -> core.StateTimeline:
    """When which alert fired, a band for each name, and each of the ``labels``.

    As few as can be: of what else alerts are about there would be more bands than can be read.
    """
    named = "".join(f" {{{{{label}}}}}" for label in labels)
    return state_timeline(
        "Alerts over time",
        "When which alert fired, with its severity. Click a band for the runbook.",
        query(
            f"max by ({', '.join(('alertname', 'severity', *labels))}) (ALERTS{{{alerts}}})",
            f"{{{{alertname}}}}{named} ({{{{severity}}}})",
        ),
        unit="short",
        steps=SOME_ARE_BAD,
        texts={"1": {"text": "firing", "color": "red", "index": 0}},
        links=[runbook_link("__field.labels.alertname")],
        size=size,
    )


def firing_stat(alerts: str, size: tuple[int, int] = (4, 4)) -> core.Stat:
    """How many alerts fire now."""
    return stat(
        "Alerts firing",
        "Alerts of the exporter's rules, those about no single model included.",
        f"count(ALERTS{{{alerts}}}) or vector(0)",
        unit="short",
        decimals=0,
        steps=SOME_ARE_BAD,
        size=size,
    )
