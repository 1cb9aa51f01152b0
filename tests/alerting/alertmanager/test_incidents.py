"""Incidents of models and infrastructure: who is told, and what they hold back."""

from pathlib import Path

import pytest
import yaml

from support.alerting import alert_names, rules
from support.routing import SHIPPED, alert, inhibited, running
from support.servers import Webhook, until

pytestmark = pytest.mark.servers


SIGNAL = {"signal": "network_retransmits", "team": "sre", "concern": "infrastructure"}


def test_an_incident_is_one_notification_to_both_teams_with_both_figures(tmp_path: Path) -> None:
    fraud = {"model": "fraud", "team": "risk-ml", "impact": "high"}
    incident = alert(
        "ModelIncidentWithInfrastructure", "page", concern="incident", signal="network_retransmits", **fraud
    )
    figures = (
        "Model: false_negative_rate of fraud, version 3, is 0.31, expected 0.08.\n"
        "Infrastructure: network_retransmits is 260, expected 14."
    )
    incident["annotations"]["description"] = figures
    with Webhook() as hook, running(tmp_path, hook) as server:
        server.post(
            [
                incident,
                alert("ModelPerformanceDropped", "page", version="3", window="1h", **fraud),
                alert("ModelLatencyHigh", "page", version="3", **fraud),
                alert("ModelDrift", "ticket", version="3", window="1h", **fraud),
                alert("InfrastructureSignalAnomalous", "ticket", **SIGNAL),
            ]
        )
        until(lambda: len(hook.to("/pagerduty")) >= 2)
        # Whatever was to be sent at first has been sent once a later alert has come through.
        server.post([alert("ModelDrift", "ticket", version="1", window="1h", model="sentinel")])
        until(lambda: hook.to("/tickets"))

        told = {n.payload["routing_key"]: n.payload["payload"] for n in hook.to("/pagerduty")}
        assert {"the-pagerduty_routing_key", "the-sre_pagerduty_routing_key"} == set(told)
        assert len(hook.to("/pagerduty")) == 2
        for body in told.values():
            assert body["summary"].startswith("[1 firing] page fraud (risk-ml): ModelIncident")
            assert figures in body["custom_details"]["alerts"]
        for receiver in ("pages", "sre-pages"):
            (slack,) = hook.to(f"/slack/{receiver}")
            assert figures in slack.payload["attachments"][0]["text"]
        assert hook.to("/slack/sre") == []
        assert [n.payload["groupLabels"]["model"] for n in hook.to("/tickets")] == ["sentinel"]
        assert inhibited(server) == {
            ("ModelPerformanceDropped", "page"),
            ("ModelLatencyHigh", "page"),
            ("ModelDrift", "ticket"),
            ("InfrastructureSignalAnomalous", "ticket"),
        }


def test_what_is_about_the_infrastructure_alone_reaches_those_who_run_it_only(tmp_path: Path) -> None:
    fraud = {"model": "fraud", "impact": "high"}
    cluster = {"team": "sre", "concern": "kubernetes", **fraud}
    with Webhook() as hook, running(tmp_path, hook) as server:
        server.post(
            [
                # The spike of a signal that no model moves with, and another one's.
                alert("InfrastructureSignalAnomalous", "ticket", **SIGNAL),
                alert("InfrastructureSignalAnomalous", "ticket", **(SIGNAL | {"signal": "disk"})),
                # A page for the model does not tell those who run the cluster of its pods.
                alert("ModelLatencyHigh", "page", team="risk-ml", version="3", concern="latency", **fraud),
                alert("KubernetesModelOOMKilled", "ticket", namespace="ml", pod="fraud-0", **cluster),
            ]
        )
        until(lambda: len(hook.to("/slack/sre")) >= 2 and hook.to("/pagerduty"))
        server.post([alert("ModelDrift", "ticket", version="1", window="1h", model="sentinel")])
        until(lambda: hook.to("/tickets"))
        titles = sorted(n.payload["attachments"][0]["title"] for n in hook.to("/slack/sre"))
        assert titles == [
            "[1 firing] ticket fraud (sre): KubernetesModelOOMKilled of fraud",
            "[2 firing] ticket (sre): InfrastructureSignalAnomalous of None and more",
        ]
        (page,) = hook.to("/pagerduty")
        assert page.payload["routing_key"] == "the-pagerduty_routing_key"
        assert "ModelLatencyHigh of fraud" in page.payload["payload"]["summary"]
        assert [n.payload["groupLabels"]["model"] for n in hook.to("/tickets")] == ["sentinel"]
        assert inhibited(server) == set()


def test_an_incident_of_low_impact_is_a_ticket_for_both(tmp_path: Path) -> None:
    news = {"model": "news", "team": "web", "impact": "low", "concern": "incident", "signal": "disk"}
    with Webhook() as hook, running(tmp_path, hook) as server:
        server.post(
            [
                alert("ModelIncidentWithInfrastructure", "ticket", **news),
                alert("ModelIncidentWithInfrastructure", "ticket", **(news | {"signal": "drops"})),
                alert("ModelErrorRatioHigh", "ticket", version="1", **(news | {"concern": "errors"})),
                # Of a signal that is none of the incident's.
                alert("InfrastructureSignalAnomalous", "ticket", **SIGNAL),
            ]
        )
        until(lambda: hook.to("/tickets") and len(hook.to("/slack/sre")) >= 2)
        assert [n.alert_names for n in hook.to("/tickets")] == [["ModelIncidentWithInfrastructure"] * 2]
        assert hook.to("/pagerduty") == []
        assert inhibited(server) == {("ModelErrorRatioHigh", "ticket")}


def test_an_incident_holds_back_what_it_is_made_of() -> None:
    (made_of,) = (r["expr"] for r in rules() if r.get("record") == "model:misbehaviour_alerts:count")
    names = made_of.split('alertname=~"')[1].split('"')[0]
    held_back = {
        matcher
        for rule in yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["inhibit_rules"]
        if 'alertname="ModelIncidentWithInfrastructure"' in rule["source_matchers"]
        for matcher in rule["target_matchers"]
        if "alertname" in matcher
    }
    assert {f'alertname=~"{names}"', 'alertname="InfrastructureSignalAnomalous"'} == held_back


def test_inhibition_is_by_alerts_that_exist_and_labels_that_they_have() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    named = {n for line in text.splitlines() if "alertname" in line for n in line.split('"')[1].split("|")}
    assert named
    assert named - {*alert_names()} == set()
    for rule in yaml.safe_load(text)["inhibit_rules"]:
        matched = [*rule["source_matchers"], *rule["target_matchers"]]
        if rule["equal"] in (["model"], ["signal"]):
            there = f'{rule["equal"][0]}!=""'
            about = there in rule["source_matchers"] and there in rule["target_matchers"]
            assert about or all("alertname" in m or "source" in m for m in matched)
