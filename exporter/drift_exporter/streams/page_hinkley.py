"""The Page-Hinkley test: values above (or below) their mean so far add up to more than chance.

Page (1954), Continuous inspection schemes, Biometrika 41; Hinkley (1971), Inference about the change-point
from cumulative sum tests, Biometrika 58. With x the values, m their mean so far and d the tolerated change,
the sum of x - m - d is compared to its own minimum, that of x - m + d to its own maximum.

Where ``delta`` and ``threshold`` are not set they follow from the values: d is a tenth of the standard
deviation s so far, and the threshold is the one at which a stream without a change goes ``RUN_LENGTH``
values until an alarm. The run length of a sum of independent steps with mean -d is at least exp(u h) at
threshold h, where u > 0 solves E exp(u step) = 1 (Lundberg's exponent), and about exp(u h) / (u d). By
Bernstein's inequality u is at least 2 d / (s^2 + 2 d b / 3), where b is how far above the mean a value can
be.
"""

from dataclasses import dataclass

import numpy as np

from drift_exporter.reference.model import FloatArray
from drift_exporter.streams.detector import RUN_LENGTH, State, Step, number

MINIMUM = 30
"""Values before the first alarm."""

DEVIATIONS = 0.1
"""Tolerated change in standard deviations, by default."""

_PIECE = 4096
_KEYS = ("values", "sum", "squares", "rising", "lowest", "falling", "highest")


@dataclass(frozen=True)
class PageHinkley:
    """Finds changes upwards, downwards or both.

    ``delta`` is the tolerated change of the mean, ``threshold`` the sum that raises an alarm; where one is
    None it follows from the values.
    """

    delta: float | None = None
    threshold: float | None = None
    up: bool = True
    down: bool = True
    minimum: int = MINIMUM

    def start(self) -> State:
        """Nothing was seen."""
        return dict.fromkeys(_KEYS, 0)

    def update(self, state: State, values: FloatArray) -> Step:
        """Go on with values (values,) in [0, 1]. After an alarm it begins anew."""
        alarms = []
        done = 0
        while done < len(values):
            piece = values[done : done + _PIECE]
            state, used, alarm = self._advance(state, piece)
            done += used
            if alarm:
                alarms.append(done - 1)
        return Step(state, alarms)

    def check(self, state: State) -> None:
        """Raise ValueError where this is no state of this detector."""
        for key in _KEYS:
            number(state, key, 0 if key in {"values", "sum", "squares"} else float("-inf"))
        if not isinstance(state["values"], int):
            raise ValueError("the stream's values are no count")  # noqa: TRY004  # damage, whatever it is

    def mean(self, state: State) -> float | None:
        """Mean since the last alarm."""
        return state["sum"] / state["values"] if state["values"] else None

    def warns(self, state: State) -> bool | None:  # noqa: ARG002  # as the protocol has it
        """The test has no level of warning."""
        return None

    def _advance(self, state: State, values: FloatArray) -> tuple[State, int, bool]:
        """State after all values, or those up to the first alarm; how many; whether there is one."""
        # numpy adds up one value after the other, so that pieces do not change a bit.
        sums = np.cumsum(np.append(state["sum"], values))[1:]
        squares = np.cumsum(np.append(state["squares"], np.square(values)))[1:]
        count = state["values"] + np.arange(1, len(values) + 1)
        mean = sums / count
        deviation = _deviation(sums, squares, count)
        delta = DEVIATIONS * deviation if self.delta is None else np.full(len(values), self.delta)
        steps = values - mean
        rising = np.cumsum(np.append(state["rising"], steps - delta))[1:]
        lowest = np.minimum.accumulate(np.append(state["lowest"], rising))[1:]
        falling = np.cumsum(np.append(state["falling"], steps + delta))[1:]
        highest = np.maximum.accumulate(np.append(state["highest"], falling))[1:]
        alarm = np.zeros(len(values), dtype=bool)
        if self.up:
            alarm |= rising - lowest > self._thresholds(delta, deviation, 1 - mean)
        if self.down:
            alarm |= highest - falling > self._thresholds(delta, deviation, mean)
        alarm &= count >= self.minimum
        if alarm.any():
            return self.start(), int(np.argmax(alarm)) + 1, True
        last = (count, sums, squares, rising, lowest, falling, highest)
        return dict(zip(_KEYS, (array[-1].item() for array in last), strict=True)), len(values), False

    def _thresholds(self, delta: FloatArray, deviation: FloatArray, beyond: FloatArray) -> FloatArray | float:
        """Sums that raise an alarm, where a value is ``beyond`` the mean at most."""
        if self.threshold is not None:
            return self.threshold
        exponent = 2 * delta / (np.square(deviation) + 2 * delta * beyond / 3)
        thresholds: FloatArray = np.log1p(RUN_LENGTH * exponent * delta) / exponent
        return thresholds


def _deviation(sums: FloatArray, squares: FloatArray, count: FloatArray) -> FloatArray:
    """Standard deviations so far, as if half a value more had been all of 1 beside a mean of 0.

    So a stream that begins with equal values is not taken for one that never varies.
    """
    deviations: FloatArray = np.sqrt(np.maximum(squares - np.square(sums) / count + 0.5, 0.5) / (count + 1))
    return deviations
