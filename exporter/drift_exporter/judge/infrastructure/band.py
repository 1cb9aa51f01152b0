"""How far a signal's values are from what is expected, and which of them are an anomaly.

The score of a value is its distance from the expected one in half-widths of the band on its side, so it is
above 1 outside of the band. A band leaves out a value as often as ``outside_share`` says; one such value is
no anomaly yet, see ``confirmed``.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from drift_exporter.reference.model import FloatArray

BoolArray = npt.NDArray[np.bool_]
Direction = Literal["up", "down", "both"]

NEEDED = 2
OF = 3
AT_ONCE = 2.0
"""An anomaly is told when ``NEEDED`` of the last ``OF`` values are outside of the band, or one is
``AT_ONCE`` half-widths away."""

WEEK = 7 * 86400.0
_EVENTS = 1.0
_LARGEST_SHARE = 0.004


@dataclass(frozen=True)
class Band:
    """What is expected of a signal at some times, all (n,); NaN where nothing is known."""

    expected: FloatArray
    lower: FloatArray
    upper: FloatArray


def outside_share(step: float) -> float:
    """Share of values, both sides together, that a band may leave out of a signal read each ``step`` s.

    An event takes at least ``NEEDED`` values outside of the band, so whatever their dependence there are at
    most share * values / ``NEEDED`` events to be expected (linearity of expectation): one in a week.
    """
    return min(_LARGEST_SHARE, _EVENTS * NEEDED * step / WEEK)


def band_residual(values: FloatArray, band: Band) -> FloatArray:
    """How far values (n,) are above the expected ones, in half-widths of the band on their side (n,).

    NaN where the value or the band is not known. Where the band has no width on the value's side, as below
    an expected 0 that was never undercut, that of the other side is taken.
    """
    distance = values - band.expected
    above, below = band.upper - band.expected, band.expected - band.lower
    half = np.where(distance > 0, np.where(above == 0, below, above), np.where(below == 0, above, below))
    found = np.divide(distance, half, out=np.copysign(np.inf, distance), where=half > 0)
    found[distance == 0] = 0.0
    found[np.isnan(distance) | np.isnan(half)] = np.nan
    return np.asarray(found, dtype=np.float64)


def band_score(values: FloatArray, band: Band, direction: Direction = "both") -> FloatArray:
    """The size of ``band_residual`` (n,), 0 on the harmless side: above 1 outside of the band."""
    residual = band_residual(values, band)
    if direction == "up":
        return np.maximum(residual, 0.0)
    return np.maximum(-residual, 0.0) if direction == "down" else np.abs(residual)


def confirmed(
    scores: FloatArray, *, needed: int = NEEDED, of: int = OF, at_once: float = AT_ONCE
) -> BoolArray:
    """Which of ``scores`` (n,), in time order one a step, are an anomaly (n,).

    It begins where ``needed`` of the last ``of`` scores are above 1, or one is above ``at_once``, and lasts
    until none of the last ``of`` is above 1. A score that is not known counts as one of at most 1. Each value
    depends on those before it alone: with the last day's scores, say, the last value is what holds now.
    """
    if not len(scores):
        return np.zeros(0, dtype=np.bool_)
    beyond = np.nan_to_num(scores, nan=0.0, posinf=np.inf) > 1
    counts = np.convolve(beyond, np.ones(of, dtype=np.int64))[: len(beyond)]
    begins = (counts >= needed) & beyond
    begins |= np.nan_to_num(scores, nan=0.0, posinf=np.inf) > at_once
    # Within a stretch that always has a score above 1 near, everything from the first beginning on.
    near = counts > 0
    stretch = np.cumsum(~near)
    first = np.full(int(stretch[-1]) + 1, len(beyond))
    places = np.flatnonzero(begins)
    np.minimum.at(first, stretch[places], places)
    found: BoolArray = near & (np.arange(len(beyond)) >= first[stretch])
    return found
