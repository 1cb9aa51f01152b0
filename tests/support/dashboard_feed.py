"""What a Prometheus needs to show something on every panel: advancing metrics and alerts that fire."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from drift_exporter.expose.render import render
from drift_exporter.snapshot import Histogram, ModelSnapshot, Snapshot, VersionSnapshot
from support.dashboards import REPOSITORY
from support.listeners import StaticTarget
from support.servers import prometheus, prometheus_config
from support.snapshots import rich_snapshot

TICK_SECONDS = 0.5

NOT_IN_THE_DEMONSTRATION = {
    "column": ('bin="other"', "drift_exporter_invalid_values_total"),
    "exporter_health": (
        "ALERTS",
        "drift_exporter_duplicate_records_total",
        "drift_exporter_forgotten_ids_total",
        "drift_exporter_source_lag_records",
        "drift_exporter_source_lost_records_total",
        "drift_exporter_source_requests_total",
        "drift_exporter_source_unpaired_events_total",
        "drift_exporter_unconfigured_records_total",
    ),
    "model_detail": (
        "model_correlation_drift",
        "model_multivariate_drift_column_ratio",
        "model_multivariate_drift_confidence",
        "model_multivariate_drift_score",
        "model_stream_drift_detections_total",
        "model_stream_drift_last_detection_timestamp_seconds",
        "model_stream_drift_warning",
        "model_stream_mean",
        "model_stream_values_total",
    ),
}
"""Parts of queries by dashboard: of what the demonstration has no data, as its log files, configuration or
its column of numbers have nothing of the kind, and nothing is wrong with its exporter. This feed has it."""


def _times(histogram: Histogram | None, n: int) -> Histogram | None:
    if histogram is None:
        return None
    return dataclasses.replace(histogram, counts=histogram.counts * n, total=histogram.total * n)


def _version_after(version: VersionSnapshot, n: int) -> VersionSnapshot:
    return dataclasses.replace(
        version,
        predictions=version.predictions * n,
        errors=None if version.errors is None else version.errors * n,
        latency=_times(version.latency, n),
        confidence=_times(version.confidence, n),
        columns=tuple(dataclasses.replace(c, counts=c.counts * n) for c in version.columns),
        streams=tuple(
            dataclasses.replace(s, values=s.values * n, detections=s.detections * n) for s in version.streams
        ),
    )


def _model_after(model: ModelSnapshot, n: int) -> ModelSnapshot:
    duration = _times(model.evaluation_duration, n)
    assert duration is not None
    checkpoint = model.checkpoint
    assert checkpoint is not None
    saved = _times(checkpoint.duration, n)
    assert saved is not None
    return dataclasses.replace(
        model,
        versions=tuple(_version_after(version, n) for version in model.versions),
        evaluation_duration=duration,
        checkpoint=dataclasses.replace(checkpoint, duration=saved),
        duplicates=42 * n,
        forgotten_ids=n,
    )


def snapshot_after(n: int) -> Snapshot:
    """The snapshot with ``n`` times its counts: as if what it has seen had come again and again."""
    first = rich_snapshot()
    return dataclasses.replace(
        first,
        models=tuple(_model_after(model, n) for model in first.models),
        sources=tuple(
            dataclasses.replace(
                s, records=s.records * n, bytes=s.bytes * n, unconfigured={"fraud-canary": 250 * n}
            )
            for s in first.sources
        ),
    )


def _rich(n: int) -> str:
    return render(snapshot_after(n), series_limit=50_000, process=False).body("text").decode()


@contextlib.contextmanager
def advancing_target(text: Callable[[int], str] = _rich) -> Iterator[StaticTarget]:
    """A scrape target whose counters advance twice a second; it exposes ``text`` of 1, 2, and so on."""
    ended = threading.Event()

    def advance() -> None:
        n = 1
        while not ended.wait(TICK_SECONDS):
            n += 1
            target.text = text(n)

    with StaticTarget(text(1)) as target:
        thread = threading.Thread(target=advance, daemon=True)
        thread.start()
        try:
            yield target
        finally:
            ended.set()
            thread.join(timeout=10)


@contextlib.contextmanager
def fed_by(text: Callable[[int], str], folder: Path) -> Iterator[str]:
    """Base URL of a Prometheus that scrapes such a target and evaluates all rules, hastily."""
    rules = hasty_rules(REPOSITORY / "alerting" / "rules", folder / "rules")
    with advancing_target(text) as target:
        config = prometheus_config({"drift-exporter": [target.address]})
        with prometheus(folder / "prometheus", config, rules=rules) as server:
            yield server.url


def hasty_rules(rules: Path, folder: Path) -> list[Path]:
    """Copies of rule files that are evaluated every second and alert at once, so that no test has to wait."""
    folder.mkdir(parents=True)
    copies = []
    for path in sorted(rules.glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in content["groups"]:
            group["interval"] = "1s"
            for rule in group["rules"]:
                rule.pop("for", None)
                rule.pop("keep_firing_for", None)
        copy = folder / path.name
        copy.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        copies.append(copy)
    return copies
