"""What labels of an id mean to each other: which one holds, and what each of the others was."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import IntArray

FIRST, DUPLICATE, CORRECTION, SUPERSEDED = 0, 1, 2, 3
"""A label is the first one of its prediction, repeats the value that holds, replaces it, or is older."""

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class LabelArray:
    """Labels (labels,): times in microseconds (of arrival where ``untimed``) and values, which are no NaN."""

    stamp: IntArray
    untimed: BoolArray
    value: NDArray[Any]


@dataclass(frozen=True)
class Resolved:
    """``code`` (labels,) of each, ``previous`` (labels,) values that corrections replace.

    ``held`` (groups,) is the label that holds in the end, and ``changed`` (groups,) whether it is newer than
    the one before.
    """

    code: NDArray[np.uint8]
    previous: NDArray[Any]
    held: LabelArray
    changed: BoolArray


def resolve(group: IntArray, labels: LabelArray, stored: LabelArray, has: BoolArray) -> Resolved:
    """Judge labels in their order, by group.

    ``group`` (labels,) are numbers from 0 in order; each group has a label, or one that holds already: it is
    in ``stored`` (groups,) where ``has`` (groups,) says so. Of two values the newer one holds, of equally old
    ones the larger one, so that the order of labels does not matter; a label without a time is newer than all
    that came before it and are not of the future.
    """
    owners = np.flatnonzero(has)
    # Those that are stored come first in their group.
    order = np.argsort(np.concatenate([owners, group]), kind="stable")
    groups = np.concatenate([owners, group])[order]
    stamp = np.concatenate([stored.stamp[owners], labels.stamp])[order]
    untimed = np.concatenate([stored.untimed[owners], labels.untimed])[order]
    value = np.concatenate([stored.value[owners], labels.value])[order]
    rank, by_rank = _ranks(stamp, untimed, value)
    # Up to each place, the largest rank of its group.
    running = np.maximum.accumulate(groups * len(rank) + rank) - groups * len(rank)
    starts = np.ones(len(groups), dtype=np.bool_)
    starts[1:] = groups[1:] != groups[:-1]
    before = np.zeros_like(running)
    before[1:] = running[:-1]
    held = value[by_rank[before]]
    code = np.where(rank > before, CORRECTION, SUPERSEDED).astype(np.uint8)
    code[held == value] = DUPLICATE
    code[starts] = FIRST
    new = order >= len(owners)
    place = order[new] - len(owners)
    codes, previous = np.empty(len(group), dtype=np.uint8), np.empty_like(labels.value)
    codes[place], previous[place] = code[new], held[new]
    last = np.append(np.flatnonzero(starts)[1:], len(groups)) - 1
    final = by_rank[running[last]]
    return Resolved(
        codes,
        previous,
        LabelArray(stamp[final], untimed[final], value[final]),
        ~has | (rank[starts] != running[last]),
    )


def _ranks(stamp: IntArray, untimed: BoolArray, value: NDArray[Any]) -> tuple[IntArray, IntArray]:
    """Rank of each label among all, equal ones alike, and the first label of each rank."""
    tie = np.where(untimed, np.arange(len(stamp)), value.astype(np.float64))
    by = np.lexsort((tie, untimed, stamp))
    new = np.ones(len(by), dtype=np.bool_)
    new[1:] = (
        (stamp[by[1:]] != stamp[by[:-1]])
        | (untimed[by[1:]] != untimed[by[:-1]])
        | (tie[by[1:]] != tie[by[:-1]])
    )
    rank = np.empty(len(by), dtype=np.int64)
    rank[by] = np.cumsum(new) - 1
    return rank, by[new]
