"""How labels went with scores on the reference, and the bins of scores in which that is counted."""

from collections.abc import Mapping
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
