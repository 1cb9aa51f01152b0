"""An estimated value with its interval, and how sure one may be of what is beyond a tolerance."""

import math
from typing import NamedTuple

from scipy import special

LEVEL = 0.95
WIDTH = float(special.ndtri((1 + LEVEL) / 2))
"""Standard deviations from the middle of an interval to its ends."""


class Estimate(NamedTuple):
    """A ``value``, its standard ``deviation``, and the ends of the 95 % interval."""

    value: float
    deviation: float
    lower: float
    upper: float


def ratio(value: float, variance: float) -> Estimate:
    """An estimate of what lies in [0, 1]."""
    deviation = math.sqrt(max(variance, 0.0))
    return Estimate(
        value, deviation, max(0.0, value - WIDTH * deviation), min(1.0, value + WIDTH * deviation)
    )


def magnitude(value: float, variance: float) -> Estimate:
    """An estimate of what is not negative."""
    deviation = math.sqrt(max(variance, 0.0))
    return Estimate(value, deviation, max(0.0, value - WIDTH * deviation), value + WIDTH * deviation)


def confidence_beyond(apart: float, tolerance: float, deviation: float) -> float:
    """How sure one may be that what is ``apart`` by this, known up to a ``deviation``, is beyond a tolerance.

    1 - p of "it is at most the tolerance", in [0, 1]; without any doubt it is 0 or 1.
    """
    beyond = apart - tolerance
    if deviation <= 0:
        return 1.0 if beyond > 0 else 0.0
    return float(special.ndtr(beyond / deviation))
