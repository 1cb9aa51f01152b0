"""Counting predictions and their outcomes: by class, label, bin of the score, and group of records.

A *tally* holds what was counted, in as many places as are not empty: most scores have few bins, most groups
few records, and there is one tally for each slice of time. Tallies add up without error.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from drift_exporter.count.binner import Binner
from drift_exporter.reference.model import FloatArray, IntArray

UNTOLD = -1
"""Code of a class that is not told: no prediction, or no label."""

ANY = 2
"""Third index of ``cells`` where all predictions count, labelled or not."""

_DENSE = 1 << 21
"""Places of all slices together up to which counting goes by an array of all of them."""

_BLOCK_ROWS = 1 << 15


@dataclass(frozen=True)
class GroupColumn:
    """A column by whose values records are told apart, and the names of the values."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class TallyLayout:
    """What is counted of one version, and where it stands.

    ``classes`` by code, one more code stands for any other class. ``scored`` are the codes of the classes
    with a score, each with its ``edges`` (inclusive upper bounds of all bins but the last). Group 0 is of all
    records, then come those of each of the ``columns``. ``moments`` are how many sums are kept of each group,
    those of a regression's labels as distances from ``centre``.
    Scores by class of more than one class are kept of group 0 only.
    """

    task: str
    classes: tuple[str, ...]
    scored: tuple[int, ...]
    edges: tuple[FloatArray, ...]
    columns: tuple[GroupColumn, ...]
    moments: int
    centre: float = 0.0

    @cached_property
    def groups(self) -> tuple[tuple[str, str], ...]:
        """Column and value of each group, two empty texts for all records."""
        return (("", ""), *((one.column, value) for one in self.columns for value in one.values))

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Number of the first group of each column."""
        sizes = [len(one.values) for one in self.columns]
        return tuple(1 + sum(sizes[:i]) for i in range(len(sizes)))

    @cached_property
    def binners(self) -> tuple[Binner, ...]:
        """What finds the bins of each scored class."""
        return tuple(Binner(edges) for edges in self.edges)

    @property
    def bins(self) -> int:
        """Number of bins of the score that has the most."""
        return max((len(edges) + 1 for edges in self.edges), default=1)

    @property
    def celled(self) -> int:
        """Number of groups whose scores are counted, the first ones."""
        return len(self.groups) if len(self.scored) <= 1 else 1

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each part, in the order in which they stand."""
        groups, codes = len(self.groups), len(self.classes) + 1
        return {
            "cells": (self.celled, len(self.scored), 2, 3, self.bins),
            "confusion": (groups, codes, codes) if self.classes else (groups, 0, 0),
            "predicted": (groups, codes) if self.classes else (groups, 0),
            "rows": (groups,),
            "labelled": (groups,),
        }

    @cached_property
    def offsets(self) -> dict[str, int]:
        """Where each part begins."""
        found, start = {}, 0
        for name, shape in self.shapes.items():
            found[name] = start
            start += int(np.prod(shape))
        return found

    @property
    def size(self) -> int:
        """Number of places."""
        return self.offsets["labelled"] + len(self.groups)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the layout: tallies under two of them cannot be added up."""
        groups = [[one.column, list(one.values)] for one in self.columns]
        edges = [edges.tolist() for edges in self.edges]
        text = json.dumps([self.task, self.classes, self.scored, edges, groups, self.moments, self.centre])
        return "outcomes-" + hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Tally:
    """Counts (n,) at ``places`` (n,), ascending, the scores' ``sums`` (n,), and ``moments`` (groups, M)."""

    places: IntArray
    counts: IntArray
    sums: FloatArray
    moments: FloatArray

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        places = np.concatenate([self.places, other.places])
        counts = np.concatenate([self.counts, other.counts])
        sums = np.concatenate([self.sums, other.sums])
        merged = _merged(places, counts, sums)
        return Tally(*merged, self.moments + other.moments)


