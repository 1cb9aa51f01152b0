"""Every query of every dashboard has an answer in the Prometheus of the demonstration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from employment.demo import Shown
from support.dashboard_feed import advancing_target
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
from support.servers import prometheus, prometheus_config, until

OF_OTHER_SOURCES = (
    "drift_exporter_source_lag_records",
    "drift_exporter_source_requests_total",
    "drift_exporter_source_lost_records_total",
    "drift_exporter_source_unpaired_events_total",
)
"""What the demonstration's log files do not have."""

OF_STREAMS = ("model_stream_mean", "model_stream_drift_detections_total")
"""What the demonstration's configuration does not watch."""

OF_OTHERS = {"model_performance", "model_fairness", "model_anomalies", "model_infrastructure"}
"""Dashboards of what the demonstration does not have: labels (test_performance_dashboards.py), detectors of
odd records and signals (test_incident_dashboards.py)."""

EMPLOYMENT = ANYTHING | {"model": "employment"}

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
        if not any(name in target["expr"] for name in (*OF_OTHER_SOURCES, *OF_STREAMS))
    ]
    assert len(asked) > 20
    assert unanswered(fed_prometheus, asked, EMPLOYMENT) == []


@pytest.mark.parametrize(
    ("stem", "names", "values"),
    [
        ("models_overview", OF_OTHER_SOURCES, ANYTHING),
        ("model_detail", OF_STREAMS, ANYTHING | {"model": "fraud"}),
    ],
)
def test_what_the_demonstration_lacks_is_asked_of_an_exporter_that_has_it(
    tmp_path: Path, stem: str, names: tuple[str, ...], values: Mapping[str, str]
) -> None:
    path = next(path for path in DASHBOARDS if path.stem == stem)
    asked = [
        (title, target)
        for title, target in panel_targets(path)
        if any(name in target["expr"] for name in names)
    ]
    assert len(names) == len(asked)
    with advancing_target() as target:
        config = prometheus_config({"exporter": [target.address]})
        with prometheus(tmp_path / "prometheus", config) as server:
            assert unanswered(server.url, asked, values) == []


@every_dashboard
def test_every_annotation_has_an_answer(fed_prometheus: str, path: Path) -> None:
    asked = [(name, {"expr": expr, "instant": False}) for name, expr in annotation_queries(path)]
    assert [name for name, _ in asked] == ["Alerts", "New versions"]
    assert unanswered(fed_prometheus, asked, EMPLOYMENT) == []


@every_dashboard
def test_every_variable_has_values(fed_prometheus: str, path: Path) -> None:
    queries = variable_queries(path)
    offered = until(
        lambda: (
            all(label_values(fed_prometheus, *query, EMPLOYMENT) for query in queries.values())
            and {name: label_values(fed_prometheus, *query, EMPLOYMENT) for name, query in queries.items()}
        ),
        what="values of all variables",
    )
    assert {"employment"} == set(offered["model"])
    assert {"1h", "24h", "7d"} == set(offered["window"])
    if path.stem == "model_detail":
        assert {"2015.1"} == set(offered["version"])
        assert {"AGEP", "SEX", "prediction", "score"} <= set(offered["column"])
        assert "psi" in offered["method"]
    else:
        assert {"labour-statistics"} == set(offered["team"])


@pytest.mark.parametrize("column", ["AGEP", "SEX", "prediction"])
def test_distributions_are_shares(fed_prometheus: str, column: str) -> None:
    path = next(p for p in DASHBOARDS if p.stem == "model_detail")
    targets = [(t, q) for t, q in panel_targets(path) if t == "Distribution of $column"]
    values = EMPLOYMENT | {"column": column}
    assert unanswered(fed_prometheus, targets, values) == []
    current, reference = (
        {s["metric"]["bin"]: float(s["value"][1]) for s in ask(fed_prometheus, target, values)}
        for _, target in targets
    )
    assert set(current) == set(reference)
    assert sum(current.values()) == pytest.approx(1)
    assert sum(reference.values()) == pytest.approx(1)
    assert current != pytest.approx(reference, abs=0.001)
