"""Mean, spread and range of values that come in pieces."""

import math
from dataclasses import dataclass

import numpy as np

from drift_exporter.reference.model import FloatArray


@dataclass
class Moments:
    """Of all values so far: their number, mean, sum of squared deviations from it, least and greatest.

    Pieces are put together without loss of digits (Chan, Golub and LeVeque, 1983).
    """

    count: int = 0
    mean: float = 0.0
    deviations: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf

    def add(self, values: FloatArray) -> None:
        """Add finite values (rows,)."""
        count = len(values)
        if not count:
            return
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(values.mean())
            deviations = float(np.square(values - mean).sum())
            total = self.count + count
            apart = mean - self.mean
            self.deviations += deviations + apart * apart * (self.count * count / total)
            self.mean += apart * (count / total)
        self.count = total
        self.minimum = min(self.minimum, float(values.min()))
        self.maximum = max(self.maximum, float(values.max()))

    @property
    def standard_deviation(self) -> float:
        """Population standard deviation."""
        return math.sqrt(self.deviations / self.count) if self.count else math.nan
