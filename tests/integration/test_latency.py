"""A vision API becomes slow: from its log, through the exporter and Prometheus, to the page."""

import shutil
import time
from pathlib import Path

import pytest
import requests

from latency.generate import HERE, is_slow
from support.servers import until
from support.stack import received, replay, stack

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("latency")]

# Half an hour in 20 s, and the rule's one minute in 3 s: two scrapes and more.
HEALTHY_SECONDS, SLOW_SECONDS = 12.0, 8.0
FACTOR = 1 / 20
P95 = "model:prediction_latency_seconds:p95_rate1m"


def test_a_slow_spell_pages_and_a_healthy_one_does_not(tmp_path: Path) -> None:
    lines = (HERE / "logs" / "predictions.ndjson").read_bytes().splitlines(keepends=True)
    healthy, slow = [x for x in lines if not is_slow(x)], [x for x in lines if is_slow(x)]
    config = tmp_path / "config.yml"
    shutil.copyfile(HERE / "config.yml", config)
    config.write_text("evaluation_interval: 500ms\n" + config.read_text(encoding="utf-8"), encoding="utf-8")
    log = tmp_path / "logs" / "predictions.ndjson"
    log.parent.mkdir()
    with stack(
        tmp_path, config, range_factor=FACTOR, shortest_range=3.0, wait={"ModelLatencyHigh": "3s"}
    ) as running:
        server = running.prometheus
        replay(healthy, log, HEALTHY_SECONDS)
        until(lambda: server.query(f"sum(model_predictions_total) == {len(healthy)}"), what="all counted")
        healthy_until = time.time()
        high = server.query(f"max_over_time({P95}[5m]) > 0.2", at=healthy_until)
        assert [] == high
        assert server.query(f"max_over_time({P95}[5m]) > 0.1", at=healthy_until), "it was measured"
        for none in ('alertname="ModelLatencyHigh"', 'alertstate="firing"'):
            assert [] == server.query(f"last_over_time(ALERTS{{{none}}}[5m])", at=healthy_until)
        assert [] == running.hook.notifications

        replay(slow, log, SLOW_SECONDS)
        (page, *_) = until(
            lambda: received(running.hook, "/pages", "ModelLatencyHigh"), what="a page for ModelLatencyHigh"
        )
        expected = {
            "alertname": "ModelLatencyHigh",
            "severity": "page",
            "concern": "latency",
            "model": "vision",
            "version": "3.4.0",
            "team": "ml-platform",
            "impact": "high",
        }
        assert expected == page["labels"]
        annotations = page["annotations"]
        assert annotations["summary"].startswith("vision: 95th percentile of latency 2")
        assert "has been above\n200ms for 5 consecutive minutes" in annotations["description"]
        assert "waits 3s here, 5m as shipped" in annotations["shortened"]
        assert 200 == requests.get(annotations["report_url"], timeout=10).status_code
        assert "# ModelLatencyHigh" in requests.get(annotations["runbook_url"], timeout=10).text
        assert [] == server.rule_problems()
        assert {"ModelLatencyHigh"} == {name for n in running.hook.notifications for name in n.alert_names}
