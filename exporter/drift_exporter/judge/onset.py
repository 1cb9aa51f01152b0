"""Since when a column has been off: the event time at which its confidence became likely and has been since.

That is known where an evaluation shortly before said otherwise. What was likely already at the first
evaluation, or became so while much time was read at once, is dated from what the slices of time hold, once,
and remembered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from drift_exporter.reference.model import Kind
from drift_exporter.snapshot import ColumnDrift, Onset, WindowSnapshot

LIKELY_CONFIDENCE = 0.9
"""From this confidence on, adjusted for the number of columns, a shift is likely; the rules' as well."""

Dating = Callable[[Sequence[ColumnDrift]], Sequence[Onset | None]]
"""Finds when each of some columns began to be off; None where that cannot be told."""


@dataclass(frozen=True)
class Followed:
    """What an evaluation said of a window that ended at ``end``: the columns that are likely off."""

    end: float
    onsets: Mapping[tuple[Kind, str], Onset | None]


@dataclass
class Onsets:
    """What the evaluations before said of each window of each version."""

    known: dict[tuple[str, str], Followed] = field(default_factory=dict)

    def follow(self, version: str, window: WindowSnapshot, step: float, date: Dating) -> WindowSnapshot:
        """``window`` with the onset of each column, which is remembered for the next evaluation.

        ``date`` is asked for what has no onset yet, if the evaluation before was of more than ``step``
        seconds earlier, or there was none.
        """
        key = version, window.name
        before = self.known.get(key)
        likely = [one for one in window.columns if one.adjusted_confidence >= LIKELY_CONFIDENCE]
        known = {} if before is None else before.onsets
        new = [one for one in likely if _name(one) not in known]
        found: Sequence[Onset | None] = [Onset(window.end)] * len(new)
        if new and (before is None or window.end - before.end > step):
            found = date(new)
        dated = {_name(one): onset for one, onset in zip(new, found, strict=True)}
        now = {name: known[name] if name in known else dated[name] for name in map(_name, likely)}
        self.known[key] = Followed(window.end, now)
        if not now:
            return window
        columns = tuple(replace(one, since=now.get(_name(one))) for one in window.columns)
        return replace(window, columns=columns)

    def adopt(self, old: "Onsets") -> None:
        """Go on with what is known."""
        self.known.update(old.known)


def _name(drift: ColumnDrift) -> tuple[Kind, str]:
    return drift.column.kind, drift.column.name
