"""What a user may rely on in every dashboard: units, descriptions, the data source variable, real metrics."""

import functools
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from drift_exporter.expose.catalogue import METRICS
from support.dashboards import (
    DASHBOARDS,
    REPOSITORY,
    annotation_queries,
    dashboard,
    panel_queries,
    panel_targets,
    panels,
    substitute,
    variable_queries,
    variables,
)

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
UIDS = {
    "models_overview": "models-overview",
    "model_detail": "model-detail",
    "model_performance": "model-performance",
    "model_fairness": "model-fairness",
    "model_anomalies": "model-anomalies",
    "model_infrastructure": "model-infrastructure",
}

# Numbers that may colour a panel, each with the reason why no query gives it.
COLOURING = {
    0: "the beginning of the first colour",
    1: "one thing that is wrong, or a score that is at its own tolerance",
    0.9: "drift is likely: Grafana takes a threshold from no query, and the rules say the same (tested)",
    0.99: "drift is certain: the same",
}
# Fields that are words: a unit would have no meaning.
WORDS = {"Model", "Version", "Severity", "Column", "Signal"}
# Metrics that are not the exporter's.
PROMETHEUS_METRICS = {"ALERTS"}

every_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda p: p.stem)


def drawn(path: Path) -> list[dict[str, Any]]:
    return [panel for panel in panels(path) if panel["type"] != "row"]


@functools.cache
def rules() -> list[dict[str, Any]]:
    files = (REPOSITORY / "alerting" / "rules").glob("*.yml")
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def expressions(path: Path) -> list[tuple[str, str]]:
    asked = [(name, selector) for name, (selector, _) in variable_queries(path).items()]
    return [*panel_queries(path), *annotation_queries(path), *asked]


def objects(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """All objects in a JSON value, itself included."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(inner)


def selectors(node: Any) -> Iterator[Any]:  # noqa: ANN401
    """All vector selectors of a parsed expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "param", "vector_selector", "vs"):
        inner = getattr(node, name, None)
        if inner is not None and not isinstance(inner, str):
            yield from selectors(inner)
    if isinstance(node, promql_parser.Call):
        for argument in node.args:
            yield from selectors(argument)


def asked_metrics(expression: str) -> set[str]:
    """Names of the metrics in an expression."""
    names = set()
    for selector in selectors(promql_parser.parse(substitute(expression))):
        by_label = [m.value for m in selector.matchers.matchers if m.name == "__name__"]
        names.add(selector.name or by_label[0])
    # The walk has missed nothing that looks like a metric.
    assert set(re.findall(r"\b(?:model_|infra_|drift_exporter_|ALERTS)\w*(?=[{ ])", expression)) <= names
    return names


def exposed_metrics() -> set[str]:
    names = set()
    for metric in METRICS:
        suffixes = ("_bucket", "_count", "_sum") if metric.type == "histogram" else ("",)
        names |= {metric.name + suffix for suffix in suffixes}
    return names


def recorded() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


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
def test_a_legend_names_only_labels_that_the_query_keeps(path: Path) -> None:
    for title, target in panel_targets(path):
        named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", target["expr"]))))
        assert named <= kept, title


@every_dashboard
def test_an_annotation_names_only_labels_that_the_query_keeps(path: Path) -> None:
    for annotation in dashboard(path)["annotations"]["list"]:
        named = set(re.findall(r"{{(\w+)}}", annotation["titleFormat"] + annotation["textFormat"]))
        kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", annotation["expr"]))))
        assert named | set(annotation["tagKeys"].split(",")) <= kept, annotation["name"]
        assert annotation["expr"] == annotation["target"]["expr"]


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
def test_expressions_parse(path: Path) -> None:
    for title, expression in expressions(path):
        try:
            promql_parser.parse(substitute(expression))
        except ValueError as error:
            pytest.fail(f"{title}: {error}: {expression}")


@every_dashboard
def test_metrics_exist(path: Path) -> None:
    known = exposed_metrics() | recorded() | PROMETHEUS_METRICS
    for title, expression in expressions(path):
        assert asked_metrics(expression), title
        assert asked_metrics(expression) - known == set(), title


@every_dashboard
def test_no_job_instance_or_threshold_in_an_expression(path: Path) -> None:
    for title, expression in expressions(path):
        assert re.findall(r"\b(job|instance)\b", expression) == [], title
        # "> 0" keeps a share of nothing from being shown as a number.
        compared = re.findall(r"(?:[<>]=?|[!=]=)\s*(?:bool\s+)?([-+.\d]\S*)", expression)
        assert {number.strip("()") for number in compared} <= {"0"}, title


@every_dashboard
def test_counters_are_only_rated(path: Path) -> None:
    counters = {m.name for m in METRICS if m.type == "counter"}
    counters |= {f"{m.name}_bucket" for m in METRICS if m.type == "histogram"}
    for title, expression in panel_queries(path):
        for name in asked_metrics(expression) & counters:
            bare = re.findall(rf"(?<!rate\()(?<!increase\(){name}\b", expression)
            assert bare == [], title


@every_dashboard
def test_variables_are_declared_before_they_are_used(path: Path) -> None:
    declared: set[str] = set()
    for name, variable in variables(path).items():
        used = set(re.findall(r"\$(\w+)", str(variable["query"])))
        assert used <= declared, name
        declared.add(name)
    in_queries = {v for _, e in expressions(path) for v in re.findall(r"\$\{?([a-z]\w*)", e)}
    assert in_queries <= declared
    unused = declared - in_queries - {"datasource"}
    text = path.read_text()
    assert [name for name in unused if f"${{{name}" not in text] == []


@every_dashboard
def test_a_variable_of_several_values_is_matched_as_a_pattern(path: Path) -> None:
    several = {name for name, v in variables(path).items() if v.get("multi")}
    for title, expression in expressions(path):
        for operator, name in re.findall(r'(=~|!~|!=|=)"\$(\w+)"', expression):
            assert (operator == "=~") == (name in several), (title, name)


@every_dashboard
def test_links_lead_to_dashboards_and_variables_that_exist(path: Path) -> None:
    boards = {dashboard(p)["uid"]: set(variables(p)) for p in DASHBOARDS}
    urls = [thing["url"] for thing in objects(dashboard(path)) if thing.get("url")]
    assert urls
    for url in urls:
        if found := re.match(r"/d/([\w-]+)\?(.*)", url):
            given = set(re.findall(r"var-(\w+)=", found[2])) | set(
                re.findall(r"\{(\w+):queryparam", found[2])
            )
            assert given <= boards[found[1]], url
        else:
            assert url.startswith("${exporter_url}/"), url
        own = set(re.findall(r"\$\{([a-z]\w*)", url))
        assert own <= set(variables(path)), url


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
