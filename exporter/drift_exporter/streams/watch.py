"""One stream under watch: its detector, and what is counted of it."""

from dataclasses import dataclass

import numpy as np

from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.streams.detector import Detector, State
from drift_exporter.streams.scale import Scale


@dataclass(frozen=True)
class Watch:
    """A detector on the values of a stream, for one version of a model.

    ``settings`` say all that a state depends on: one that was made under others is of no use.
    """

    detector: Detector
    scale: Scale
    settings: str

    def begin(self) -> "Watched":
        """Before the first value."""
        return Watched(self.settings, self.detector.start())

    def resume(self, watched: "Watched") -> "Watched":
        """Go on from before: with the counters always, with the detector's state if it still means this."""
        if watched.settings == self.settings:
            return watched
        return Watched(
            self.settings, self.detector.start(), watched.values, watched.detections, watched.last_detection
        )

    def update(self, watched: "Watched", values: FloatArray, times: IntArray) -> "Watched":
        """Go on with values (values,) of the stream and their event times (values,), in the order read.

        Values that are NaN are none. Times are microseconds since the epoch.
        """
        there = np.flatnonzero(~np.isnan(values))
        if not len(there):
            return watched
        step = self.detector.update(watched.state, self.scale.apply(values[there]))
        last = watched.last_detection
        if step.alarms:
            last = max(int(times[there[alarm]]) for alarm in step.alarms)
            last = last if watched.last_detection is None else max(last, watched.last_detection)
        return Watched(
            self.settings,
            step.state,
            watched.values + len(there),
            watched.detections + len(step.alarms),
            last,
        )

    def mean(self, watched: "Watched") -> float | None:
        """Mean of the stream since the last change, as the stream has it."""
        mean = self.detector.mean(watched.state)
        return None if mean is None else self.scale.undo(mean)


@dataclass(frozen=True)
class Watched:
    """What is known of a stream: the detector's state under its settings, and counters that only grow.

    ``last_detection`` is an event time (microseconds), None before the first detection.
    """

    settings: str
    state: State
    values: int = 0
    detections: int = 0
    last_detection: int | None = None
