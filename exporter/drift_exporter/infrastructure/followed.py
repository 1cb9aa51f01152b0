"""One series at work: its recent values, its history, what is expected of it, and how far off it is."""

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from drift_exporter.infrastructure.answer import Points
from drift_exporter.infrastructure.grid import Grid
from drift_exporter.infrastructure.snapshot import Standing
from drift_exporter.judge.infrastructure.band import Band, Direction, band_score, confirmed
from drift_exporter.reference.model import FloatArray, IntArray

FRESH = 300.0
"""Seconds for which the newest value is taken for the present one, as Prometheus does."""

_AHEAD = 3_600.0


class Fit(Protocol):
    """What was learnt of a series."""

    @property
    def fitted(self) -> float:
        """When, in seconds since the epoch."""
        ...

    def predict(self, times: FloatArray, /) -> Band:
        """What is expected at times (n,)."""
        ...

    def to_document(self) -> dict[str, Any]:
        """The fit as JSON."""
        ...


@dataclass(frozen=True)
class Shape:
    """How much is kept: seconds between recent values and between those of the history, and how many."""

    step: float
    recent: int
    history_step: float
    history: int

    @property
    def ratio(self) -> int:
        """Recent places to one place of the history."""
        return round(self.history_step / self.step)

    @property
    def fresh(self) -> int:
        """Places for which the newest value is taken for the present one."""
        return max(2, int(FRESH / self.step))


@dataclass
class Followed:
    """A series that is followed. What is expected was ``learnt`` at that time, and is ``due`` at this.

    ``residuals`` of the history are signed distances from what is expected in half-widths of the band.
    """

    shape: Shape
    direction: Direction
    fit: Fit | None = None
    learnt: float | None = None
    due: float = 0.0
    recent: Grid = field(init=False)
    history: Grid = field(init=False)
    scores: Grid = field(init=False)
    residuals: Grid = field(init=False)
    _band: Band | None = None
    _band_start: int = 0

    def __post_init__(self) -> None:
        shape = self.shape
        self.recent, self.scores = (Grid(shape.step, shape.recent) for _ in range(2))
        self.history, self.residuals = (Grid(shape.history_step, shape.history) for _ in range(2))

    @property
    def newest(self) -> float:
        """Time of the newest value, 0 where there is none."""
        places = self.recent.newest * self.shape.step, self.history.newest * self.shape.history_step
        return max(0.0, *places)

    def add(self, points: Points) -> None:
        """Take recent values, and those of them that belong to the history."""
        places = self.recent.places(points.times)
        self.recent.put(places, points.values)
        coarse = places % self.shape.ratio == 0
        self._remember(places[coarse] // self.shape.ratio, points.values[coarse])
        if self.fit is not None and len(places):
            self._judge(max(int(places[0]), self.recent.newest - self.recent.size + 1))

    def add_history(self, points: Points) -> None:
        """Take values of the history."""
        self._remember(self.history.places(points.times), points.values)

    def use(self, fit: Fit, now: float) -> None:
        """Judge by another fit from now on, and all that is kept anew."""
        self.fit, self._band = fit, None
        self.residuals = Grid(self.shape.history_step, self.shape.history)
        end = self.history.newest
        if end >= 0:
            values = self.history.tail(self.history.size, end)
            places = np.flatnonzero(np.isfinite(values)) + end - self.history.size + 1
            self._put_residuals(places, values[places - (end - self.history.size + 1)])
        self.scores = Grid(self.shape.step, self.shape.recent)
        if self.recent.newest >= 0:
            self._judge(self.recent.newest - self.recent.size + 1)
        self._expect(self.recent.place(now), self.recent.place(now))

    def forget_fit(self) -> None:
        """Nothing is expected any more."""
        self.fit, self._band, self.learnt, self.due = None, None, None, 0.0
        self.scores = Grid(self.shape.step, self.shape.recent)
        self.residuals = Grid(self.shape.history_step, self.shape.history)

    def standing(self, now: float) -> Standing:
        """What is known of it as of now."""
        place = self.recent.place(now)
        last = self.recent.last()
        fresh = last is not None and place - last[0] < self.shape.fresh
        if self.fit is None:
            nothing = Standing(None, None, None, None, None, None, None, None)
        else:
            band = self._expect(place, place)
            expected, lower, upper = (
                _known(side) for side in (band.expected[0], band.lower[0], band.upper[0])
            )
            nothing = Standing(None, None, expected, lower, upper, None, None, self.fit.fitted)
        if last is None:
            return nothing
        found = replace(nothing, timestamp=last[0] * self.shape.step)
        if not fresh:
            return found
        scores = self.scores.tail(self.scores.size, last[0])
        score = _known(scores[-1])
        return replace(
            found,
            value=last[1],
            score=score,
            anomalous=None if score is None else bool(self._confirmed(scores)[-1]),
        )

    def misbehaved(self, now: float, steps: int) -> bool:
        """Whether there was an anomaly in the last ``steps``."""
        place = self.recent.place(now)
        return bool(self._confirmed(self.scores.tail(self.scores.size, place))[-steps:].any())

    def deviations(self, end: int) -> FloatArray:
        """Signed distances (recent.size,) from what is expected, in half-widths, up to the place ``end``."""
        values = self.recent.tail(self.recent.size, end)
        if self.fit is None:
            return np.full(len(values), np.nan)
        return signed(values, self._expect(end - len(values) + 1, end))

    @staticmethod
    def _confirmed(scores: FloatArray) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
        if not (scores > 1).any():
            return np.zeros(len(scores), dtype=bool)
        return confirmed(scores)

    def _remember(self, places: IntArray, values: FloatArray) -> None:
        self.history.put(places, values)
        if self.fit is not None and len(places):
            self._put_residuals(places, values)

    def _put_residuals(self, places: IntArray, values: FloatArray) -> None:
        if self.fit is not None:
            band = self.fit.predict(self.history.times(places))
            self.residuals.put(places, signed(values, band))

    def _judge(self, first: int) -> None:
        """Score the recent values from a place on."""
        end = self.recent.newest
        values = self.recent.tail(end - first + 1, end)
        scores = band_score(values, self._expect(first, end), self.direction)
        self.scores.put(np.arange(first, end + 1), scores)

    def _expect(self, first: int, last: int) -> Band:
        """The band at some places, computed for an hour ahead at once."""
        if self.fit is None:
            raise ValueError("nothing is expected yet")
        band = self._band
        if band is None or first < self._band_start or last >= self._band_start + len(band.expected):
            self._band_start = min(first, last - self.recent.size + 1)
            ahead = max(1, int(_AHEAD / self.shape.step))
            places = np.arange(self._band_start, last + ahead + 1)
            band = self._band = self.fit.predict(self.recent.times(places))
        cut = slice(first - self._band_start, last - self._band_start + 1)
        return Band(band.expected[cut], band.lower[cut], band.upper[cut])


def signed(values: FloatArray, band: Band) -> FloatArray:
    """Distances (n,) of values (n,) from what is expected, in half-widths of the band, below it negative."""
    return np.copysign(band_score(values, band, "both"), values - band.expected)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
