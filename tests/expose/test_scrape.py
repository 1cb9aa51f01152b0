"""A real Prometheus takes all that is exposed, exemplars included, and has no complaint."""

from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from drift_exporter.expose.app import create_app
from drift_exporter.expose.render import render
from support import snapshots as build
from support.servers import prometheus, prometheus_config, until
from support.webserver import serving

OURS = '{job="exporter",__name__=~"(model|drift_exporter)_.+"}'
BUCKET = "model_prediction_latency_seconds_bucket"


@pytest.mark.servers
def test_prometheus_takes_every_series_and_exemplar(tmp_path: Path) -> None:
    made = render(build.rich_snapshot(), series_limit=50_000)
    exposed = [
        sample
        for family in parse_openmetrics(made.body("openmetrics").decode())
        for sample in family.samples
        if sample.name.startswith(("model_", "drift_exporter_"))
    ]
    app = create_app(current=lambda: made, not_ready=lambda: None, config=lambda: "")
    with serving(app) as url:
        config = prometheus_config({"exporter": [url.removeprefix("http://")]})
        with prometheus(tmp_path, config, flags=["--enable-feature=exemplar-storage"]) as server:
            [count] = until(lambda: server.query(f"count({OURS})"), what="a scrape")
            answer = server.get(
                "/api/v1/query_exemplars", query=BUCKET, start=str(build.NOW - 3600), end=str(build.NOW)
            )
            [up] = server.query("up")
            assert up.value == 1
            assert server.log == ""
    assert count.value == len(exposed)
    traces = {e["labels"]["trace_id"]: e["value"] for found in answer["data"] for e in found["exemplars"]}
    assert traces == {"4bf92f3577b34da6a3ce929d0e0e4736": "0.181", "00f067aa0ba902b7": "0.7"}
