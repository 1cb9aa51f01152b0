"""The demonstration: from the lines of a log to what a person gets."""

import json

import pytest
import requests

from employment.demo import Shown
from support.servers import until

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("demo")]
HISTORY = "10m"


def test_nothing_alerted_on_two_real_years(demo: Shown) -> None:
    server = demo.stack.prometheus
    fired = server.query(f'last_over_time(ALERTS{{alertstate="firing"}}[{HISTORY}])', at=demo.silent_until)
    assert [] == fired
    surest = server.query(
        f"max by (window) (max_over_time(model_dataset_drift_confidence[{HISTORY}]))", at=demo.silent_until
    )
    assert {"1h", "24h", "7d"} == {sample.labels["window"] for sample in surest}
    assert all(sample.value < 0.99 for sample in surest), surest


def test_a_plain_test_would_have_cried_wolf(demo: Shown) -> None:
    assert 18 == demo.columns
    assert demo.rejected >= 6


def test_the_page_names_model_team_and_columns(demo: Shown) -> None:
    labels = demo.page["labels"]
    expected = {
        "alertname": "ModelDrift",
        "severity": "page",
        "concern": "drift",
        "model": "employment",
        "version": "2015.1",
        "team": "labour-statistics",
        "impact": "high",
    }
    assert expected == {key: value for key, value in labels.items() if key != "window"}
    annotations = demo.page["annotations"]
    assert f"drifted, confidence 100% over {labels['window']}" in annotations["summary"]
    columns = [line for line in annotations["description"].splitlines() if line.startswith("- ")]
    assert 5 == len(columns)
    assert columns[0].startswith("- AGEP (feature): PSI 0.")
    assert "tolerated 0.05, confidence 100%" in columns[0]
    assert "waits 2s here, 10m as shipped" in annotations["shortened"]
    assert "no value" not in str(annotations)
    assert "error" not in str(annotations)


def test_the_pages_links_lead_somewhere(demo: Shown) -> None:
    annotations = demo.page["annotations"]
    report = requests.get(annotations["report_url"], timeout=10)
    assert 200 == report.status_code
    assert "AGEP" in report.text
    runbook = requests.get(annotations["runbook_url"], timeout=10)
    assert 200 == runbook.status_code
    assert "# ModelDrift" in runbook.text
    assert annotations["dashboard_url"].startswith(
        "http://localhost:3000/d/model-detail?var-model=employment&"
    )


def test_no_ticket_beside_the_page(demo: Shown) -> None:
    """The alerts that the page inhibits are there, and nobody is told of them."""
    until(lambda: any(a["status"]["state"] == "active" for a in demo.stack.alertmanager.alerts()))
    active = {
        (alert["labels"]["alertname"], alert["labels"]["severity"])
        for alert in demo.stack.alertmanager.alerts()
        if alert["status"]["state"] == "active"
    }
    assert {("ModelDrift", "page")} == active


def test_every_line_is_counted_or_rejected_or_late(demo: Shown) -> None:
    server, replayed = demo.stack.prometheus, demo.replayed
    kinds = 3
    each = replayed.flaws // kinds
    assert each == replayed.unreadable > 0
    expected = len(replayed.stable) + len(replayed.shifted) - replayed.unreadable
    until(lambda: server.query(f"sum(model_predictions_total) >= {expected}"), what=f"{expected} predictions")
    for query in (
        "sum(drift_exporter_source_rejected_total)",
        'drift_exporter_invalid_values_total{column="AGEP"}',
        'drift_exporter_late_records_total{reason="late"}',
    ):
        assert [each] == [sample.value for sample in server.query(query)], query


def test_rejected_lines_are_kept(demo: Shown) -> None:
    folder = demo.stack.exporter.folder.parent / "state" / "dead-letter"
    kept = [
        json.loads(line)
        for path in folder.rglob("*")
        if path.is_file()
        for line in path.read_text().splitlines()
    ]
    assert demo.replayed.unreadable == len(kept)


def test_fleet_psi_is_the_exporters_own_psi(demo: Shown) -> None:
    """Comparable in the window that holds all the traffic by the log's time and by that of the scrapes."""
    server = demo.stack.prometheus

    def both() -> dict[tuple[str, str], tuple[float, float]]:
        own, fleet = (
            {(s.labels["kind"], s.labels["column"]): s.value for s in server.query(query)}
            for query in (
                'model_drift_score{method="psi",window="7d"}',
                "model:column_drift_psi:increase7d",
            )
        )
        assert own.keys() == fleet.keys()
        return {key: (own[key], fleet[key]) for key in own}

    # A rule sees a scrape a second later at the most.
    until(lambda: all(abs(a - b) < 1e-3 for a, b in both().values()), what="equal within 1e-3")
    assert max(own for own, _ in both().values()) > 0.01, "there is something to compare"


def test_no_rule_failed(demo: Shown) -> None:
    assert [] == demo.stack.prometheus.rule_problems()


def test_traffic_goes_on(demo: Shown) -> None:
    server = demo.stack.prometheus
    (before,) = server.query("sum(model_predictions_total)")
    until(lambda: server.query(f"sum(model_predictions_total) > {before.value}"), what="more predictions")
