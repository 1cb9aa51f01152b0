"""From counts of odd records to what is told of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from drift_exporter.anomalies.detectors import Detector, Tallied
from drift_exporter.anomalies.model import ModelAnomalies
from drift_exporter.anomalies.scoring import ANOMALIES, BUCKETS, MILLION, SKIPPED, SUM, may_show, scored_in
from drift_exporter.judge.anomaly.confidence import anomaly_confidence
from drift_exporter.judge.anomaly.model import AnomalyModel
from drift_exporter.snapshot import (
    ANOMALY_BOUNDS,
    AnomalousRecord,
    AnomalySnapshot,
    AnomalyWindow,
    Histogram,
)
from drift_exporter.window.ring import WindowSum
from drift_exporter.window.slices import MICROSECONDS


@dataclass(frozen=True)
class CapturedAnomalies:
    """What one detector has counted, a copy of one moment: since the beginning, and by window."""

    snapshot: AnomalySnapshot
    model: AnomalyModel
    windows: Sequence[WindowSum]


def capture_anomalies(
    anomalies: ModelAnomalies, watermark: int | None
) -> Mapping[str, tuple[CapturedAnomalies, ...]]:
    """Copy what is to be judged, by version; the caller holds the model's lock."""
    found: dict[str, list[CapturedAnomalies]] = {}
    for (version, name), tallied in anomalies.tallied.items():
        detector = next(one for one in anomalies.of_version(version) if one.name == name)
        windows: Sequence[WindowSum] = ()
        if watermark is not None:
            windows = [tallied.ring.sum(level, watermark) for level in range(len(tallied.ring.windows))]
        snapshot = _snapshot(detector, tallied, watermark)
        found.setdefault(version, []).append(CapturedAnomalies(snapshot, detector.model, windows))
    return {version: tuple(captured) for version, captured in found.items()}


def judge_anomalies(captured: Sequence[CapturedAnomalies], minimum: int) -> tuple[AnomalySnapshot, ...]:
    """Judge each window in which at least ``minimum`` records were scored."""
    return tuple(
        replace(one.snapshot, windows=tuple(_judge(one.model, window, minimum) for window in one.windows))
        for one in captured
    )


def _judge(model: AnomalyModel, window: WindowSum, minimum: int) -> AnomalyWindow:
    scored, odd = scored_in(window.counts), int(window.counts[ANOMALIES])
    found = AnomalyWindow(
        name=window.window.name,
        start=window.start / MICROSECONDS,
        end=window.end / MICROSECONDS,
        scored=scored,
        skipped=int(window.counts[SKIPPED]),
        anomalies=odd,
        counts=window.counts[:BUCKETS],
    )
    if scored < minimum:
        return found
    seconds = (window.end - window.oldest) / MICROSECONDS
    return replace(found, ratio=odd / scored, confidence=anomaly_confidence(odd, scored, seconds, model))


def _snapshot(detector: Detector, tallied: Tallied, watermark: int | None) -> AnomalySnapshot:
    section, totals = detector.section, tallied.totals
    records = () if watermark is None else tallied.examples.shown(watermark)
    return AnomalySnapshot(
        detector=detector.name,
        expected=section.contamination,
        tolerated=min(section.contamination * (1 + section.tolerance), 1.0),
        scores=Histogram(
            ANOMALY_BOUNDS, totals[:BUCKETS].copy(), int(totals[SUM]) / MILLION, dict(tallied.exemplars)
        ),
        anomalies=int(totals[ANOMALIES]),
        skipped=int(totals[SKIPPED]),
        windows=(),
        records=tuple(
            AnomalousRecord(
                time=one.time / MICROSECONDS,
                percentile=one.percentile,
                # What may be shown may be less now than when it was kept.
                columns=tuple(
                    column if may_show(section.show, column.name) else replace(column, value=None)
                    for column in one.columns
                ),
                id=one.id,
                trace_id=one.trace_id,
            )
            for one in records
        ),
    )
