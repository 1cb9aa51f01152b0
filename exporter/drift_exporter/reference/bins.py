"""Choosing a column's bins from its reference values.

Numeric bins are quantiles of the reference and never look at anything else. Values that are ties are kept
together, so the bins of a column with few distinct values are its values.
"""

import heapq
import itertools
import math
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.model import CategoricalColumn, FloatArray, IntArray, Kind, NumericColumn

EXPORTED_BINS = 10
FINE_BINS = 128
# A fine bin of several values holds at most this share, so a distribution function known at the fine edges is
# known everywhere up to this much.
FINE_SHARE = 0.01
# In standard deviations: a fine bin wider than this is split, into parts of a quarter of it at most.
WIDE = 0.5
GAP_PARTS = 4

Amount = TypeVar("Amount", np.int64, np.float64)


def numeric_column(name: str, kind: Kind, values: FloatArray) -> NumericColumn:
    """A numeric column from its raw values (rows,), NaN where one is missing.

    Raises ReferenceFileError where no value is left, ValueError on an infinite value.
    """
    present = values[~np.isnan(values)]
    distinct, counts = np.unique(present, return_counts=True)
    return numeric_column_from_distinct(name, kind, distinct, counts, len(values) - len(present))


def numeric_column_from_distinct(
    name: str, kind: Kind, values: FloatArray, counts: IntArray, missing: int
) -> NumericColumn:
    """A numeric column from its distinct values (k,) and how often each was seen (k,), in any order.

    Up to 10 distinct values have an exported bin each; more are grouped at the deciles. A value that holds
    more than 1/128 of the rows has a fine bin of its own, and so has every value where there are at most 128;
    the rest is split evenly into 128 fine bins, and where these are wide, further. The interval below a value
    of the first sort is a fine bin too, empty in the reference: a value that was never seen there must not
    pass for its neighbour. A constant has exported bins below, at and above it.

    Raises ReferenceFileError where there is no value, ValueError on an infinite or repeated one.
    """
    seen = np.asarray(counts) > 0
    values = np.asarray(values, dtype=np.float64)[seen] + 0.0  # turns -0.0 into 0.0
    order = np.argsort(values)
    values, counts = values[order], np.asarray(counts, dtype=np.int64)[seen][order]
    if not len(values):
        raise ReferenceFileError(_without_values(name, missing))
    if not np.isfinite(values).all() or (values[1:] <= values[:-1]).any():
        raise ValueError(f"column {name!r}: values must be finite and distinct")

    mean, standard_deviation = _moments(values, counts)
    edges = _exported_edges(values, counts)
    fine_edges = _fine_edges(values, counts, edges, standard_deviation)
    fine_bin = np.searchsorted(fine_edges, values, side="left")
    with np.errstate(over="ignore"):
        fine_sums = _sum_by(fine_bin, values * counts, len(fine_edges) + 1)
    return NumericColumn(
        name=name,
        kind=kind,
        edges=edges,
        fine_edges=fine_edges,
        fine_counts=_sum_by(fine_bin, counts, len(fine_edges) + 1),
        fine_sums=fine_sums,
        missing=int(missing),
        mean=mean,
        standard_deviation=standard_deviation,
        minimum=float(values[0]),
        maximum=float(values[-1]),
    )


def categorical_column(
    name: str, kind: Kind, category_counts: Mapping[str, int], missing: int, limit: int
) -> CategoricalColumn:
    """A categorical column with its ``limit`` most frequent categories; ties go by name.

    Raises ReferenceFileError where no category was seen.
    """
    ranked = sorted(
        ((c, n) for c, n in category_counts.items() if n > 0), key=lambda item: (-item[1], item[0])
    )
    if not ranked:
        raise ReferenceFileError(_without_values(name, missing))
    kept = ranked[:limit]
    return CategoricalColumn(
        name=name,
        kind=kind,
        categories=tuple(category for category, _ in kept),
        category_counts=np.array([count for _, count in kept], dtype=np.int64),
        other=sum(count for _, count in ranked[limit:]),
        missing=int(missing),
    )


def _without_values(name: str, missing: int) -> str:
    if missing:
        return (
            f"column {name!r} has no values: it is missing in all {missing} rows; leave it out of the columns"
        )
    return f"column {name!r} has no values: there are no rows"


def _exported_edges(values: FloatArray, counts: IntArray) -> FloatArray:
    if len(values) == 1:
        return _finite_edges(np.append(_just_below(values), values))
    if len(values) <= EXPORTED_BINS:
        return values[:-1]
    return values[_even_cuts(np.cumsum(counts), 0, len(values), EXPORTED_BINS)]


def _fine_edges(
    values: FloatArray, counts: IntArray, edges: FloatArray, standard_deviation: float
) -> FloatArray:
    heavy = np.flatnonzero(counts * FINE_BINS > counts.sum())
    atoms = np.append(values[heavy], _just_below(values[heavy]))
    if len(values) <= FINE_BINS:
        return _finite_edges(np.concatenate([values[:-1], edges, atoms]))
    cumulated = np.cumsum(counts)
    cuts = _fine_cuts(cumulated, heavy, np.searchsorted(values, edges))
    inner = _finite_edges(np.concatenate([values[cuts], atoms]))
    wide = WIDE * standard_deviation
    return _finite_edges(
        np.concatenate(
            [inner, _edges_in_gaps(inner, wide), values[_tail_cuts(values, cumulated, cuts, wide)]]
        )
    )


