"""The exporter at work on the world's logs, and what a Prometheus would have scraped of it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from drift_exporter.config import load_config
from drift_exporter.expose.render import render
from drift_exporter.reference.build import build_reference
from drift_exporter.runtime import ModelRuntime, take_snapshot
from drift_exporter.setting_up import make_model
from drift_exporter.state.store import Store
from preview.cluster import EXPORTER, Cluster
from preview.elsewhere import more_sources
from preview.world import END, HOUR, MINUTE, MODELS, Log, garbled, known_good

Series = dict[str, tuple[list[float], list[float]]]
"""Times in seconds since the epoch and values, by name with labels."""

WHOLE, RECENT = 7 * 24 * HOUR, 7 * HOUR
"""How long it all is, and the last part of it, which is seen closely."""

COARSE, FINE = 2 * HOUR, 2 * MINUTE
"""Time between two scrapes in the first part and in the last one."""

GRID = (np.ceil((END - WHOLE) / COARSE) * COARSE, END - RECENT, COARSE)
"""Times of the first part: as subqueries have them, which look at whole hours."""

PER_SECOND = {COARSE: 0.05, FINE: 1.0}
"""Requests of each model."""

_LINE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")


def scraped(folder: Path) -> Series:
    """Let the exporter read and judge as time goes by; ``folder`` takes logs, references and state."""
    config_file = folder / "config.yml"
    folder.mkdir(parents=True, exist_ok=True)
    config_file.write_bytes((Path(__file__).parent / "models.yml").read_bytes())
    config = load_config(config_file)
    _references(config_file)
    clock = [END - WHOLE]
    store = Store(config.state_dir)
    models = [make_model(one, config, clock=lambda: clock[0], store=store) for one in config.models]
    logs = {
        name: Log(make, np.random.default_rng([place, 2]))
        for place, (name, make) in enumerate(MODELS.items())
    }
    cluster = Cluster(np.random.default_rng(3))
    series: Series = {}
    try:
        for model in models:
            model.restore()
        before = clock[0]
        for now in _times():
            _write(folder, logs, before, now)
            clock[0] = now
            for model in models:
                _read(model)
            snapshot = take_snapshot(models, reload_successful=True, reload_timestamp=END - WHOLE, now=now)
            sources = (*snapshot.sources, *more_sources(now, now - END + WHOLE))
            snapshot = replace(snapshot, sources=sources, infrastructure=cluster.infrastructure(now))
            text = render(snapshot, series_limit=config.limits.series, process=False).body("text").decode()
            for name, value in samples(text, EXPORTER):
                _add(series, name, now, value)
            for name, value in cluster.advance(now, now - before).items():
                _add(series, name, now, value)
            before = now
    finally:
        for model in models:
            model.close()
        store.close()
    return series


def samples(text: str, target: str) -> Iterator[tuple[str, float]]:
    """Name with labels, those of the ``target`` among them, and value of each sample of an exposition."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            found = _LINE.fullmatch(line)
            if found is None:
                raise ValueError(f"not a sample: {line}")
            name, labels, value = found.groups()
            yield f"{name}{{{','.join(filter(None, (target, labels)))}}}", float(value)


def _times() -> Iterator[float]:
    recent = np.arange(END - RECENT, END + 1, FINE)
    coarse = np.arange(*GRID)
    yield from (*coarse.tolist(), *recent.tolist())


def _add(series: Series, name: str, time: float, value: float) -> None:
    times, values = series.setdefault(name, ([], []))
    times.append(time)
    values.append(value)


def _read(model: ModelRuntime) -> None:
    model.read()
    while model.more:
        model.read()


def _references(config_file: Path) -> None:
    """Build each model's, from known good records."""
    folder = config_file.parent
    (folder / "references").mkdir()
    for place, name in enumerate(MODELS):
        records, labels = known_good(name, place)
        inputs = folder / "references" / f"{name}.ndjson", folder / "references" / f"{name}_labels.ndjson"
        for path, found in zip(inputs, (records, labels), strict=True):
            path.write_bytes(_lines(found))
        build_reference(
            load_config(config_file),
            name,
            [inputs[0]],
            output=folder / "references" / f"{name}.json",
            labels=[inputs[1]],
            clock=lambda: END - 30 * 24 * HOUR,
        )


def _write(folder: Path, logs: Mapping[str, Log], start: float, end: float) -> None:
    """Append to the logs what happens between these times."""
    rate = PER_SECOND[FINE if end - start <= FINE else COARSE]
    for name, log in logs.items():
        made, come = log.between(start, end, rate)
        for role, events in (("logs", made), ("labels", come)):
            path = folder / role / name / f"{role}.ndjson"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(_lines(event.record for event in events))
                if garbled(end):
                    file.write(b'{"ts": 17732\n' * (1 + len(events) // 20))


def _lines(records: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records)
