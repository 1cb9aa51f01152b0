"""DDM, the drift detection method: the share of errors so far is far above the lowest that it has been.

Gama, Medas, Castillo and Rodrigues (2004), Learning with drift detection, SBIA. With p the share of errors
among n values and s = root of p (1 - p) / n, the lowest p + s is kept as p_min and s_min. A change is
suspected from p + s > p_min + w s_min on, and found from p + s > p_min + h s_min on. The paper has w = 2
and h = 3, and no minimum of errors.
"""

from dataclasses import dataclass

import numpy as np

from drift_exporter.reference.model import FloatArray
from drift_exporter.streams.detector import State, Step, number

MINIMUM = 30
"""Values, and errors among them, before the lowest share is looked for."""

WARNING = 3.0
THRESHOLD = 4.0
"""Levels of warning and alarm in standard deviations, by default."""

_PIECE = 4096


@dataclass(frozen=True)
class Ddm:
    """Finds that errors become more. Values are 0 and 1."""

    warning: float = WARNING
    threshold: float = THRESHOLD
    minimum: int = MINIMUM
    minimum_errors: int = MINIMUM

    def start(self) -> State:
        """Nothing was seen."""
        return {"values": 0, "errors": 0, "share": None, "deviation": None}

    def update(self, state: State, values: FloatArray) -> Step:
        """Go on with values (values,), each 0 or 1. After an alarm it begins anew."""
        alarms = []
        done = 0
        while done < len(values):
            state, used, alarm = self._advance(state, values[done : done + _PIECE])
            done += used
            if alarm:
                alarms.append(done - 1)
        return Step(state, alarms)

    def check(self, state: State) -> None:
        """Raise ValueError where this is no state of this detector."""
        values, errors = number(state, "values", 0), number(state, "errors", 0)
        if not isinstance(state["values"], int) or not isinstance(state["errors"], int) or errors > values:
            raise ValueError("the stream's errors are no counts among its values")
        if (state.get("share") is None) != (state.get("deviation") is None):
            raise ValueError("the stream's share and deviation belong together")
        if state.get("share") is not None:
            number(state, "share", 0, 1)
            number(state, "deviation", 0)

    def mean(self, state: State) -> float | None:
        """Share of errors since the last alarm."""
        return state["errors"] / state["values"] if state["values"] else None

    def warns(self, state: State) -> bool | None:
        """Whether the share of errors is above the level of warning."""
        if state["share"] is None:
            return False
        share = state["errors"] / state["values"]
        deviation = np.sqrt(share * (1 - share) / state["values"])
        return bool(share + deviation > state["share"] + self.warning * state["deviation"])

    def _advance(self, state: State, values: FloatArray) -> tuple[State, int, bool]:
        """State after all values, or those up to the first alarm; how many; whether there is one."""
        errors = state["errors"] + np.cumsum(values != 0)
        count = state["values"] + np.arange(1, len(values) + 1)
        share = errors / count
        deviation = np.sqrt(share * (1 - share) / count)
        upper = share + deviation
        counts = (count > self.minimum) & (errors >= self.minimum_errors)
        began = state["share"] is not None
        known = (state["share"], state["deviation"]) if began else (np.inf, np.inf)
        candidates = np.where(counts, upper, np.inf)
        lowest = np.minimum.accumulate(np.append(sum(known), candidates))
        is_lowest = counts & (candidates <= lowest[:-1])
        # Of equal ones the newest, which is the surest; place 0 is what was known before.
        place = np.maximum.accumulate(np.where(is_lowest, np.arange(1, len(values) + 1), 0))
        low_share = np.append(known[0], share)[place]
        low_deviation = np.append(known[1], deviation)[place]
        alarm = counts & (upper > low_share + self.threshold * low_deviation)
        if alarm.any():
            return self.start(), int(np.argmax(alarm)) + 1, True
        low = low_share[-1].item(), low_deviation[-1].item()
        after: State = {
            "values": count[-1].item(),
            "errors": errors[-1].item(),
            "share": low[0] if np.isfinite(low[0]) else None,
            "deviation": low[1] if np.isfinite(low[1]) else None,
        }
        return after, len(values), False
