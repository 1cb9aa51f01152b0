"""Who is told, how often and in which words: the shipped routing in a real Alertmanager."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.alerting import ALERTING, alert_names, rules
from support.servers import Alertmanager, Webhook, alertmanager, until

pytestmark = pytest.mark.servers
CONFIG = ALERTING / "alertmanager" / "alertmanager.yml"


def amtool(*arguments: object) -> str:
    result = subprocess.run(
        ["amtool", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_amtool_accepts_the_configuration_and_its_templates() -> None:
    assert "1 templates" in amtool("check-config", CONFIG)


@pytest.mark.parametrize(
    ("impact", "confidence", "severity", "receiver"),
    [
        ("high", "0.99 and more", "page", "pages"),
        ("high", "0.9 to 0.99", "ticket", "tickets"),
        ("low", "0.99 and more", "ticket", "tickets"),
        ("low", "0.9 to 0.99", "info", "digest"),
    ],
)
def test_each_quadrant_of_the_severity_table_reaches_its_receiver(
    impact: str, confidence: str, severity: str, receiver: str
) -> None:
    labels = {"alertname": "ModelDrift", "model": "fraud", "severity": severity, "impact": impact}
    matchers = [f"{name}={value}" for name, value in labels.items()]
    flags = (f"--config.file={CONFIG}", f"--verify.receivers={receiver}")
    assert receiver in amtool("config", "routes", "test", *flags, *matchers), confidence


@pytest.mark.parametrize(
    ("concern", "severity", "receivers"),
    [
        ("incident", "page", "sre-pages,pages"),
        ("incident", "ticket", "sre,tickets"),
        ("infrastructure", "ticket", "sre"),
        ("kubernetes", "page", "sre-pages"),
        ("kubernetes", "ticket", "sre"),
        ("kubernetes", "info", "sre"),
        ("latency", "page", "pages"),
    ],
)
def test_an_incident_reaches_both_teams_and_the_infrastructure_its_own_only(
    concern: str, severity: str, receivers: str
) -> None:
    flags = (f"--config.file={CONFIG}", f"--verify.receivers={receivers}")
    labels = (f"concern={concern}", f"severity={severity}", "model=fraud", "team=risk-ml")
    assert receivers in amtool("config", "routes", "test", *flags, *labels)


def test_an_alert_without_a_known_severity_is_not_lost() -> None:
    flags = (f"--config.file={CONFIG}", "--verify.receivers=tickets")
    assert "tickets" in amtool("config", "routes", "test", *flags, "alertname=Other")


def test_no_secret_is_in_the_configuration() -> None:
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    kinds = [item for r in config["receivers"] for kind in r if kind != "name" for item in r[kind]]
    secret = {"routing_key", "service_key", "api_url", "credentials", "password", "token", "bearer_token"}
    assert [
        item for item in kinds if secret & {*item, *item.get("http_config", {}).get("authorization", {})}
    ] == []
    assert all(
        "routing_key_file" in i
        or "api_url_file" in i
        or "credentials_file" in i["http_config"]["authorization"]
        for i in kinds
    )


def test_inhibition_is_by_alerts_that_exist_and_labels_that_they_have() -> None:
    text = CONFIG.read_text(encoding="utf-8")
    named = {n for line in text.splitlines() if "alertname" in line for n in line.split('"')[1].split("|")}
    assert named
    assert named - {*alert_names()} == set()
    for rule in yaml.safe_load(text)["inhibit_rules"]:
        matched = [*rule["source_matchers"], *rule["target_matchers"]]
        if rule["equal"] in (["model"], ["signal"]):
            there = f'{rule["equal"][0]}!=""'
            about = there in rule["source_matchers"] and there in rule["target_matchers"]
            assert about or all("alertname" in m or "source" in m for m in matched)


def test_an_incident_holds_back_what_it_is_made_of() -> None:
    (made_of,) = (r["expr"] for r in rules() if r.get("record") == "model:misbehaviour_alerts:count")
    names = made_of.split('alertname=~"')[1].split('"')[0]
    held_back = {
        matcher
        for rule in yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["inhibit_rules"]
        if 'alertname="ModelIncidentWithInfrastructure"' in rule["source_matchers"]
        for matcher in rule["target_matchers"]
        if "alertname" in matcher
    }
    assert {f'alertname=~"{names}"', 'alertname="InfrastructureSignalAnomalous"'} == held_back


def routes_of(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield route
    for inner in route.get("routes", []):
        yield from routes_of(inner)


@contextmanager
def running(tmp_path: Path, hook: Webhook) -> Iterator[Alertmanager]:
    """The shipped configuration but for waiting times, addresses and where secrets lie."""
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["templates"] = [str(CONFIG.parent / t) for t in config["templates"]]
    config["global"]["pagerduty_url"] = hook.url + "/pagerduty"
    for route in routes_of(config["route"]):
        route |= {"group_wait": "1s", "group_interval": "1s"}
    for file in ("pagerduty_routing_key", "sre_pagerduty_routing_key"):
        (tmp_path / file).write_text(f"the-{file}")
    (tmp_path / "token").write_text("the-token")
    for receiver in config["receivers"]:
        name = receiver["name"]
        (tmp_path / name).write_text(f"{hook.url}/slack/{name}")
        for item in receiver.get("pagerduty_configs", []):
            item["routing_key_file"] = str(tmp_path / Path(item["routing_key_file"]).name)
        for item in receiver.get("slack_configs", []):
            item["api_url_file"] = str(tmp_path / name)
        for item in receiver.get("webhook_configs", []):
            item["url"] = hook.url + "/tickets"
            item["http_config"]["authorization"]["credentials_file"] = str(tmp_path / "token")
    with alertmanager(tmp_path / "alertmanager", config) as server:
        yield server


def alert(name: str, severity: str, **labels: str) -> dict[str, Any]:
    """An alert with the annotations that all shipped rules have."""
    about = {"alertname": name, "severity": severity, **labels}
    links = {f"{kind}_url": f"http://127.0.0.1/{kind}" for kind in ("runbook", "dashboard", "report")}
    summary = f"{name} of {labels.get('model', labels.get('job'))} {labels.get('window', '')}".strip()
    return {"labels": about, "annotations": {"summary": summary, "description": "what is known", **links}}


def inhibited(server: Alertmanager) -> set[tuple[str, str]]:
    return {
        (a["labels"]["alertname"], a["labels"]["severity"])
        for a in server.alerts()
        if a["status"]["inhibitedBy"]
    }


def test_a_model_that_drifts_everywhere_is_one_page_and_no_ticket(tmp_path: Path) -> None:
    fraud = {"model": "fraud", "team": "risk-ml", "impact": "high", "concern": "drift"}
    with Webhook() as hook, running(tmp_path, hook) as server:
        windows = [f"{n}h" for n in range(1, 13)]
        server.post(
            [
                *(alert("ModelDrift", "page", version=v, window=w, **fraud) for w in windows for v in "12"),
                *(alert("ModelDrift", "ticket", version=v, window="7d", **fraud) for v in "12"),
                alert("ModelDrift", "info", version="1", window="30d", **fraud),
                alert("ModelDrift", "ticket", version="1", window="1h", model="news"),
                alert("DriftExporterConfigReloadFailed", "ticket", job="ml", instance="a"),
                *(alert("ModelDrift", "info", version="1", window="1h", model=f"low-{n}") for n in range(3)),
            ]
        )
        until(lambda: len(hook.to("/tickets")) >= 2 and hook.to("/slack/digest") and hook.to("/slack/pages"))
        # Whatever was to be sent at first has been sent once a later alert has come through.
        server.post([alert("ModelDrift", "ticket", version="1", window="1h", model="sentinel")])
        until(lambda: len(hook.to("/tickets")) >= 3)

        (page,) = hook.to("/pagerduty")
        assert page.payload["routing_key"] == "the-pagerduty_routing_key"
        assert page.payload["event_action"] == "trigger"
        body = page.payload["payload"]
        assert body["summary"] == "[24 firing] page fraud (risk-ml): ModelDrift of fraud 10h and more"
        assert (body["severity"], body["component"], body["group"]) == ("critical", "fraud", "risk-ml")
        assert "24 alerts in all; the first ten are shown." in body["custom_details"]["alerts"]
        assert "Runbook: http://127.0.0.1/runbook" in body["custom_details"]["alerts"]
        assert [link["text"] for link in page.payload["links"]] == ["Runbook", "Dashboard", "Report"]

        (slack,) = hook.to("/slack/pages")
        (attachment,) = slack.payload["attachments"]
        assert attachment["title"] == body["summary"]
        assert attachment["color"] == "danger"
        assert "<http://127.0.0.1/report|Report>" in attachment["text"]
        assert attachment["text"].count("what is known") == 10

        tickets = hook.to("/tickets")
        assert {n.headers["Authorization"] for n in tickets} == {"Bearer the-token"}
        models = [n.payload["groupLabels"].get("model", "") for n in tickets]
        assert sorted(models) == ["", "news", "sentinel"]
        (digest,) = hook.to("/slack/digest")
        assert digest.payload["attachments"][0]["title"].startswith("[3 firing] info: ModelDrift of low-")
        assert inhibited(server) == {("ModelDrift", "ticket"), ("ModelDrift", "info")}


def test_an_exporter_that_is_down_explains_what_is_missing_in_its_own_job_only(tmp_path: Path) -> None:
    with Webhook() as hook, running(tmp_path, hook) as server:
        server.post(
            [
                alert("DriftExporterDown", "page", job="ml", instance="a"),
                alert("ModelPredictionsAbsent", "page", job="ml", model="fraud"),
                alert(
                    "DriftExporterSourceStalled",
                    "page",
                    job="ml",
                    instance="a",
                    model="fraud",
                    source="fraud/x",
                ),
                alert("DriftExporterConfigReloadFailed", "ticket", job="ml", instance="b"),
                alert("ModelPredictionsAbsent", "page", job="other", model="news"),
            ]
        )
        until(lambda: len(hook.to("/pagerduty")) >= 2 and hook.to("/tickets"))
        server.post([alert("ModelDrift", "page", model="sentinel")])
        until(lambda: len(hook.to("/pagerduty")) >= 3)
        components = [n.payload["payload"].get("component", "") for n in hook.to("/pagerduty")]
        assert sorted(components) == ["", "news", "sentinel"]
        assert [n.alert_names for n in hook.to("/tickets")] == [["DriftExporterConfigReloadFailed"]]
        assert inhibited(server) == {
            ("ModelPredictionsAbsent", "page"),
            ("DriftExporterSourceStalled", "page"),
        }


def test_a_stalled_source_explains_that_predictions_are_absent_and_resolution_is_told(tmp_path: Path) -> None:
    fraud = {"job": "ml", "model": "fraud"}
    stalled = alert("DriftExporterSourceStalled", "ticket", source="fraud/predictions", **fraud)
    absent = alert("ModelPredictionsAbsent", "ticket", **fraud)
    with Webhook() as hook, running(tmp_path, hook) as server:
        server.post([stalled, absent])
        until(lambda: hook.to("/tickets"))
        assert hook.to("/tickets")[0].alert_names == ["DriftExporterSourceStalled"]
        assert inhibited(server) == {("ModelPredictionsAbsent", "ticket")}
        past = {"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2020-01-02T00:00:00Z"}
        server.post([stalled | past, absent | past])
        resolved = until(lambda: [n for n in hook.to("/slack/tickets") if "[resolved]" in str(n.payload)])
        (attachment,) = resolved[0].payload["attachments"]
        assert attachment["color"] == "good"
        assert attachment["text"].startswith("*Resolved: ")


def test_a_state_that_is_not_saved_explains_that_nothing_moves(tmp_path: Path) -> None:
    fraud = {"job": "ml", "model": "fraud"}
    with Webhook() as hook, running(tmp_path, hook) as server:
        server.post(
            [
                alert("DriftExporterStateNotSaved", "page", instance="a", **fraud),
                alert(
                    "DriftExporterSourceStalled", "page", instance="a", source="fraud/predictions", **fraud
                ),
                alert("ModelPredictionsAbsent", "page", **fraud),
                alert("ModelPredictionsAbsent", "page", job="ml", model="news"),
            ]
        )
        until(lambda: len(hook.to("/pagerduty")) >= 2)
        assert {("ModelPredictionsAbsent", "page"), ("DriftExporterSourceStalled", "page")} == inhibited(
            server
        )
        assert {"fraud", "news"} == {n.payload["payload"]["component"] for n in hook.to("/pagerduty")}


def test_the_kind_of_drift_explains_the_loss_in_its_own_window_and_never_holds_back_a_page(
    tmp_path: Path,
) -> None:
    clicks = {"model": "clicks", "team": "recommend", "impact": "high", "version": "1"}
    news = {"model": "news", "version": "1"}
    with Webhook() as hook, running(tmp_path, hook) as server:
        server.post(
            [
                alert("ModelConceptDrift", "page", window="7d", **clicks),
                alert("ModelPerformanceDropped", "page", window="7d", **clicks),
                alert("ModelConceptDriftDetected", "page", stream="wrong", **clicks),
                alert("ModelConceptDriftEarlyWarning", "ticket", window="1h", **clicks),
                # Not explained by it: another window, a stream of its own, what users see.
                alert("ModelPerformanceDropped", "page", window="24h", **clicks),
                alert("ModelConceptDriftDetected", "page", stream="error", **clicks),
                alert("ModelClickThroughRateDropped", "page", model="clicks", team="recommend"),
                alert("ModelDataDriftCostsPerformance", "ticket", window="24h", **news),
                alert("ModelDrift", "ticket", window="24h", **news),
                alert("ModelPerformanceFollowsScoreShift", "ticket", **news),
                alert("ModelPerformanceDropped", "page", window="24h", model="ads", version="1"),
                alert("ModelConceptDrift", "ticket", window="24h", model="ads", version="1"),
            ]
        )
        until(lambda: len(hook.to("/pagerduty")) >= 2)
        told = {n.payload["payload"]["component"]: n for n in hook.to("/pagerduty")}
        assert {"clicks", "ads"} == set(told)
        text = told["clicks"].payload["payload"]["custom_details"]["alerts"]
        assert told["clicks"].payload["payload"]["summary"].startswith("[4 firing] page clicks (recommend)")
        assert "ModelConceptDrift of clicks 7d" in text
        assert "ModelPerformanceDropped of clicks 24h" in text
        assert "ModelPerformanceDropped of clicks 7d" not in text
        assert inhibited(server) == {
            ("ModelPerformanceDropped", "page"),
            ("ModelConceptDriftDetected", "page"),
            ("ModelConceptDriftEarlyWarning", "ticket"),
            ("ModelDrift", "ticket"),
            ("ModelPerformanceFollowsScoreShift", "ticket"),
            ("ModelConceptDrift", "ticket"),
        }


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


def test_labels_that_cannot_be_read_explain_that_they_are_absent_and_that_coverage_is_low(
    tmp_path: Path,
) -> None:
    with Webhook() as hook, running(tmp_path, hook) as server:
        server.post(
            [
                alert("DriftExporterSourceStalled", "ticket", source="news/labels", model="news"),
                alert("ModelLabelsAbsent", "ticket", model="news"),
                alert("ModelLabelCoverageLow", "ticket", window="7d", version="1", model="news"),
                alert("ModelLabelsAbsent", "ticket", model="ads"),
                alert("ModelLabelCoverageLow", "ticket", window="7d", version="1", model="ads"),
                alert("ModelLabelCoverageLow", "ticket", window="7d", version="1", model="shop"),
            ]
        )
        until(lambda: len(hook.to("/tickets")) >= 3)
        assert sorted(names for n in hook.to("/tickets") for names in n.alert_names) == [
            "DriftExporterSourceStalled",
            "ModelLabelCoverageLow",
            "ModelLabelsAbsent",
        ]
        assert inhibited(server) == {("ModelLabelsAbsent", "ticket"), ("ModelLabelCoverageLow", "ticket")}


def test_every_severity_that_rules_give_is_routed() -> None:
    given = {
        word
        for r in rules()
        if "alert" in r
        for word in ("page", "ticket", "info")
        if word in r["labels"]["severity"]
    }
    routes = yaml.safe_load(CONFIG.read_text())["route"]["routes"]
    routed = {m.split('"')[1] for r in routes for m in r["matchers"] if m.startswith("severity=")}
    assert given == routed == {"page", "ticket", "info"}
