"""Since when a column has been off: the event time at which its confidence became likely and has been since.

It is known only where an evaluation before said otherwise. After a restart, what was likely already at the
first evaluation may have been so for long: that has no time, rather than a wrong one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from drift_exporter.reference.model import Kind
from drift_exporter.snapshot import WindowSnapshot

LIKELY_CONFIDENCE = 0.9
"""From this confidence on, adjusted for the number of columns, a shift is likely; the rules' as well."""

Onset = float | None
"""Seconds since the epoch, None where it began before the first evaluation."""


@dataclass
class Onsets:
    """What the evaluations before said of each window of each version: the columns that are likely off."""

    known: dict[tuple[str, str], Mapping[tuple[Kind, str], Onset]] = field(default_factory=dict)

    def follow(self, version: str, window: WindowSnapshot) -> WindowSnapshot:
        """``window`` with the onset of each column, which is remembered for the next evaluation."""
        key = version, window.name
        before = self.known.get(key)
        now: dict[tuple[Kind, str], Onset] = {}
        columns = []
        for drift in window.columns:
            since = None
            if drift.adjusted_confidence >= LIKELY_CONFIDENCE:
                name = drift.column.kind, drift.column.name
                since = None if before is None else before.get(name, window.end)
                now[name] = since
            columns.append(drift if since is None else replace(drift, since=since))
        self.known[key] = now
        return replace(window, columns=tuple(columns)) if now else window

    def adopt(self, old: "Onsets") -> None:
        """Go on with what is known."""
        self.known.update(old.known)
