"""Where a join stands: how far time is, and how many rows there are of each stretch of it.

So what expires is known without looking for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from drift_exporter.join.rows import NEVER
from drift_exporter.join.run import Document
from drift_exporter.reference.model import IntArray

Slots = Mapping[int, int]
"""Number of rows by the beginning of their stretch (microseconds), none of them 0."""


@dataclass(frozen=True)
class Progress:
    """Where a join stands: ``newest`` event time and ``due``, before which all has expired (microseconds).

    ``pending`` counts predictions that wait for their label, ``early`` labels that wait for their prediction.
    """

    newest: int = NEVER
    due: int = NEVER + 1
    pending: Slots = field(default_factory=dict)
    early: Slots = field(default_factory=dict)

    def document(self) -> Document:
        """This as JSON."""
        return {
            "newest": self.newest,
            "due": self.due,
            "pending": sorted(self.pending.items()),
            "early": sorted(self.early.items()),
        }


def read_progress(document: Document) -> Progress:
    """What ``Progress.document`` told."""
    return Progress(document["newest"], document["due"], dict(document["pending"]), dict(document["early"]))


def moved(slots: Slots, step: int, come: IntArray, gone: IntArray) -> dict[int, int]:
    """Slots of ``step`` microseconds after rows of some times (microseconds) have come and others gone."""
    found = dict(slots)
    for times, sign in ((come, 1), (gone, -1)):
        starts, counts = np.unique(times // step * step, return_counts=True)
        for start, count in zip(starts.tolist(), counts.tolist(), strict=True):
            found[start] = found.get(start, 0) + sign * count
    return {start: count for start, count in found.items() if count}


def expired(slots: Slots, due: int) -> tuple[dict[int, int], int]:
    """The slots from ``due`` on, and the number of rows in those before."""
    kept = {start: count for start, count in slots.items() if start >= due}
    return kept, sum(slots.values()) - sum(kept.values())
