"""Numbers to bins, with a table instead of a search.

A binary search among 127 edges costs about ten times as much as reading the number. Here the edges' range is
cut into equal cells, few enough to stay in the processor's cache, so narrow that a cell holds few edges.
A value's cell is one multiplication; a table gives the number of edges in the cells before it; as many
comparisons as the fullest cell has edges give the rest. The result is that of ``numpy.searchsorted``,
exactly: value and edges go through the same monotone function, so rounding cannot put them out of order.
"""

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import FloatArray, IntArray

_TABLES = (1 << 8, 1 << 10, 1 << 12, 1 << 14, 1 << 16)
_SIZES = (*((1, cells) for cells in _TABLES if cells <= 1 << 12), *((4, cells) for cells in _TABLES))
"""Comparisons at most, and cells, in the order in which they are tried.

A larger table costs less than a second comparison, as long as it is small.
"""


class Binner:
    """Finds bins between inclusive upper ``edges`` (E,), finite and strictly ascending."""

    def __init__(self, edges: FloatArray) -> None:
        self.edges = np.ascontiguousarray(edges, dtype=np.float64)
        self.bins = len(self.edges) + 1
        self._comparisons: int | None = None
        self._after = np.append(self.edges, np.inf)
        for comparisons, cells in _SIZES:
            if len(self.edges) > 1 and self._comparisons is None:
                self._try(cells, comparisons)

    def _try(self, cells: int, comparisons: int) -> None:
        low, high = self.edges[0], self.edges[-1]
        with np.errstate(over="ignore"):
            scale = cells / (high - low)
        # Where the range is infinite, so wide are the edges apart, no cell is told from another.
        if not 0 < scale < np.inf or not np.isfinite(scale * low):
            return
        self._low, self._scale, self._cells = low, scale, cells
        cell = self._cell(self.edges)
        fullest = int(np.bincount(cell).max())
        if fullest <= comparisons:
            self._before = np.searchsorted(cell, np.arange(cells + 1)).astype(np.intp)
            self._comparisons = fullest

    def _cell(self, values: FloatArray) -> NDArray[np.intp]:
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = values - self._low
            scaled *= self._scale
            np.clip(scaled, 0, self._cells, out=scaled)
            # NaN becomes a negative number; the caller takes it out.
            cells: NDArray[np.intp] = scaled.astype(np.intp)
        return cells

    def bin(self, values: FloatArray) -> IntArray:
        """Bin (0 to E) of each value; that of NaN means nothing."""
        if self._comparisons is None:
            return np.searchsorted(self.edges, values, side="left").astype(np.int64, copy=False)
        # Nothing is beyond the ends but NaN, and not to check is quicker.
        found = self._before.take(self._cell(values), mode="clip")
        for _ in range(self._comparisons):
            found += values > self._after.take(found, mode="clip")
        return found.astype(np.int64, copy=False)
