"""Every query of "Model anomalies" and "Model and infrastructure" has an answer, and what rules say of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from support.alerting import CLUSTER_METRICS, alert_names, rules
from support.dashboard_feed import fed_by
from support.dashboards import (
    ANYTHING,
    DASHBOARDS,
    annotation_queries,
    ask,
    label_values,
    panel_targets,
    panels,
    unanswered,
    variable_queries,
)
from support.incident_feed import exposition
from support.servers import until

BOARDS = [path for path in DASHBOARDS if path.stem in {"model_anomalies", "model_infrastructure"}]
VALUES = ANYTHING | {"version": "1", "window": "24h", "metric": "false_negative_rate"}

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("dashboards")]
every_board = pytest.mark.parametrize("path", BOARDS, ids=lambda p: p.stem)

Json = dict[str, Any]


@pytest.fixture(scope="module")
def fed_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a Prometheus that scrapes an exporter and a cluster, and evaluates the rules."""
    folder = tmp_path_factory.mktemp("incident")
    with fed_by(exposition, folder) as url:
        yield url


@every_board
def test_every_panel_has_an_answer(fed_prometheus: str, path: Path) -> None:
    targets = panel_targets(path)
    assert len(targets) > 15
    assert unanswered(fed_prometheus, targets, VALUES) == []


@every_board
def test_every_annotation_has_an_answer(fed_prometheus: str, path: Path) -> None:
    asked = [(name, {"expr": expr, "instant": False}) for name, expr in annotation_queries(path)]
    marks = ["Anomalies of the signal"] if path.stem == "model_infrastructure" else []
    assert [name for name, _ in asked] == ["Pages", "Other alerts", "New versions", *marks]
    # All that is wrong with this model is a page: test_dashboard_tables.py has a ticket.
    ticket = path.stem != "model_anomalies"
    asked = [(name, query) for name, query in asked if ticket or name != "Other alerts"]
    assert unanswered(fed_prometheus, asked, VALUES) == []


@every_board
def test_every_variable_has_values(fed_prometheus: str, path: Path) -> None:
    queries = variable_queries(path)
    offered = until(
        lambda: (
            all(label_values(fed_prometheus, *query, VALUES) for query in queries.values())
            and {name: label_values(fed_prometheus, *query, VALUES) for name, query in queries.items()}
        ),
        what="values of all variables",
    )
    assert (offered.pop("model"), offered.pop("version")) == (["fraud"], ["1"])
    assert len(offered.pop("runbooks")) == 1
    assert offered in (
        {"window": ["1h", "24h"], "detector": ["hbos", "iforest"]},
        {"metric": ["false_negative_rate"], "signal": ["network_retransmits", "packet_drops"]},
    )


@every_board
def test_queries_of_a_table_join_to_one_line_each(fed_prometheus: str, path: Path) -> None:
    for panel in panels(path):
        targets = panel.get("targets", [])
        if panel["type"] != "table" or len(targets) == 1:
            continue
        assert unanswered(fed_prometheus, [(panel["title"], q) for q in targets], VALUES) == []
        answers = [ask(fed_prometheus, q, VALUES) for q in targets]
        common = set.intersection(*({k for s in answer for k in s["metric"]} for answer in answers))
        assert "version" in common, panel["title"]
        for answer in answers:
            keys = [tuple(sorted((k, v) for k, v in s["metric"].items() if k in common)) for s in answer]
            assert len(keys) == len(set(keys)), panel["title"]


def test_the_feed_has_every_metric_that_the_rules_ask_of_a_cluster() -> None:
    assert [name for name in sorted(CLUSTER_METRICS) if f"\n{name}" not in exposition(1)] == []


def test_all_rules_evaluate_and_their_alerts_say_what_there_is(fed_prometheus: str) -> None:
    def firing() -> dict[str, Json]:
        alerts = requests.get(f"{fed_prometheus}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
        return {a["labels"]["alertname"]: a for a in alerts if a["labels"].get("signal") != "packet_drops"}

    expected = {name for name in alert_names() if name.startswith("Kubernetes")}
    expected |= {"ModelAnomalyRatioHigh", "ModelPerformanceDropped", "ModelIncidentWithInfrastructure"}
    expected |= {"InfrastructureSignalAnomalous", "InfrastructureGroupAnomalous"}
    alerts = until(lambda: firing() if expected <= set(firing()) else {}, timeout=60, what="alerts")
    groups = requests.get(f"{fed_prometheus}/api/v1/rules", timeout=10).json()["data"]["groups"]
    assert [r for g in groups for r in g["rules"] if r["health"] == "err"] == []
    assert len([r for g in groups for r in g["rules"]]) == len(rules())
    texts = [text for alert in alerts.values() for text in alert["annotations"].values()]
    assert [text for text in texts if "error expanding" in text] == []
    incident = alerts["ModelIncidentWithInfrastructure"]
    assert incident["labels"]["team"] == "risk-ml"
    pair = "false_negative_rate and network_retransmits"
    off = "4.0 times as far off as its band allows."
    assert incident["annotations"]["description"].splitlines() == [
        f"Model: false_negative_rate of fraud, version 1, is 0.31, expected 0.1033: {off}",
        f"Infrastructure: network_retransmits is 260, expected 86.67: {off}",
        "What moves together, the strongest first:",
        f"- {pair}: correlation 0.93, confidence 99.1%, the signal 5m 0s before the model",
    ]
    odd = alerts["ModelAnomalyRatioHigh"]["annotations"]["description"].splitlines()
    assert "- hbos: 3.125% of 1000 records, expected 1%, confidence 99.5%" in odd
