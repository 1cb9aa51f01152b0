"""How values come to be between 0 and 1."""

from dataclasses import dataclass

import numpy as np

from drift_exporter.reference.model import FloatArray


@dataclass(frozen=True)
class Scale:
    """The values that count as 0 and as 1; what is beyond counts as the nearer one."""

    low: float = 0.0
    high: float = 1.0

    def apply(self, values: FloatArray) -> FloatArray:
        """Values between 0 and 1."""
        return np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)

    def undo(self, value: float) -> float:
        """A value as it was."""
        return self.low + value * (self.high - self.low)
