"""Queries that are asked again and again: what of each was answered, and what is missing.

The history is asked for in weeks, from where it ends; recent values each step, with some of those before,
which may have come late. What was missed in an outage is asked for afterwards: as recent values as far as
these reach, and as history beyond.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from drift_exporter.infrastructure.answer import AnswerError, Points, RangeAnswer
from drift_exporter.infrastructure.client import Asks, QueryError, shortened
from drift_exporter.infrastructure.followed import FRESH, Shape

log = logging.getLogger(__name__)

HISTORY_POINTS = 2_016
"""Points of the history asked for at once: a week of every five minutes."""

_PAUSE = 600.0
"""Seconds until a history that could not be had is asked for again."""


@dataclass
class Query:
    """One query. ``take`` is given what it answers, and whether that is history; it may raise AnswerError.

    Where nothing is learnt from it, no history is asked for.

    ``answered`` is the last recent place that was answered, ``complete`` the place of the history up to which
    nothing is missing; -1 before there is one. ``tried`` is the place of the last attempt.
    """

    name: str
    text: str
    learns: bool
    take: Callable[[Sequence[Points], bool], None]
    answered: int = -1
    complete: int = -1
    tried: int = -1
    failures: int = 0
    success: bool | None = None
    problem: str | None = None
    _warned: Sequence[str] = ()
    _history_due: float = -math.inf
    _history_problem: str | None = None
    _said: str | None = field(default=None, repr=False)

    def ask(self, client: Asks, shape: Shape, now: float, stopped: Callable[[], bool]) -> str | None:
        """Ask for what is missing as of now; the reason where no other query would be answered either.

        That it was ``stopped`` meanwhile is no failure.
        """
        place = math.floor(now / shape.step + 1e-6)
        self.tried = place
        try:
            if self.learns and self.complete < (place - shape.recent) // shape.ratio:
                self._ask_history(client, shape, place // shape.ratio, now)
            late = max(1, round(FRESH / shape.step))
            start = max(place - shape.recent + 1, self.answered + 1 - late)
            self._taken(client.ask(self.text, start, place, shape.step), history=False)
        except (AnswerError, QueryError) as error:
            if stopped():
                return None
            self.fail(self._text(error))
            return error.down if isinstance(error, QueryError) else None
        self.answered = place
        if self._history_problem is not None:
            self.fail(self._history_problem)
            return None
        self.complete = place // shape.ratio
        self.success = True
        self._say(None)
        return None

    def go_on_from(self, other: "Query") -> None:
        """Take over what another one was answered."""
        self.answered, self.complete, self.tried = other.answered, other.complete, other.tried
        self.success, self.problem, self._said = other.success, other.problem, other.problem

    def fail(self, problem: str) -> None:
        """It was not answered."""
        self.failures += 1
        self.success = False
        self._say(problem)

    def skip(self, place: int, problem: str) -> None:
        """It was not asked at a place, as it would not be answered; that is said of all together."""
        self.tried = place
        self.failures += 1
        self.success, self.problem = False, problem

    def _ask_history(self, client: Asks, shape: Shape, end: int, now: float) -> None:
        if now < self._history_due:
            return
        start = max(self.complete + 1, end - shape.history + 1)
        try:
            for first in range(start, end + 1, HISTORY_POINTS):
                last = min(first + HISTORY_POINTS - 1, end)
                self._taken(client.ask(self.text, first, last, shape.history_step), history=True)
                self.complete = last
        except (AnswerError, QueryError) as error:
            if isinstance(error, QueryError) and error.down:
                raise
            # Recent values may be had nevertheless.
            self._history_problem, self._history_due = f"its history: {self._text(error)}", now + _PAUSE
        else:
            self._history_problem = None

    def _text(self, error: AnswerError | QueryError) -> str:
        return str(error) if isinstance(error, QueryError) else f"query {shortened(self.text)}: {error}"

    def _taken(self, answer: RangeAnswer, *, history: bool) -> None:
        self.take(answer.series, history)
        if answer.warnings and answer.warnings != self._warned:
            log.warning("signal %s: the server warns: %s", self.name, "; ".join(answer.warnings))
        self._warned = answer.warnings

    def _say(self, problem: str | None) -> None:
        self.problem = problem
        if problem != self._said:
            if problem is not None:
                log.warning("signal %s: %s", self.name, problem)
            else:
                log.info("signal %s: answered without problems again", self.name)
            self._said = problem
