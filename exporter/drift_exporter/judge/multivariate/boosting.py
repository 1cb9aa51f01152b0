"""Gradient boosted trees on binned values, small and in numpy alone.

Friedman (2001), Greedy function approximation: a gradient boosting machine, Ann. Statist. 29(5); with
second derivatives as in Chen and Guestrin (2016), XGBoost, KDD; on histograms as in Ke et al. (2017),
LightGBM, NIPS.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from drift_exporter.reference.model import FloatArray, IntArray

CodeArray = NDArray[np.uint8]

BINS = 32
"""Bins of each column at most; bin 0 is for what is missing."""

TREES = 40
DEPTH = 3
RATE = 0.15
_RIDGE = 1.0
_LEAST_WEIGHT = 2.0
_NEVER = BINS
"""A threshold above all bins: every record goes left."""


@dataclass(frozen=True)
class Tree:
    """A complete binary tree of DEPTH levels: node i has the children 2i + 1 and 2i + 2.

    ``columns`` and ``thresholds`` (inner nodes,): a record whose bin is above the threshold goes right.
    ``values`` (leaves,).
    """

    columns: IntArray
    thresholds: IntArray
    values: FloatArray

    def predict(self, codes: CodeArray) -> FloatArray:
        """Values (n,) of records (n, C)."""
        rows = np.arange(len(codes))
        node = np.zeros(len(codes), dtype=np.int64)
        for _ in range(DEPTH):
            node = 2 * node + 1 + (codes[rows, self.columns[node]] > self.thresholds[node])
        return self.values[node - len(self.columns)]


def boost(
    codes: CodeArray, labels: FloatArray, weights: FloatArray, random: np.random.Generator
) -> tuple[list[Tree], FloatArray]:
    """Trees that tell label 1 from label 0, and what each column (C,) has gained in them.

    ``codes`` (n, C) below BINS, ``labels`` (n,) 0 or 1, ``weights`` (n,). Each tree sees half of the columns,
    drawn at random: so those come first, too, that tell something together with others only.
    """
    columns = codes.shape[1]
    seen = max(min(columns, 2), -(-columns // 2))
    gains = np.zeros(columns)
    trees: list[Tree] = []
    log_odds = np.zeros(len(codes))
    for _ in range(TREES):
        chosen = np.sort(random.choice(columns, seen, replace=False))
        shares = special.expit(log_odds)
        slopes = weights * (shares - labels)
        curves = weights * shares * (1 - shares)
        tree = _grow(codes[:, chosen], chosen, slopes, curves, gains)
        trees.append(tree)
        log_odds += tree.predict(codes)
    return trees, gains


def score(trees: list[Tree], codes: CodeArray) -> FloatArray:
    """Log-odds (n,) of label 1 for records (n, C)."""
    total = np.zeros(len(codes))
    for tree in trees:
        total += tree.predict(codes)
    return total


def _grow(
    codes: CodeArray, chosen: IntArray, slopes: FloatArray, curves: FloatArray, gains: FloatArray
) -> Tree:
    """One tree on the ``chosen`` columns' codes (n, c); adds to the ``gains`` (C,) of all columns."""
    width = codes.shape[1]
    inner = 2**DEPTH - 1
    columns = np.zeros(inner, dtype=np.int64)
    thresholds = np.full(inner, _NEVER, dtype=np.int64)
    flat = codes + np.arange(width, dtype=np.int64) * BINS
    wide_slopes = np.repeat(slopes, width)
    wide_curves = np.repeat(curves, width)
    node = np.zeros(len(codes), dtype=np.int64)
    rows = np.arange(len(codes))
    for level in range(DEPTH):
        nodes = 2**level
        place = (flat + (node * (width * BINS))[:, None]).ravel()
        shape = (nodes, width, BINS)
        slope = np.bincount(place, wide_slopes, nodes * width * BINS).reshape(shape).cumsum(axis=2)
        curve = np.bincount(place, wide_curves, nodes * width * BINS).reshape(shape).cumsum(axis=2)
        best, column, threshold = _best_splits(slope, curve)
        first = nodes - 1
        split = best > 0
        columns[first : first + nodes] = chosen[column]
        thresholds[first : first + nodes] = np.where(split, threshold, _NEVER)
        np.add.at(gains, chosen[column[split]], best[split])
        node = 2 * node + (codes[rows, column[node]] > thresholds[first + node])
    leaves = 2**DEPTH
    slope_sums = np.bincount(node, slopes, leaves)
    curve_sums = np.bincount(node, curves, leaves)
    return Tree(columns, thresholds, -RATE * slope_sums / (curve_sums + _RIDGE))


def _best_splits(slope: FloatArray, curve: FloatArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Gain, column and threshold (nodes,) of each node's best split.

    ``slope`` and ``curve`` (nodes, columns, BINS) are cumulated over the bins.
    """
    all_slope, all_curve = slope[:, :, -1:], curve[:, :, -1:]
    left, right = curve, all_curve - curve
    gain = (
        slope**2 / (left + _RIDGE)
        + (all_slope - slope) ** 2 / (right + _RIDGE)
        - all_slope**2 / (all_curve + _RIDGE)
    )
    gain[(left < _LEAST_WEIGHT) | (right < _LEAST_WEIGHT)] = 0.0
    flat = gain.reshape(len(gain), -1)
    place = flat.argmax(axis=1)
    return flat[np.arange(len(flat)), place], place // BINS, place % BINS
