"""Every query of every dashboard, asked of a real Prometheus, has an answer."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.dashboard_feed import advancing_target, hasty_rules
from support.dashboards import (
    ANYTHING,
    DASHBOARDS,
    REPOSITORY,
    annotation_queries,
    ask,
    finite,
    label_values,
    panel_targets,
    panels,
    variable_queries,
)
from support.servers import prometheus, prometheus_config, until

# The overview shows several models at once: this is what Grafana makes of them.
VALUES = {
    "models_overview": ANYTHING | {"model": "(fraud|ranker)"},
    "model_detail": ANYTHING,
}

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("dashboards")]
every_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda p: p.stem)

Json = dict[str, Any]


@pytest.fixture(scope="module")
def fed_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a Prometheus that scrapes an exporter's metrics and evaluates the rules."""
    folder = tmp_path_factory.mktemp("dashboards")
    rules = hasty_rules(REPOSITORY / "alerting" / "rules", folder / "rules")
    with (
        advancing_target() as target,
        prometheus(
            folder / "prometheus", prometheus_config({"drift-exporter": [target.address]}), rules=rules
        ) as server,
    ):
        yield server.url


Asked = list[tuple[str, Json]]


def unanswered(url: str, asked: Asked, values: Mapping[str, str]) -> list[str]:
    """Panel and expression of the queries that have no number to show, after the time it may take."""

    def empty() -> list[str]:
        return [f"{t}: {q['expr']}" for t, q in asked if not any(map(finite, ask(url, q, values)))]

    with contextlib.suppress(TimeoutError):
        until(lambda: not empty(), timeout=40, interval=1)
    return empty()


@every_dashboard
def test_every_panel_has_an_answer(fed_prometheus: str, path: Path) -> None:
    asked = panel_targets(path)
    assert len(asked) > 20
    assert unanswered(fed_prometheus, asked, VALUES[path.stem]) == []


@every_dashboard
def test_every_annotation_has_an_answer(fed_prometheus: str, path: Path) -> None:
    asked = [(name, {"expr": expr, "instant": False}) for name, expr in annotation_queries(path)]
    assert [name for name, _ in asked] == ["Alerts", "New versions"]
    assert unanswered(fed_prometheus, asked, VALUES[path.stem]) == []


@every_dashboard
def test_every_variable_has_values(fed_prometheus: str, path: Path) -> None:
    queries = variable_queries(path)
    offered = until(
        lambda: (
            all(label_values(fed_prometheus, *query) for query in queries.values())
            and {name: label_values(fed_prometheus, *query) for name, query in queries.items()}
        ),
        what="values of all variables",
    )
    assert {"fraud", "ranker"} == set(offered["model"])
    assert set(offered["window"]) >= {"24h", "7d"}
    if path.stem == "model_detail":
        assert set(offered["version"]) == {"2.0.3", "2.1.0"}
        assert set(offered["column"]) >= {"amount", "country", "prediction", "score"}
        assert "psi" in offered["method"]
    else:
        assert set(offered["team"]) == {"risk-ml"}


def key_of(series: Json, labels: set[str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, v) for k, v in series["metric"].items() if k in labels))


@every_dashboard
def test_queries_of_a_table_join_to_one_line_each(fed_prometheus: str, path: Path) -> None:
    """Grafana merges lines that agree in the labels that all queries have: none may be there twice."""
    values = VALUES[path.stem]
    for panel in panels(path):
        targets = panel.get("targets", [])
        if panel["type"] != "table" or len(targets) == 1:
            continue
        asked = [(panel["title"], target) for target in targets]
        assert unanswered(fed_prometheus, asked, values) == []
        answers = [ask(fed_prometheus, target, values) for target in targets]
        common = set.intersection(*({k for s in answer for k in s["metric"]} for answer in answers))
        assert common >= {"version"}, panel["title"]
        for target, answer in zip(targets, answers, strict=True):
            keys = [key_of(series, common) for series in answer]
            assert len(keys) == len(set(keys)), (panel["title"], target["expr"])


@pytest.mark.parametrize("column", ["amount", "country", "prediction"])
def test_distributions_are_shares(fed_prometheus: str, column: str) -> None:
    path = next(p for p in DASHBOARDS if p.stem == "model_detail")
    targets = [(t, q) for t, q in panel_targets(path) if t == "Distribution of $column"]
    values = ANYTHING | {"column": column, "version": "2.1.0"}
    assert unanswered(fed_prometheus, targets, values) == []
    current, reference = (
        {s["metric"]["bin"]: float(s["value"][1]) for s in ask(fed_prometheus, target, values)}
        for _, target in targets
    )
    assert set(current) == set(reference)
    assert sum(current.values()) == pytest.approx(1)
    assert sum(reference.values()) == pytest.approx(1)
    assert current != pytest.approx(reference, abs=0.001)
