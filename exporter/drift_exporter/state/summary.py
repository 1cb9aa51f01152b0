"""What is in a state, in numbers."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drift_exporter.errors import StateError
from drift_exporter.state.counters import read_model_counters, read_version_counters
from drift_exporter.state.look import beside, look
from drift_exporter.state.reading import (
    FILE,
    MODELS,
    is_empty,
    schema_version,
    state_errors,
    to_document,
    verify_tables,
)
from drift_exporter.state.schema import TABLES
from drift_exporter.window.slices import MICROSECONDS


@dataclass(frozen=True)
class BinsSummary:
    """Counts under one reference's bins: its fingerprint, and the number of slices by window (seconds)."""

    fingerprint: str
    slices: Mapping[float, int]


@dataclass(frozen=True)
class VersionSummary:
    """One version; ``bins`` is empty where it never had a reference."""

    version: str
    predictions: int
    bins: Sequence[BinsSummary]


@dataclass(frozen=True)
class ModelSummary:
    """One model. ``saved`` and ``watermark`` (None: no record yet) in seconds since the epoch.

    ``files`` counts all files known, ``gone`` those of them that are not there any more; ``kept`` the rows
    of each side that are kept to be joined.
    """

    model: str
    saved: float
    records: int
    watermark: float | None
    rejected: Mapping[str, int]
    files: int
    gone: int
    lost_bytes: int
    versions: Sequence[VersionSummary]
    kept: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class StateSummary:
    """A state: its file, the bytes it takes with its write-ahead log, and its models by name."""

    path: Path
    size: int
    schema: int
    models: Sequence[ModelSummary]


def summarize(folder: Path) -> StateSummary:
    """Summarize the state in a folder; raises StateError where there is none, or it cannot be read."""
    path = folder / FILE

    def read(connection: sqlite3.Connection) -> StateSummary:
        if is_empty(connection, path):
            raise StateError(f"{path} is empty: nothing was saved there yet")
        verify_tables(connection, path)
        names = connection.execute(MODELS + " ORDER BY name").fetchall()
        models = []
        for name, saved, text, _ in names:
            with state_errors(path, name):
                models.append(_model(connection, name, saved, text))
        return StateSummary(
            path,
            sum(file.stat().st_size for file in beside(path)[:2] if file.exists()),
            schema_version(connection),
            tuple(models),
        )

    return look(folder, read)


def _model(connection: sqlite3.Connection, name: str, saved: float, text: str) -> ModelSummary:
    counters = read_model_counters(to_document(text))
    files, gone = connection.execute(
        "SELECT count(*), coalesce(sum(gone), 0) FROM file WHERE model = ?", [name]
    ).fetchone()
    slices: dict[int, dict[float, int]] = {}
    for series, window, count in connection.execute(
        'SELECT series, "window", count(*) FROM slice '
        "WHERE series IN (SELECT id FROM series WHERE model = ?) "
        'GROUP BY series, "window" ORDER BY "window"',
        [name],
    ):
        slices.setdefault(series, {})[window / MICROSECONDS] = count
    bins: dict[str, list[BinsSummary]] = {}
    for series, version, fingerprint in connection.execute(
        "SELECT id, version, fingerprint FROM series WHERE model = ? ORDER BY id", [name]
    ):
        bins.setdefault(version, []).append(BinsSummary(fingerprint, slices.get(series, {})))
    versions = []
    for version, counters_text in connection.execute(
        "SELECT version, counters FROM version WHERE model = ? ORDER BY number", [name]
    ):
        totals = read_version_counters(to_document(counters_text))
        versions.append(VersionSummary(version, totals.predictions, tuple(bins.get(version, ()))))
    return ModelSummary(
        model=name,
        saved=saved,
        records=counters.records,
        watermark=None if counters.watermark is None else counters.watermark / MICROSECONDS,
        rejected=counters.rejected,
        files=files,
        gone=gone,
        lost_bytes=counters.lost_bytes,
        versions=tuple(versions),
        kept=_kept(connection, name),
    )


def _kept(connection: sqlite3.Connection, name: str) -> dict[str, int]:
    if schema_version(connection) < TABLES["run"]:
        return {}
    query = "SELECT side, sum(rows) FROM run WHERE model = ? GROUP BY side ORDER BY side DESC"
    return dict(connection.execute(query, [name]).fetchall())
