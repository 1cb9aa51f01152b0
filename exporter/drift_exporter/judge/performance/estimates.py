"""A metric's value with its 95 % confidence interval, of one group or of many at once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import FloatArray


@dataclass(frozen=True)
class Estimate:
    """A value and the ends of its 95 % confidence interval, None where it has none."""

    value: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Estimates:
    """The same for k groups: arrays (k,), NaN where there is no value or no interval."""

    value: FloatArray
    lower: FloatArray
    upper: FloatArray

    @classmethod
    def around(cls, value: FloatArray, reach: FloatArray) -> "Estimates":
        """Values give or take ``reach``."""
        return cls(value, value - reach, value + reach)

    @property
    def complement(self) -> "Estimates":
        """One less each value."""
        return Estimates(1 - self.value, 1 - self.upper, 1 - self.lower)

    def within(self, low: float, high: float) -> "Estimates":
        """The same with values and ends no lower than ``low`` and no higher than ``high``."""
        return Estimates(*(np.clip(part, low, high) for part in (self.value, self.lower, self.upper)))

    def where(self, known: NDArray[np.bool_]) -> "Estimates":
        """The same, without values where they are not ``known`` (k,)."""
        return Estimates(*(np.where(known, part, np.nan) for part in (self.value, self.lower, self.upper)))


def by_group(found: Mapping[str, Estimates], groups: int) -> list[dict[str, Estimate]]:
    """Of each of the groups, the metrics that it has."""
    listed: list[dict[str, Estimate]] = [{} for _ in range(groups)]
    for name, estimates in found.items():
        there = np.isfinite(estimates.value)
        bounded = np.isfinite(estimates.lower) & np.isfinite(estimates.upper)
        for place in np.flatnonzero(there).tolist():
            ends = (
                (float(estimates.lower[place]), float(estimates.upper[place]))
                if bounded[place]
                else (None, None)
            )
            listed[place][name] = Estimate(float(estimates.value[place]), *ends)
    return listed
