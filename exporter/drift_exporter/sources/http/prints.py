"""Lines known again by 64-bit fingerprints, many at a time.

A line's fingerprint is the sum of its bytes (plus one), each multiplied by a random number that belongs to
its place in the line, modulo 2^64 (multilinear hashing: two different lines share theirs with a probability
of at most 2^-56; Lemire and Kaser, Strongly Universal String Hashing is Fast, arXiv 1202.4961).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import IntArray

Prints = NDArray[np.uint64]
NO_PRINTS: Prints = np.zeros(0, dtype=np.uint64)
MOST = 1_000_000
"""Lines of one answer that are remembered, the last ones."""

_SEED = 0x5EED
_NEWLINE = 10
_IS_WHITE = np.zeros(256, dtype=np.bool_)
_IS_WHITE[list(b" \t\r\n")] = True


class Printer:
    """Computes fingerprints; the random numbers are made as far as lines are long."""

    def __init__(self) -> None:
        self._weights = NO_PRINTS

    def lines(self, data: bytes) -> tuple[IntArray, IntArray, Prints]:
        """Start, end (without the newline) and fingerprint of each line; that of a blank one is 0."""
        array: NDArray[np.uint8] = np.frombuffer(data, dtype=np.uint8)
        ends = np.flatnonzero(array == _NEWLINE)
        if len(array) and array[-1] != _NEWLINE:
            ends = np.append(ends, len(array))
        starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)[: len(ends)]
        if not len(ends):
            return starts, ends, NO_PRINTS
        # Without white space around it: that depends on the lines beside it.
        text = np.flatnonzero(~_IS_WHITE[array])
        if not len(text):
            return starts, ends, np.zeros(len(ends), dtype=np.uint64)
        begins = np.append(text, len(array))[np.searchsorted(text, starts)]
        stops = np.maximum(begins, np.append(text, -1)[np.searchsorted(text, ends) - 1] + 1)
        widest = int((stops - begins).max())
        if widest > len(self._weights):
            # The generator gives the same numbers always, however many are asked for.
            self._weights = np.random.PCG64(_SEED).random_raw(widest)
        return starts, ends, self._sums(array, begins, stops)

    def _sums(self, array: NDArray[np.uint8], begins: IntArray, stops: IntArray) -> Prints:
        lengths = stops - begins
        firsts = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(firsts[-1]) - np.repeat(firsts[:-1], lengths)
        values = array[places + np.repeat(begins, lengths)].astype(np.uint64) + np.uint64(1)
        products = np.append(values * self._weights[places], np.uint64(0))
        sums: Prints = np.add.reduceat(products, firsts[:-1])
        sums[lengths == 0] = 0
        return sums


def merged(groups: Sequence[Prints]) -> Prints:
    """Lines of several groups that may hold the same ones: each as often as one group has it at most."""
    counted = [np.unique(group, return_counts=True) for group in groups]
    values = np.unique(np.concatenate([NO_PRINTS, *(found for found, _ in counted)]))
    most = np.zeros(len(values), dtype=np.int64)
    for found, counts in counted:
        places = np.searchsorted(values, found)
        most[places] = np.maximum(most[places], counts)
    return np.repeat(values, most)


class Known:
    """Lines that were counted and may come again, each as often as it was counted."""

    def __init__(self, prints: Prints) -> None:
        self._values, self._left = np.unique(prints, return_counts=True)

    def recognise(self, prints: Prints) -> NDArray[np.bool_]:
        """Which of these lines are known; each of those is expected once less from now on."""
        known = np.zeros(len(prints), dtype=np.bool_)
        if not len(self._values):
            return known
        places = np.minimum(np.searchsorted(self._values, prints), len(self._values) - 1)
        rows = np.flatnonzero(self._values[places] == prints)
        if not len(rows):
            return known
        places = places[rows]
        order = np.argsort(places, kind="stable")
        ordered = places[order]
        first = np.searchsorted(ordered, ordered)
        ranks = np.arange(len(ordered)) - first
        again = ranks < self._left[ordered]
        known[rows[order[again]]] = True
        self._left -= np.bincount(ordered[again], minlength=len(self._values))
        return known
