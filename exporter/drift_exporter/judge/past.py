"""Calibration on the past of a version itself, where its reference is a rolling one."""

from collections.abc import Sequence

import numpy as np

from drift_exporter.judge.calibration import (
    FEWEST_RECORDS,
    FEWEST_WINDOWS,
    design_effect,
    design_effect_of_blocks,
    phases_of_day,
)
from drift_exporter.reference.model import Column, IntArray, WindowCalibration
from drift_exporter.window.slices import MICROSECONDS


def calibrate_on_slices(
    columns: Sequence[Column], counts: IntArray, rows: IntArray, starts: IntArray, lengths: tuple[int, int]
) -> tuple[WindowCalibration, ...]:
    """How much windows vary in the past, found from its slices; empty where they are too few.

    ``counts`` (slices, sum of the columns' sizes) and ``rows`` (slices,) are those of the slices that begin
    at ``starts`` (slices,), in ascending order; ``lengths`` are those of a slice and of a window, all in
    microseconds. A window shorter than a slice is taken to vary like one, a longer one like whole slices in a
    row, and where there are too few of these, like slices put together.
    """
    slice_length, window_length = lengths
    together = max(1, window_length // slice_length)
    enough = rows >= FEWEST_RECORDS
    counts, rows, starts = counts[enough], rows[enough], starts[enough]
    if not len(rows):
        return ()
    _, first, members = np.unique(starts // (slice_length * together), return_index=True, return_counts=True)
    whole = members == together
    blocks = int(whole.sum()) < FEWEST_WINDOWS
    phases = phases_of_day(starts, slice_length)
    effects, place = [], 0
    for column in columns:
        own = column.export(counts[:, place : place + column.size])
        place += column.size
        total = own.sum(axis=0)
        if blocks:
            effects.append(design_effect_of_blocks(own, total, together, phases=phases))
        else:
            effects.append(design_effect(np.add.reduceat(own, first, axis=0)[whole], total))
    if not effects or np.isnan(effects).any():
        return ()
    none = np.zeros(len(columns), dtype=np.int64)
    records = float(rows.mean()) * together if blocks else float(np.add.reduceat(rows, first)[whole].mean())
    return (
        WindowCalibration(
            length=slice_length * together / MICROSECONDS,
            windows=len(rows) if blocks else int(whole.sum()),
            records=records,
            blocks=blocks,
            design_effects=np.array(effects),
            judged=0,
            alarms=none,
            plain_alarms=none,
        ),
    )
