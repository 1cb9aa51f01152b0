"""What a signal is expected to be by the hour of the week, learnt from its own past.

    expected(t) = level + profile(hour of the week of t) + minutes(five minutes of the day of t)
    band(t) = expected(t) -/+ factor(side) * scale(hour of the week of t)

All parts are medians, so that incidents in the past hardly move them. Whether a profile by the week, by the
day or none is used, and how fast the level follows, is what foresaw the past best: each week (day) was
foreseen from the others, and each six hours with the level known before them (cross-validation on a rolling
origin: Hyndman and Athanasopoulos (2021), Forecasting: principles and practice, 5.10). The errors made there
are what the band is calibrated on, so that it has in it what is not known of the parts.

Hours are those of UTC: signals that follow a clock with daylight saving time are an hour off for some weeks
after it changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from drift_exporter.judge.infrastructure.band import Band, outside_share
from drift_exporter.judge.infrastructure.history import DAY, WEEK, History, on_grid
from drift_exporter.judge.infrastructure.levels import levels
from drift_exporter.judge.infrastructure.profiles import Profile, candidates
from drift_exporter.judge.infrastructure.scales import scale_by_slot, scale_of_minutes
from drift_exporter.judge.infrastructure.slots import Slots
from drift_exporter.judge.infrastructure.tail import tail_quantile
from drift_exporter.reference.model import FloatArray

LEAST_RELATIVE = 1e-4
"""Half a band is at least this share of what is expected, so that rounding is no anomaly."""
LEAST_ABSOLUTE = 1e-12

_DAY = 4
"""Blocks of the level by which profiles are compared, besides the whole past."""

_BETTER = 0.99
"""What is less simple has to foresee with errors at most this share of what is simpler."""


@dataclass(frozen=True)
class SeasonalFit:
    """What is expected of a signal, and how wide the band around it is.

    ``profile`` and ``scale`` (slots,) go round the week, the day, or are one number, with slots of ``slot``
    seconds; ``minutes`` and ``minutes_scale`` (cells of a day,) are what recurs at some minutes of the day,
    or empty. ``below`` and ``above`` are the band's half-widths in scales. ``shift`` seconds are taken off of
    times before slots are looked up; ``fitted`` is the time of the newest value learnt from.
    """

    fitted: float
    shift: float
    slot: float
    level: float
    profile: FloatArray
    scale: FloatArray
    minutes: FloatArray
    minutes_scale: FloatArray
    below: float
    above: float
    negative: bool

    def predict(self, times: FloatArray) -> Band:
        """What is expected at times (k,), epoch seconds."""
        shifted = times - self.shift
        expected = self.level + Slots(len(self.profile), self.slot).between(self.profile, shifted)
        scale = Slots(len(self.scale), self.slot).between(self.scale, shifted)
        low = high = expected
        if len(self.minutes):
            cells = Slots(len(self.minutes), DAY / len(self.minutes))
            before, after, share = cells.around(shifted)
            scale = scale * np.maximum(self.minutes_scale[before], self.minutes_scale[after])
            # What happens between two values of the past is not known: anything between them may.
            low = expected + np.minimum(self.minutes[before], self.minutes[after])
            high = expected + np.maximum(self.minutes[before], self.minutes[after])
            expected = expected + self.minutes[before] * (1 - share) + self.minutes[after] * share
        if not self.negative:
            expected = np.maximum(expected, 0.0)
        least = np.maximum(LEAST_RELATIVE * np.abs(expected), LEAST_ABSOLUTE)
        lower = np.minimum(low - self.below * scale, expected - least)
        upper = np.maximum(high + self.above * scale, expected + least)
        return Band(expected, lower if self.negative else np.maximum(lower, 0.0), upper)

    def to_document(self) -> dict[str, Any]:
        """As JSON can have it."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: part.tolist() if isinstance(part, np.ndarray) else part for name, part in found.items()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """What ``to_document`` gave."""
        lists = {
            n: np.array(part, dtype=np.float64) for n, part in document.items() if isinstance(part, list)
        }
        return cls(**{**document, **lists})


def fit_seasonal(times: FloatArray, values: FloatArray, *, step: float) -> SeasonalFit | None:
    """The fit of values (n,), NaN where absent, at times (n,), epoch seconds; for a reader every ``step`` s.

    None with less than an hour or 30 known values. A profile of the week needs two weeks, that of the day two
    days; with less there is a level and a width.
    """
    history = on_grid(times, values, step)
    if history is None:
        return None
    profile, level, errors = _choose(history)
    slots, scale = scale_by_slot(history, errors)
    at_values = slots.between(scale, history.times - _shift(history))
    relative = np.divide(errors, at_values, out=np.zeros(len(errors)), where=at_values > 0)
    minutes_scale = np.zeros(0)
    if len(profile.minutes):
        minutes_scale = scale_of_minutes(history, relative)
        cells = Slots(len(minutes_scale), history.cell)
        relative = relative / cells.between(minutes_scale, history.times - _shift(history))
    share = outside_share(step) / 2
    incidents = max(round(history.span / WEEK), 1)
    below, above = (
        max(tail_quantile(side, share, incidents=incidents), 0.0) for side in (-relative, relative)
    )
    return SeasonalFit(
        fitted=history.newest,
        shift=_shift(history),
        slot=slots.length,
        level=level,
        profile=profile.values,
        scale=scale,
        minutes=profile.minutes,
        minutes_scale=minutes_scale,
        below=below,
        above=above,
        negative=bool(np.nanmin(history.values) < 0),
    )


def _shift(history: History) -> float:
    """Seconds by which values are after the middle of their cell."""
    return history.offset - history.cell / 2


def _choose(history: History) -> tuple[Profile, float, FloatArray]:
    """The profile, the level and the errors (n,) of what foresaw the past best."""
    profiles = candidates(history)
    by_profile = [
        min(_loss(errors) for _, errors in levels(history, history.values - profile.foreseen, (_DAY,)))
        for profile in profiles
    ]
    profile = profiles[_simplest(by_profile)]
    known = levels(history, history.values - profile.foreseen)
    level, errors = known[_simplest([_loss(errors) for _, errors in known])]
    return profile, level, errors


def _loss(errors: FloatArray) -> float:
    """Mean absolute error of those (n,) that are known."""
    size = np.abs(errors)
    unknown = np.isnan(size)
    size[unknown] = 0.0
    return float(size.sum()) / (len(size) - int(np.count_nonzero(unknown)))


def _simplest(losses: Sequence[float]) -> int:
    """The place of the least loss, or of an earlier one that it is hardly better than."""
    best = 0
    for place, loss in enumerate(losses):
        if loss < _BETTER * losses[best]:
            best = place
    return best
