"""When shifts began that were not seen to begin: from what the slices of a version's windows hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from drift_exporter.ingest import ModelIngest
from drift_exporter.judge.calibration import effects_in_window
from drift_exporter.judge.change_point import Part, change_point
from drift_exporter.judge.onset import onset_of
from drift_exporter.reference.model import IntArray, Reference
from drift_exporter.snapshot import ColumnDrift, Onset
from drift_exporter.window.ring import Ring, WindowSum
from drift_exporter.window.slices import MICROSECONDS


@dataclass(frozen=True)
class Held:
    """The slices of a window with records: ``starts`` (S,) in microseconds, their ``length``, and counts.

    ``counts`` (S, E) are those of all columns' exported bins, ``rows`` (S,) the numbers of records. ``end``
    is the window's, in microseconds.
    """

    starts: IntArray
    length: int
    end: int
    rows: IntArray
    counts: IntArray


def date_columns(
    ingest: ModelIngest, version: str, window: WindowSum, reference: Reference, columns: Sequence[ColumnDrift]
) -> list[Onset | None]:
    """When each column of a window began to be off, as far as the slices of it and of longer windows tell.

    Longer windows are asked for what was there before the window already. None where the slices are of other
    bins than the reference's, or gone.
    """
    found: list[Onset | None] = [None] * len(columns)
    left = list(range(len(columns)))
    places = {(column.kind, column.name): i for i, column in enumerate(reference.columns)}
    bounds = np.append(0, np.cumsum(reference.stacked.exported_sizes))
    for held in _levels(ingest, version, window, reference):
        length = float(held.end - held.starts[0]) / MICROSECONDS
        effects = effects_in_window(reference.calibration, len(places), length, int(held.rows.sum()))
        for i in left:
            one = columns[i]
            place = places[one.column.kind, one.column.name]
            counts = held.counts[:, bounds[place] : bounds[place + 1]]
            part = Part(counts, one.column.exported_counts, one.tolerance)
            change = change_point([part], float(effects[place]))
            found[i] = onset_of(held.starts, held.length, held.end, change)
        left = [i for i in left if (onset := found[i]) is not None and onset.earliest is None]
        if not left:
            break
    return found


def _levels(ingest: ModelIngest, version: str, window: WindowSum, reference: Reference) -> Iterator[Held]:
    """The slices of the window and of those longer ones that reach further back, shortest first."""
    oldest = None
    for level in range(len(ingest.levels)):
        own = ingest.levels[level]
        if own.history or own.length < window.window.length:
            continue
        with ingest.lock:
            ring = ingest.rings.get(version)
            held = None if ring is None else _held(ring, level, window.end, reference)
        if held is not None and (oldest is None or held.starts[0] + held.length <= oldest):
            oldest = int(held.starts[0])
            yield held


def _held(ring: Ring, level: int, end: int, reference: Reference) -> Held | None:
    """What a level holds of its window that ends at ``end``; the caller holds the lock."""
    stacked, window = reference.stacked, ring.windows[level]
    if ring.size != stacked.size:
        return None
    first = window.first_slice(end) * window.slice
    slices = ring.slices[level]
    kept = [(start, slices[start]) for start in sorted(slices) if first <= start <= end]
    kept = [(start, part) for start, part in kept if part.rows]
    if not kept:
        return None
    return Held(
        np.array([start for start, _ in kept]),
        window.slice,
        end,
        np.array([part.rows for _, part in kept]),
        np.array([np.add.reduceat(part.counts, stacked.exported_starts) for _, part in kept]),
    )
