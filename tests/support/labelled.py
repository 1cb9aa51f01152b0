"""Predictions with labels that come apart from them, written as logs, and what the exporter tells of them."""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from drift_exporter.once import run_once
from drift_exporter.reference.bins import categorical_column
from drift_exporter.reference.store import save_reference
from support.records import reference

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


NOW = START + 10 * 86_400
DAY = 86_400
Row = dict[str, Any]

TOLD = (
    *("model_performance", "model_performance_lower", "model_label_coverage_ratio", "model_outcomes_total"),
    *("model_score_outcomes_total", "model_score_outcomes_score_sum_total", "model_fairness"),
    *("model_labels_total", "model_label_delay_seconds_bucket", "model_label_delay_seconds_sum"),
    *("model_labels_early", "model_predictions_pending"),
)


def predictions(count: int, seed: int = 1) -> list[Row]:
    """Made-up predictions, one every two minutes."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    return [
        {
            "ts": START + i * 120 + chance.uniform(0, 60),
            "id": f"r{i}",
            "v": chance.choice(["1", "2"]),
            "s": (score := round(chance.random(), 6)),
            "p": int(score > 0.5),
            "f": {"country": chance.choice(["de", "fr", "it", None])},
        }
        for i in range(count)
    ]


def labels(rows: Sequence[Row], seed: int = 2) -> list[Row]:
    """A label for nine of ten, up to two days after its prediction."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    return [
        {"id": row["id"], "y": int(chance.random() < row["s"]), "at": row["ts"] + chance.uniform(1, 2 * DAY)}
        for row in rows
        if chance.random() < 0.9
    ]


MODEL: dict[str, Any] = {
    "task": "binary",
    "reference": "reference.json",
    "fields": {
        "timestamp": "ts",
        "id": "id",
        "version": "v",
        "prediction": "p",
        "score": "s",
        "features": {"country": "f.country"},
    },
    "labels": {"fields": {"id": "id", "label": "y", "timestamp": "at"}, "max_delay": "3d"},
    "segments": ["country"],
    "fairness": {"attribute": "country", "favourable": 1, "minimum_group": 50},
}


def configure(folder: Path, *without: str, interval: str = "15s", **changes: Any) -> Path:  # noqa: ANN401
    """A reference and a configuration of these predictions and labels, with changes and without some keys."""
    country = categorical_column("country", "feature", {"de": 500, "fr": 300}, 0, 10)
    answer = categorical_column("prediction", "prediction", {"0": 400, "1": 400}, 0, 10)
    save_reference(reference(country, answer, model="m"), folder / "reference.json")
    model = {key: value for key, value in {**MODEL, **changes}.items() if key not in without}
    return write_labelled(
        folder, model, windows=["24h", "7d"], state_dir="state", evaluation_interval=interval
    )


def told(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """All that is to be the same, by metric and labels."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {name: {} for name in TOLD}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in found:
                found[sample.name][tuple(sorted(sample.labels.items()))] = sample.value
    return found


def same(expected: str, actual: str) -> None:
    """All that is told of labels is the same, but for the last digits of sums."""
    first, second = told(expected), told(actual)
    assert any(first.values())
    for name, own in first.items():
        assert second[name] == pytest.approx(own, rel=1e-9), name
