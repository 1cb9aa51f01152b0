"""ROC AUC and average precision of labelled anomalies: through the exporter, and by PyOD itself."""

import importlib
import inspect
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from drift_exporter.anomaly_models import load_anomalies
from drift_exporter.config import load_config
from drift_exporter.reference.build import build_reference
from drift_exporter.reference.model import FloatArray, Reference

DATA = Path(__file__).resolve().parents[1] / "detection" / "data" / "shuttle_anomalies.parquet"
DETECTORS = ("hbos", "ecod", "copod", "iforest", "loda", "knn", "lof", "pca", "mcd", "gmm", "inne")
FEATURES = tuple(f"f{i}" for i in range(1, 10))
CONTAMINATION = 0.01
APART = 0.005
"""ROC AUC may differ from PyOD's by this much."""

HEAD = """\
| detector | ROC AUC, ours | PyOD's | average precision | PyOD's | anomalous | CPU s to fit | PyOD, once |
|---|---:|---:|---:|---:|---:|---:|---:|"""


def shuttle() -> tuple[str, bool]:
    """The table, and whether all of ours are as near to PyOD's as they should be."""
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT * FROM read_parquet('{DATA}')").fetchnumpy()
    values = np.column_stack([found[name].astype(np.float64) for name in FEATURES])
    labels = found["anomaly"].astype(bool)
    order = np.random.default_rng(0).permutation(len(values))
    known, others = order[: len(order) // 2], order[len(order) // 2 :]
    lines, near = [HEAD], True
    with TemporaryDirectory() as folder:
        _write(values[known], Path(folder))
        reference = None
        for name in DETECTORS:
            config = load_config(_configuration(Path(folder), name))
            if reference is None:
                reference = build_reference(
                    config, "shuttle", [Path(folder) / "known.ndjson"], output=Path(folder) / "shuttle.json"
                )
            ours, ratio, seconds = _ours(config.models[0], reference, values[others])
            theirs, once = _theirs(name, values[known], values[others])
            pairs = [
                (float(score(labels[others], ours)), float(score(labels[others], theirs)))
                for score in (roc_auc_score, average_precision_score)
            ]
            near = near and abs(pairs[0][0] - pairs[0][1]) <= APART
            told = " | ".join(f"{value:.4f}" for pair in pairs for value in pair)
            lines.append(f"| `{name}` | {told} | {100 * ratio:.2f} % | {seconds:.1f} | {once:.1f} |")
            print(lines[-1], flush=True)
    return "\n".join(lines), near


def _write(values: FloatArray, folder: Path) -> None:
    """The reference's rows as a log."""
    lines = [
        json.dumps({"features": dict(zip(FEATURES, row, strict=True)), "prediction": 1.0})
        for row in values.tolist()
    ]
    (folder / "known.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _configuration(folder: Path, detector: str) -> Path:
    model = {
        "name": "shuttle",
        "task": "regression",
        "reference": "shuttle.json",
        "predictions": {
            "source": {"type": "file", "path": "logs/*.ndjson"},
            "fields": {"prediction": "prediction", "features": "features.*"},
        },
        "columns": {name: {"type": "numeric"} for name in FEATURES},
        "anomaly": {"detector": detector, "contamination": CONTAMINATION},
    }
    path = folder / "config.yml"
    path.write_text(json.dumps({"models": [model]}), encoding="utf-8")
    return path


def _ours(model: Any, reference: Reference, values: FloatArray) -> tuple[FloatArray, float, float]:  # noqa: ANN401
    """Percentiles of records, the share that is anomalous, and the CPU seconds of fitting."""
    start = time.process_time()
    (fitted,) = load_anomalies(model, {None: reference})[None]
    seconds = time.process_time() - start
    places = {column.name: place for place, column in enumerate(reference.sampled)}
    records = np.zeros((len(values), len(reference.sampled)))
    for place, name in enumerate(FEATURES):
        records[:, places[name]] = values[:, place]
    percentiles = fitted.percentiles(records)
    return percentiles, float(fitted.anomalous(percentiles).mean()), seconds


def _theirs(name: str, known: FloatArray, values: FloatArray) -> tuple[FloatArray, float]:
    """Scores of PyOD's own detector, and the CPU seconds of fitting it once."""
    module = importlib.import_module(f"pyod.models.{name}")
    make = next(found for key, found in vars(module).items() if key.lower() == name)
    seeded = "random_state" in inspect.signature(make).parameters
    detector = make(contamination=CONTAMINATION, **({"random_state": 0} if seeded else {}))
    start = time.process_time()
    detector.fit(known)
    seconds = time.process_time() - start
    return detector.decision_function(values), seconds