def _edges_in_gaps(edges: FloatArray, wide: float) -> FloatArray:
    """Edges that split what lies between two edges and is wider than ``wide``, evenly.

    Few reference values are in there, but nothing keeps the current ones from being, and the Wasserstein
    distance has to know where. At most 1/64 of the rows are outside of all edges, so by Chebyshev's
    inequality what is to be split spans some 20 standard deviations at most.
    """
    split = []
    for low, high in itertools.pairwise(edges.tolist()):
        if 0 < wide < high - low < math.inf:
            parts = GAP_PARTS * math.ceil((high - low) / wide)
            split.append(low + (high - low) * (np.arange(1, parts) / parts))
    return np.concatenate([edges[:0], *split])


def _tail_cuts(values: FloatArray, cumulated: IntArray, cuts: IntArray, wide: float) -> IntArray:
    """Indexes of values that halve the rows of an open bin again and again, until what is left is not wide.

    The mean of a long-tailed column depends on its outermost values more than on all others. Widths are
    compared by half, for the largest doubles are further apart than the largest double.
    """
    tails: list[int] = []
    cut = int(cuts[-1])
    while cut < len(values) - 2 and values[-1] / 2 - values[cut] / 2 > wide / 2:
        half = (cumulated[cut] + cumulated[-1]) / 2
        cut = min(max(int(np.searchsorted(cumulated, half)), cut + 1), len(values) - 2)
        tails.append(cut)
    cut = int(cuts[0])
    while cut > 0 and values[cut] / 2 - values[0] / 2 > wide / 2:
        cut = min(int(np.searchsorted(cumulated, cumulated[cut] / 2)), cut - 1)
        tails.append(cut)
    return np.array(tails, dtype=np.int64)


def _fine_cuts(cumulated: IntArray, heavy: IntArray, exported: IntArray) -> IntArray:
    """Indexes of the values that end a fine bin.

    The exported edges and the heavy values cut the values into segments. Bins are given to the segments one
    by one, always to the one with most rows per bin, so that the fullest bin is as small as it can be.
    """
    last = len(cumulated) - 1
    ends = np.unique(np.concatenate([exported, heavy, heavy - 1, [last]]))
    ends = ends[ends >= 0]
    starts = np.concatenate([[0], ends[:-1] + 1])
    rows = np.diff(np.concatenate([[0], cumulated[ends]]))
    sizes = ends + 1 - starts
    bins = np.ones(len(ends), dtype=np.int64)
    fullest = [(-float(rows[s]), s) for s in range(len(ends)) if sizes[s] > 1]
    heapq.heapify(fullest)
    total = len(ends)
    while fullest and (total < FINE_BINS or -fullest[0][0] > FINE_SHARE * cumulated[-1]):
        _, segment = heapq.heappop(fullest)
        bins[segment] += 1
        total += 1
        if bins[segment] < sizes[segment]:
            heapq.heappush(fullest, (-float(rows[segment] / bins[segment]), segment))
    inner = [
        _even_cuts(cumulated, int(start), int(end) + 1, int(parts))
        for start, end, parts in zip(starts, ends, bins, strict=True)
    ]
    return np.unique(np.concatenate([ends[:-1], *inner]))


def _even_cuts(cumulated: IntArray, start: int, stop: int, parts: int) -> IntArray:
    """Indexes of the values that end all but the last of ``parts`` evenly filled groups of start:stop.

    Each group aims at its share of what is left, not of the whole, so after a tie that fills several shares
    the remaining groups still divide the rest evenly.
    """
    cuts: list[int] = []
    done = int(cumulated[start - 1]) if start else 0
    end = int(cumulated[stop - 1])
    first = start
    for left in range(parts, 1, -1):
        target = done + (end - done) / left
        cut = int(np.searchsorted(cumulated[first:stop], target)) + first
        if cut > first and target - cumulated[cut - 1] < cumulated[cut] - target:
            cut -= 1
        if cut >= stop - 1:
            break
        cuts.append(cut)
        done, first = int(cumulated[cut]), cut + 1
    return np.array(cuts, dtype=np.int64)


def _just_below(values: FloatArray) -> FloatArray:
    with np.errstate(over="ignore"):  # below the smallest number is -inf, which is no edge
        return np.nextafter(values, -np.inf)


def _finite_edges(edges: FloatArray) -> FloatArray:
    unique = np.unique(edges)
    return unique[np.isfinite(unique)]


def _sum_by(index: IntArray, amounts: NDArray[Amount], size: int) -> NDArray[Amount]:
    total = np.zeros(size, dtype=amounts.dtype)
    np.add.at(total, index, amounts)
    return total


def _moments(values: FloatArray, counts: IntArray) -> tuple[float, float]:
    """Mean and population standard deviation, scaled so that no square overflows or vanishes."""
    scale = float(np.abs(values).max()) or 1.0
    # The largest power of two below: dividing by it changes no digit.
    scale = float(np.ldexp(1.0, max(int(np.frexp(scale)[1]) - 1, -1021)))
    scaled = values / scale
    share = counts / counts.sum()
    mean = float(np.sum(scaled * share))
    deviation = float(np.sqrt(np.sum(share * (scaled - mean) ** 2)))
    with np.errstate(over="ignore"):
        return mean * scale, deviation * scale
