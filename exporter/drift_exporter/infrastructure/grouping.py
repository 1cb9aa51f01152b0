"""Groups of signals at work: learnt from what their signals were off by, and scored each step."""

import logging
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from drift_exporter.config.infrastructure import Group
from drift_exporter.infrastructure.book import Book, Key
from drift_exporter.infrastructure.fitting import Fitter, Learnt
from drift_exporter.infrastructure.followed import confirmed_of
from drift_exporter.infrastructure.grid import Grid
from drift_exporter.infrastructure.learning import AGAIN
from drift_exporter.infrastructure.snapshot import GroupSnapshot
from drift_exporter.judge.infrastructure.group import GroupFit, fit_group
from drift_exporter.reference.model import FloatArray

log = logging.getLogger(__name__)

_GROUP = "group"


@dataclass
class _Watched:
    """A group; ``scores`` are those of recent steps."""

    group: Group
    scores: Grid
    fit: GroupFit | None = None
    due: float = 0.0
    pending: bool = False
    said: str | None = None


@dataclass
class Grouping:
    """The groups of one configuration. What was learnt of them is not saved: it is learnt anew in seconds."""

    book: Book
    fitter: Fitter
    _groups: dict[str, _Watched] = field(init=False)

    def __post_init__(self) -> None:
        shape = self.book.shape
        self._groups = {
            group.name: _Watched(group, Grid(shape.step, shape.recent)) for group in self.book.config.groups
        }

    def hand_out(self, now: float) -> None:
        """Let be learnt what is due as of now, where something is expected of all signals."""
        refit = self.book.config.refit
        for name, watched in self._groups.items():
            series = [self.book.series[signal,] for signal in watched.group.signals]
            waits = any(one.fit is None or one.residuals.newest < 0 for one in series)
            if waits or watched.pending or now < min(watched.due, now + refit):
                continue
            end = min(one.residuals.newest for one in series)
            residuals = np.stack([one.residuals.tail(one.residuals.size, end) for one in series], axis=1)
            watched.pending = True
            self.fitter.do((_GROUP, name), partial(self._learn, watched.group, residuals))

    def take(self, news: list[Learnt], now: float) -> None:
        """Judge by what was learnt from now on."""
        for one in news:
            watched = self._groups.get(one.key[1]) if _is_group(one.key) else None
            if watched is None:
                continue
            watched.pending = False
            self._say(watched, one.problem)
            if isinstance(one.found, GroupFit):
                watched.fit, watched.due = one.found, now + self.book.config.refit
                watched.scores = Grid(watched.scores.step, watched.scores.size)
            else:
                watched.due = now + min(AGAIN, self.book.config.refit)

    def score(self, now: float) -> list[GroupSnapshot]:
        """What is told of groups of which all signals have present values."""
        found = []
        for name, watched in self._groups.items():
            series = [self.book.series[signal,] for signal in watched.group.signals]
            end = min(one.deviations.newest for one in series)
            if watched.fit is None or series[0].recent.place(now) - end >= self.book.shape.fresh:
                continue
            first = max(watched.scores.newest + 1, end - watched.scores.size + 1)
            if first <= end:
                count = end - first + 1
                residuals = np.stack([one.deviations.tail(count, end) for one in series], axis=1)
                watched.scores.put(np.arange(first, end + 1), watched.fit.scores(residuals))
            scores = watched.scores.tail(watched.scores.size, end)
            if np.isfinite(scores[-1]):
                found.append(GroupSnapshot(name, float(scores[-1]), bool(confirmed_of(scores)[-1])))
        return found

    def _learn(self, group: Group, residuals: FloatArray) -> GroupFit | None:
        shape = self.book.shape
        return fit_group(
            residuals,
            group.detector,
            group.contamination,
            group.seed,
            step=shape.step,
            spacing=shape.history_step,
        )

    @staticmethod
    def _say(watched: _Watched, problem: str | None) -> None:
        if problem is not None and problem != watched.said:
            log.error("group %s cannot be learnt: %s", watched.group.name, problem)
        watched.said = problem


def _is_group(key: Key) -> bool:
    return len(key) == 2 and key[0] == _GROUP
