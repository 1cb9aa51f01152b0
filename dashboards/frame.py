"""What stands around the panels: variables, annotations, and the grid."""

from collections.abc import Sequence
from typing import Any

import attr
from grafanalib import core

import modern
from links import TAG, boards_link
from panels import DATASOURCE, panel_id

Json = dict[str, Any]

WIDTH = 24
# Alerts of the rules that come with the exporter. Some say which model they are about, some (the exporter is
# down) cannot: a model's alerts are its own and those.
ALERTS = 'alertstate="firing", alertname=~"Model.*|DriftExporter.*", model=~"$model|"'


# Those of the infrastructure have no model, and concern every model.
INFRASTRUCTURE_ALERTS = ALERTS.replace("DriftExporter.*", "DriftExporter.*|Infrastructure.*|Kubernetes.*")


def datasource() -> core.Template:
    """Which Prometheus."""
    return core.Template(name="datasource", label="Data source", type="datasource", query="prometheus")


def variable(  # noqa: PLR0913
    name: str,
    label: str,
    query: str,
    *,
    several: bool = False,
    all_value: str | None = None,
    default: str | None = None,
) -> core.Template:
    """A variable whose values are a label's. ``several`` adds "All", which is also where it starts."""
    template = core.Template(
        name=name,
        label=label,
        query=query,
        dataSource=DATASOURCE,
        multi=several,
        includeAll=several,
        allValue=all_value,
        refresh=core.REFRESH_ON_TIME_RANGE_CHANGE,
        regex="",
    )
    if several:
        template._current = {"text": "All", "value": "$__all"}  # noqa: SLF001 - grafanalib cannot tell them apart
    elif default:
        template._current = {"text": default, "value": default}  # noqa: SLF001
    return template


def text(name: str, label: str, value: str) -> core.Template:
    """A text to type."""
    return core.Template(
        name=name,
        label=label,
        type="textbox",
        query=value,
        default=value,
        options=[{"selected": True, "text": value, "value": value}],
    )


def exporter_url() -> core.Template:
    """Where a browser finds the exporter's own pages."""
    return text("exporter_url", "Exporter URL", "http://localhost:10101")


def runbooks() -> core.Template:
    """Where the runbooks of alerts are: what the alert rules say, so nothing to choose."""
    template = variable("runbooks", "Runbooks", "label_values(drift_exporter:links, runbooks)")
    return attr.evolve(template, hide=core.HIDE_VARIABLE)


def annotation(  # noqa: PLR0913
    name: str, colour: str, expr: str, *, title: str, body: str, tags: str, shown: bool = True
) -> Json:
    """Marks on all panels wherever the query has a sample; ``title`` and ``body`` take {{label}}.

    Those that are not ``shown`` can be switched on at the top of the dashboard.
    """
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": shown,
        "hide": False,
        "iconColor": colour,
        "target": {"expr": expr, "interval": "60s", "refId": "Anno"},
        # Grafana up to 11 reads the query from here, later versions from the target.
        "expr": expr,
        "step": "60s",
        "titleFormat": title,
        "textFormat": body,
        "tagKeys": tags,
        "useValueForTime": False,
    }


def annotations(model: str, alerts: str) -> list[Json]:
    """Alerts and new versions. ``model`` is the matcher of the shown models, ``alerts`` of their alerts.

    Of alerts only pages are shown at first: in an incident tickets come and go, and would hide the lines.
    """
    info = f"max by (model, version) (model_info{{{model}}})"
    before = f"max by (model, version) (model_info{{{model}}} offset 5m)"
    return [
        *(
            annotation(
                name,
                colour,
                f"max by (alertname, severity, model) (ALERTS{{{alerts}, {severity}}})",
                title="{{alertname}}",
                body="{{model}} {{severity}}",
                tags="alertname,severity,model",
                shown=shown,
            )
            for name, colour, severity, shown in (
                ("Pages", "red", 'severity="page"', True),
                ("Other alerts", "yellow", 'severity!="page"', False),
            )
        ),
        annotation(
            "New versions",
            "blue",
            f"{info} unless {before}",
            title="New version",
            body="{{model}} {{version}}",
            tags="model,version",
        ),
    ]


def sections(*parts: tuple[str, Sequence[core.Panel]]) -> list[core.Panel]:
    """Title rows with their panels below, left to right, in lines of 24 columns.

    A panel that is repeated has lines of its own: Grafana fills them.
    """
    placed: list[core.Panel] = []
    y = 0
    for title, panels in parts:
        position = core.GridPos(h=1, w=WIDTH, x=0, y=y)
        placed.append(core.RowPanel(id=panel_id(f"row: {title}"), title=title, gridPos=position))
        x, y, height = 0, y + 1, 0
        for panel in panels:
            size = panel.gridPos
            if x + size.w > WIDTH or (x and panel.repeat.variable):
                x, y, height = 0, y + height, 0
            placed.append(attr.evolve(panel, gridPos=core.GridPos(h=size.h, w=size.w, x=x, y=y)))
            x, height = WIDTH if panel.repeat.variable else x + size.w, max(height, size.h)
        y += height
    return placed


def dashboard(  # noqa: PLR0913
    source: str,
    title: str,
    description: str,
    *,
    uid: str,
    model: str,
    variables: Sequence[core.Template],
    panels: Sequence[core.Panel],
    links: Sequence[core.DashboardLink] = (),
    alerts: str = ALERTS,
    marks: Sequence[Json] = (),
    has_alerts: bool = True,
) -> modern.Dashboard:
    """A dashboard in the house style; ``source`` is the file it is generated from.

    ``links`` are those besides the menu of the other dashboards, ``marks`` annotations besides alerts and new
    versions; ``has_alerts`` says whether panels lead to runbooks.
    """
    return modern.Dashboard(
        title=title,
        description=f"{description} Generated from dashboards/{source}: edit that, or a copy of this.",
        uid=uid,
        tags=[TAG],
        timezone="browser",
        time=core.Time("now-6h", "now"),
        refresh="1m",
        graphTooltip=core.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
        annotations=core.Annotations(list=[*annotations(model, alerts), *marks]),
        templating=core.Templating(
            list=[datasource(), *variables, exporter_url(), *([runbooks()] if has_alerts else [])]
        ),
        links=[boards_link(), *links],
        panels=list(panels),
    )
