"""Signals of an infrastructure, made up, and what follows them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_exporter.config.infrastructure import Infrastructure as Section
from drift_exporter.infrastructure.answer import Points, RangeAnswer
from drift_exporter.infrastructure.own import ModelFacts
from drift_exporter.infrastructure.runtime import Infrastructure
from drift_exporter.infrastructure.snapshot import Standing
from drift_exporter.state.store import Store

NOW = 1_767_323_100.0  # 2026-01-02 03:05:00 UTC
MINUTE, HOUR, DAY, WEEK = 60.0, 3_600.0, 86_400.0, 7 * 86_400.0
FRAUD = ModelFacts("fraud", latency=True, errors=True, outcomes=True, positive="1", anomalies=True)
NO_MODELS: Mapping[str, Any] = {"built_in": []}


def daily(times: NDArray[np.float64], level: float = 100.0, seed: int = 0) -> NDArray[np.float64]:
    """Values (n,) at times (n,) with the season of a day, and noise."""
    noise = np.random.default_rng(seed).normal(0, 0.03, len(times))
    found: NDArray[np.float64] = level * (1 + 0.3 * np.sin(2 * np.pi * times / DAY) + noise)
    return found


def section(url: str, signals: Sequence[Mapping[str, Any]], **options: Any) -> Section:  # noqa: ANN401
    """The configuration; of models nothing is asked, if nothing else is said."""
    return Section.model_validate({"prometheus": url, "signals": signals, "models": NO_MODELS, **options})


class Clock:
    """Tells the time that it is set to."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time, in seconds since the epoch."""
        return self.now


def follow(config: Section, clock: Clock, store: Store | None = None, **options: Any) -> Infrastructure:  # noqa: ANN401
    """Signals that are looked at by the test, not by a thread; it waits for nothing."""
    return Infrastructure(config, [FRAUD], store, clock, pause=lambda _: False, **options)


def look(followed: Infrastructure, clock: Clock, now: float | None = None) -> None:
    """Look once (as of ``now``), and learn what is due."""
    if now is not None:
        clock.now = now
    followed.look()
    if followed.fitter.waiting:
        followed.fitter.work()
        followed.update()


def standing(followed: Infrastructure, name: str) -> Standing:
    """What is told of a signal."""
    return next(signal.standing for signal in followed.snapshot.signals if signal.name == name)


def told(followed: Infrastructure) -> dict[str, tuple[bool | None, int]]:
    """Of each query, whether it was answered, and how often it was not."""
    return {query.name: (query.success, query.failures) for query in followed.snapshot.queries}


class Recorded:
    """Answers out of memory: series by query. It remembers what it was asked for."""

    def __init__(self, series: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> None:
        self.series = dict(series)
        self.asked: list[tuple[str, int, int, float]] = []

    def ask(self, query: str, start: int, end: int, step: float) -> RangeAnswer:
        """Values at the times asked for, of those there are."""
        self.asked.append((query, start, end, step))
        times, values = self.series[query]
        kept = (times >= start * step) & (times <= end * step) & (times % step == 0)
        return RangeAnswer([Points({}, times[kept], values[kept])], [])

    def close(self) -> None:
        """Nothing is open."""
