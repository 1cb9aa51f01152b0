"""Arrays of all columns, one column's part after the other, and what can be done to each part at once.

A model has many columns of few bins each: to go over them one by one costs more than what is computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import FloatArray, IntArray

Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True)
class Segments:
    """Parts of ``sizes`` (k,), each at least 1, of arrays (sum of the sizes,)."""

    sizes: IntArray

    @classmethod
    def of(cls, sizes: Sequence[int]) -> "Segments":
        """Segments of these sizes."""
        return cls(np.array(sizes, dtype=np.int64))

    @cached_property
    def starts(self) -> IntArray:
        """Where each part begins (k,)."""
        return np.cumsum(self.sizes) - self.sizes

    @cached_property
    def lasts(self) -> IntArray:
        """Where the last element of each part is (k,)."""
        return np.cumsum(self.sizes) - 1

    def sum(self, values: NDArray[Number]) -> NDArray[Number]:
        """Sum of each part (k,)."""
        return np.add.reduceat(values, self.starts) if len(self.sizes) else values

    def max(self, values: NDArray[Number]) -> NDArray[Number]:
        """Largest element of each part (k,)."""
        return np.maximum.reduceat(values, self.starts) if len(self.sizes) else values

    def spread(self, values: NDArray[Number]) -> NDArray[Number]:
        """The value of each part (k,), at each element of it."""
        return np.repeat(values, self.sizes)

    def running(self, counts: IntArray) -> IntArray:
        """Sums of each part up to each element of it."""
        totals = np.cumsum(counts)
        return totals - self.spread(totals[self.starts] - counts[self.starts])

    def running_sums(self, values: FloatArray) -> FloatArray:
        """The same for numbers that are not whole: one part's magnitude does not touch another's accuracy."""
        sums = np.empty_like(values)
        for start, last in zip(self.starts.tolist(), self.lasts.tolist(), strict=True):
            np.cumsum(values[start : last + 1], out=sums[start : last + 1])
        return sums

    def previous(self, values: FloatArray) -> FloatArray:
        """The element before each, 0 at the beginning of a part."""
        shifted = np.empty_like(values)
        shifted[1:] = values[:-1]
        shifted[self.starts] = 0.0
        return shifted

    def parts(self, values: NDArray[Number]) -> list[NDArray[Number]]:
        """Each part as an array of its own (a view)."""
        return [
            values[start : last + 1]
            for start, last in zip(self.starts.tolist(), self.lasts.tolist(), strict=True)
        ]
