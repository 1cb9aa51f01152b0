"""Uniform random samples of a stream of unknown length, the same however the stream is cut into chunks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import FloatArray, IntArray


class Keys:
    """A random number in [0, 1) for each row, in the order of the rows."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def draw(self, rows: int) -> FloatArray:
        """Keys of the next rows (rows,)."""
        return self._generator.random(rows)


class Reservoir:
    """The rows with the ``size`` smallest keys among all that were added.

    ``values`` (fields, size) holds them; it may be a memory-mapped file. Every set of rows of that size is
    equally likely where the keys are independent and uniform.
    """

    def __init__(self, values: NDArray[np.float64]) -> None:
        self.values = values
        self.size = values.shape[1]
        self.used = 0
        self._keys = np.empty(self.size)
        self._numbers = np.empty(self.size, dtype=np.int64)
        self._seen = 0

    def add(self, keys: FloatArray, fields: Sequence[FloatArray]) -> tuple[IntArray, IntArray]:
        """Add rows with their keys (rows,) and fields, each (rows,).

        Returns which of these rows are in now, and the slots they took.
        """
        numbers = np.arange(self._seen, self._seen + len(keys))
        self._seen += len(keys)
        direct = min(self.size - self.used, len(keys))
        rows = np.arange(direct)
        slots = np.arange(self.used, self.used + direct)
        self._put(rows, slots, keys, numbers, fields)
        self.used += direct
        if direct == len(keys) or not self.size:
            return rows, slots
        candidates = direct + np.flatnonzero(keys[direct:] < self._keys.max())
        if not len(candidates):
            return rows, slots
        both = np.concatenate([self._keys, keys[candidates]])
        chosen = np.argpartition(both, self.size - 1)[: self.size]
        stays = np.zeros(len(both), dtype=bool)
        stays[chosen] = True
        left = np.flatnonzero(~stays[: self.size])
        entered = candidates[stays[self.size :]]
        self._put(entered, left, keys, numbers, fields)
        kept = ~np.isin(slots, left)
        return np.concatenate([rows[kept], entered]), np.concatenate([slots[kept], left])

    def order(self) -> IntArray:
        """Slots in use, in the order of their rows in the stream."""
        return np.argsort(self._numbers[: self.used])

    def _put(
        self,
        rows: IntArray,
        slots: IntArray,
        keys: FloatArray,
        numbers: IntArray,
        fields: Sequence[FloatArray],
    ) -> None:
        self._keys[slots] = keys[rows]
        self._numbers[slots] = numbers[rows]
        for place, values in zip(self.values, fields, strict=True):
            place[slots] = values[rows]
