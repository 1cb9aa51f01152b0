"""How labels went with scores on the reference, and the bins of scores in which that is counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from drift_exporter.reference.model import FloatArray, IntArray, NumericColumn

EVEN_BINS = 200
"""Even bins between 0 and 1, of which calibration errors and curves are made; others lie in between."""
_NEAR = np.concatenate(
    [0.001 * 10.0 ** (-np.arange(1, 13) / 4), np.arange(1, 10) / 2000, np.arange(6, 20) / 1000]
)
"""Ends of narrower bins near 0, and as far from 1: where one class is rare, all scores are there."""


def score_edges(column: NumericColumn | None) -> FloatArray:
    """Inclusive upper bounds (bins - 1,) of the bins in which scores are counted with their labels.

    Even and narrower ones where scores are probabilities (or nothing is known of them), about 260, and the
    reference's fine edges, mostly 128.
    """
    even = np.unique(np.concatenate([np.arange(1, EVEN_BINS) / EVEN_BINS, _NEAR, 1 - _NEAR]))
    if column is None:
        return even
    if column.minimum >= 0 and column.maximum <= 1:
        return np.unique(np.concatenate([even, column.fine_edges]))
    return column.fine_edges


@dataclass(frozen=True)
class ReferenceOutcomes:
    """Labels and scores of the reference's labelled records.

    ``classes`` in the order of codes (binary: negative, positive). ``scored`` are the classes that have a
    score (binary: the positive one), by number, each with its ``edges`` (bins - 1,), all of one length:
    shorter ones end in infinities. ``cells`` (scored, 2, 2, bins) counts by whether the class was predicted,
    whether it was the label, and the bin of the class's score; ``cell_sums`` of the same shape are the sums
    of the score. ``confusion`` (classes, classes) counts predictions by row, labels by column. ``errors``
    maps what a regression's errors add up to, such as ``squared``, to its value.
    """

    rows: int
    classes: tuple[str, ...] = ()
    scored: tuple[int, ...] = ()
    edges: tuple[FloatArray, ...] = ()
    cells: IntArray = field(default_factory=lambda: np.zeros((0, 2, 2, 1), dtype=np.int64))
    cell_sums: FloatArray = field(default_factory=lambda: np.zeros((0, 2, 2, 1)))
    confusion: IntArray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    errors: Mapping[str, float] = field(default_factory=dict)


def count_outcomes(  # noqa: PLR0913, PLR0917 - what records hold, and how it is named
    classes: Sequence[str],
    answers: FloatArray,
    labels: FloatArray,
    scored: Sequence[int] = (),
    scores: Sequence[FloatArray] = (),
    columns: Sequence[NumericColumn | None] = (),
) -> ReferenceOutcomes:
    """Count records (rows,): numbers of the answered and of the true class, NaN where missing.

    ``scores`` (each (rows,), NaN where missing) are of the classes ``scored``, and ``columns`` their columns
    in the reference. Records without a label are passed over, and so is a missing score.
    """
    size = len(classes)
    known = ~np.isnan(labels)
    both = known & ~np.isnan(answers)
    place = (answers[both] * size + labels[both]).astype(np.int64)
    edges = [score_edges(column) for column in columns]
    bins = max((len(one) + 1 for one in edges), default=1)
    edges = [np.append(one, np.full(bins - 1 - len(one), np.inf)) for one in edges]
    cells = np.zeros((len(scored), 2, 2, bins), dtype=np.int64)
    sums = np.zeros(cells.shape)
    for i, (number, values, own) in enumerate(zip(scored, scores, edges, strict=True)):
        rows = both & np.isfinite(values)
        flat = 2 * (answers[rows] == number).astype(np.int64) + (labels[rows] == number)
        flat = flat * bins + np.searchsorted(own, values[rows], side="left")
        cells[i] = np.bincount(flat, minlength=4 * bins).reshape(2, 2, bins)
        sums[i] = np.bincount(flat, values[rows], minlength=4 * bins).reshape(2, 2, bins)
    return ReferenceOutcomes(
        rows=int(both.sum()),
        classes=tuple(classes),
        scored=tuple(scored),
        edges=tuple(edges),
        cells=cells,
        cell_sums=sums,
        confusion=np.bincount(place, minlength=size * size).reshape(size, size),
    )
