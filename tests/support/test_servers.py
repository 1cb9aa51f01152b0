import re
import socket
from pathlib import Path

import pytest
import requests

from support.servers import (
    ServerError,
    StaticTarget,
    Webhook,
    alertmanager,
    exporter,
    free_port,
    is_free,
    prometheus,
    prometheus_config,
    until,
)

pytestmark = pytest.mark.servers

RULES = """
groups:
  - name: test
    interval: 1s
    rules:
      - alert: Low
        expr: level < 5
        labels: {severity: page}
"""


def receivers(hook: Webhook) -> dict[str, object]:
    quick = {"group_by": ["alertname"], "group_wait": "1s", "group_interval": "1s", "repeat_interval": "1h"}
    return {
        "route": {"receiver": "hook", **quick},
        "receivers": [{"name": "hook", "webhook_configs": [{"url": hook.url + "/alerts"}]}],
    }


def test_a_swapped_metric_travels_through_prometheus_and_alertmanager_to_the_webhook(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(RULES)
    with (
        StaticTarget('level{model="fraud"} 7\n') as target,
        Webhook() as hook,
        alertmanager(tmp_path / "am", receivers(hook)) as am,
    ):
        config = prometheus_config({"exporter": [target.address]}, alertmanager=am.address)
        with prometheus(tmp_path / "prom", config, rules=[tmp_path / "rules.yml"]) as prom:
            (sample,) = until(lambda: prom.query("level"))
            assert (7.0, "fraud", target.address) == (
                sample.value,
                sample.labels["model"],
                sample.labels["instance"],
            )
            assert prom.alerts() == []
            assert hook.notifications == []

            target.text = 'level{model="fraud"} 3\n'
            (alert,) = until(lambda: prom.alerts("firing"))
            assert alert["labels"]["alertname"] == "Low"
            (notification, *_) = until(lambda: hook.to("/alerts"))
            assert notification.alert_names == ["Low"]
            assert notification.payload["status"] == "firing"
            assert [a["labels"]["severity"] for a in am.alerts()] == ["page"]
            assert prom.rule_problems() == []

            target.up = False
            until(lambda: [s.value for s in prom.query("up")] == [0.0])
        assert prom.process.returncode is not None
    assert am.process.returncode is not None
    for address in (prom.address, am.address, hook.address, target.address):
        host, port = address.split(":")
        with socket.socket() as probe:
            assert probe.connect_ex((host, int(port))) != 0


def test_alerts_can_be_posted_to_alertmanager(tmp_path: Path) -> None:
    with Webhook() as hook, alertmanager(tmp_path, receivers(hook)) as am:
        am.post([{"labels": {"alertname": "A", "model": "fraud"}, "annotations": {"summary": "s"}}])
        (notification, *_) = until(lambda: hook.to("/alerts"))
        assert notification.payload["commonAnnotations"]["summary"] == "s"
        with pytest.raises(ServerError, match="alerts refused"):
            am.post([{"labels": {}}])


def test_a_configuration_is_reloaded_or_refused_with_the_reason(tmp_path: Path) -> None:
    with StaticTarget("a 1\n") as target, prometheus(tmp_path, "global: {scrape_interval: 1s}\n") as prom:
        assert prom.query("a") == []
        config = prometheus_config({"exporter": [target.address]})
        (tmp_path / "prometheus.yml").write_text(str(config))
        prom.reload()
        until(lambda: prom.query("a"))
        (tmp_path / "prometheus.yml").write_text("nonsense: 1\n")
        with pytest.raises(ServerError, match="reload refused"):
            prom.reload()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(ServerError, match=re.compile("nonsense", re.DOTALL)),
        prometheus(tmp_path, "nonsense: 1\n"),
    ):
        pass


def test_a_query_with_an_error_says_so(tmp_path: Path) -> None:
    with prometheus(tmp_path, "global: {}\n") as prom:
        with pytest.raises(ServerError, match="parse error"):
            prom.query("sum(")
        assert [s.value for s in prom.query("1 + 1")] == [2.0]


def test_until_gives_up_with_the_last_answer() -> None:
    with pytest.raises(TimeoutError, match=r"the moon; last answer: \[\]"):
        until(list, timeout=0.01, what="the moon")


def test_a_free_port_can_be_listened_on() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))


def test_a_target_counts_its_scrapes() -> None:
    with StaticTarget("a 1\n") as target:
        assert requests.get(target.url + "/metrics", timeout=5).text == "a 1\n"
        assert target.scrapes == 1


def test_a_port_is_used_where_it_is_free_and_another_where_it_is_taken(tmp_path: Path) -> None:
    route = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    wanted = free_port()
    assert is_free(wanted)
    with alertmanager(tmp_path / "first", route, port=wanted) as first:
        assert f"127.0.0.1:{wanted}" == first.address
        assert not is_free(wanted)
        with alertmanager(tmp_path / "second", route, port=wanted) as second:
            assert second.address != first.address
            assert [] == second.alerts()


def test_an_exporter_that_does_not_start_says_why(tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.write_text("models: []\n")
    with pytest.raises(ServerError, match=r"models"), exporter(tmp_path / "exporter", config):
        pass
