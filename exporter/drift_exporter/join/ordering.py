"""Rows in order of their ids, and what groups of equal ids add up to."""

import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.records import HashArray
from drift_exporter.reference.model import IntArray


def order_by_id(low: HashArray, high: HashArray) -> IntArray:
    """Order by (low, high), equal ones as they come."""
    # Two sorted halves are merged in no time by this kind of sort, but it takes one key only.
    order = np.argsort(low, kind="stable")
    lows, highs = low[order], high[order]
    if ((lows[1:] == lows[:-1]) & (highs[1:] != highs[:-1])).any():
        order = np.lexsort((high, low))
    return order


def first_of_each(low: HashArray, high: HashArray) -> NDArray[np.bool_]:
    """Which ids are the first of their kind, among ids that are in order (n,)."""
    first = np.ones(len(low), dtype=np.bool_)
    first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return first


def running_maximum(values: IntArray, group: IntArray) -> IntArray:
    """Largest value up to each place within its group; both (n,), groups are numbered and in order."""
    distinct, rank = np.unique(values, return_inverse=True)
    size = len(distinct)
    maximum: IntArray = distinct[np.maximum.accumulate(group * size + rank) - group * size]
    return maximum
