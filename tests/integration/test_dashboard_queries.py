"""Every query of every dashboard has an answer in the Prometheus of the demonstration."""

from pathlib import Path
from typing import Any

import pytest

from employment.demo import Shown
from support.dashboard_feed import NOT_IN_THE_DEMONSTRATION
from support.dashboards import (
    ANYTHING,
    DASHBOARDS,
    annotation_queries,
    ask,
    label_values,
    panel_targets,
    unanswered,
    variable_queries,
)
from support.servers import until

OF_OTHERS = {"model_performance", "model_fairness", "model_anomalies", "model_infrastructure"}
"""Dashboards of what the demonstration does not have: labels (test_performance_dashboards.py), detectors of
odd records and signals (test_incident_dashboards.py)."""

EMPLOYMENT = ANYTHING | {"model": "employment"}
AGE = EMPLOYMENT | {"version": "2015.1", "column": "AGEP"}
VALUES = {"column": AGE}

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("demo")]
every_dashboard = pytest.mark.parametrize(
    "path", [p for p in DASHBOARDS if p.stem not in OF_OTHERS], ids=lambda p: p.stem
)

Json = dict[str, Any]


@pytest.fixture(scope="module")
def fed_prometheus(demo: Shown) -> str:
    """Base URL of the demonstration's Prometheus."""
    return demo.stack.prometheus.url


@every_dashboard
def test_every_panel_has_an_answer(fed_prometheus: str, path: Path) -> None:
    asked = [
        (title, target)
        for title, target in panel_targets(path)
        if not any(part in target["expr"] for part in NOT_IN_THE_DEMONSTRATION.get(path.stem, ()))
    ]
    assert len(asked) > 20
    assert unanswered(fed_prometheus, asked, VALUES.get(path.stem, EMPLOYMENT)) == []


@every_dashboard
def test_every_annotation_has_an_answer(fed_prometheus: str, path: Path) -> None:
    asked = [(name, {"expr": expr, "instant": False}) for name, expr in annotation_queries(path)]
    assert [name for name, _ in asked] == ["Pages", "Other alerts", "New versions"]
    # The page is the only alert here: others, and those of the exporter, are in test_dashboard_tables.py.
    lacking = {"Other alerts"} | ({"Pages"} if path.stem == "exporter_health" else set())
    asked = [(name, query) for name, query in asked if name not in lacking]
    assert unanswered(fed_prometheus, asked, EMPLOYMENT) == []


@every_dashboard
def test_every_variable_has_values(fed_prometheus: str, path: Path) -> None:
    queries = variable_queries(path)
    values = VALUES.get(path.stem, EMPLOYMENT)
    offered = until(
        lambda: (
            all(label_values(fed_prometheus, *query, values) for query in queries.values())
            and {name: label_values(fed_prometheus, *query, values) for name, query in queries.items()}
        ),
        what="values of all variables",
    )
    assert {"employment"} == set(offered["model"])
    expected = {
        "window": {"1h", "24h", "7d"},
        "version": {"2015.1"},
        "kind": {"feature"},
        "team": {"labour-statistics"},
    }
    for name in expected.keys() & offered.keys():
        # Before its first record a model is there without a version, if it is scraped then.
        assert expected[name] == set(offered[name]) - {"unversioned"}
    if "column" in offered:
        assert {"AGEP", "SEX", "prediction", "score"} <= set(offered["column"])
    assert "psi" in offered.get("method", ["psi"])
    assert len(offered.get("instance", ["one"])) == 1


@pytest.mark.parametrize(
    ("column", "kind"), [("AGEP", "feature"), ("SEX", "feature"), ("prediction", "prediction")]
)
def test_distributions_are_shares(fed_prometheus: str, column: str, kind: str) -> None:
    path = next(p for p in DASHBOARDS if p.stem == "column")
    targets = [(t, q) for t, q in panel_targets(path) if t == "Reference and current"]
    values = AGE | {"column": column, "kind": kind}
    assert unanswered(fed_prometheus, targets, values) == []
    reference, current = (
        {s["metric"]["bin"]: float(s["value"][1]) for s in ask(fed_prometheus, target, values)}
        for _, target in targets
    )
    assert set(current) == set(reference)
    assert sum(current.values()) == pytest.approx(1)
    assert sum(reference.values()) == pytest.approx(1)
    assert current != pytest.approx(reference, abs=0.001)