@dataclass(frozen=True)
class Answers:
    """What is known of predictions, and of the labels that came for them.

    ``groups`` (rows,) of each of the layout's columns: the number of the value. ``predicted`` (rows,) codes
    of classes, ``scores`` (scored, rows) with NaN where missing. ``moments`` (rows, M) is what each adds to
    the sums of its groups. Of outcomes ``labels`` (rows,) are codes of classes, and ``weights`` (rows,) 1, or
    -1 to take one back.
    """

    groups: tuple[IntArray, ...]
    predicted: IntArray
    scores: FloatArray
    moments: FloatArray
    labels: IntArray | None = None
    weights: IntArray | None = None

    def some(self, rows: slice) -> "Answers":
        """Those of some rows."""
        return Answers(
            tuple(values[rows] for values in self.groups),
            self.predicted[rows],
            self.scores[:, rows],
            self.moments[rows],
            None if self.labels is None else self.labels[rows],
            None if self.weights is None else self.weights[rows],
        )


@dataclass(frozen=True)
class _Part:
    """Where rows count in one part of a tally: ``place`` (rows,) within a group; only those of ``mask``."""

    name: str
    place: IntArray
    mask: NDArray[np.bool_] | None


@dataclass(frozen=True)
class Dense:
    """A tally as arrays, by the layout's groups: see ``TallyLayout.shapes``; ``cell_sums`` as ``cells``."""

    layout: TallyLayout
    cells: IntArray
    cell_sums: FloatArray
    confusion: IntArray
    predicted: IntArray
    rows: IntArray
    labelled: IntArray
    moments: FloatArray


def empty(layout: TallyLayout) -> Tally:
    """Nothing counted."""
    none = np.zeros(0, dtype=np.int64)
    return Tally(none, none, np.zeros(0), np.zeros((len(layout.groups), layout.moments)))


def count_answers(layout: TallyLayout, answers: Answers, slices: IntArray, size: int) -> list[Tally]:
    """Tallies (size of them) by the slices (rows,) in 0..size-1: of predictions, or of outcomes.

    Without labels all are counted as predictions, whether a label will come or not.
    """
    moments = _moments(layout, answers, slices, size)
    width = layout.size
    if size * width > _DENSE:
        key, weight, scores = _keyed(layout, answers, slices)
        return _split(*_merged(key, weight, scores), moments, width)
    counts, sums = np.zeros(size * width, dtype=np.int64), np.zeros(size * width)
    touched = np.zeros(size * width, dtype=np.bool_)
    # Adding up all places costs something, too, so that blocks are the larger the more of those there are.
    block = max(_BLOCK_ROWS, size * width)
    for start in range(0, len(slices), block):
        rows = slice(start, start + block)
        key, weight, scores = _keyed(layout, answers.some(rows), slices[rows])
        # Weights are whole numbers, which add up exactly.
        counts += np.rint(np.bincount(key, weight, minlength=size * width)).astype(np.int64)
        sums += np.bincount(key, scores, minlength=size * width)
        touched[key] = True
    places = np.flatnonzero(touched & (counts != 0))
    return _split(places, counts[places], sums[places], moments, width)


