"""What dashboards ask Prometheus for: metrics and variables that exist, whatever jobs are called."""

import re
from pathlib import Path

import promql_parser
import pytest

from drift_exporter.expose.catalogue import METRICS
from support.alerting import exposed_names, recorded_names
from support.dashboards import (
    DASHBOARDS,
    dashboard,
    expressions,
    panel_queries,
    panel_targets,
    substitute,
    variable_queries,
    variables,
)
from support.promql import selectors

# What Prometheus itself has: of alerts, of each scrape. And of each process, by its client library.
PROMETHEUS_METRICS = {
    "ALERTS",
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
}
# Metrics that no panel shows, each with the reason.
NOT_SHOWN = {
    "model_window_end_timestamp_seconds": "the last prediction's time is shown, which is nearly the same",
}
# Variables that depend on no other one, each with the reason.
FIRST = {
    "team": "the first of the overview",
    "model": "the first wherever one model is looked at",
    "job": "the first of the exporters' health",
    "signal": "signals are of the infrastructure, and the same for all models",
    "runbooks": "one address for all",
}

every_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda p: p.stem)


def asked_metrics(expression: str) -> set[str]:
    """Names of the metrics in an expression."""
    names = set()
    for selector in selectors(substitute(expression)):
        by_label = [m.value for m in selector.matchers.matchers if m.name == "__name__"]
        matched = {name for name in recorded_names() for pattern in by_label if re.fullmatch(pattern, name)}
        names |= matched or {selector.name or by_label[0]}
    # The walk has missed nothing that looks like a metric.
    assert set(re.findall(r"\b(?:model_|infra_|drift_exporter_|ALERTS)\w*(?=[{ ])", expression)) <= names
    return names


def labels_of(expression: str) -> set[str]:
    """Labels that an expression keeps or makes."""
    kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", expression))))
    return kept | set(re.findall(r', "(\w+)", "[^"]*", "\w*", "[^"]*"\)', expression))


@every_dashboard
def test_a_legend_names_only_labels_that_the_query_keeps(path: Path) -> None:
    for title, target in panel_targets(path):
        named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        assert named <= labels_of(target["expr"]), title


@every_dashboard
def test_an_annotation_names_only_labels_that_the_query_keeps(path: Path) -> None:
    for annotation in dashboard(path)["annotations"]["list"]:
        named = set(re.findall(r"{{(\w+)}}", annotation["titleFormat"] + annotation["textFormat"]))
        tags = set(annotation["tagKeys"].split(","))
        assert named | tags <= labels_of(annotation["expr"]), annotation["name"]
        assert annotation["expr"] == annotation["target"]["expr"]


@every_dashboard
def test_expressions_parse(path: Path) -> None:
    for title, expression in expressions(path):
        try:
            promql_parser.parse(substitute(expression))
        except ValueError as error:
            pytest.fail(f"{title}: {error}: {expression}")


@every_dashboard
def test_metrics_exist(path: Path) -> None:
    known = exposed_names() | {*recorded_names()} | PROMETHEUS_METRICS
    for title, expression in expressions(path):
        assert asked_metrics(expression), title
        assert asked_metrics(expression) - known == set(), title


@every_dashboard
def test_what_tells_of_infos_that_have_ended_is_not_counted_among_those_that_fire(path: Path) -> None:
    asked = [substitute(e) for _, e in expressions(path) if "ALERTS" in e]
    assert asked
    for selector in (s for one in asked for s in selectors(one) if s.name == "ALERTS"):
        (names,) = (m.value for m in selector.matchers.matchers if m.name == "alertname")
        assert not re.fullmatch(names, "InfoEndedThisWeek")


def without_chosen(path: Path, expression: str) -> str:
    """Without what "Exporter health" has to name: exporters are its subject, and variables choose them."""
    if path.stem != "exporter_health":
        return expression
    chosen = re.sub(r'job=~"\$job"|instance=~"\$instance"', "", expression)
    return re.sub(r"(?<=by \()[^)]*\binstance\b", "", chosen)


@every_dashboard
def test_no_job_instance_or_threshold_in_an_expression(path: Path) -> None:
    for title, expression in expressions(path):
        found = re.findall(r"\b(?:job|instance)\b", without_chosen(path, expression))
        assert found == [], title
        # "> 0" keeps a share of nothing from being shown as a number.
        compared = re.findall(r"(?:[<>]=?|[!=]=)\s*(?:bool\s+)?([-+.\d]\S*)", expression)
        assert {number.strip("(),") for number in compared} <= {"0"}, title


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


def test_every_metric_is_shown_somewhere() -> None:
    asked = {name for p in DASHBOARDS for _, e in expressions(p) for name in asked_metrics(e)}
    shown = {re.sub("_(bucket|count|sum)$", "", name) for name in asked} | asked
    assert {metric.name for metric in METRICS} - shown == set(NOT_SHOWN)


@every_dashboard
def test_variables_are_chained(path: Path) -> None:
    for name, (selector, _) in variable_queries(path).items():
        assert re.findall(r"\$\w+", selector) or name in FIRST, name


def test_all_exporters_are_those_that_there_are() -> None:
    """A wildcard would be every target of Prometheus."""
    path = next(p for p in DASHBOARDS if p.stem == "exporter_health")
    for name in ("job", "instance"):
        assert variables(path)[name]["includeAll"]
        assert "allValue" not in variables(path)[name]
