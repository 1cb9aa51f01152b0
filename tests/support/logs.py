"""Logs of made-up predictions in every format, and configurations that read them."""

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import yaml
import zstandard

from drift_exporter.config import load_config
from drift_exporter.config.schema import Config

Row = Mapping[str, Any]
FIELDS = {
    "timestamp": "ts",
    "id": "request",
    "prediction": "prediction",
    "score": "score",
    "label": "label",
    "features": "features.*",
}


def make_config(
    folder: Path,
    *,
    task: str = "binary",
    fields: Mapping[str, Any] | None = None,
    columns: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    path: str = "log.ndjson",
    **more: object,
) -> Config:
    """Write and load a configuration with one model, ``loans``, of which there is ``more`` to say."""
    document: dict[str, Any] = {
        "models": [
            {
                "name": "loans",
                "task": task,
                "reference": "loans.json",
                "predictions": {
                    "source": {"type": "file", "path": path},
                    "fields": dict(FIELDS if fields is None else fields),
                },
            }
        ]
    }
    document["models"][0] |= more
    if columns is not None:
        document["models"][0]["columns"] = dict(columns)
    if limits is not None:
        document["limits"] = dict(limits)
    file = folder / "config.yml"
    file.write_text(yaml.safe_dump(document))
    return load_config(file)


def make_rows(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Loan decisions: two numbers, one of them with gaps, a flag, a region, a label."""
    random = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        score = float(random.random())
        rows.append(
            {
                "ts": f"2024-01-01T{i // 3600 % 24:02d}:{i // 60 % 60:02d}:{i % 60:02d}Z",
                "request": f"r{i}",
                "prediction": int(score >= 0.5),
                "score": score,
                "label": int(random.random() < score),
                "features": {
                    "income": round(float(random.lognormal(10, 1)), 2),
                    "age": None if random.random() < 0.1 else int(random.integers(18, 90)),
                    "owner": bool(random.random() < 0.3),
                    "region": str(
                        random.choice(["north", "süd", 'the "east"', "west, far"], p=[0.5, 0.3, 0.15, 0.05])
                    ),
                },
            }
        )
    return rows


def flatten(row: Row) -> dict[str, Any]:
    """A row with ``features.income`` instead of an object."""
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{name}": inner for name, inner in value.items()}
        else:
            flat[key] = value
    return flat


def ndjson(rows: Sequence[Row]) -> bytes:
    """Rows as NDJSON."""
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


PACKS = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}


def write_log(rows: Sequence[Row], path: Path) -> Path:
    """Write rows in the format that the name tells."""
    if path.suffix in PACKS:
        plain = write_log(rows, path.with_name(f"plain-{path.stem}"))
        path.write_bytes(PACKS[path.suffix](plain.read_bytes()))
        plain.unlink()
    elif path.suffix == ".csv":
        flat = [flatten(row) for row in rows]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(name for row in flat for name in row)))
            writer.writeheader()
            writer.writerows(flat)
    elif path.suffix == ".parquet":
        source = path.with_suffix(".tmp.ndjson")
        source.write_bytes(ndjson(rows))
        with duckdb.connect() as connection:
            table = connection.read_json(str(source), format="newline_delimited", sample_size=-1)
            table.write_parquet(str(path))
        source.unlink()
    else:
        path.write_bytes(ndjson(rows))
    return path
