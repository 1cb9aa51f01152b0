"""Outcomes of records whose labels and scores are all known, counted one by one as the definition says."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from drift_exporter.count.moments import (
    moments_of_binary,
    moments_of_multiclass,
    moments_of_ranking,
    moments_of_regression,
)
from drift_exporter.count.outcomes import Outcomes
from drift_exporter.judge.performance.curves import LabelledScores
from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.reference.outcomes import score_edges

UNLABELLED = -1


def binary_outcomes(
    score: ArrayLike, predicted: ArrayLike, label: ArrayLike, edges: FloatArray | None = None
) -> Outcomes:
    """Of a binary model: scores, and predictions and labels as 0 and 1 (or 2, another class), all (rows,).

    A label of -1 has not come. NaN is no score.
    """
    scores = np.asarray(score, dtype=np.float64)
    labels = np.asarray(label)
    positive = np.where(labels == UNLABELLED, np.nan, labels == 1)
    return _classification(
        "binary",
        ("no", "yes"),
        {1: scores},
        (np.asarray(predicted), labels),
        moments=moments_of_binary(scores, positive),
        edges=score_edges(None) if edges is None else edges,
    )


def multiclass_outcomes(
    classes: Sequence[str], predicted: ArrayLike, label: ArrayLike, scores: FloatArray | None = None
) -> Outcomes:
    """Of a multiclass model: classes by number, and with ``scores`` (rows, K) a probability of each."""
    labels = np.asarray(label)
    by_class = {} if scores is None else {k: scores[:, k] for k in range(len(classes))}
    moments = np.zeros((1, 3)) if scores is None else moments_of_multiclass(scores, labels)
    return _classification(
        "multiclass",
        tuple(classes),
        by_class,
        (np.asarray(predicted), labels),
        moments=moments,
        edges=score_edges(None),
    )


def regression_outcomes(prediction: FloatArray, label: FloatArray, centre: float = 0.0) -> Outcomes:
    """Of a regression; a label that is NaN has not come."""
    moments = moments_of_regression(prediction, label, centre).sum(axis=0)
    return Outcomes("regression", len(label), int(np.isfinite(label).sum()), moments=moments)


def ranking_outcomes(position: FloatArray, clicked: FloatArray) -> Outcomes:
    """Of ranked lists, an item each; NaN for clicked is a label that has not come."""
    moments = moments_of_ranking(position, clicked).sum(axis=0)
    return Outcomes("ranking", len(clicked), int(np.isfinite(clicked).sum()), moments=moments)


def labelled_scores(scores: FloatArray, labels: IntArray, edges: FloatArray | None = None) -> LabelledScores:
    """Scores and labels (samples, rows) in bins (samples, B)."""
    edges = score_edges(None) if edges is None else edges
    samples, bins = len(scores), len(edges) + 1
    place = np.searchsorted(edges, scores) + bins * np.arange(samples)[:, None]
    tables = []
    for weights in (None, scores):
        for label in (0, 1):
            held = labels == label
            counted = np.bincount(
                place[held], None if weights is None else weights[held], minlength=samples * bins
            )
            tables.append(counted.reshape(samples, bins).astype(np.float64))
    return LabelledScores(edges, *tables)


def _classification(
    task: str,
    classes: tuple[str, ...],
    scores: dict[int, FloatArray],
    answers: tuple[IntArray, IntArray],
    *,
    moments: FloatArray,
    edges: FloatArray,
) -> Outcomes:
    predicted, labels = answers
    size = len(classes) + 1
    labelled = labels != UNLABELLED
    cells = np.zeros((len(scores), 2, 3, len(edges) + 1), dtype=np.int64)
    cell_sums = np.zeros(cells.shape)
    for place, (number, score) in enumerate(scores.items()):
        everything = np.ones_like(labelled)
        for there, side in ((labelled & (labels != number), 0), (labels == number, 1), (everything, 2)):
            held = there & ~np.isnan(score)
            answered = (predicted == number).astype(np.int64)
            index = (place, answered[held], side, np.searchsorted(edges, score[held]))
            np.add.at(cells, index, 1)
            np.add.at(cell_sums, index, score[held])
    confusion = np.zeros((size, size), dtype=np.int64)
    np.add.at(confusion, (predicted[labelled], labels[labelled]), 1)
    return Outcomes(
        task,
        len(labels),
        int(labelled.sum()),
        classes=classes,
        scored=tuple(scores),
        edges=(edges,) * len(scores),
        cells=cells,
        cell_sums=cell_sums,
        confusion=confusion,
        predicted=np.bincount(predicted, minlength=size),
        moments=moments.sum(axis=0),
    )
