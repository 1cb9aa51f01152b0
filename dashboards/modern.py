"""Bring what grafanalib generates to Grafana's present classic schema.

grafanalib 0.7 writes schema version 12, with keys that later versions ignore or migrate. Here only the keys
that Grafana 10 to 13 know are kept, nothing is null, and what they have required since is added.
"""

import json
from typing import Any

from grafanalib import core
from grafanalib._gen import DashboardEncoder


def _words(text: str) -> list[str]:
    return text.split()


SCHEMA_VERSION = 39  # Grafana 10.4; later versions migrate it silently

DASHBOARD_KEYS = _words(
    "annotations description editable graphTooltip links panels refresh schemaVersion tags templating time "
    "timepicker timezone title uid"
)
PANEL_KEYS = _words(
    "datasource description fieldConfig gridPos id interval links maxDataPoints maxPerRow options "
    "repeat repeatDirection targets timeFrom title transformations transparent type"
)
ROW_KEYS = ["collapsed", "gridPos", "id", "panels", "title", "type"]
VARIABLE_KEYS = _words(
    "allValue current datasource description hide includeAll label multi name options query refresh regex "
    "skipUrlSync sort type"
)
TIMEPICKER_KEYS = ["refresh_intervals"]
# Keys that only query variables have; on others Grafana's types do not know them or they mean nothing.
QUERY_VARIABLE_KEYS = {"allValue", "datasource", "includeAll", "multi", "refresh", "regex", "sort"}


class Dashboard(core.Dashboard):  # type: ignore[misc]
    """A grafanalib dashboard that renders itself in the present schema."""

    def to_json_data(self) -> dict[str, Any]:
        """The dashboard as plain dicts and lists, ready for json.dump."""
        dated = json.loads(json.dumps(super().to_json_data(), cls=DashboardEncoder))
        dated["panels"] = [_panel(panel) for panel in dated["panels"]]
        dated["templating"] = {"list": [_variable(variable) for variable in dated["templating"]["list"]]}
        dated["timepicker"] = _only(dated["timepicker"], TIMEPICKER_KEYS)
        dated["schemaVersion"] = SCHEMA_VERSION
        modern = _without_nulls(_only(dated, DASHBOARD_KEYS))
        assert isinstance(modern, dict)  # noqa: S101 - for the type checker
        return modern


def _panel(dated: dict[str, Any]) -> dict[str, Any]:
    if dated["type"] == "row":
        return _only(dated, ROW_KEYS) | {"panels": [_panel(panel) for panel in dated["panels"]]}
    panel = _only(dated, PANEL_KEYS)
    _drop_empty(panel, "links", "transformations", "transparent")
    if not panel["repeat"]:
        for key in ("repeat", "repeatDirection", "maxPerRow"):
            panel.pop(key, None)
    config = panel["fieldConfig"]
    config.setdefault("overrides", [])
    defaults = config["defaults"]
    if not defaults["thresholds"]["steps"]:
        del defaults["thresholds"]
    _drop_empty(defaults, "mappings", "links")
    # Grafana's types have no such place, though grafanalib writes there.
    if panel["type"] == "stat":
        defaults.pop("custom", None)
    return panel


def _drop_empty(value: dict[str, Any], *keys: str) -> None:
    for key in keys:
        if not value.get(key):
            value.pop(key, None)


def _variable(dated: dict[str, Any]) -> dict[str, Any]:
    variable = _only(dated, VARIABLE_KEYS)
    if variable["type"] == "query":
        # The form that Grafana's own editor saves; a bare string would have to be migrated on every load.
        variable["query"] = {
            "qryType": 1,
            "query": variable["query"],
            "refId": "PrometheusVariableQueryEditor-VariableQuery",
        }
    elif variable["type"] == "datasource":
        variable = {k: v for k, v in variable.items() if k not in {"datasource", "sort", "allValue"}}
    else:
        variable = {k: v for k, v in variable.items() if k not in QUERY_VARIABLE_KEYS}
    current = variable.pop("current")
    if current.get("value") is not None:
        variable["current"] = {"selected": True, "text": current["text"], "value": current["value"]}
    return variable


def _only(source: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    return {key: source[key] for key in keys if key in source}


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(v) for v in value]
    return value
