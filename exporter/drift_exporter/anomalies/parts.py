"""The records of a chunk as they are scored, and what comes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from drift_exporter.anomalies.bucket import Bucket
from drift_exporter.anomalies.examples import Example
from drift_exporter.decode.plan import FieldPath
from drift_exporter.decode.records import Records, Text
from drift_exporter.reference.model import IntArray
from drift_exporter.snapshot import Exemplar
from drift_exporter.window.slices import MICROSECONDS, Assignment

Place = tuple[str, str]
"""Names of a version and of a detector."""

Texts = Callable[[FieldPath, Sequence[int]], Sequence[Text]]
"""Looks up what some of a chunk's records hold at a path."""

NEVER = int(np.iinfo(np.int64).min)
"""Stands for no time at all."""


@dataclass(frozen=True)
class Stretch:
    """The records of a chunk: their times (rows,) in microseconds, slices and versions.

    ``first`` is the number of the first one in the stream, ``watermark`` the newest event time before them,
    and times after ``horizon`` are in the future (as of ``assign``). ``versions`` are as of ``versions_of``.
    """

    records: Records
    times: IntArray
    assignment: Assignment
    versions: tuple[Sequence[str], IntArray]
    first: int
    watermark: int | None
    horizon: int

    @property
    def seconds(self) -> IntArray:
        """The newest event time up to each record (rows,), in seconds since the epoch."""
        newest = np.maximum.accumulate(np.where(self.times <= self.horizon, self.times, NEVER))
        if self.watermark is not None:
            newest = np.maximum(newest, self.watermark)
        known = newest[newest > NEVER]
        # What comes before the first usable one counts as of its time.
        return np.maximum(newest, known[0] if len(known) else 0) // MICROSECONDS


@dataclass(frozen=True)
class Part:
    """What one detector made of one version's records: counts (slices, SIZE), and records to be shown."""

    place: Place
    counts: IntArray
    examples: Sequence[Example] = ()
    exemplars: Mapping[int, Exemplar] = field(default_factory=dict)


@dataclass(frozen=True)
class Scored:
    """What all detectors made of a chunk: buckets by detector, and why one failed on a version, or None."""

    assignment: Assignment
    parts: Sequence[Part]
    buckets: Mapping[str, Bucket]
    problems: Mapping[Place, str | None]
