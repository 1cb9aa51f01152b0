"""What a user may rely on in every dashboard: panels that say what they show, units, colours, the grid."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from support.alerting import rules
from support.dashboards import DASHBOARDS, dashboard, drawn, objects, panel_targets, panels, variables

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
UIDS = {
    "models_overview": "models-overview",
    "model_detail": "model-detail",
    "column": "model-column",
    "model_performance": "model-performance",
    "model_fairness": "model-fairness",
    "model_anomalies": "model-anomalies",
    "model_infrastructure": "model-infrastructure",
    "exporter_health": "exporter-health",
}

# Numbers that may colour a panel, each with the reason why no query gives it.
COLOURING = {
    0: "the beginning of the first colour",
    0.5: "half of a score's own tolerance, which a query has divided it by",
    1: "one thing that is wrong, or a score that is at its own tolerance",
    2: "twice its own tolerance",
    4: "four times its own tolerance",
    0.9: "drift is likely: Grafana takes a threshold from no query, and the rules say the same (tested)",
    0.99: "drift is certain: the same",
}
# Columns of tables that are words: a unit would have no meaning.
WORDS = {
    "Alert",
    "Column",
    "Detector",
    "Impact",
    "Metric",
    "Model",
    "Severity",
    "Signal",
    "Task",
    "Version",
    "Worst column",
}
# Units that Grafana shows with as many decimals as it takes: how many are meant has to be said.
UNSCALED = {"none", "percentunit"}
WIDEST_TABLE = 10

every_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda p: p.stem)


@every_dashboard
def test_dashboard_has_what_an_import_needs(path: Path) -> None:
    board = dashboard(path)
    assert UIDS[path.stem] == board["uid"]
    assert f"Generated from dashboards/{path.stem}.dashboard.py" in board["description"]
    assert "id" not in board  # the database's own, not ours to say
    assert board["schemaVersion"] >= 39
    assert board["tags"] == ["drift-exporter"]


@every_dashboard
def test_nothing_is_null_or_the_word_null(path: Path) -> None:
    values = [(key, value) for thing in objects(dashboard(path)) for key, value in thing.items()]
    assert [pair for pair in values if pair[1] is None or pair[1] == "null"] == []


@every_dashboard
def test_the_data_source_is_always_the_variable(path: Path) -> None:
    assert variables(path)["datasource"]["type"] == "datasource"
    assert variables(path)["datasource"]["query"] == "prometheus"
    named = [thing["datasource"] for thing in objects(dashboard(path)) if "datasource" in thing]
    assert len(named) > len(drawn(path))
    assert [ref for ref in named if ref != DATASOURCE] == []
    assert [panel["title"] for panel in drawn(path) if panel["datasource"] != DATASOURCE] == []
    assert [title for title, target in panel_targets(path) if target["datasource"] != DATASOURCE] == []


@every_dashboard
def test_panels_say_what_they_show(path: Path) -> None:
    for panel in drawn(path):
        assert panel["title"], panel["id"]
        assert re.fullmatch(r"[A-Z].*\.", panel["description"], re.DOTALL), panel["title"]
        assert panel["targets"], panel["title"]


@every_dashboard
def test_titles_and_ids_are_unique(path: Path) -> None:
    ids = [panel["id"] for panel in panels(path)]
    assert sorted(set(ids)) == sorted(ids)
    titles = [panel["title"] for panel in drawn(path)]
    assert sorted(set(titles)) == sorted(titles)


@every_dashboard
def test_values_have_units(path: Path) -> None:
    for panel in drawn(path):
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        if panel["type"] == "heatmap":
            assert panel["options"]["yAxis"]["unit"], panel["title"]
        if panel["type"] == "table":
            for override in panel["fieldConfig"]["overrides"]:
                name, ids = override["matcher"]["options"], {p["id"] for p in override["properties"]}
                assert ids & {"unit", "decimals"} or name in WORDS, (panel["title"], name)


@every_dashboard
def test_lines_have_legends(path: Path) -> None:
    for panel in drawn(path):
        if panel["type"] in {"timeseries", "state-timeline", "heatmap"}:
            legend = panel["options"]["legend"]
            assert legend.get("showLegend", legend.get("show")), panel["title"]
            assert [t["expr"] for t in panel["targets"] if t["legendFormat"] == "__auto"] == []


@every_dashboard
def test_panels_lie_in_the_grid_and_do_not_overlap(path: Path) -> None:
    places = {panel["title"]: panel["gridPos"] for panel in dashboard(path)["panels"]}
    assert len(places) == len(dashboard(path)["panels"])
    for title, p in places.items():
        assert p["x"] >= 0 < p["w"], title
        assert p["x"] + p["w"] <= 24, title
        assert p["h"] > 0, title
    for (one, p), (other, q) in itertools.combinations(places.items(), 2):
        apart = (
            p["x"] + p["w"] <= q["x"]
            or q["x"] + q["w"] <= p["x"]
            or p["y"] + p["h"] <= q["y"]
            or q["y"] + q["h"] <= p["y"]
        )
        assert apart, (one, other)


@every_dashboard
def test_colours_change_at_numbers_that_have_a_reason(path: Path) -> None:
    lists = [thing["steps"] for thing in objects(dashboard(path)) if isinstance(thing.get("steps"), list)]
    steps = [step for found in lists for step in found]
    assert steps
    assert {step["value"] for step in steps} <= set(COLOURING)


def test_confidence_is_coloured_as_the_rules_take_it() -> None:
    said = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
    assert said["drift_exporter:threshold:drift_confidence_likely"] == "vector(0.9)"
    assert said["drift_exporter:threshold:drift_confidence_certain"] == "vector(0.99)"
    assert said["drift_exporter:threshold:anomaly_confidence_likely"] == "vector(0.9)"
    assert said["drift_exporter:threshold:anomaly_confidence_certain"] == "vector(0.99)"


@every_dashboard
def test_table_columns_that_are_styled_exist(path: Path) -> None:
    for panel in drawn(path):
        if panel["type"] == "table":
            organize = next(t for t in panel["transformations"] if t["id"] == "organize")["options"]
            headings = set(organize["renameByName"].values())
            styled = {o["matcher"]["options"] for o in panel["fieldConfig"]["overrides"]}
            assert styled <= headings, panel["title"]
            assert {s["displayName"] for s in panel["options"]["sortBy"]} <= headings, panel["title"]
            shown = {f for f in organize["renameByName"] if f.startswith("Value")}
            hidden = {f for f in organize["excludeByName"] if f.startswith("Value #")}
            queried = {f"Value #{t['refId']}" for t in panel["targets"]}
            assert len(panel["targets"]) == 1 or shown | hidden == queried, panel["title"]


@every_dashboard
def test_numbers_say_how_many_decimals_they_have(path: Path) -> None:
    """Not on axes, where Grafana takes as many as the range that is shown needs."""
    for panel in drawn(path):
        defaults = panel["fieldConfig"]["defaults"]
        if panel["type"] == "stat" and defaults["unit"] in UNSCALED:
            assert "decimals" in defaults, panel["title"]
        for override in panel["fieldConfig"]["overrides"]:
            properties = {p["id"]: p["value"] for p in override["properties"]}
            if properties.get("unit") in UNSCALED:
                assert "decimals" in properties or override["matcher"]["options"] == "Upper bound", (
                    panel["title"],
                    override["matcher"],
                )


@every_dashboard
def test_words_are_no_numbers_and_numbers_have_units(path: Path) -> None:
    """With the unit of a number, Grafana makes 2.02 K of version 2015.1, and 0% of class 0."""
    for panel in drawn(path):
        if panel["type"] not in {"table", "barchart"}:
            continue
        units = {
            override["matcher"]["options"]: p["value"]
            for override in panel["fieldConfig"]["overrides"]
            for p in override["properties"]
            if p["id"] == "unit"
        }
        if panel["type"] == "barchart":
            assert units == {panel["options"]["xField"]: "string"}, panel["title"]
        elif panel["title"] == "Confusion matrix":  # its columns are what labels there are
            assert units == {"Prediction, by label": "string"}
        else:
            assert panel["fieldConfig"]["defaults"]["unit"] == "string", panel["title"]
            organize = next(t for t in panel["transformations"] if t["id"] == "organize")["options"]
            numbers = {h for field, h in organize["renameByName"].items() if field.startswith("Value")}
            assert numbers - set(units) == set(), panel["title"]


def shown_columns(panel: dict[str, Any]) -> list[str]:
    organize = next(t for t in panel["transformations"] if t["id"] == "organize")["options"]
    return [h for field, h in organize["renameByName"].items() if field not in organize["excludeByName"]]


@every_dashboard
def test_no_panel_needs_a_wide_screen(path: Path) -> None:
    """Below 769 pixels Grafana gives each panel the whole width."""
    for panel in drawn(path):
        size = panel["gridPos"]
        if panel["type"] == "table":
            assert len(shown_columns(panel)) <= WIDEST_TABLE, panel["title"]
        if panel["type"] == "stat":
            assert (size["w"], size["h"]) <= (6, 5), panel["title"]
        else:
            assert size["w"] >= 6, panel["title"]
        assert size["h"] <= 10, panel["title"]


@every_dashboard
def test_lines_of_panels_are_full(path: Path) -> None:
    """Panels beside each other take the whole width and are equally high; Grafana fits repeated ones in."""
    lines: dict[int, list[dict[str, Any]]] = {}
    for panel in dashboard(path)["panels"]:
        lines.setdefault(panel["gridPos"]["y"], []).append(panel)
    for line in lines.values():
        titles = [panel["title"] for panel in line]
        assert len({panel["gridPos"]["h"] for panel in line}) == 1, titles
        repeated = [panel["title"] for panel in line if "repeat" in panel]
        assert repeated == titles or sum(panel["gridPos"]["w"] for panel in line) == 24, titles


@every_dashboard
def test_a_state_has_a_row_for_each_series_and_a_colour_for_each_state(path: Path) -> None:
    for panel in drawn(path):
        if panel["type"] == "state-timeline":
            defaults = panel["fieldConfig"]["defaults"]
            assert defaults["color"] == {"mode": "thresholds"}, panel["title"]
            assert defaults["thresholds"]["steps"][0]["value"] == 0, panel["title"]
            assert [t["legendFormat"] for t in panel["targets"] if "{{" not in t["legendFormat"]] == []
