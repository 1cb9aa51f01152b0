"""What every detector of change in a stream is.

A detector is what it is set to; what it has seen is a state apart from it, of plain numbers that JSON holds
exactly. Values come in any number at a time, and how they are cut makes no difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from drift_exporter.reference.model import FloatArray

RUN_LENGTH = 10_000_000
"""Values without a change until a false alarm that Page-Hinkley is set to in each direction, by default."""

State = Mapping[str, Any]
"""A detector's state: a JSON object."""


@dataclass(frozen=True)
class Step:
    """Where values have led to: the state after them, and which of them (from 0) raised an alarm."""

    state: State
    alarms: Sequence[int] = ()


class Detector(Protocol):
    """Finds changes of the mean of a stream of independent values in [0, 1]."""

    def start(self) -> State:
        """The state before the first value, and after an alarm."""
        ...

    def update(self, state: State, values: FloatArray) -> Step:
        """Go on with values (values,), all in [0, 1], in the order in which they came."""
        ...

    def check(self, state: State) -> None:
        """Raise ValueError where this is no state of this detector."""
        ...

    def mean(self, state: State) -> float | None:
        """Mean since the last change that was found; None before the first value."""
        ...

    def warns(self, state: State) -> bool | None:
        """Whether a change is suspected; None where the detector has no such level."""
        ...


def number(state: State, key: str, low: float = float("-inf"), high: float = float("inf")) -> float:
    """A number of a state; ValueError where it is none, or not between ``low`` and ``high``."""
    value = state.get(key)
    # NaN is between no numbers.
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"the stream's {key} is {str(value)[:40]!r}")
    return float(value)
