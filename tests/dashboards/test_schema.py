"""The dashboards are valid by Grafana's own types (see grafana_schema/README.md)."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from support.dashboards import DASHBOARDS, dashboard, panels

SCHEMAS = Path(__file__).parent / "grafana_schema"
# Grafana's types describe the annotations of its own data source only. These keys are Prometheus's, as
# its plugin in Grafana reads them.
PROMETHEUS_ANNOTATION = {"expr", "step", "titleFormat", "textFormat", "tagKeys", "useValueForTime"}


def schema(name: str) -> Draft7Validator:
    loaded = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    Draft7Validator.check_schema(loaded)
    return Draft7Validator(loaded)


def problems(name: str, value: Any) -> list[str]:  # noqa: ANN401
    return [f"{error.json_path}: {error.message}" for error in schema(name).iter_errors(value)]


def without_prometheus_annotations(board: dict[str, Any]) -> dict[str, Any]:
    plain = copy.deepcopy(board)
    for annotation in plain["annotations"]["list"]:
        assert set(annotation.pop("target")) == {"expr", "interval", "refId"}
        for key in PROMETHEUS_ANNOTATION:
            del annotation[key]
    return plain


def parts(panel: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Schema name and value of what the dashboard's schema leaves open."""
    kind = panel["type"].replace("-", "")
    yield f"{kind}.options", panel["options"]
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    if kind == "stat":
        assert custom == {}
    else:
        yield f"{kind}.custom", custom
        for override in panel["fieldConfig"]["overrides"]:
            ids = {p["id"]: p["value"] for p in override["properties"]}
            overridden = {k.removeprefix("custom."): v for k, v in ids.items() if k.startswith("custom.")}
            yield f"{kind}.custom", custom | overridden


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda p: p.stem)
def test_dashboard_is_valid(path: Path) -> None:
    assert problems("dashboard", without_prometheus_annotations(dashboard(path))) == []


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda p: p.stem)
def test_options_of_each_panel_are_valid(path: Path) -> None:
    found = [
        (panel["title"], name, problem)
        for panel in panels(path)
        if panel["type"] != "row"
        for name, value in parts(panel)
        for problem in problems(name, value)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("rows", []), ("schemaVersion", "39"), ("hideControls", False), ("time", {"from": 1, "to": "now"})],
)
def test_the_schema_finds_what_is_wrong(key: str, value: object) -> None:
    board = without_prometheus_annotations(dashboard(DASHBOARDS[0]))
    assert problems("dashboard", board | {key: value}) != []
