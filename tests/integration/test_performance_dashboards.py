"""Every query of "Model performance" and "Model fairness" has an answer, and what their rules say of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from support.dashboard_feed import fed_by
from support.dashboards import (
    ANYTHING,
    DASHBOARDS,
    ask,
    label_values,
    panel_targets,
    panels,
    unanswered,
    variable_queries,
)
from support.performance_feed import exposition
from support.servers import until

BOARDS = [path for path in DASHBOARDS if path.stem in {"model_performance", "model_fairness"}]
VALUES = ANYTHING | {"version": "1", "window": "1h"}

OF_A_WEEK = ("model:label_delay_seconds:p95_increase24h",)
"""Needs more labels than come in some seconds; alerting/tests/labels.yml has it."""

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("dashboards")]
every_board = pytest.mark.parametrize("path", BOARDS, ids=lambda p: p.stem)

Json = dict[str, Any]


@pytest.fixture(scope="module")
def fed_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a Prometheus that scrapes what an exporter with labels exposes, and evaluates the rules."""
    folder = tmp_path_factory.mktemp("performance")
    with fed_by(exposition, folder) as url:
        yield url


@every_board
def test_every_panel_has_an_answer(fed_prometheus: str, path: Path) -> None:
    targets = [(t, q) for t, q in panel_targets(path) if not any(name in q["expr"] for name in OF_A_WEEK)]
    assert len(targets) > 20
    assert unanswered(fed_prometheus, targets, VALUES) == []


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
    assert (offered["model"], offered["version"]) == (["fraud"], ["1"])
    assert set(offered["window"]) == {"1h", "24h", "7d"}
    assert offered.get("metric", offered.get("attribute")) in (["log_loss", "roc_auc"], ["gender"])


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


def test_the_calibration_curve_is_the_mean_score_and_the_share_of_positive_labels(
    fed_prometheus: str,
) -> None:
    (path,) = (p for p in BOARDS if p.stem == "model_performance")
    targets = [(t, q) for t, q in panel_targets(path) if t == "Calibration"]
    assert unanswered(fed_prometheus, targets, VALUES) == []
    mean, positive = (
        {s["metric"]["bin"]: float(s["value"][1]) for s in ask(fed_prometheus, q, VALUES)} for _, q in targets
    )
    assert mean == pytest.approx({f"{b / 20:g}": (b - 0.5) / 20 for b in range(1, 21)})
    assert positive == pytest.approx({f"{b / 20:g}": b / 21 for b in range(1, 21)})
    # The chart sorts its bars by the bins' names, as text.
    assert sorted(mean) == sorted(mean, key=float)


def test_all_rules_evaluate_and_their_alerts_say_what_there_is(fed_prometheus: str) -> None:
    def firing() -> dict[str, Json]:
        alerts = requests.get(f"{fed_prometheus}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
        return {a["labels"]["alertname"]: a for a in alerts if a["labels"].get("window", "7d") == "7d"}

    expected = {"ModelConceptDrift", "ModelPerformanceDropped", "ModelFourFifthsRuleBroken"}
    alerts = until(lambda: firing() if expected <= set(firing()) else {}, what="alerts")
    groups = requests.get(f"{fed_prometheus}/api/v1/rules", timeout=10).json()["data"]["groups"]
    assert [r for g in groups for r in g["rules"] if r["health"] == "err"] == []
    texts = [text for alert in alerts.values() for text in alert["annotations"].values()]
    assert [text for text in texts if "error expanding" in text] == []
    concept = alerts["ModelConceptDrift"]["annotations"]["description"]
    assert "- roc_auc: 0.71 (0.69 to 0.73), estimated 0.76 (0.75 to 0.77), reference 0.81" in concept
    dropped = alerts["ModelPerformanceDropped"]["annotations"]["description"]
    assert "Labels are known of 60% of them. Confidence of concept drift 99.5%" in dropped
    parity = alerts["ModelFourFifthsRuleBroken"]["annotations"]["description"]
    assert parity.endswith("\n- f: 25% of 600 records\n- m: 40% of 600 records")
