"""What outlives the process: forecasts, their history, and counters; in the store of all models.

A restart goes on from there: it learns nothing anew, and asks for what it missed only.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from drift_exporter.config.infrastructure import Forecast
from drift_exporter.infrastructure.fits import read_fit
from drift_exporter.infrastructure.followed import Fit, Followed
from drift_exporter.infrastructure.grid import Grid
from drift_exporter.infrastructure.snapshot import QUERY_BOUNDS
from drift_exporter.reference.model import IntArray
from drift_exporter.state.counters import counters_anew
from drift_exporter.state.rows import Changes, ModelState

COUNTERS = "counters"
"""The key of what is counted; those of series have a slash."""


@dataclass(frozen=True)
class Counted:
    """How often each query failed, and how long requests took: counts by bucket, and seconds."""

    failures: Mapping[str, int]
    durations: IntArray
    seconds: float


def changes(marks: Mapping[str, bytes], gone: "list[str] | tuple[str, ...]" = ()) -> Changes:
    """Marks to write and to forget, as the store takes them."""
    return Changes(ModelState(counters_anew({"dead_letter": None}), marks=marks), unmarked=gone)


def to_counters(counted: Counted) -> bytes:
    """What is counted as bytes."""
    document = {
        "failures": dict(counted.failures),
        "durations": counted.durations.tolist(),
        "seconds": counted.seconds,
    }
    return json.dumps(document).encode()


def from_counters(data: bytes) -> Counted:
    """What ``to_counters`` gave; ValueError where it is none."""
    document = _document(data)
    failures, durations = document.get("failures"), document.get("durations")
    seconds = document.get("seconds")
    if not isinstance(failures, dict) or not isinstance(durations, list):
        raise ValueError("the counters of queries cannot be read")  # noqa: TRY004  # damage, whatever it is
    counts = np.array(durations, dtype=np.int64)
    if counts.shape != (len(QUERY_BOUNDS) + 1,) or not isinstance(seconds, int | float):
        raise ValueError("the counters of queries cannot be read")
    return Counted({str(name): int(count) for name, count in failures.items()}, counts, float(seconds))


def to_series(followed: Followed, query: str, forecast: Forecast, complete: int) -> bytes:
    """A series as bytes: its forecast, and its history up to the place that is ``complete``."""
    history = followed.history
    values = history.tail(history.size, history.newest).astype(np.float32)
    document = {
        "query": query,
        "step": history.step,
        "newest": history.newest,
        "complete": complete,
        "values": base64.b64encode(values.tobytes()).decode(),
        "forecast": forecast.model_dump(mode="json"),
        "learnt": followed.learnt,
        "fit": None if followed.fit is None else followed.fit.to_document(),
    }
    return zlib.compress(json.dumps(document).encode(), 1)


@dataclass(frozen=True)
class Series:
    """What was saved of a series. ``query`` and ``forecast`` are those that it is of."""

    query: str
    complete: int
    history: Grid
    forecast: Forecast
    learnt: float | None
    fit: Fit | None

    def restore(self, followed: Followed, query: str, forecast: Forecast, now: float) -> int:
        """Go on from it as far as it is of the same query; returns the place up to which it is complete.

        When it is learnt anew is up to the caller.
        """
        own = followed.history
        if self.query != query or self.history.step != own.step:
            return -1
        values = self.history.tail(own.size, self.history.newest)
        known = np.flatnonzero(np.isfinite(values))
        own.put(known + self.history.newest - own.size + 1, values[known])
        if self.forecast == forecast and self.fit is not None:
            followed.learnt = self.learnt
            followed.use(self.fit, now)
        return self.complete


def from_series(data: bytes) -> Series:
    """What ``to_series`` gave; ValueError where it is none."""
    try:
        document = _document(zlib.decompress(data))
        values = np.frombuffer(base64.b64decode(document["values"]), dtype=np.float32).astype(np.float64)
        history = Grid(float(document["step"]), len(values))
        newest = int(document["newest"])
        if newest >= 0:
            history.put(np.arange(newest - len(values) + 1, newest + 1), values)
        forecast = Forecast.model_validate(document["forecast"])
        fit = None if document["fit"] is None else read_fit(forecast.method, document["fit"])
        learnt = None if document["learnt"] is None else float(document["learnt"])
        return Series(str(document["query"]), int(document["complete"]), history, forecast, learnt, fit)
    except (zlib.error, KeyError, TypeError) as error:
        raise ValueError(f"a saved series cannot be read: {type(error).__name__}: {error}") from error


def _document(data: bytes) -> Mapping[str, Any]:
    document = json.loads(data)
    if not isinstance(document, dict):
        raise ValueError("what was saved is no object")  # noqa: TRY004  # damage, whatever it is
    return document
