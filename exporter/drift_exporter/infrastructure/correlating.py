"""Which signals move together with metrics of models that misbehave, and by how much they come first.

Whether they do is told on the grid of the history, which is what chance is measured with. How much one comes
before the other is then told on the finer grid of recent values.
"""

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from drift_exporter.config.infrastructure import CorrelationOptions
from drift_exporter.infrastructure.followed import Followed, Shape
from drift_exporter.judge.infrastructure.correlation import (
    MOST,
    correlate_all,
    harm,
    misbehaviour,
    significant,
)
from drift_exporter.reference.model import FloatArray


@dataclass(frozen=True)
class Companion:
    """A signal that moves together with a target. ``lag`` (seconds) above 0: the signal moves first."""

    signal: str
    coefficient: float
    lag: float
    confidence: float


@dataclass
class Correlating:
    """Looks whenever there is another point of the history, or another target; keeps what it found.

    ``seconds`` is the CPU time that was spent.
    """

    options: CorrelationOptions
    shape: Shape
    seconds: float = 0.0
    _found: Mapping[Hashable, Sequence[Companion]] = field(default_factory=dict)
    _looked: tuple[object, ...] = ()

    @property
    def steps(self) -> int:
        """Places of the history in the window."""
        return round(self.options.window.seconds / self.shape.history_step)

    def look(
        self,
        now: float,
        targets: Mapping[Hashable, tuple[Followed, str]],
        signals: Mapping[str, tuple[Followed, str]],
    ) -> Mapping[Hashable, Sequence[Companion]]:
        """The signals that go with each target, the surest first; each of both with its query."""
        place = int(now // self.shape.history_step)
        looked = (place, tuple(targets), tuple(name for name, (one, _) in signals.items() if one.fit))
        if looked != self._looked:
            start = time.thread_time()
            self._found = self._compare(place, targets, signals)
            self._looked = looked
            self.seconds += time.thread_time() - start
        return self._found

    def _compare(
        self,
        place: int,
        targets: Mapping[Hashable, tuple[Followed, str]],
        signals: Mapping[str, tuple[Followed, str]],
    ) -> Mapping[Hashable, Sequence[Companion]]:
        usable = {name: one for name, one in signals.items() if one[0].fit is not None}
        if not targets or not usable:
            return {}
        most_lag = round(self.options.max_lag / self.shape.history_step)
        residuals = [
            misbehaviour(one.residuals.tail(self.steps, place), one.direction) for one, _ in targets.values()
        ]
        others = [
            harm(one.residuals.tail(self.shape.history, place), one.direction) for one, _ in usable.values()
        ]
        rows = correlate_all(residuals, others, most_lag=most_lag)
        found = {}
        for (key, (target, query)), row in zip(targets.items(), rows, strict=True):
            compared = [
                (name, signal, one)
                for (name, (signal, text)), one in zip(usable.items(), row, strict=True)
                if one is not None and text != query
            ]
            adjusted = significant([one for _, _, one in compared], self.options.false_discovery_rate)
            sure = [
                (p, -abs(one.coefficient), name, signal, one)
                for (name, signal, one), p in zip(compared, adjusted, strict=True)
                if p is not None
            ]
            sure.sort(key=lambda entry: entry[:3])
            found[key] = [
                Companion(name, one.coefficient, self._lag(target, signal, one.lag, one.coefficient), 1 - p)
                for p, _, name, signal, one in sure[: self.options.top]
            ]
        return found

    def _lag(self, target: Followed, signal: Followed, coarse: int, coefficient: float) -> float:
        """Seconds by which the signal comes first, near what the coarse grid says."""
        ratio, step = self.shape.ratio, self.shape.step
        if ratio == 1:
            return coarse * step
        end = min(target.recent.newest, signal.recent.newest)
        lags = np.arange((coarse - 1) * ratio + 1, (coarse + 1) * ratio)
        most = round(self.options.max_lag / step)
        lags = lags[np.abs(lags) <= most]
        steps = round(self.options.window.seconds / step)
        ours = misbehaviour(target.deviations.tail(steps, end), target.direction)
        theirs = harm(signal.deviations.tail(signal.deviations.size, end), signal.direction)
        best = finest_lag(ours, theirs, lags)
        return (coarse * ratio if best is None else best) * step if coefficient else coarse * ratio * step


def finest_lag(
    target: FloatArray, signal: FloatArray, lags: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"
) -> int | None:
    """The lag (in steps, of ``lags``) at which a target (n,) and a signal (h,), h at least n, are most alike.

    Both end at the same step and hold distances from what is expected, NaN where there is none. None where
    nothing is known, or nothing moves.
    """
    ours, theirs = (np.nan_to_num(np.clip(one, -MOST, MOST)) for one in (target, signal))
    best, largest = None, 0.0
    for lag in lags.tolist():
        # A signal that comes first is looked at earlier.
        end = len(theirs) - max(lag, 0)
        own = ours[: len(ours) + min(lag, 0)]
        other = theirs[max(end - len(own), 0) : end]
        own = own[len(own) - len(other) :]
        scale = float(np.sqrt((own**2).sum() * (other**2).sum()))
        alike = abs(float((own * other).sum())) / scale if scale > 0 else 0.0
        if alike > largest:
            best, largest = lag, alike
    return best
