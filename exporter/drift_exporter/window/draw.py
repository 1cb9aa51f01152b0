"""Which of a chunk's records get into the samples of their slices."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from drift_exporter.count.layout import CategoricalSlot, Layout, NumericSlot
from drift_exporter.decode.records import Records
from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.window.ring import Ring
from drift_exporter.window.sample import NO_LIMIT, Sample, keys_of, smallest
from drift_exporter.window.slices import Assignment


class Drawn(NamedTuple):
    """Records of one slice of a level, as ``Ring.keep`` takes them."""

    level: int
    start: int
    sample: Sample


def draw(
    records: Records,
    assignment: Assignment,
    first: int,
    versions: Mapping[str, tuple[IntArray | None, Layout, Ring | None]],
    size: int,
) -> Sequence[tuple[str, Sequence[Drawn]]]:
    """What of a chunk may get into the samples, by version.

    ``first`` is the number of the chunk's first record in the stream. ``versions`` are, by name, the rows of
    their records (None: all), their layout and their ring (None where they have none yet).
    """
    keys = keys_of(first, records.rows)
    return [
        (name, _of_version(records, assignment, keys, rows, layout, ring, size))
        for name, (rows, layout, ring) in versions.items()
    ]


def _of_version(  # noqa: PLR0913, PLR0917 - a chunk is records, slices and keys; a version rows, layout and ring
    records: Records,
    assignment: Assignment,
    keys: IntArray,
    rows: IntArray | None,
    layout: Layout,
    ring: Ring | None,
    size: int,
) -> list[Drawn]:
    group = assignment.key
    if rows is not None:
        keys, group = keys[rows], group[rows]
    places = list(zip(assignment.level.tolist(), assignment.start.tolist(), strict=True))
    limits = np.array(
        [
            -1 if level < 0 else NO_LIMIT if ring is None else ring.key_limit(level, start, size)
            for level, start in places
        ],
        dtype=np.int64,
    )
    chosen = smallest(keys, group, limits, size)
    values = gather(layout, records, chosen if rows is None else rows[chosen])
    keys = keys[chosen]
    ends = np.searchsorted(group[chosen], np.arange(len(places) + 1)).tolist()
    drawn = []
    for number, (level, start) in enumerate(places):
        own = slice(ends[number], ends[number + 1])
        found = keys[own]
        if len(found):
            limit = int(found[-1]) if len(found) == size else int(limits[number])
            # Copies: a view would keep what was drawn of all slices.
            drawn.append(Drawn(level, start, Sample(found.copy(), values[own].copy(), limit)))
    return drawn


def gather(layout: Layout, records: Records, rows: IntArray) -> FloatArray:
    """Values (rows, columns) of some records (their numbers), as ``Sample.values`` has them."""
    every: list[NumericSlot | CategoricalSlot] = [*layout.numeric, *layout.categorical]
    slots = {(slot.column.kind, slot.column.name): slot for slot in every}
    # A column at a time is written, and mostly read.
    values = np.empty((len(rows), len(layout.reference.sampled)), order="F")
    for place, column in enumerate(layout.reference.sampled):
        slot = slots[column.kind, column.name]
        if isinstance(slot, NumericSlot):
            own = records.numeric[slot.leaf][rows]
            values[:, place] = np.where(np.isfinite(own), own, np.nan)
        else:
            values[:, place] = slot.bins[records.categorical[slot.leaf][rows]]
    return values
