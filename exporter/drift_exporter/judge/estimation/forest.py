"""Gradient boosted regression of several values at once, quick to evaluate, in numpy alone.

Friedman (2001), Greedy function approximation: a gradient boosting machine, Ann. Statist. 29(5), each tree on
a random part of the records (Friedman (2002), Stochastic gradient boosting); on histograms as in Ke et al.
(2017), LightGBM, NIPS. Trees are oblivious (Prokhorenkova et al. (2018), CatBoost, NeurIPS): all nodes of a
level ask the same, so a record's leaf is the number that its DEPTH answers spell in binary, which numpy finds
for many records at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import FloatArray, IntArray

CodeArray = NDArray[np.uint8]

BINS = 32
"""Bins of each column at most; bin 0 is for what is missing."""

DEPTH = 6
_RIDGE = 1.0
_BLOCK = 1 << 14
"""Records whose answers stay in the processor's cache."""


@dataclass(frozen=True)
class Forest:
    """Trees of DEPTH questions: whether a record's bin of a column is above a threshold.

    ``columns`` and ``thresholds`` (trees, DEPTH); ``values`` (trees, 2^DEPTH, targets).
    """

    columns: IntArray
    thresholds: CodeArray
    values: FloatArray

    def predict(self, codes: CodeArray) -> FloatArray:
        """Sums of the trees' values (targets, n) for records' codes (C, n), a row for each column."""
        records = codes.shape[1]
        found = np.zeros((self.values.shape[2], records))
        values = np.ascontiguousarray(self.values.transpose(0, 2, 1))
        for start in range(0, records, _BLOCK):
            part = np.ascontiguousarray(codes[:, start : start + _BLOCK])
            total = found[:, start : start + _BLOCK]
            for columns, thresholds, leaves in zip(
                self.columns.tolist(), self.thresholds, values, strict=True
            ):
                leaf = _leaves(part, columns, thresholds)
                for target, own in enumerate(leaves):
                    total[target] += own.take(leaf)
        return found


def _leaves(codes: CodeArray, columns: list[int], thresholds: CodeArray) -> CodeArray:
    leaf = (codes[columns[0]] > thresholds[0]).view(np.uint8)
    for column, threshold in zip(columns[1:], thresholds[1:], strict=True):
        leaf = (leaf << 1) | (codes[column] > threshold).view(np.uint8)
    found: CodeArray = leaf
    return found


def fit_forest(  # noqa: PLR0913, PLR0917 - the data, and how far to go
    codes: CodeArray,
    targets: FloatArray,
    random: np.random.Generator,
    trees: int,
    rate: float,
    sample: int,
    least: int,
) -> Forest:
    """Trees whose sum comes close to targets (targets, n) of codes (C, n) in the mean square.

    Each is grown on ``sample`` records, drawn at random, and no split leaves fewer than ``least`` of them on
    either side of all nodes; it goes ``rate`` of the way.
    """
    count = codes.shape[1]
    found = np.zeros_like(targets)
    columns = np.zeros((trees, DEPTH), dtype=np.int64)
    thresholds = np.full((trees, DEPTH), BINS, dtype=np.uint8)
    values = np.zeros((trees, 1 << DEPTH, len(targets)))
    for tree in range(trees):
        rows = np.sort(random.choice(count, sample, replace=False)) if sample < count else np.arange(count)
        part, rest = codes[:, rows], (targets - found)[:, rows]
        leaf = _grow(part, rest, columns[tree], thresholds[tree], least)
        size = np.bincount(leaf, minlength=1 << DEPTH)
        for target, own in enumerate(rest):
            total = np.bincount(leaf, own, minlength=1 << DEPTH)
            values[tree, :, target] = rate * total / (size + _RIDGE)
        everywhere = _leaves(codes, columns[tree].tolist(), thresholds[tree])
        found += values[tree].T[:, everywhere]
    return Forest(columns, thresholds, values)


def _grow(
    codes: CodeArray, rest: FloatArray, columns: IntArray, thresholds: CodeArray, least: int
) -> IntArray:
    """Find a tree's questions for what is left (targets, n), and write them down; returns leaves (n,)."""
    width, records = codes.shape
    node = np.zeros(records, dtype=np.int64)
    base = codes + (np.arange(width, dtype=np.int64) * BINS)[:, None]
    weights = [np.tile(own, width) for own in rest]
    for level in range(DEPTH):
        nodes = 1 << level
        place = (base + node * (width * BINS)).ravel()
        shape = (nodes, width, BINS)
        size = np.bincount(place, minlength=nodes * width * BINS).reshape(shape).cumsum(axis=2)
        gain = np.zeros((width, BINS))
        right = size[:, :, -1:] - size
        for own in weights:
            total = np.bincount(place, own, nodes * width * BINS).reshape(shape).cumsum(axis=2)
            above = total[:, :, -1:] - total
            parts = total**2 / (size + _RIDGE) + above**2 / (right + _RIDGE)
            parts[(size < least) | (right < least)] = 0.0
            whole = total[:, :, -1:] ** 2 / (size[:, :, -1:] + _RIDGE)
            gain += np.maximum(parts - whole, 0.0).sum(axis=0)
        best = int(gain.argmax())
        if gain.flat[best] > 0:
            columns[level], thresholds[level] = divmod(best, BINS)
        node = 2 * node + (codes[columns[level]] > thresholds[level])
    return node
