"""Records scored by one detector: how odd they are, counted by slice of time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drift_exporter.anomalies.examples import LONGEST
from drift_exporter.count.binner import Binner
from drift_exporter.count.layout import Layout
from drift_exporter.decode.records import Records
from drift_exporter.judge.anomaly.model import AnomalyModel
from drift_exporter.reference.model import Column, FloatArray, IntArray, NumericColumn
from drift_exporter.snapshot import ANOMALY_BOUNDS, OddColumn
from drift_exporter.window.draw import gather

BUCKETS = len(ANOMALY_BOUNDS) + 1
ANOMALIES, SKIPPED, SUM = BUCKETS, BUCKETS + 1, BUCKETS + 2
SIZE = BUCKETS + 3
"""What is counted: percentiles by bucket, anomalies, records that were skipped, and the sum of percentiles in
millionths, which as whole numbers add up to the same in any order."""

MILLION = 1_000_000
_PIECE = 1 << 16
_BINNER = Binner(np.array(ANOMALY_BOUNDS))
_COLUMNS = 3


@dataclass(frozen=True)
class Scores:
    """Percentiles (records,), their buckets, and which records are anomalies."""

    percentiles: FloatArray
    bucket: IntArray
    anomalous: np.ndarray[tuple[int], np.dtype[np.bool_]]


def score(model: AnomalyModel, layout: Layout, records: Records, rows: IntArray) -> Scores:
    """Score some of the records (their numbers). Raises whatever the detector does."""
    pieces = [
        model.percentiles(gather(layout, records, rows[first : first + _PIECE]))
        for first in range(0, len(rows), _PIECE)
    ]
    percentiles = np.concatenate(pieces) if pieces else np.empty(0)
    unknown = int(np.count_nonzero(np.isnan(percentiles)))
    if unknown:
        raise ValueError(f"{unknown} of {len(rows)} records have a score that is no number")
    return Scores(percentiles, _BINNER.bin(percentiles), model.anomalous(percentiles))


def counts_by(scores: Scores, group: IntArray, skipped: IntArray, groups: int) -> IntArray:
    """Counts (groups, SIZE) of scored and skipped records by the numbers of their groups (both records,)."""
    counts = np.zeros((groups, SIZE), dtype=np.int64)
    place = group * BUCKETS + scores.bucket
    counts[:, :BUCKETS] = np.bincount(place, minlength=groups * BUCKETS).reshape(groups, BUCKETS)
    counts[:, ANOMALIES] = np.bincount(group[scores.anomalous], minlength=groups)
    counts[:, SKIPPED] = np.bincount(skipped, minlength=groups)
    millionths = np.rint(scores.percentiles * MILLION)
    counts[:, SUM] = np.bincount(group, weights=millionths, minlength=groups)
    return counts


def scored_in(counts: IntArray) -> int:
    """Number of records that were scored, of counts (SIZE,)."""
    return int(counts[:BUCKETS].sum())


def odd_columns(
    model: AnomalyModel, values: FloatArray, show: str | Sequence[str]
) -> list[tuple[OddColumn, ...]]:
    """The columns that make records (k, C) odd, oddest first, and the values of those that may be shown."""
    shares = model.explain(values)
    found = []
    for row, share in zip(values[:, model.places], shares, strict=True):
        oddest = np.argsort(-share, kind="stable")[:_COLUMNS]
        found.append(
            tuple(
                OddColumn(
                    column.kind,
                    column.name,
                    round(float(share[place]), 4),
                    _text(column, float(row[place])) if may_show(show, column.name) else None,
                )
                for place in oddest.tolist()
                for column in (model.columns[place],)
                if share[place] > 0
            )
        )
    return found


def may_show(show: str | Sequence[str], column: str) -> bool:
    """Whether the values of a column may be shown."""
    return show == "all" if isinstance(show, str) else column in show


def _text(column: Column, value: float) -> str:
    if isinstance(column, NumericColumn):
        return "missing" if np.isnan(value) else f"{value:.6g}"
    return column.bins[int(value)][:LONGEST]
