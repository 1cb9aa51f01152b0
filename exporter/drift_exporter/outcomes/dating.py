"""When performance began to be off: from what the slices of a version's outcomes hold."""

import math
from dataclasses import replace
from functools import partial

import numpy as np

from drift_exporter.config.schema import Model
from drift_exporter.count.tally import Tally, TallyLayout
from drift_exporter.judge.change_point import Part, change_point
from drift_exporter.judge.onset import Onsets, onset_of
from drift_exporter.outcomes.estimating import Basis
from drift_exporter.outcomes.judging import CapturedOutcomes, CapturedWindow
from drift_exporter.reference.model import IntArray
from drift_exporter.snapshot import Onset, OutcomesSnapshot
from drift_exporter.window.slices import MICROSECONDS


def with_onsets(
    onsets: Onsets, model: Model, version: str, captured: CapturedOutcomes, outcomes: OutcomesSnapshot
) -> OutcomesSnapshot:
    """``outcomes`` with the time since when performance is off, of the windows where it likely is."""
    windows = tuple(
        onsets.follow_performance(version, window, partial(_date, model, captured, captured.windows[place:]))
        for place, window in enumerate(outcomes.windows)
    )
    return replace(outcomes, windows=windows)


def _date(model: Model, captured: CapturedOutcomes, windows: tuple[CapturedWindow, ...]) -> Onset | None:
    """When the first of some windows began to be off, the longer ones looked at where it was before it.

    Labels are compared with those that the reference had for the same predicted class. None where there are
    no classes, or no labels of the reference.
    """
    basis, found = captured.basis, None
    if basis is None or not captured.layout.classes or not basis.outcomes.confusion.any():
        return None
    for window in windows:
        known = sorted(zip(window.starts, window.tallies, strict=True), key=lambda pair: pair[0])
        tables = np.array([_confusion(captured.layout, tally) for _, tally in known])
        filled = [place for place, table in enumerate(tables) if table.any()]
        if not filled:
            continue
        starts = np.array([known[place][0] for place in filled])
        if found is not None and starts[0] / MICROSECONDS >= found.time:
            continue
        found = _first(model, basis, window, starts, tables[filled])
        if found.earliest is not None:
            break
    return found


def _first(model: Model, basis: Basis, window: CapturedWindow, starts: IntArray, tables: IntArray) -> Onset:
    """The onset in slices that begin at ``starts`` (S,) with these tables (S, classes, classes)."""
    parts = []
    for place, reference in enumerate(basis.outcomes.confusion):
        counts = tables[:, place]
        if counts.any() and reference.any():
            tolerance = tolerated_psi(float(reference[place] / reference.sum()), model.performance.tolerance)
            parts.append(Part(counts, reference, tolerance))
    length = (window.end - int(starts[0])) / MICROSECONDS
    effect = basis.design_effect(length, int(tables.sum()))
    return onset_of(starts, window.window.slice, window.end, change_point(parts, effect))


def tolerated_psi(right: float, tolerance: float) -> float:
    """PSI of a change by the share ``tolerance`` of right answers (a share ``right``) or wrong ones.

    Of whichever are fewer.
    """
    rarer = min(max(min(right, 1 - right), 1e-6), 0.5)
    change = tolerance * rarer
    return change * math.log((rarer + change) / rarer * (1 - rarer) / (1 - rarer - change))


def _confusion(layout: TallyLayout, tally: Tally) -> IntArray:
    """Labelled predictions (classes, classes) of all records, by predicted class and label."""
    codes = len(layout.classes) + 1
    start = layout.offsets["confusion"]
    first, last = np.searchsorted(tally.places, [start, start + codes * codes])
    table = np.zeros(codes * codes, dtype=np.int64)
    table[tally.places[first:last] - start] = tally.counts[first:last]
    return table.reshape(codes, codes)[:-1, :-1]
