"""Where dashboards lead: to one another, to the exporter's own pages, to runbooks.

``${name:queryparam}`` is a variable with its value as a part of a link; what is said in its place, such as
``__value.raw`` or ``__field.labels.model``, is what Grafana fills in for the cell or line that is clicked.
"""

from typing import Any

from grafanalib import core

Json = dict[str, Any]

TAG = "drift-exporter"
# The alert rules link to these.
OVERVIEW_UID = "models-overview"
DETAIL_UID = "model-detail"
COLUMN_UID = "model-column"
PERFORMANCE_UID = "model-performance"
FAIRNESS_UID = "model-fairness"
ANOMALIES_UID = "model-anomalies"
INFRASTRUCTURE_UID = "model-infrastructure"
HEALTH_UID = "exporter-health"

REPORT = "Reference and current distribution of every column, by the exporter"


def link(title: str, url: str, *, new_tab: bool = False) -> Json:
    """A link of a field or table cell."""
    return {"title": title, "url": url, "targetBlank": new_tab}


def board_link(title: str, uid: str, *kept: str, **chosen: str) -> Json:
    """To another dashboard. ``kept`` variables keep their values, ``chosen`` ones get what is clicked."""
    parts = [f"${{{name}:queryparam}}" for name in ("datasource", *kept, "exporter_url")]
    parts += [f"var-{name}=${{{value}:percentencode}}" for name, value in chosen.items()]
    return link(title, f"/d/{uid}?{'&'.join(parts)}&${{__url_time_range}}")


def detail_link(model: str, version: str | None = None) -> Json:
    """To "Model detail", from where the model is not chosen yet."""
    chosen = {"model": model} | ({"version": version} if version else {})
    return board_link("Model detail", DETAIL_UID, "window", **chosen)


def column_link(column: str, version: str, kind: str | None = None, model: str | None = None) -> Json:
    """To "Column"; of the chosen model, unless another is said."""
    kept = ("window",) if model else ("model", "window")
    chosen = {"model": model, "version": version, "column": column, "kind": kind}
    return board_link("Column", COLUMN_UID, *kept, **{k: v for k, v in chosen.items() if v})


def role_link(role: str) -> Json:
    """To "Column" of the chosen model's predictions or scores; a role's column is called like it."""
    url = f"/d/{COLUMN_UID}?${{datasource:queryparam}}&${{model:queryparam}}&${{version:queryparam}}"
    return link(
        "Column",
        f"{url}&var-column={role}&var-kind={role}&${{window:queryparam}}&${{exporter_url:queryparam}}"
        "&${__url_time_range}",
    )


def report_link(model: str) -> Json:
    """To the exporter's own page of a model."""
    return link("Drift report", f"${{exporter_url}}/models/${{{model}:percentencode}}", new_tab=True)


def runbook_link(alert: str) -> Json:
    """To what to do about an alert; where runbooks are is what the alert rules record."""
    return link("Runbook", f"${{runbooks}}/${{{alert}:percentencode}}.md", new_tab=True)


def boards_link() -> core.DashboardLink:
    """A menu of all other dashboards; they keep the time and the variables that they have in common."""
    return core.DashboardLink(
        title="Dashboards",
        type="dashboards",
        tags=[TAG],
        asDropdown=True,
        includeVars=True,
        keepTime=True,
        icon="dashboard",
        tooltip="The other dashboards, with the same time and variables",
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


def report_page(tooltip: str = REPORT) -> core.DashboardLink:
    """To the exporter's own page of the chosen model."""
    return page_link("Drift report", tooltip, "${exporter_url}/models/${model:percentencode}")
