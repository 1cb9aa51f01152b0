"""What holds back what, in a real Alertmanager."""

from pathlib import Path
from typing import Any

import pytest

from support.routing import alert, inhibited, running
from support.servers import Webhook, until

pytestmark = pytest.mark.servers


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
        assert "24 alerts are firing in all; the first ten are shown." in body["custom_details"]["alerts"]
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


def test_a_page_or_ticket_of_today_does_not_hold_back_what_tells_of_the_week_before(tmp_path: Path) -> None:
    def ended(model: str) -> dict[str, Any]:
        return alert("InfoEndedThisWeek", "info", alert="ModelLabelsLate", model=model, concern="labels")

    with Webhook() as hook, running(tmp_path, hook) as server:
        server.post(
            [
                alert("ModelDrift", "page", model="fraud", concern="drift"),
                alert("ModelDrift", "ticket", model="news", concern="drift"),
                alert("ModelLabelsLate", "info", model="news", concern="labels"),
                ended("fraud"),
                ended("news"),
            ]
        )
        until(lambda: hook.to("/pagerduty") and hook.to("/tickets") and hook.to("/slack/digest"))
        (digest,) = hook.to("/slack/digest")
        assert digest.payload["attachments"][0]["title"].startswith("[2 ended] info: InfoEndedThisWeek of ")
        assert {("ModelLabelsLate", "info")} == inhibited(server)


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
        assert attachment["text"].startswith("Resolved: *ModelPredictionsAbsent of fraud*")


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
