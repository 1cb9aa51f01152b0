"""Times in which nobody is told, in a real Alertmanager: retraining, silences, the digest in its hours only.

Waiting times are shortened, and time intervals are around this moment or far from it; the values that are
shipped are checked as such.
"""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.alerting import ROOT
from support.routing import SHIPPED, alert, commented, loaded, locally, routes_of, running
from support.servers import Alertmanager, Webhook, until

pytestmark = pytest.mark.servers
PAGE = (ROOT / "docs" / "alerting.md").read_text(encoding="utf-8")
DIGEST = {"digest": True, "retraining": False}
TRAINING = {"digest": False, "retraining": True}
NEITHER = {"digest": False, "retraining": False}


def pages(hook: Webhook) -> set[str]:
    """Summaries in what PagerDuty got."""
    return {n.payload["payload"]["summary"] for n in hook.to("/pagerduty")}


def told(hook: Webhook, path: str) -> list[str]:
    """Names of all alerts that came to a path of a webhook."""
    return sorted({name for n in hook.to(path) for name in n.alert_names})


def after_what_was_due(server: Alertmanager, hook: Webhook, name: str) -> None:
    """Wait until a later alert has come through: whatever was to be sent before it has been sent."""
    server.post(lasting([alert("ModelLabelsLate", "ticket", model=name, concern="labels")]))
    until(lambda: any(n.payload["groupLabels"] == {"model": name} for n in hook.to("/tickets")))


