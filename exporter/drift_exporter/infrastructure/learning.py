"""When each series is learnt anew, and what becomes of that."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from drift_exporter.infrastructure.book import Book, Key
from drift_exporter.infrastructure.fits import Task
from drift_exporter.infrastructure.fitting import Fitter, Learnt
from drift_exporter.infrastructure.followed import Fit, Followed
from drift_exporter.reference.model import FloatArray

log = logging.getLogger(__name__)

AGAIN = 600.0
"""Seconds until it is tried again where there was too little to learn from, or it failed."""

_FEWEST = 30
_BEYOND = 2 * 86_400.0


@dataclass
class Learning:
    """Hands out what is due, and takes what was learnt."""

    book: Book
    fitter: Fitter
    _pending: set[Key] = field(default_factory=set)
    _said: dict[Key, str] = field(default_factory=dict)

    def hand_out(self, now: float) -> None:
        """Let be learnt what is due as of now."""
        for key, followed in self.book.series.items():
            forecast = self.book.forecast(key)
            # A clock that was set back must not stop it.
            due = min(followed.due, now + self.book.config.refit_of(forecast))
            if forecast.method == "none" or key in self._pending or now < due:
                continue
            times, values = _known(followed)
            if len(times) < _FEWEST:
                continue
            until = now + max(2 * self.book.config.refit_of(forecast), _BEYOND)
            self._pending.add(key)
            step = self.book.shape.step
            self.fitter.fit(key, Task(forecast, times, values, step, until))

    def take(self, news: list[Learnt], now: float) -> Iterator[Key]:
        """Judge by what was learnt from now on; gives the keys of series of which something was."""
        for one in news:
            if one.key not in self._pending:
                continue
            self._pending.remove(one.key)
            followed = self.book.series.get(one.key)
            if followed is None:
                continue
            refit = self.book.config.refit_of(self.book.forecast(one.key))
            self._say(one.key, one.problem)
            if not isinstance(one.found, Fit):
                followed.due = now + min(AGAIN, refit)
                continue
            followed.use(one.found, now)
            followed.learnt, followed.due = now, now + refit
            yield one.key

    def go_on(self, key: Key, followed: Followed) -> None:
        """A series that goes on: it is due when it would have been."""
        if followed.learnt is not None:
            followed.due = followed.learnt + self.book.config.refit_of(self.book.forecast(key))

    def _say(self, key: Key, problem: str | None) -> None:
        if problem is not None and self._said.get(key) != problem:
            log.error("the forecast of %s cannot be learnt: %s", "/".join(key), problem)
        if problem is None:
            self._said.pop(key, None)
        else:
            self._said[key] = problem


def _known(followed: Followed) -> tuple[FloatArray, FloatArray]:
    """Times and values (n,) to learn from: the history, or as long as it is short what is recent."""
    found = []
    for grid in (followed.history, followed.recent):
        values = grid.tail(grid.size, grid.newest)
        places = np.flatnonzero(np.isfinite(values))
        found.append((grid.times(places + grid.newest - grid.size + 1), values[places]))
    return max(found, key=lambda one: len(one[0]))
