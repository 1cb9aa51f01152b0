"""What is saved of a model, as the store takes and gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drift_exporter.join.merge import Merge
from drift_exporter.join.run import Run
from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.sources.position import Position
from drift_exporter.window.ids import Block
from drift_exporter.window.sample import Sample

Document = Mapping[str, Any]
"""A JSON object."""

OUTCOMES, ANOMALIES = "outcomes-", "anomaly-"
"""How the fingerprints begin of what is counted by other than a reference's bins."""

_LABELS = "/labels"
"""What no model's own name ends with."""


def labels_of(model: str) -> str:
    """The name under which the state keeps where the source of a model's labels stands."""
    return model + _LABELS


def owner_of(name: str) -> str:
    """The model that a name in the state belongs to."""
    return name.removesuffix(_LABELS)


def by_bins(fingerprint: str) -> bool:
    """Whether what is counted under a fingerprint is by the bins of a reference."""
    return not fingerprint.startswith((OUTCOMES, ANOMALIES))


@dataclass(frozen=True)
class Counts:
    """A version's counts by bin since the beginning, under the bins of ``fingerprint``."""

    version: str
    fingerprint: str
    counts: IntArray


@dataclass(frozen=True)
class SavedSlice:
    """One slice of one window of a version, under the bins of ``fingerprint``.

    ``window`` is its length in microseconds, or minus that of the slice where it is of the history.
    """

    version: str
    fingerprint: str
    window: int
    start: int
    rows: int
    counts: IntArray
    sums: FloatArray


@dataclass(frozen=True)
class SavedSample:
    """The records that are kept of one slice, as in ``SavedSlice``."""

    version: str
    fingerprint: str
    window: int
    start: int
    sample: Sample


@dataclass(frozen=True)
class Evicted:
    """The slices of a ``window`` (as above) that start before ``before`` (microseconds) are in it no more."""

    version: str
    fingerprint: str
    window: int
    before: int


@dataclass(frozen=True)
class ModelState:
    """All that is known of a model. ``versions`` holds each version's counters, in order of appearance.

    ``ids`` are the blocks of those seen of late, by number (where records are told apart by id). ``marks``
    are where its source stands, by key, apart from the ``positions`` in files. ``saved`` is when that was
    saved (seconds since the epoch), None before it is. ``runs`` are what waits to be joined, by side; they
    are read only, and written as ``merges`` of the changes.
    """

    counters: Document = field(default_factory=dict)
    versions: Mapping[str, Document] = field(default_factory=dict)
    counts: Sequence[Counts] = ()
    slices: Sequence[SavedSlice] = ()
    positions: Sequence[Position] = ()
    ids: Mapping[int, Block] = field(default_factory=dict)
    marks: Mapping[str, bytes] = field(default_factory=dict)
    saved: float | None = None
    samples: Sequence[SavedSample] = ()
    runs: Mapping[str, Sequence[Run]] = field(default_factory=dict)


@dataclass(frozen=True)
class Changes:
    """What a save has to write. With ``anew`` it replaces the model's slices, positions, marks and ids.

    ``merges`` make runs of what waits to be joined, and replace others; ``anew`` leaves runs alone. Where
    nothing ``waits`` any more, all runs go.

    ``evicted`` slices, ``forgotten`` positions (serials), ``unmarked`` marks (keys) and blocks of ids that
    were ``removed`` go.
    """

    state: ModelState
    evicted: Sequence[Evicted] = ()
    forgotten: Sequence[int] = ()
    unmarked: Sequence[str] = ()
    removed: Sequence[int] = ()
    anew: bool = False
    merges: Sequence[Merge] = ()
    waits: bool = True
