"""Predictions with labels that come apart from them, written as logs, and what the exporter tells of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from drift_exporter.once import run_once

Rows = Sequence[Mapping[str, Any]]
START = 1_790_000_000

Values = dict[tuple[str, ...], float]


def write_rows(path: Path, rows: Rows) -> Path:
    """Write NDJSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_labelled(folder: Path, model: Mapping[str, Any], **top: object) -> Path:
    """A configuration of one model that reads predictions/*.ndjson and, if it has labels, labels/*.ndjson."""
    predictions = {"source": {"type": "file", "path": "predictions/*.ndjson"}, "fields": model["fields"]}
    rest = {key: value for key, value in model.items() if key != "fields"}
    if "labels" in rest:
        source = {"type": "file", "path": "labels/*.ndjson"}
        rest["labels"] = {"source": source, **rest["labels"]}
    config = {"windows": ["7d"], **top, "models": [{"name": "m", **rest, "predictions": predictions}]}
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(config))
    return path


def metrics(config: Path) -> str:
    """The metrics of all there is to read; nothing may have gone wrong."""
    text, problems = run_once(config)
    assert problems == []
    return text.decode()


def values(text: str, name: str, *labels: str) -> Values:
    """Values of a metric by some of its labels."""
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def performance(text: str, segment: str = "", value: str = "") -> dict[str, float]:
    """Performance in the one window, by metric."""
    found = values(text, "model_performance", "metric", "segment", "segment_value")
    return {metric: number for (metric, *rest), number in found.items() if rest == [segment, value]}