def lasting(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Alerts that are new to an Alertmanager that is reloaded: of older ones it tells at once, one by one."""
    now = datetime.now(UTC)
    begin, end = ((now + timedelta(minutes=m)).isoformat() for m in (30, 60))
    return [about | {"startsAt": begin, "endsAt": end} for about in alerts]


def reloaded(
    server: Alertmanager,
    hook: Webhook,
    now: Mapping[str, bool],
    config: Path = SHIPPED,
    change: Callable[[dict[str, Any]], None] = lambda _: None,
) -> None:
    """As if time had gone by: the same Alertmanager, which remembers what it has sent, in other intervals."""
    made = loaded(config)
    locally(made, server.folder, hook, now=now)
    change(made)
    (server.folder / "alertmanager.yml").write_text(yaml.safe_dump(made), encoding="utf-8")
    server.reload()


def page_of(name: str, model: str, concern: str, team: str = "risk-ml", **labels: str) -> dict[str, Any]:
    return alert(name, "page", model=model, concern=concern, team=team, impact="high", **labels)


def test_retraining_mutes_drift_and_performance_but_nothing_that_users_or_the_exporter_feel(
    tmp_path: Path,
) -> None:
    path = commented(tmp_path / "config", ["retraining"])
    with Webhook() as hook, running(tmp_path, hook, config=path, now=TRAINING) as server:
        server.post(
            lasting(
                [
                    page_of("ModelDrift", "fraud", "drift", window="24h"),
                    page_of("ModelPerformanceDropped", "fraud", "performance", window="24h"),
                    page_of("ModelFourFifthsRuleBroken", "credit", "fairness"),
                    page_of("ModelAnomalyRatioHigh", "ads", "anomalies", window="1h"),
                    alert("ModelDrift", "ticket", model="news", concern="drift", window="24h"),
                    page_of("ModelLatencyHigh", "fraud", "latency"),
                    page_of("ModelErrorRatioHigh", "fraud", "errors"),
                    page_of("ModelPredictionsAbsent", "shop", "traffic"),
                    alert("DriftExporterDown", "page", job="ml", instance="a", concern="exporter"),
                    alert("DriftExporterConfigReloadFailed", "ticket", job="ml", concern="exporter"),
                ]
            )
        )
        until(lambda: len(hook.to("/pagerduty")) >= 3 and hook.to("/tickets"))
        after_what_was_due(server, hook, "sentinel")
        classes = sorted(n.payload["payload"].get("class", "") for n in hook.to("/pagerduty"))
        # Of fraud it is one page, of latency and failures; their concern is not the same.
        assert classes == ["", "exporter", "traffic"]
        (fraud,) = (n.payload["payload"] for n in hook.to("/pagerduty") if "fraud" in str(n.payload))
        assert fraud["summary"].startswith("[2 firing] page fraud (risk-ml): ModelErrorRatioHigh of fraud")
        assert told(hook, "/tickets") == ["DriftExporterConfigReloadFailed", "ModelLabelsLate"]

        # What still fires when the interval is over is told then.
        reloaded(server, hook, NEITHER, path)
        until(lambda: len(hook.to("/pagerduty")) >= 6)
        after_what_was_due(server, hook, "another sentinel")
        found = [n.payload["payload"] for n in hook.to("/pagerduty")]
        components = sorted(p.get("component", "") for p in found)
        assert components == ["", "ads", "credit", "fraud", "fraud", "shop"]
        assert "ModelDrift" in told(hook, "/tickets")


def test_a_team_is_mute_by_a_block_of_its_own(tmp_path: Path) -> None:
    alerts = [
        page_of("ModelDrift", "fraud", "drift", window="24h"),
        page_of("ModelLatencyHigh", "fraud", "latency"),
        page_of("ModelDrift", "ads", "drift", team="growth", window="24h"),
    ]
    team, both = ["team", "retraining"], ["team", "retraining", "team-retraining"]
    for number, (blocks, expected) in enumerate([(team, {"drift", "latency"}), (both, {"latency"})]):
        folder = tmp_path / str(number)
        path = commented(folder / "config", blocks)
        with Webhook() as hook, running(folder, hook, config=path, now=TRAINING) as server:
            server.post(alerts)
            until(lambda hook=hook: any("ModelLatency" in str(n.payload) for n in hook.to("/pagerduty")))
            after_what_was_due(server, hook, "sentinel")
            text = "".join(n.payload["payload"]["custom_details"]["alerts"] for n in hook.to("/pagerduty"))
            names = {"drift": "ModelDrift of fraud", "latency": "ModelLatencyHigh of fraud"}
            assert expected == {concern for concern, name in names.items() if name in text}
            assert "ads" not in text
            keys = {n.payload["routing_key"] for n in hook.to("/pagerduty")}
            assert keys == {"the-risk_ml_pagerduty_routing_key"}


def test_without_the_block_nothing_is_ever_mute(tmp_path: Path) -> None:
    with Webhook() as hook, running(tmp_path, hook, now=NEITHER) as server:
        server.post(
            [
                page_of("ModelDrift", "fraud", "drift", window="24h"),
                page_of("ModelLatencyHigh", "fraud", "latency"),
            ]
        )
        until(lambda: hook.to("/pagerduty"))
        # All concerns of a model are one notification.
        (page,) = pages(hook)
        assert page.startswith("[2 firing] page fraud (risk-ml): ")


def test_the_silence_of_the_page_holds_back_one_model_that_is_trained_anew(tmp_path: Path) -> None:
    (command,) = re.findall(r"```sh\n(amtool silence add .+?)```", PAGE, re.DOTALL)
    with Webhook() as hook, running(tmp_path, hook) as server:
        own = command.replace("http://localhost:9093", server.url)
        environment = os.environ | {"USER": "me"}
        subprocess.run(["sh", "-eu", "-c", own], env=environment, check=True, capture_output=True, timeout=60)
        server.post(
            [
                page_of("ModelDrift", "fraud", "drift", window="24h"),
                page_of("ModelConceptDrift", "fraud", "performance", window="24h"),
                page_of("ModelLatencyHigh", "fraud", "latency"),
                page_of("ModelDrift", "ads", "drift", window="24h"),
            ]
        )
        until(lambda: len(hook.to("/pagerduty")) >= 2)
        after_what_was_due(server, hook, "sentinel")
        assert pages(hook) == {
            "[1 firing] page fraud (risk-ml): ModelLatencyHigh of fraud",
            "[1 firing] page ads (risk-ml): ModelDrift of ads 24h",
        }


def often(config: dict[str, Any]) -> None:
    """Let as much time have gone by as there is between two digests: what was sent is repeated at once."""
    for route in routes_of(config["route"]):
        if "active_time_intervals" in route:
            route["repeat_interval"] = "1s"


def test_the_digest_comes_once_in_its_hours_of_each_week_and_never_outside_of_them(tmp_path: Path) -> None:
    def infos(*models: str) -> list[dict[str, Any]]:
        return lasting([alert("ModelDrift", "info", model=m, window="24h", concern="drift") for m in models])

    def ended(model: str, concern: str) -> list[dict[str, Any]]:
        about = {"alert": "ModelDrift", "model": model, "concern": concern, "team": "t"}
        return lasting([alert("InfoEndedThisWeek", "info", **about)])

    def digests(hook: Webhook, receiver: str = "digest") -> list[str]:
        found = hook.to(f"/slack/{receiver}")
        return [n.payload["attachments"][0]["title"].split("]")[0] for n in found]

    cluster = alert("KubernetesModelOOMKilled", "info", model="low-1", concern="kubernetes", team="sre")
    with Webhook() as hook, running(tmp_path, hook, now=NEITHER) as server:
        # Thursday: nothing, and it is not taken as sent.
        server.post([*infos("low-1", "low-2"), *lasting([cluster])])
        after_what_was_due(server, hook, "thursday")
        assert (digests(hook), digests(hook, "sre")) == ([], [])

        # Monday: all that fires or has ended, in one message. It stays one.
        server.post([*ended("low-1", "drift"), *ended("low-4", "labels"), *ended("low-1", "kubernetes")])
        reloaded(server, hook, DIGEST)
        until(lambda: digests(hook) and digests(hook, "sre"))
        after_what_was_due(server, hook, "monday")
        told = (["[2 firing, 2 ended"], ["[1 firing, 1 ended"])
        assert told == (digests(hook), digests(hook, "sre"))

        # Through the week: nothing, not even of what is new or due again.
        reloaded(server, hook, NEITHER, change=often)
        server.post(infos("low-3"))
        after_what_was_due(server, hook, "tuesday")
        assert digests(hook) == ["[2 firing, 2 ended"]

        # The next Monday: what is new and what was told before.
        reloaded(server, hook, DIGEST)
        until(lambda: len(digests(hook)) >= 2)
        after_what_was_due(server, hook, "the next monday")
        assert digests(hook) == ["[2 firing, 2 ended", "[3 firing, 2 ended"]

        # And one more, without anything new: it is due, since a week has gone by.
        reloaded(server, hook, DIGEST, change=often)
        until(lambda: len(digests(hook)) >= 3 and len(digests(hook, "sre")) >= 2)
        assert digests(hook)[2] == "[3 firing, 2 ended"


def hours(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)([hms])", text).groups()  # type: ignore[union-attr]
    return int(number) / {"h": 1, "m": 60, "s": 3600}[unit]


def test_the_digests_hours_are_long_enough_not_to_be_missed_and_it_comes_once_a_week() -> None:
    config = loaded(SHIPPED)
    (interval,) = (i for i in config["time_intervals"] if i["name"] == "digest")
    ((times, days),) = ((i["times"], i["weekdays"]) for i in interval["time_intervals"])
    begin, end = (int(times[0][key].split(":")[0]) for key in ("start_time", "end_time"))
    assert days == ["monday"]
    assert f"on Monday between {begin:02}:00 and {end:02}:00 UTC" in PAGE
    routes = [r for r in routes_of(config["route"]) if "active_time_intervals" in r]
    assert len(routes) == 2
    for route in routes:
        assert route["active_time_intervals"] == ["digest"]
        assert hours(route["group_interval"]) < end - begin < hours(route["repeat_interval"])
        # It is forgotten after 120 hours what was sent.
        assert hours(route["repeat_interval"]) < 120 < 7 * 24
