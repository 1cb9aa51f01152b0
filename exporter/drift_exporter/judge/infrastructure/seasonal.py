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

from drift_exporter.judge.infrastructure.band import Band
from drift_exporter.judge.infrastructure.history import DAY, History, on_grid
from drift_exporter.judge.infrastructure.levels import levels
from drift_exporter.judge.infrastructure.profiles import Profile, candidates
from drift_exporter.judge.infrastructure.slots import Slots
from drift_exporter.judge.infrastructure.width import Width, fit_width
from drift_exporter.reference.model import FloatArray

_A_DAY = 4
"""Blocks of the level by which profiles are compared, besides the whole past."""

_BETTER = 0.99
"""What is less simple has to foresee with errors at most this share of what is simpler."""


@dataclass(frozen=True)
class SeasonalFit:
    """What is expected of a signal, and how wide the band around it is.

    ``profile`` (slots,) goes round the week, the day, or is one number; its slots are as long as the width's.
    ``minutes`` (cells of a day,) is what recurs at some minutes of the day, or empty. ``fitted`` is the time
    of the newest value learnt from.
    """

    fitted: float
    level: float
    profile: FloatArray
    minutes: FloatArray
    width: Width

    def predict(self, times: FloatArray) -> Band:
        """What is expected at times (k,), epoch seconds."""
        shifted = times - self.width.shift
        expected = self.level + Slots(len(self.profile), self.width.slot).between(self.profile, shifted)
        if not len(self.minutes):
            return self.width.around(times, expected, expected, expected)
        before, after, share = Slots(len(self.minutes), DAY / len(self.minutes)).around(shifted)
        first, second = self.minutes[before], self.minutes[after]
        # What happens between two values of the past is not known: anything between them may.
        return self.width.around(
            times,
            expected + first * (1 - share) + second * share,
            expected + np.minimum(first, second),
            expected + np.maximum(first, second),
        )

    def to_document(self) -> dict[str, Any]:
        """As JSON can have it."""
        return {
            "fitted": self.fitted,
            "level": self.level,
            "profile": self.profile.tolist(),
            "minutes": self.minutes.tolist(),
            "width": self.width.to_document(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """What ``to_document`` gave."""
        return cls(
            fitted=document["fitted"],
            level=document["level"],
            profile=np.array(document["profile"]),
            minutes=np.array(document["minutes"]),
            width=Width.from_document(document["width"]),
        )


def fit_seasonal(times: FloatArray, values: FloatArray, *, step: float) -> SeasonalFit | None:
    """The fit of values (n,), NaN where absent, at times (n,), epoch seconds; for a reader every ``step`` s.

    None with less than an hour or 30 known values. A profile of the week needs two weeks, that of the day two
    days; with less there is a level and a width.
    """
    history = on_grid(times, values, step)
    if history is None:
        return None
    profile, level, errors = _choose(history)
    return SeasonalFit(
        fitted=history.newest,
        level=level,
        profile=profile.values,
        minutes=profile.minutes,
        width=fit_width(history, errors, step=step, minutes=len(profile.minutes) > 0),
    )


def _choose(history: History) -> tuple[Profile, float, FloatArray]:
    """The profile, the level and the errors (n,) of what foresaw the past best."""
    profiles = candidates(history)
    by_profile = [
        min(_loss(errors) for _, errors in levels(history, history.values - profile.foreseen, (_A_DAY,)))
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
