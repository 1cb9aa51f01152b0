"""How wide the band around what is expected of a signal is, by the hour and the side."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from drift_exporter.judge.infrastructure.band import Band, outside_share
from drift_exporter.judge.infrastructure.history import DAY, WEEK, History
from drift_exporter.judge.infrastructure.scales import scale_by_slot, scale_of_minutes
from drift_exporter.judge.infrastructure.slots import Slots
from drift_exporter.judge.infrastructure.tail import tail_quantile
from drift_exporter.reference.model import FloatArray

LEAST_RELATIVE = 1e-4
"""Half a band is at least this share of what is expected, so that rounding is no anomaly."""
LEAST_ABSOLUTE = 1e-12


@dataclass(frozen=True)
class Width:
    """The width of a band.

    ``scale`` (slots,) goes round the week, the day, or is one number, with slots of ``slot`` seconds;
    ``minutes`` (cells of a day,) is by what factor it is larger at some minutes of the day, or empty.
    ``below`` and ``above`` are the half-widths in scales. ``shift`` seconds are taken off of times before
    slots are looked up. ``negative`` says whether the signal can be below 0.
    """

    shift: float
    slot: float
    scale: FloatArray
    minutes: FloatArray
    below: float
    above: float
    negative: bool

    def around(self, times: FloatArray, expected: FloatArray, low: FloatArray, high: FloatArray) -> Band:
        """The band at times (k,) around ``expected``, or anything from ``low`` to ``high`` (k,)."""
        shifted = times - self.shift
        scale = Slots(len(self.scale), self.slot).between(self.scale, shifted)
        if len(self.minutes):
            before, after, _ = Slots(len(self.minutes), DAY / len(self.minutes)).around(shifted)
            scale = scale * np.maximum(self.minutes[before], self.minutes[after])
        if not self.negative:
            expected = np.maximum(expected, 0.0)
        least = np.maximum(LEAST_RELATIVE * np.abs(expected), LEAST_ABSOLUTE)
        lower = np.minimum(low - self.below * scale, expected - least)
        upper = np.maximum(high + self.above * scale, expected + least)
        return Band(expected, lower if self.negative else np.maximum(lower, 0.0), upper)

    def to_document(self) -> dict[str, Any]:
        """As JSON can have it."""
        return {**vars(self), "scale": self.scale.tolist(), "minutes": self.minutes.tolist()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """What ``to_document`` gave."""
        return cls(
            **{**document, "scale": np.array(document["scale"]), "minutes": np.array(document["minutes"])}
        )


def fit_width(
    history: History,
    errors: FloatArray,
    *,
    step: float,
    minutes: bool = False,
    foretold: FloatArray | None = None,
) -> Width:
    """The width from errors (n,) of what was expected of a history's values, NaN where there are none.

    ``minutes``: errors may be larger at some minutes of the day. ``foretold`` (n,) are errors of forecasts,
    with NaN where there are none: then the band is at least as wide as these ask for.
    """
    slots, scale = scale_by_slot(history, errors)
    shifted = history.times - history.shift
    at_values = slots.between(scale, shifted)
    factor = np.zeros(0)
    if minutes:
        factor = scale_of_minutes(history, _relative(errors, at_values))
        at_values = at_values * Slots(len(factor), history.cell).between(factor, shifted)
    share = outside_share(step) / 2
    sides = [0.0, 0.0]
    for some in (errors, foretold):
        if some is None or not np.isfinite(some).any():
            continue
        incidents = max(round(float(np.isfinite(some).sum()) * history.cell / WEEK), 1)
        relative = _relative(some, at_values)
        sides = [
            max(known, tail_quantile(side, share, incidents=incidents))
            for known, side in zip(sides, (-relative, relative), strict=True)
        ]
    return Width(
        shift=history.shift,
        slot=slots.length,
        scale=scale,
        minutes=factor,
        below=_unseen(history.span) * sides[0],
        above=_unseen(history.span) * sides[1],
        negative=bool(np.nanmin(history.values) < 0),
    )


def _unseen(span: float) -> float:
    """By what factor a band is wider because the past has not seen two weeks.

    What a season not yet seen will do cannot be computed: the factors are those with which made-up signals of
    many kinds had few false events (benchmarks/signals.py). Within two days it is that of a day's course of
    which only a part was seen, after that that of a weekend.
    """
    if span >= 2 * WEEK:
        return 1.0
    return 1.5 - span / (4 * WEEK) if span >= 2 * DAY else 1 + math.sqrt(2 * DAY / span)


def _relative(errors: FloatArray, scale: FloatArray) -> FloatArray:
    """Errors (n,) in scales (n,); 0 where there is none, as of a constant."""
    found = np.zeros(len(errors))
    np.divide(errors, scale, out=found, where=scale > 0)
    found[np.isnan(errors)] = np.nan
    return found