def _keyed(layout: TallyLayout, answers: Answers, slices: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Places of all slices one after the other, what is added there, and the scores; all (n,)."""
    everything = np.zeros(len(slices), dtype=np.int64)
    told = answers.predicted != UNTOLD
    mask = None if told.all() else told
    if answers.labels is None:
        parts = [_Part("rows", everything, None), _Part("predicted", _codes(layout, answers.predicted), mask)]
    else:
        codes = len(layout.classes) + 1
        place = _codes(layout, answers.predicted) * codes + _codes(layout, answers.labels)
        parts = [_Part("labelled", everything, None), _Part("confusion", place, mask)]
    if not layout.classes:
        parts = parts[:1]
    rows, places, scores = _placed(layout, answers, parts)
    key = places + slices[rows] * layout.size
    if answers.weights is None:
        return key, np.ones(len(key), dtype=np.int64), scores
    weight = answers.weights[rows]
    return key, weight, scores * weight


def dense(layout: TallyLayout, tallies: Sequence[Tally]) -> Dense:
    """All tallies together, as arrays."""
    counts, sums = np.zeros(layout.size, dtype=np.int64), np.zeros(layout.size)
    moments = np.zeros((len(layout.groups), layout.moments))
    for tally in tallies:
        # Places are distinct within a tally.
        counts[tally.places] += tally.counts
        sums[tally.places] += tally.sums
        moments += tally.moments
    parts = {}
    for name, shape in layout.shapes.items():
        start = layout.offsets[name]
        parts[name] = counts[start : start + int(np.prod(shape))].reshape(shape)
    cells = layout.shapes["cells"]
    return Dense(layout, cell_sums=sums[: int(np.prod(cells))].reshape(cells), moments=moments, **parts)


def _codes(layout: TallyLayout, classes: IntArray) -> IntArray:
    """Codes in 0..len(classes): what is no known class is the last."""
    other = len(layout.classes)
    return np.where((classes < 0) | (classes > other), other, classes)


def _placed(
    layout: TallyLayout, answers: Answers, parts: Sequence[_Part]
) -> tuple[IntArray, IntArray, FloatArray]:
    """What each row adds to: its number, a place, and the score that is summed there; all (n,)."""
    places: list[IntArray] = []
    rows: list[IntArray] = []
    scores: list[FloatArray] = []
    every = np.arange(len(answers.predicted))
    for number, groups in enumerate(_groups(layout, answers)):
        for part in parts:
            width = int(np.prod(layout.shapes[part.name][1:]))
            used = every if part.mask is None else every[part.mask]
            places.append(layout.offsets[part.name] + groups[used] * width + part.place[used])
            rows.append(used)
            scores.append(np.zeros(len(used)))
        if number and layout.celled == 1:
            continue
        for one in range(len(layout.scored)):
            used, inner = _cells(layout, answers, one)
            width = len(layout.scored) * 6 * layout.bins
            places.append(groups[used] * width + inner)
            rows.append(used)
            scores.append(answers.scores[one][used])
    return np.concatenate(rows), np.concatenate(places), np.concatenate(scores)


def _cells(layout: TallyLayout, answers: Answers, one: int) -> tuple[IntArray, IntArray]:
    """Rows that are in a cell of a scored class, and its place within the group's cells."""
    score, code = answers.scores[one], layout.scored[one]
    used = np.flatnonzero(np.isfinite(score) & (answers.predicted != UNTOLD))
    found = layout.binners[one].bin(score[used])
    predicted = (answers.predicted[used] == code).astype(np.int64)
    third = ANY if answers.labels is None else (answers.labels[used] == code).astype(np.int64)
    return used, ((one * 2 + predicted) * 3 + third) * layout.bins + found


def _groups(layout: TallyLayout, answers: Answers) -> list[IntArray]:
    """Numbers of groups (rows,): first that of all records, then that by each column."""
    everything = np.zeros(len(answers.predicted), dtype=np.int64)
    by_column = zip(layout.starts, answers.groups, strict=True)
    return [everything, *(start + values for start, values in by_column)]


def _moments(layout: TallyLayout, answers: Answers, slices: IntArray, size: int) -> FloatArray:
    """Sums (size, groups, M)."""
    groups = len(layout.groups)
    found = np.zeros((size * groups, layout.moments))
    some = np.flatnonzero(answers.moments.any(axis=0))
    if len(some):
        weighted = answers.moments[:, some]
        if answers.weights is not None:
            weighted = weighted * answers.weights[:, None]
        for own in _groups(layout, answers):
            place = slices * groups + own
            for column, values in zip(some, weighted.T, strict=True):
                found[:, column] += np.bincount(place, values, minlength=size * groups)
    return found.reshape(size, groups, layout.moments)


def _split(
    places: IntArray, counts: IntArray, sums: FloatArray, moments: FloatArray, width: int
) -> list[Tally]:
    """One tally for each of the slices, which stand in ``places`` as multiples of ``width``."""
    ends = np.searchsorted(places, np.arange(1, len(moments) + 1) * width)
    starts = np.append(0, ends[:-1])
    return [
        Tally(places[start:end] - i * width, counts[start:end], sums[start:end], moments[i])
        for i, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def _merged(places: IntArray, counts: IntArray, sums: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Equal places are put together, those with nothing left dropped; ascending."""
    order = np.argsort(places, kind="stable")
    places, counts, sums = places[order], counts[order], sums[order]
    if not len(places):
        return places, counts, sums
    starts = np.flatnonzero(np.append(True, places[1:] != places[:-1]))
    total = np.add.reduceat(counts, starts)
    added = np.add.reduceat(sums, starts)
    left = total != 0
    return places[starts][left], total[left], added[left]
