"""Binary models whose labels are drawn: references and windows, counted by bins of the score."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.reference.outcomes import ReferenceOutcomes, count_outcomes

Rate = Callable[[FloatArray], FloatArray]


def as_scored(scores: FloatArray) -> FloatArray:
    """The positive share of a calibrated model."""
    return scores


def bent(scores: FloatArray) -> FloatArray:
    """The positive share of a model whose scores are off."""
    return 0.1 + 0.5 * scores**2


@dataclass(frozen=True)
class Window:
    """Records (rows,), and how they count in the reference's bins."""

    scores: FloatArray
    labels: FloatArray
    answers: FloatArray
    cells: IntArray
    cell_sums: FloatArray
    confusion: IntArray


def draw_scores(random: np.random.Generator, rows: int, middle: float = -1.0) -> FloatArray:
    """Scores (rows,) whose log-odds are normal around ``middle``."""
    scores: FloatArray = expit(middle + random.normal(size=rows))
    return scores


def draw_reference(
    random: np.random.Generator, rows: int, middle: float = -1.0, rate: Rate = as_scored
) -> ReferenceOutcomes:
    """A reference's labels."""
    scores = draw_scores(random, rows, middle)
    labels = (random.random(rows) < rate(scores)).astype(np.float64)
    column = numeric_column("score", "score", scores)
    answers = (scores > 0.3).astype(np.float64)
    return count_outcomes(("0", "1"), answers, labels, (1,), (scores,), (column,))


def draw_window(  # noqa: PLR0917 - what may differ from the reference
    random: np.random.Generator,
    outcomes: ReferenceOutcomes,
    rows: int,
    middle: float = -1.0,
    rate: Rate = as_scored,
    factor: float = 1.0,
) -> Window:
    """A window in which ``factor`` times as many records are positive at each score."""
    scores = draw_scores(random, rows, middle)
    labels = (random.random(rows) < np.minimum(factor * rate(scores), 1.0)).astype(np.float64)
    answers = (scores > 0.3).astype(np.float64)
    bins = outcomes.cells.shape[-1]
    place = np.searchsorted(outcomes.edges[0], scores)
    cells = np.zeros((1, 2, 3, bins), dtype=np.int64)
    sums = np.zeros(cells.shape)
    confusion = np.zeros((3, 3), dtype=np.int64)
    for answer in (0, 1):
        for label in (0, 1):
            own = (answers == answer) & (labels == label)
            cells[0, answer, label] = np.bincount(place[own], minlength=bins)
            sums[0, answer, label] = np.bincount(place[own], scores[own], bins)
            confusion[answer, label] = own.sum()
    cells[:, :, 2], sums[:, :, 2] = cells[:, :, :2].sum(axis=2), sums[:, :, :2].sum(axis=2)
    return Window(scores, labels, answers, cells, sums, confusion)
