"""References, configurations and logs for tests of the way of a record, all made by hand."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from drift_exporter.config import load_config
from drift_exporter.config.schema import Config
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.document import fingerprint
from drift_exporter.reference.model import Column, Reference
from drift_exporter.reference.store import save_reference
from drift_exporter.runtime import ModelRuntime
from drift_exporter.setting_up import make_model

NOW = 1_767_323_045.0  # 2026-01-02 03:04:05 UTC
FIELDS = {
    "timestamp": "ts",
    "version": "version",
    "prediction": "prediction",
    "score": "score",
    "latency": {"field": "latency_ms", "unit": "ms"},
    "error": "error",
    "trace_id": "trace_id",
    "features": "features.*",
}


def reference(*columns: Column, model: str = "fraud") -> Reference:
    """A reference of these columns."""
    return Reference(model, int(columns[0].counts.sum()), columns, NOW, fingerprint(columns))


def usual_reference(model: str = "fraud") -> Reference:
    """A number (0 to 99), a category (a, b, é, "1") and the prediction (yes, no)."""
    return reference(
        numeric_column("amount", "feature", np.arange(100.0)),
        categorical_column("country", "feature", {"a": 40, "b": 30, "é": 20, "1": 10}, 0, 50),
        categorical_column("prediction", "prediction", {"yes": 60, "no": 40}, 0, 50),
        model=model,
    )


def write_config(folder: Path, models: Iterable[Mapping[str, Any]], **options: Any) -> Path:  # noqa: ANN401
    """Write a configuration (JSON is YAML) whose state is in ``folder``."""
    path = folder / "config.yml"
    path.write_text(json.dumps({"state_dir": "state", **options, "models": list(models)}), encoding="utf-8")
    return path


def model_config(name: str = "fraud", path: str = "logs/*.ndjson", **options: Any) -> dict[str, Any]:  # noqa: ANN401
    """Configuration of one model."""
    fields = options.pop("fields", FIELDS)
    source = {"type": "file", "path": path}
    source |= {key: options.pop(key) for key in ("format", "pattern") if key in options}
    return {
        "name": name,
        "task": "binary",
        "predictions": {"source": source, "fields": fields},
        **options,
    }


class Setup:
    """A folder with a configuration of one model, its reference and its logs."""

    def __init__(self, folder: Path, **options: Any) -> None:  # noqa: ANN401
        """``options`` are those of the model but ``windows``, ``limits``, ``references`` and ``state``."""
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(exist_ok=True)
        references: Reference | Mapping[str, Reference] | None = options.pop("references", usual_reference())
        top = {key: options.pop(key) for key in ("windows", "limits", "dead_letter") if key in options}
        if isinstance(references, Reference):
            save_reference(references, folder / "reference.json")
            options["reference"] = "reference.json"
        elif references is not None:
            for version, one in references.items():
                save_reference(one, folder / f"reference-{version}.json")
            options["reference"] = {version: f"reference-{version}.json" for version in references}
        self.config_path = write_config(folder, [model_config(**options)], **top)

    @property
    def config(self) -> Config:
        """The configuration as it is loaded."""
        return load_config(self.config_path)

    def model(self, *, final: bool = False, now: float = NOW) -> ModelRuntime:
        """The model, not read yet, with a clock that stands still."""
        config = self.config
        return make_model(config.models[0], config, final=final, clock=lambda: now)

    def dead_letters(self, model: str = "fraud") -> list[dict[str, Any]]:
        """What the model's dead-letter file holds."""
        path = self.folder / "state" / "dead-letter" / f"{model}.predictions.ndjson"
        return read_lines(path) if path.exists() else []


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All objects of an NDJSON file."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def record(ts: object = NOW, **fields: object) -> dict[str, object]:
    """One prediction."""
    return {
        "ts": ts,
        "version": "v1",
        "prediction": "yes",
        "score": 0.75,
        "latency_ms": 120.0,
        "error": None,
        "features": {"amount": 5, "country": "a"},
    } | fields


def ndjson(*records: object) -> bytes:
    """Records as NDJSON."""
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in records)


def bins(runtime: ModelRuntime, column: str, version: str = "v1") -> dict[str, int]:
    """Exported bins of a column that are not empty."""
    layout = runtime.ingest.layout(version)
    assert layout is not None
    slot = next(s for s in (*layout.numeric, *layout.categorical) if s.column.name == column)
    totals = runtime.ingest.totals[version].columns[slot.start : slot.start + slot.column.size]
    exported = slot.column.export(totals)
    return {name: int(n) for name, n in zip(slot.column.bins, exported, strict=True) if n}
