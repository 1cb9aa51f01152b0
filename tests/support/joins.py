"""The rules of joining as plain Python, and runs that are kept in a dictionary."""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from drift_exporter.join.engine import LabelJoin
from drift_exporter.join.matched import Matched
from drift_exporter.join.merge import Merge
from drift_exporter.join.rows import NEVER, Rows, id_fields

PREDICTION = id_fields(("payload", "<u2"))
VALUE = np.dtype("<u2")
LABEL = id_fields(("value", "<f8"))

Event = tuple[int, int, int]
"""A prediction: id, time, payload; or a label: id, time, value. Id 0 is none."""

Outcome = tuple[int, int, int, float, float | None, int]
"""Id, time and payload of a prediction, its label, the one before (None: none) and the delay."""


def rows_of(events: Sequence[Event], dtype: np.dtype[np.void]) -> Rows:
    """Events as rows; ids 4 apart share the low half of their hash."""
    made = [(id_ and id_ % 4 + 1, id_, time, value) for id_, time, value in events]
    return np.array(made, dtype=dtype)


def outcomes_of(matched: Matched) -> list[Outcome]:
    """What was joined, in order."""
    found = matched.outcomes
    return sorted(
        (
            (
                int(row["high"]),
                int(row["time"]),
                int(row["payload"]),
                value,
                previous if again else None,
                delay,
            )
            for row, value, previous, again, delay in zip(
                found.rows,
                found.values.astype(np.float64).tolist(),
                found.previous.astype(np.float64).tolist(),
                found.corrected.tolist(),
                found.delays.tolist(),
                strict=True,
            )
        ),
        key=repr,
    )


class Disk:
    """Chunks of runs in a dictionary."""

    def __init__(self) -> None:
        self.chunks: dict[tuple[str, int], list[bytes]] = {}

    def fetch(self, side: str, number: int, chunks: Sequence[int]) -> Iterable[bytes]:
        """As a store does."""
        return [self.chunks[side, number][place] for place in chunks]

    def write(self, merges: Iterable[Merge]) -> None:
        """Do what merges ask for."""
        for merge in merges:
            chunks = list(merge.chunks(self.fetch))
            for number in merge.removed:
                del self.chunks[merge.side, number]
            if merge.run is not None:
                self.chunks[merge.side, merge.number] = chunks


def save(join: LabelJoin, disk: Disk) -> None:
    """Save a join on a disk."""
    merges = join.merges()
    disk.write(merges)
    join.saved(merges)


@dataclass
class Held:
    """A prediction, and the label that holds for it: time, whether it has none of its own, value."""

    time: int
    payload: int
    label: tuple[int, bool, float] | None = None


@dataclass
class PlainJoin:
    """The rules, one record after the other."""

    max_delay: int
    step: int
    newest: int = NEVER
    due: int = NEVER
    known: dict[int, Held] = field(default_factory=dict)
    waiting: list[tuple[int, int, bool, int, float]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    outcomes: list[Outcome] = field(default_factory=list)

    def predict(self, event: Event, horizon: int, unread: int | None) -> None:
        """A prediction comes."""
        id_, time, payload = event
        if time <= horizon:
            self.newest = max(self.newest, time)
        self.expire(unread)
        if not id_:
            self.counts["prediction_without_id"] += 1
        elif time > horizon:
            self.counts["future_prediction"] += 1
        elif time < self.due:
            self.counts["late_prediction"] += 1
        elif id_ in self.known:
            self.counts["duplicate_prediction"] += 1
        else:
            self.known[id_] = Held(time, payload)
            mine = [one for one in self.waiting if one[0] == id_]
            self.waiting = [one for one in self.waiting if one[0] != id_]
            for _, _, untimed, stamp, value in mine:
                self._join(id_, stamp, untimed, value, waited=True)

    def expire(self, unread: int | None) -> None:
        """Let go of what has waited long enough."""
        if self.newest != NEVER:
            now = self.newest if unread is None else min(self.newest, unread)
            self.due = max(self.due, (now - self.max_delay) // self.step * self.step)
        self._expire()

    def label(self, event: Event, horizon: int) -> None:
        """A label comes."""
        id_, time, value = event
        untimed = time == NEVER
        stamp = (horizon if self.newest == NEVER else self.newest) if untimed else time
        if not id_:
            self.counts["no_id"] += 1
        elif id_ in self.known:
            self._join(id_, stamp, untimed, float(value), waited=False)
        else:
            self.waiting.append((id_, min(stamp, horizon), untimed, stamp, float(value)))
            self._expire()

    def _join(self, id_: int, stamp: int, untimed: bool, value: float, *, waited: bool) -> None:  # noqa: FBT001
        held = self.known[id_]
        if not untimed and stamp - held.time > self.max_delay:
            self.counts["late"] += 1
            return
        before = held.label
        newer = before is None or self._key(stamp, untimed, value) >= self._key(*before)
        if before is not None and before[2] == value:
            self.counts["duplicate"] += 1
        elif newer:
            self.counts["joined" if before is None else "correction"] += 1
            delay = 0 if waited and untimed else stamp - held.time
            previous = None if before is None else before[2]
            self.outcomes.append((id_, held.time, held.payload, value, previous, delay))
        else:
            self.counts["superseded"] += 1
        if newer:
            held.label = (stamp, untimed, value)

    @staticmethod
    def _key(stamp: int, untimed: bool, value: float) -> tuple[int, bool, float]:  # noqa: FBT001
        return (stamp, untimed, 0.0 if untimed else value)

    def _expire(self) -> None:
        self.known = {id_: held for id_, held in self.known.items() if held.time >= self.due}
        kept = [one for one in self.waiting if one[1] >= self.due]
        self.counts["unknown"] += len(self.waiting) - len(kept)
        self.waiting = kept


def cut(events: Sequence[Event], edges: Iterable[int]) -> list[Sequence[Event]]:
    """Events in batches that end at some places."""
    places = [0, *sorted(edge for edge in edges if 0 < edge < len(events)), len(events)]
    return [events[start:end] for start, end in itertools.pairwise(places) if start < end]
