"""Saved states made by hand, and how they look on the disk."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from drift_exporter.sources.position import Fingerprint, Position
from drift_exporter.state.counters import counters_anew
from drift_exporter.state.rows import Changes, Counts, Document, ModelState, SavedSlice
from drift_exporter.state.store import Store

HOUR = 3_600_000_000
PRINT = "f0" * 32
SAVED = 1_767_225_600.0  # 2026-01-01 00:00:00 UTC
POSITION = Position(
    serial=3,
    path="/logs/a\udcff.log",
    device=2**63 + 1,
    inode=2**64 - 1,
    offset=12,
    head=Fingerprint.of(b"head"),
    tail=Fingerprint.of(b"tail"),
    header=b"a,b\n",
    known_size=20,
    finished=(20, 1.5),
    time=1_000_000,
    gone=False,
    unread=0,
)


def model_counters(**known: object) -> Document:
    """Counters of a model, at their beginning unless ``known``."""
    return {**counters_anew({"dead_letter": None}), **known}


def version_counters(**known: object) -> Document:
    """Counters of a version, at their beginning unless ``known``."""
    return {
        "predictions": 0,
        "errors": 0,
        "latency": [0] * 17,
        "latency_sum": 0.0,
        "confidence": [0] * 21,
        "confidence_sum": 0.0,
        "last_timestamp": None,
        "exemplars": {},
        **known,
    }


def a_slice(start: int, rows: int = 2, window: int = HOUR) -> SavedSlice:
    """A slice of two bins of version v1."""
    return SavedSlice("v1", PRINT, window, start, rows, np.array([1, 1]), np.array([0.1, 0.2]))


def state(*slices: SavedSlice, records: int = 2, positions: Sequence[Position] = (POSITION,)) -> ModelState:
    """A model with version v1, of two bins."""
    return ModelState(
        counters=model_counters(records=records),
        versions={"v1": version_counters(predictions=records)},
        counts=[Counts("v1", PRINT, np.array([records, 0]))],
        slices=slices,
        positions=positions,
    )


def save(folder: Path, **models: ModelState) -> None:
    """Save models, and give the folder back."""
    with closing(Store(folder)) as store:
        for name, one in models.items():
            store.save(name, Changes(one), SAVED)


def content(folder: Path) -> dict[str, bytes]:
    """Every file in a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
