"""One series at work: its recent values, its history, what is expected of it, and how far off it is."""

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from drift_exporter.infrastructure.answer import Points
from drift_exporter.infrastructure.grid import Grid
from drift_exporter.infrastructure.snapshot import Standing
from drift_exporter.judge.infrastructure.band import Band, Direction, band_score, confirmed
from drift_exporter.reference.model import FloatArray

FRESH = 300.0
"""Seconds for which the newest value is taken for the present one, as Prometheus does."""

_AHEAD = 3_600.0


@runtime_checkable
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
    """How much is kept: seconds between recent values and between those of the history, and how many.

    What values of the history are off by is kept of the newest ``compared`` ones.
    """

    step: float
    recent: int
    history_step: float
    history: int
    compared: int

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

    ``deviations`` of recent values and ``residuals`` of the history are signed distances from what is
    expected, in half-widths of the band.
    """

    shape: Shape
    direction: Direction
    fit: Fit | None = None
    learnt: float | None = None
    due: float = 0.0
    recent: Grid = field(init=False)
    history: Grid = field(init=False)
    deviations: Grid = field(init=False)
    residuals: Grid = field(init=False)
    _band: Band | None = None
    _band_start: int = 0

    def __post_init__(self) -> None:
        shape = self.shape
        self.recent = Grid(shape.step, shape.recent)
        self.history = Grid(shape.history_step, shape.history)
        self.forget_fit()

    def forget_fit(self) -> None:
        """Nothing is expected any more."""
        self.fit, self._band, self.learnt, self.due = None, None, None, 0.0
        self._forget_distances()

    @property
    def newest(self) -> float:
        """Time of the newest value, 0 where there is none."""
        places = self.recent.newest * self.shape.step, self.history.newest * self.shape.history_step
        return max(0.0, *places)

    def add(self, points: Points) -> None:
        """Take recent values, and those of them that belong to the history."""
        if not len(points.times):
            return
        places = self.recent.places(points.times)
        self.recent.put(places, points.values)
        coarse = places % self.shape.ratio == 0
        self.history.put(places[coarse] // self.shape.ratio, points.values[coarse])
        if self.fit is not None:
            self._judge(max(int(places[0]), self.recent.newest - self.recent.size + 1))

    def add_history(self, points: Points) -> None:
        """Take values of the history."""
        places = self.history.places(points.times)
        self.history.put(places, points.values)
        if self.fit is not None and len(places):
            band = self.fit.predict(self.history.times(places))
            self.residuals.put(places, signed(points.values, band))

    def use(self, fit: Fit, now: float) -> None:
        """Judge by another fit from now on, and all that is kept anew."""
        before = self.residuals
        self.fit, self._band = fit, None
        self._forget_distances()
        # A forecast may not know all of the past; what it was off by then is what another one said.
        self.residuals.take(before)
        history = self.history
        if history.newest >= 0:
            values = history.tail(history.size, history.newest)
            known = np.flatnonzero(np.isfinite(values))
            places = known + history.newest - history.size + 1
            found = signed(values[known], fit.predict(history.times(places)))
            told = np.isfinite(found)
            self.residuals.put(places[told], found[told])
        if self.recent.newest >= 0:
            self._judge(self.recent.newest - self.recent.size + 1)
        self._expect(self.recent.place(now), self.recent.place(now))

    def standing(self, now: float) -> Standing:
        """What is known of it as of now."""
        place, last = self.recent.place(now), self.recent.newest
        expected = lower = upper = value = score = anomalous = None
        if self.fit is not None:
            band = self._expect(place, place)
            expected, lower, upper = (
                _known(side) for side in (band.expected[0], band.lower[0], band.upper[0])
            )
        if last >= 0 and place - last < self.shape.fresh:
            value = _known(self.recent.at(last))
            scores = self.scores(last)
            score = _known(scores[-1])
            anomalous = None if score is None else bool(confirmed_of(scores)[-1])
        return Standing(
            value=value,
            timestamp=last * self.shape.step if last >= 0 else None,
            expected=expected,
            lower=lower,
            upper=upper,
            score=score,
            anomalous=anomalous,
            fitted=None if self.fit is None else self.fit.fitted,
        )

    def scores(self, end: int) -> FloatArray:
        """Anomaly scores (recent.size,) up to the place ``end``: distances, 0 on the harmless side."""
        found = self.deviations.tail(self.deviations.size, end)
        if self.direction == "both":
            return np.abs(found)
        return np.maximum(found if self.direction == "up" else -found, 0.0)

    def misbehaved(self, now: float, steps: int) -> bool:
        """Whether there was an anomaly in the last ``steps``."""
        return bool(confirmed_of(self.scores(self.recent.place(now)))[-steps:].any())

    def oddest(self, now: float, steps: int) -> float:
        """The highest score of the last ``steps``, 0 where there is none."""
        scores = self.scores(self.recent.place(now))[-steps:]
        return float(np.max(scores, where=np.isfinite(scores), initial=0.0))

    def _forget_distances(self) -> None:
        self.deviations = Grid(self.shape.step, self.shape.recent)
        self.residuals = Grid(self.shape.history_step, self.shape.compared)

    def _judge(self, first: int) -> None:
        """Tell how far off recent values are, from a place on."""
        end, ratio = self.recent.newest, self.shape.ratio
        found = signed(self.recent.tail(end - first + 1, end), self._expect(first, end))
        places = np.arange(first, end + 1)
        self.deviations.put(places, found)
        coarse = -first % ratio
        self.residuals.put(places[coarse::ratio] // ratio, found[coarse::ratio])

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


def confirmed_of(scores: FloatArray) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    """Which of recent scores (n,) are an anomaly (n,)."""
    # Hardly ever is there anything to look at more closely.
    return confirmed(scores) if (scores > 1).any() else np.zeros(len(scores), dtype=bool)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
