"""What stands around the panels: variables, annotations, links, and the grid."""

from collections.abc import Sequence
from typing import Any

import attr
from grafanalib import core

import modern
from panels import DATASOURCE, panel_id

Json = dict[str, Any]

TAG = "drift-exporter"
WIDTH = 24
# The alert rules link to these.
OVERVIEW_UID = "models-overview"
DETAIL_UID = "model-detail"
PERFORMANCE_UID = "model-performance"
FAIRNESS_UID = "model-fairness"
ANOMALIES_UID = "model-anomalies"
INFRASTRUCTURE_UID = "model-infrastructure"
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


def annotation(  # noqa: PLR0913
    name: str, colour: str, expr: str, *, title: str, body: str, tags: str
) -> Json:
    """Marks on all panels wherever the query has a sample; ``title`` and ``body`` take {{label}}."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
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
    """Alerts and new versions. ``model`` is the matcher of the shown models, ``alerts`` of their alerts."""
    info = f"max by (model, version) (model_info{{{model}}})"
    before = f"max by (model, version) (model_info{{{model}}} offset 5m)"
    return [
        annotation(
            "Alerts",
            "red",
            f"max by (alertname, severity, model) (ALERTS{{{alerts}}})",
            title="{{alertname}}",
            body="{{model}} {{severity}}",
            tags="alertname,severity,model",
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


def link(title: str, url: str, *, new_tab: bool = False) -> Json:
    """A link of a field or table cell."""
    return {"title": title, "url": url, "targetBlank": new_tab}


def detail_link(model: str, version: str | None = None) -> Json:
    """To "Model detail"; ``model`` and ``version`` are what Grafana fills in, such as ``__value.raw``."""
    chosen = f"&var-version=${{{version}:percentencode}}" if version else ""
    return link(
        "Model detail",
        f"/d/{DETAIL_UID}?${{datasource:queryparam}}&var-model=${{{model}:percentencode}}{chosen}"
        "&${window:queryparam}&${exporter_url:queryparam}&${__url_time_range}",
    )


def report_link(model: str) -> Json:
    """To the exporter's own page of a model."""
    return link("Drift report", f"${{exporter_url}}/models/${{{model}:percentencode}}", new_tab=True)


def dashboard_link(title: str, uid: str, *, model: bool = False, window: bool = True) -> core.DashboardLink:
    """To another dashboard, with the same data source and time, and the same window and model if so said."""
    shown = ("&${model:queryparam}" if model else "") + ("&${window:queryparam}" if window else "")
    return core.DashboardLink(
        title=title,
        type="link",
        tooltip=f"Dashboard {title}",
        uri=f"/d/{uid}?${{datasource:queryparam}}{shown}&${{exporter_url:queryparam}}",
        icon="dashboard",
        keepTime=True,
    )


def page_link(title: str, tooltip: str, url: str) -> core.DashboardLink:
    """To a page outside of Grafana."""
    return core.DashboardLink(
        title=title,
        type="link",
        tooltip=tooltip,
        uri=url,
        icon="external link",
        targetBlank=True,
        keepTime=False,
    )


def sections(*parts: tuple[str, Sequence[core.Panel]]) -> list[core.Panel]:
    """Title rows with their panels below, left to right, in lines of 24 columns."""
    placed: list[core.Panel] = []
    y = 0
    for title, panels in parts:
        position = core.GridPos(h=1, w=WIDTH, x=0, y=y)
        placed.append(core.RowPanel(id=panel_id(f"row: {title}"), title=title, gridPos=position))
        x, y, height = 0, y + 1, 0
        for panel in panels:
            size = panel.gridPos
            if x + size.w > WIDTH:
                x, y, height = 0, y + height, 0
            placed.append(attr.evolve(panel, gridPos=core.GridPos(h=size.h, w=size.w, x=x, y=y)))
            x, height = x + size.w, max(height, size.h)
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
    links: Sequence[core.DashboardLink],
    panels: Sequence[core.Panel],
    alerts: str = ALERTS,
    marks: Sequence[Json] = (),
) -> modern.Dashboard:
    """A dashboard in the house style; ``source`` is the file it is generated from.

    ``marks`` are annotations besides alerts and new versions.
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
        templating=core.Templating(list=[datasource(), *variables, exporter_url()]),
        links=list(links),
        panels=list(panels),
    )
