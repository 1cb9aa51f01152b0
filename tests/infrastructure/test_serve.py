"""Signals of an exporter at work: told of, reloaded, restarted, and what is said of their state."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drift_exporter.errors import ConfigurationError
from drift_exporter.infrastructure import setting_up
from drift_exporter.once import run_once
from drift_exporter.serve import Exporter
from drift_exporter.sources.listing import Shard
from drift_exporter.state.check import check_state
from drift_exporter.state.reset import reset_state
from drift_exporter.state.show import show_state
from drift_exporter.state.summary import summarize
from support.backfill import backfilled
from support.origin import Reply, origin
from support.scrapes import series
from support.servers import Prometheus
from support.signals import DAY, NOW, Clock, daily

TIMES = np.arange(NOW - 3 * DAY, NOW + 300, 60.0)
SIGNALS = [{"name": "load", "query": "load"}, {"name": "other", "query": "other"}]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    made = {"load": (TIMES, daily(TIMES)), "other": (TIMES, daily(TIMES, seed=1))}
    with backfilled(tmp_path_factory.mktemp("prometheus"), made) as server:
        yield server


def configure(folder: Path, infrastructure: Mapping[str, Any] | None) -> Path:
    fields = {"timestamp": "ts", "latency": "latency"}
    predictions = {"source": {"type": "file", "path": "*.ndjson"}, "fields": fields}
    config: dict[str, Any] = {
        "evaluation_interval": "100ms",
        "state_dir": "state",
        "models": [{"name": "fraud", "task": "binary", "predictions": predictions}],
    }
    if infrastructure is not None:
        config["infrastructure"] = infrastructure
    path = folder / "config.yml"
    path.write_text(json.dumps(config))
    return path


def signals_of(url: str, signals: object = SIGNALS) -> dict[str, Any]:
    return {
        "prometheus": url,
        "step": "1s",
        "history_step": "1m",
        "history": "3d",
        "correlation": {"window": "1h", "max_lag": "10m"},
        "signals": signals,
    }


@contextmanager
def running(config: Path, clock: Clock, shard: Shard | None = None) -> Iterator[Exporter]:
    exporter = Exporter(config, clock=clock, shard=shard)
    exporter.start()
    try:
        yield exporter
    finally:
        exporter.stop()


def until(exporter: Exporter, reached: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """The first metrics that ``reached`` accepts."""
    pause = threading.Event()
    for _ in range(600):
        found = series(exporter.current().body("text").decode())
        if reached(found):
            return {name: value for name, value in found.items() if name.startswith("infra_")}
        pause.wait(0.05)
    pytest.fail(f"it did not come: {found}")


def test_signals_are_told_of_over_reloads_and_restarts(
    prometheus: Prometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    config = configure(tmp_path, signals_of(prometheus.url))
    bands = [f'infra_signal_{side}{{signal="load"}}' for side in ("lower", "expected", "upper")]
    with running(config, clock) as exporter:
        first = until(exporter, lambda found: 'infra_signal_expected{signal="other"}' in found)
        assert daily(TIMES)[TIMES == NOW][0] == first['infra_signal{signal="load"}']
        assert first[bands[0]] < first[bands[1]] < first[bands[2]]
        assert 1 == first['infra_query_success{signal="model/throughput"}']

        configure(tmp_path, signals_of(prometheus.url, SIGNALS[:1]))
        exporter.reload()
        clock.now += 60
        second = until(exporter, lambda found: 'infra_signal{signal="other"}' not in found)
        assert (
            first['infra_forecast_fit_timestamp_seconds{signal="load"}']
            == (second['infra_forecast_fit_timestamp_seconds{signal="load"}'])
        )
        configure(
            tmp_path, signals_of("http://localhost", [{"name": "g", "query": "g", "forecast": "prophet"}])
        )
        monkeypatch.setattr(setting_up, "find_spec", lambda _: None)
        with pytest.raises(ConfigurationError, match="forecast of g needs the extra prophet"):
            exporter.reload()
    configure(tmp_path, signals_of("http://127.0.0.1:1", SIGNALS[:1]))
    with running(config, clock) as exporter:
        third = until(exporter, lambda found: 'infra_query_success{signal="load"}' in found)
        assert 0 == third['infra_query_success{signal="load"}']
        assert 'infra_signal{signal="load"}' not in third
        for name in bands:
            assert name in third

        configure(tmp_path, None)
        exporter.reload()
        assert {} == until(exporter, lambda found: not any(name.startswith("infra_") for name in found))
        configure(tmp_path, signals_of(prometheus.url, SIGNALS[:1]))
        exporter.reload()
        until(exporter, lambda found: 'infra_signal{signal="load"}' in found)

    assert [] == check_state(tmp_path / "state").problems
    assert "1 model," in check_state(tmp_path / "state").summary
    shown = show_state(summarize(tmp_path / "state"), {"fraud": {}})
    assert "model        /infrastructure" in shown
    assert "configured" not in shown
    told = reset_state(tmp_path / "state", "/infrastructure", keep_positions=False, now=NOW)
    assert "the history of its signals is asked for, and learnt from, again" in told
    assert ["fraud"] == [model.model for model in summarize(tmp_path / "state").models]


def test_of_shards_the_first_asks(prometheus: Prometheus, tmp_path: Path) -> None:
    config = configure(tmp_path, signals_of(prometheus.url))
    with running(config, Clock(), (0, 2)) as first, running(config, Clock(), (1, 2)) as second:
        until(first, lambda found: 'infra_signal{signal="load"}' in found)
        built = until(second, lambda found: "drift_exporter_config_last_reload_successful" in found)

    assert {} == built


def test_once_asks_no_server(tmp_path: Path) -> None:
    with origin(lambda _: Reply(b"{}")) as server:
        metrics, _ = run_once(configure(tmp_path, signals_of(server.url)))

    assert [] == server.asked
    assert b"infra_" not in metrics
