"""Since when a column has been off: the event time at which its confidence became likely and has been since.

That is known where an evaluation shortly before said otherwise. What was likely already at the first
evaluation, or became so while much time was read at once, is dated from what the slices of time hold, once,
and remembered.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from drift_exporter.judge.change_point import Change
from drift_exporter.reference.model import IntArray, Kind
from drift_exporter.snapshot import ColumnDrift, Onset, PerformanceWindow, WindowSnapshot
from drift_exporter.window.slices import MICROSECONDS

LIKELY_CONFIDENCE = 0.9
"""From this confidence on, adjusted for the number of columns, a shift is likely; the rules' as well."""

Dating = Callable[[Sequence[ColumnDrift]], Sequence[Onset | None]]
"""Finds when each of some columns began to be off; None where that cannot be told."""


Name = tuple[Kind, str]
"""What may be off: a column by kind and name, or performance."""

_PERFORMANCE: Name = ("label", "performance")


@dataclass(frozen=True)
class Followed:
    """What an evaluation said of a window that ended at ``end``: since when what is likely off has been."""

    end: float
    onsets: Mapping[Name, Onset | None]


@dataclass
class Onsets:
    """What the evaluations before said of each window of each version."""

    known: dict[tuple[str, str, str], Followed] = field(default_factory=dict)

    def follow(self, version: str, window: WindowSnapshot, step: float, date: Dating) -> WindowSnapshot:
        """``window`` with the onset of each column, which is remembered for the next evaluation.

        ``date`` is asked for what has no onset yet, if the evaluation before was of more than ``step``
        seconds earlier, or there was none.
        """
        likely = {_name(one): one for one in window.columns if one.adjusted_confidence >= LIKELY_CONFIDENCE}
        now = self._now(
            (version, window.name, "columns"),
            window.end,
            list(likely),
            step,
            lambda names: date([likely[name] for name in names]),
        )
        if not now:
            return window
        columns = tuple(
            one if (since := now.get(_name(one))) is None else replace(one, since=since)
            for one in window.columns
        )
        return replace(window, columns=columns)

    def follow_performance(
        self, version: str, window: PerformanceWindow, date: Callable[[], Onset | None]
    ) -> PerformanceWindow:
        """``window`` with the onset of what is off, which is dated once and remembered.

        The evaluation at which that became likely says little of when it began, since labels come late.
        """
        worst = max([window.concept_confidence or 0.0, *window.drops.values()])
        now = self._now(
            (version, window.name, "performance"),
            window.end,
            [_PERFORMANCE] if worst >= LIKELY_CONFIDENCE else [],
            -math.inf,
            lambda _: [date()],
        )
        return replace(window, since=now[_PERFORMANCE]) if now else window

    def adopt(self, old: "Onsets") -> None:
        """Go on with what is known."""
        self.known.update(old.known)

    def _now(
        self,
        key: tuple[str, str, str],
        end: float,
        likely: Sequence[Name],
        step: float,
        date: Callable[[Sequence[Name]], Sequence[Onset | None]],
    ) -> Mapping[Name, Onset | None]:
        """Onsets of all that is likely off in a window that ends at ``end``."""
        before = self.known.get(key)
        known = {} if before is None else before.onsets
        new = [name for name in likely if name not in known]
        found: Sequence[Onset | None] = [Onset(end)] * len(new)
        if new and (before is None or end - before.end > step):
            found = date(new)
        dated = dict(zip(new, found, strict=True))
        now = {name: known[name] if name in known else dated[name] for name in likely}
        self.known[key] = Followed(end, now)
        return now


def _name(drift: ColumnDrift) -> Name:
    return drift.column.kind, drift.column.name


def onset_of(starts: IntArray, length: int, end: int, change: Change) -> Onset:
    """The time of a change between slices that begin at ``starts`` (S,), of a ``length``, up to ``end``.

    All in microseconds. The ends are whole slices, since a change within one shows before or after it.
    """
    earliest = latest = None
    if change.first:
        earliest = int(starts[change.first - 1]) / MICROSECONDS
    if change.last:
        latest = min(int(starts[change.last]) + length, end) / MICROSECONDS
    return Onset(int(starts[change.place]) / MICROSECONDS, not change.place, earliest, latest)
