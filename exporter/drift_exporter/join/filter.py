"""Whether an id may be among many, told by a few bits of each.

A Bloom filter (1970) of 12 bits and 4 places an id, whose places are made of the two halves of its hash as
Kirsch and Mitzenmacher (2006) have shown to suffice: of ids that are not there, 0.7 % seem to be.
"""

import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.records import HashArray

_BITS = 12
_PLACES = 4
_HALF = np.uint64(32)

Filter = NDArray[np.uint8]
"""(bytes,), eight bits in each."""


class FilterBuilder:
    """A filter that grows, for at most ``size`` ids."""

    def __init__(self, size: int) -> None:
        self._marks = np.zeros(-(-max(1, size) * _BITS // 8) * 8, dtype=np.bool_)

    def add(self, low: HashArray, high: HashArray) -> None:
        """Add ids, by the halves of their hashes (ids,)."""
        for turn in range(_PLACES):
            self._marks[_place(low, high, turn, len(self._marks))] = True

    def build(self) -> Filter:
        """The filter of all that was added."""
        return np.packbits(self._marks, bitorder="little")


def may_contain(known: Filter, low: HashArray, high: HashArray) -> NDArray[np.bool_]:
    """Which ids may be in a filter (ids,); those that are always may."""
    may = np.ones(len(low), dtype=np.bool_)
    left = np.arange(len(low))
    for turn in range(_PLACES):
        place = _place(low[left], high[left], turn, len(known) * 8)
        hit = (known[place >> 3] >> (place & 7).astype(np.uint8)) & 1
        may[left[hit == 0]] = False
        left = left[hit == 1]
    return may


def _place(low: HashArray, high: HashArray, turn: int, size: int) -> NDArray[np.int64]:
    """The bit of each id in one turn, below ``size``, which is less than 2^32."""
    mixed = low + np.uint64(turn) * (high | np.uint64(1))
    return (((mixed >> _HALF) * np.uint64(size)) >> _HALF).astype(np.int64)
