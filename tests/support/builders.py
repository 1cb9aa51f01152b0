"""Windows, versions, models, sources and snapshots for tests, each with values that are fine by default."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from drift_exporter.reference.model import Column, Kind, Reference
from drift_exporter.snapshot import (
    CHECKPOINT_BOUNDS,
    EVALUATION_BOUNDS,
    Checkpoint,
    ColumnDrift,
    ColumnTotals,
    ModelSnapshot,
    Snapshot,
    SourceSnapshot,
    VersionSnapshot,
    WindowSnapshot,
)
from support.columns import histogram

NOW = 1_767_225_600.0  # 2026-01-01 00:00:00 UTC
HOUR = 3600.0
WINDOW_SECONDS = {"1h": HOUR, "24h": 24 * HOUR, "7d": 168 * HOUR}


def window(
    name: str, columns: Iterable[ColumnDrift] = (), *, samples: int | None = None, end: float = NOW
) -> WindowSnapshot:
    """A window that holds ``columns``, or none of them where there were too few records."""
    held = tuple(columns)
    counted = int(held[0].current.sum()) if held else 0
    return WindowSnapshot(
        name=name,
        start=end - WINDOW_SECONDS.get(name, HOUR),
        end=end,
        samples=counted if samples is None else samples,
        columns=held,
        drifted_ratio=sum(c.drifted for c in held) / len(held) if held else None,
        dataset_confidence=max(c.adjusted_confidence for c in held) if held else None,
    )


def reference(model: str, columns: Sequence[Column]) -> Reference:
    """A reference over ``columns`` of ninety days before ``NOW``."""
    return Reference(
        model=model,
        rows=int(columns[0].counts.sum()) if columns else 0,
        columns=tuple(columns),
        created=NOW - 90 * 24 * HOUR,
        fingerprint="0f1e2d3c",
        start=NOW - 200 * 24 * HOUR,
        end=NOW - 100 * 24 * HOUR,
    )


def version(
    name: str = "unversioned",
    *,
    model: str = "fraud",
    columns: Sequence[Column] = (),
    windows: Iterable[WindowSnapshot] = (),
    predictions: int = 1000,
    with_reference: bool = True,
    last_timestamp: float | None = NOW,
) -> VersionSnapshot:
    """A version without errors, latency and confidence; its totals are the last window's counts."""
    held = tuple(windows)
    counted = {c.column.name: c.current for w in held for c in w.columns}
    return VersionSnapshot(
        version=name,
        predictions=predictions,
        errors=None,
        latency=None,
        confidence=None,
        last_timestamp=last_timestamp,
        columns=tuple(
            ColumnTotals(c, counted.get(c.name, np.zeros(len(c.bins), dtype=np.int64))) for c in columns
        ),
        windows=held,
        reference=reference(model, columns) if with_reference else None,
    )


def model(
    name: str = "fraud",
    versions: Iterable[VersionSnapshot] = (),
    *,
    problem: str | None = None,
    dropped_series: Mapping[str, int] | None = None,
    invalid: Mapping[tuple[Kind, str], int] | None = None,
    late: Mapping[str, int] | None = None,
) -> ModelSnapshot:
    """A binary model of high impact."""
    return ModelSnapshot(
        name=name,
        task="binary",
        impact="high",
        team="risk-ml",
        reference=f"{name}.json",
        versions=tuple(versions),
        invalid=invalid or {},
        late=late or {},
        dropped_series=dropped_series or {},
        problem=problem,
        evaluation_duration=histogram(EVALUATION_BOUNDS, [0.004, 0.012, 0.3]),
        interval_methods=("psi",),
        checkpoint=Checkpoint(NOW - 1, histogram(CHECKPOINT_BOUNDS, [0.002, 0.0025, 0.04])),
    )


def snapshot(models: Iterable[ModelSnapshot] = (), sources: Iterable[SourceSnapshot] = ()) -> Snapshot:
    """A snapshot as of ``NOW``."""
    return Snapshot(
        NOW, tuple(models), tuple(sources), config_reload_successful=True, config_reload_timestamp=NOW - HOUR
    )


def source(name: str = "fraud/predictions", *, problem: str | None = None) -> SourceSnapshot:
    """A file source that has read most of what there is."""
    return SourceSnapshot(
        name=name,
        type="file",
        up=problem is None,
        records=123_456,
        bytes=51_357_696,
        rejected={"malformed": 12, "timestamp_missing": 3},
        lost_bytes=512,
        lag_bytes=4096,
        watermark=NOW - 2.5,
        problem=problem,
        lag_records=40,
        counts={("requests", "202"): 51_200, ("lost_records", "retention"): 7, ("unpaired", "request"): 3},
    )
