"""What is known of one group's records once labels have come: counts and sums that can be added up."""

from dataclasses import dataclass, field

import numpy as np

from drift_exporter.reference.model import FloatArray, IntArray

NOT_OF_CLASS = 0
OF_CLASS = 1
ALL_PREDICTIONS = 2
"""Places on the third axis of ``cells``."""


def _no_counts() -> IntArray:
    return np.zeros(0, dtype=np.int64)


def _no_sums() -> FloatArray:
    return np.zeros(0)


@dataclass(frozen=True)
class Outcomes:
    """Predictions and labels of a group: all records, or those of one value of a segment or attribute.

    ``classes`` in the order of numbers (binary: negative, positive). ``scored`` are the S classes that have a
    score, by number (binary: the positive one), each with its ``edges`` (B - 1,), ascending, all of one
    length: shorter ones end in infinities. Bin b holds edges[b - 1] < score <= edges[b].

    ``cells`` (S, 2, 3, B) counts by whether the class was predicted, whether it was the label (0 another one,
    1 it was, 2 all predictions, labelled or not), and the bin of the class's score; records without a score
    are in none. ``cell_sums`` of the same shape are the sums of the score.

    ``confusion`` (K + 1, K + 1) counts labelled predictions by row, labels by column; the last of each is any
    other class. ``predicted`` (K + 1,) counts all predictions by class. ``moments`` (M,) are sums over
    labelled records of the columns in ``moments.MOMENTS``; ``estimates`` (E,) sums of what an error model
    foresees. ``rows`` and ``labelled`` are numbers of records.
    """

    task: str
    rows: int
    labelled: int
    classes: tuple[str, ...] = ()
    scored: tuple[int, ...] = ()
    edges: tuple[FloatArray, ...] = ()
    cells: IntArray = field(default_factory=lambda: np.zeros((0, 2, 3, 1), dtype=np.int64))
    cell_sums: FloatArray = field(default_factory=lambda: np.zeros((0, 2, 3, 1)))
    confusion: IntArray = field(default_factory=lambda: np.zeros((1, 1), dtype=np.int64))
    predicted: IntArray = field(default_factory=_no_counts)
    moments: FloatArray = field(default_factory=_no_sums)
    estimates: FloatArray = field(default_factory=_no_sums)
