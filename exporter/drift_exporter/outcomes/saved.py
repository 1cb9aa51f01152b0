"""Between what is counted of a model's outcomes and what is saved of it, beside its counts by bin."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drift_exporter.count.tally import Tally, TallyLayout
from drift_exporter.join.merge import Merge
from drift_exporter.outcomes.model import Labelled, ModelOutcomes
from drift_exporter.reference.model import IntArray
from drift_exporter.snapshot import DELAY_BOUNDS
from drift_exporter.state.rows import Counts, Document, Evicted, ModelState, SavedSlice
from drift_exporter.window.tallies import TallyRing

LABELS, REASONS, JOIN = "labels", "label_reasons", "label_join"
"""Keys of the documents of a version and of a model."""


@dataclass(frozen=True)
class SavedOutcomes:
    """What is saved: counts since the beginning, slices that changed, and which are gone."""

    counts: Sequence[Counts]
    slices: Sequence[SavedSlice]
    evicted: Sequence[Evicted]
    merges: Sequence[Merge]


def outcomes_saved(outcomes: ModelOutcomes, *, anew: bool) -> SavedOutcomes:
    """What changed since the last save, or with ``anew`` all there is."""
    counts, slices, evicted = [], [], []
    for version, ring in outcomes.rings.items():
        fingerprint = outcomes.layout(version).fingerprint
        counts.append(Counts(version, fingerprint, _as_integers(outcomes.totals[version])))
        places = ring.changed
        if anew:
            places = {(level, start) for level, own in enumerate(ring.slices) for start in own}
        for level, start in places:
            tally = ring.slices[level][start]
            both = np.concatenate([tally.places, tally.counts])
            sums = np.concatenate([tally.sums, tally.moments.ravel()])
            key = ring.levels[level].key
            slices.append(SavedSlice(version, fingerprint, key, start, len(tally.places), both, sums))
        evicted += [
            Evicted(version, fingerprint, ring.levels[level].key, before)
            for level, before in ring.evicted.items()
        ]
    merges = () if outcomes.join is None else outcomes.join.merges()
    return SavedOutcomes(counts, slices, evicted, merges)


def outcome_counters(outcomes: ModelOutcomes) -> Document:
    """What is known of a model's labels as a whole."""
    joined = {} if outcomes.join is None else {JOIN: outcomes.join.document()}
    return {REASONS: dict(outcomes.reasons), **joined}


def labelled_saved(outcomes: ModelOutcomes | None, version: str) -> Document:
    """The counters of a version's labels."""
    labelled = None if outcomes is None else outcomes.labelled.get(version)
    if labelled is None:
        return {}
    return {LABELS: [labelled.count, labelled.delays.tolist(), labelled.delay_sum]}


def outcomes_restored(outcomes: ModelOutcomes, state: ModelState) -> None:
    """Go on from what was saved; what was counted otherwise than now stays where it is.

    Raises ValueError where it cannot be read.
    """
    outcomes.reasons = Counter(_reasons(state.counters))
    if outcomes.join is not None and JOIN in state.counters:
        outcomes.join.restore(state.counters[JOIN], state.runs)
    for version, document in state.versions.items():
        if LABELS in document:
            outcomes.labelled[version] = _labelled(document[LABELS])
    layouts: Mapping[str, TallyLayout] = {version: outcomes.layout(version) for version in state.versions}
    for part in state.counts:
        layout = layouts.get(part.version)
        if layout is not None and layout.fingerprint == part.fingerprint:
            outcomes.totals[part.version] = _of_integers(part.counts, layout)
            outcomes.rings[part.version] = TallyRing(outcomes.levels, outcomes.offset)
    levels = {window.key: level for level, window in enumerate(outcomes.levels)}
    for one in state.slices:
        layout, level = layouts.get(one.version), levels.get(one.window)
        if layout is None or layout.fingerprint != one.fingerprint or level is None:
            continue
        outcomes.rings[one.version].slices[level][one.start] = Tally(
            one.counts[: one.rows],
            one.counts[one.rows :],
            one.sums[: one.rows],
            one.sums[one.rows :].reshape(len(layout.groups), layout.moments),
        )


def outcomes_forgotten(outcomes: ModelOutcomes, merges: Sequence[Merge]) -> None:
    """All that changed is saved, with these merges."""
    if outcomes.join is not None:
        outcomes.join.saved(merges)
    for ring in outcomes.rings.values():
        ring.changed.clear()
        ring.evicted.clear()


def _as_integers(tally: Tally) -> IntArray:
    """A tally as one array of integers; numbers by their bits."""
    size = np.array([len(tally.places)])
    numbers = np.concatenate([tally.sums, tally.moments.ravel()]).view(np.int64)
    return np.concatenate([size, tally.places, tally.counts, numbers])


def _of_integers(values: IntArray, layout: TallyLayout) -> Tally:
    size = int(values[0])
    places, counts, numbers = np.split(values[1:], [size, 2 * size])
    sums = numbers.copy().view(np.float64)
    return Tally(places, counts, sums[:size], sums[size:].reshape(len(layout.groups), layout.moments))


def _reasons(document: Document) -> Mapping[str, int]:
    return {str(reason): int(count) for reason, count in document.get(REASONS, {}).items()}


def _labelled(value: Sequence[object]) -> Labelled:
    count, delays, total = value
    buckets = np.array(delays, dtype=np.int64)
    if not isinstance(count, int) or len(buckets) != len(DELAY_BOUNDS) + 1:
        raise ValueError(f"the counter {LABELS} holds {str(value)[:40]!r}")
    return Labelled(count, buckets, float(str(total)))
