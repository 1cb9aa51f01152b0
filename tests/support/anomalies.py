"""Logs with odd records in them, a reference of such without, and a model that looks for them."""

import functools
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from drift_exporter.config import load_config
from drift_exporter.config.schema import Config
from drift_exporter.reference.build import build_reference
from drift_exporter.runtime import ModelRuntime
from drift_exporter.setting_up import make_model
from drift_exporter.snapshot import AnomalySnapshot, AnomalyWindow, ModelSnapshot
from drift_exporter.state.store import Store
from support.records import NOW, model_config, ndjson, record, write_config

FIELDS = {
    "timestamp": "ts",
    "version": "version",
    "prediction": "prediction",
    "id": "id",
    "trace_id": "trace",
    "features": "features.*",
}


def rows(
    count: int, seed: int, *, odd: Iterable[int] = (), every: float = 1.0, end: float = NOW
) -> list[dict[str, object]]:
    """Records up to ``end``; those with these numbers have values as none in the reference has."""
    random = np.random.default_rng(seed)
    amount, weight = random.normal(size=(2, count))
    odd = list(odd)
    amount[odd] += 100 + np.arange(len(odd))
    weight[odd] -= 100
    shops = random.choice(["a", "b", "c"], count, p=[0.6, 0.3, 0.1])
    shops[odd] = "c"
    return [
        record(
            end - every * (count - 1 - i),
            id=f"id-{seed}-{i}",
            trace=f"trace-{seed}-{i}" if i % 2 else None,
            features={"amount": float(amount[i]), "weight": float(weight[i]), "shop": str(shops[i])},
        )
        for i in range(count)
    ]


@functools.cache
def built() -> dict[str, bytes]:
    """The files of a reference of 2,000 records."""
    with TemporaryDirectory() as folder:
        known, output = Path(folder) / "known.ndjson", Path(folder) / "reference.json"
        known.write_bytes(ndjson(*rows(2_000, 1)))
        config = load_config(write_config(Path(folder), [model_config(fields=FIELDS)]))
        build_reference(config, "fraud", [known], output=output, clock=lambda: NOW)
        return {path.name: path.read_bytes() for path in output.parent.glob("reference*")}


class Odd:
    """A folder with a configuration of one model that looks for odd records, its reference, and logs."""

    def __init__(self, folder: Path, *, windows: Iterable[str] = ("1h", "24h"), **anomaly: Any) -> None:  # noqa: ANN401
        """``anomaly`` are options of its detector, ``ecod`` by default."""
        self.folder, self.windows = folder, list(windows)
        self.anomaly: Any = {"detector": "ecod", **anomaly}
        self.options: dict[str, Any] = {"fields": FIELDS, "reference": "reference.json"}
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        for name, content in built().items():
            (folder / name).write_bytes(content)
        self.write()

    def write(self) -> None:
        """Write the configuration as it is now."""
        one = model_config(anomaly=self.anomaly, **self.options)
        self.config_path = write_config(self.folder, [one], windows=self.windows)

    @property
    def config(self) -> Config:
        """The configuration as it is loaded."""
        return load_config(self.config_path)

    def log(self, *records: object, name: str = "a.ndjson") -> None:
        """Append to a log."""
        with (self.logs / name).open("ab") as file:
            file.write(ndjson(*records))

    def model(self, *, now: float = NOW, store: Store | None = None) -> ModelRuntime:
        """The model, not read yet."""
        config = self.config
        return make_model(config.models[0], config, final=True, clock=lambda: now, store=store)

    def evaluated(self, *, now: float = NOW) -> ModelSnapshot:
        """The model after it has read all there is."""
        model = self.model(now=now)
        model.read()
        snapshot, _ = model.evaluate()
        model.close()
        return snapshot


def found_in(snapshot: ModelSnapshot, version: str = "v1") -> dict[str, AnomalySnapshot]:
    """What was found in the records of a version, by detector."""
    (own,) = [one for one in snapshot.versions if one.version == version]
    return {one.detector: one for one in own.anomalies}


def windows_of(found: AnomalySnapshot) -> dict[str, AnomalyWindow]:
    """The windows of a detector by name."""
    return {window.name: window for window in found.windows}
