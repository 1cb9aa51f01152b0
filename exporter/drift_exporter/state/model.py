"""Between a model's counts in memory and what is saved of them."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from drift_exporter.anomalies.saved import (
    anomalies_forgotten,
    anomalies_restored,
    anomalies_saved,
    found_saved,
    tokens_saved,
)
from drift_exporter.count.layout import Layout
from drift_exporter.errors import StateError
from drift_exporter.ingest import ModelIngest
from drift_exporter.join.merge import Merge
from drift_exporter.judge.persistence import History
from drift_exporter.outcomes.saved import (
    labelled_saved,
    outcome_counters,
    outcomes_forgotten,
    outcomes_restored,
    outcomes_saved,
)
from drift_exporter.state.counters import read_model_counters, read_version_counters
from drift_exporter.state.rows import (
    Changes,
    Counts,
    Document,
    Evicted,
    ModelState,
    SavedSample,
    SavedSlice,
    by_bins,
)
from drift_exporter.streams.saved import KEY, from_saved, to_saved
from drift_exporter.window.ids import NEVER, Block
from drift_exporter.window.ring import Ring, Slice
from drift_exporter.window.totals import Totals

log = logging.getLogger(__name__)


def counters_of(ingest: ModelIngest) -> Document:
    """The counters of a model as a whole."""
    return {
        "records": ingest.records,
        "watermark": ingest.watermark,
        "late": dict(ingest.late),
        "rejected": dict(ingest.rejected),
        "invalid": [[kind, column, count] for (kind, column), count in ingest.invalid.items()],
        "versions": list(ingest.plan.versions),
        "duplicates": ingest.duplicates,
        "forgotten_ids": 0 if ingest.ids is None else ingest.ids.forgotten,
        "newest_id": NEVER if ingest.ids is None else ingest.ids.newest,
        "strangers": dict(ingest.strangers),
        "names": list(ingest.names),
        **({} if ingest.outcomes is None else outcome_counters(ingest.outcomes)),
        **({} if ingest.anomalies is None else tokens_saved(ingest.anomalies)),
        **_evaluations(ingest.history),
    }


def _evaluations(history: History) -> Document:
    """The evaluations that later ones have to agree with, where there are any."""
    if not history.evaluations:
        return {}
    return {
        "history": [
            [version, window, step, [[kind, column, p] for (kind, column), p in confidences.items()]]
            for (version, window), known in history.evaluations.items()
            for step, confidences in known
        ]
    }


def changes_of(ingest: ModelIngest, *, anew: bool) -> Changes:
    """What changed since the last save, or with ``anew`` all there is, but for positions in files.

    The caller holds the model's lock.
    """
    versions, counts, slices, samples, evicted = {}, [], [], [], []
    for version, totals in ingest.totals.items():
        streams = {KEY: to_saved(ingest.streams.watched.get(version, {}))}
        labelled, found = labelled_saved(ingest.outcomes, version), found_saved(ingest.anomalies, version)
        versions[version] = {**_traffic(totals), **streams, **labelled, **found}
        layout, ring = ingest.layout(version), ingest.rings[version]
        if layout is None:
            continue
        fingerprint = layout.reference.fingerprint
        counts.append(Counts(version, fingerprint, totals.columns))
        places = (
            {(level, start) for level, own in enumerate(ring.slices) for start in own}
            if anew
            else ring.changed
        )
        for level, start in places:
            part = ring.slices[level][start]
            window = ring.windows[level].key
            slices.append(SavedSlice(version, fingerprint, window, start, part.rows, part.counts, part.sums))
            if part.sample is not None and (anew or (level, start) in ring.sampled):
                samples.append(SavedSample(version, fingerprint, window, start, part.sample))
        evicted += [
            Evicted(version, fingerprint, ring.windows[level].key, before)
            for level, before in ring.evicted.items()
        ]
    merges: Sequence[Merge] = ()
    if ingest.outcomes is not None:
        outcomes = outcomes_saved(ingest.outcomes, anew=anew)
        counts += outcomes.counts
        slices += outcomes.slices
        evicted += outcomes.evicted
        merges = outcomes.merges
    if ingest.anomalies is not None:
        anomalies = anomalies_saved(ingest.anomalies, anew=anew)
        counts += anomalies.counts
        slices += anomalies.slices
        evicted += anomalies.evicted
    ids: dict[int, Block] = {}
    removed: tuple[int, ...] = ()
    if ingest.ids is not None:
        numbers = ingest.ids.blocks if anew else ingest.ids.added
        ids, removed = {number: ingest.ids.blocks[number] for number in numbers}, tuple(ingest.ids.removed)
    state = ModelState(counters_of(ingest), versions, counts, slices, ids=ids, samples=samples)
    waits = ingest.outcomes is not None and ingest.outcomes.join is not None
    return Changes(state, tuple(evicted), removed=removed, anew=anew, merges=merges, waits=waits)


def forget_changes(ingest: ModelIngest, changes: Changes) -> None:
    """All that changed is saved. The caller has held the model's lock since these changes were told."""
    for ring in ingest.rings.values():
        ring.changed.clear()
        ring.sampled.clear()
        ring.evicted.clear()
    if ingest.ids is not None:
        ingest.ids.saved()
    if ingest.outcomes is not None:
        outcomes_forgotten(ingest.outcomes, changes.merges)
    if ingest.anomalies is not None:
        anomalies_forgotten(ingest.anomalies)


def restore(ingest: ModelIngest, state: ModelState) -> None:
    """Go on from what was saved. Counts under other bins than the reference's stay where they are."""
    counters = read_model_counters(state.counters)
    with ingest.lock:
        ingest.records, ingest.watermark = counters.records, counters.watermark
        ingest.late, ingest.rejected = Counter(counters.late), Counter(counters.rejected)
        ingest.invalid, ingest.strangers = Counter(counters.invalid), Counter(counters.strangers)
        ingest.duplicates = counters.duplicates
        if ingest.ids is not None:
            ingest.ids.restore(state.ids, counters.newest_id, counters.forgotten_ids)
        ingest.know(counters.versions, counters.names)
        for version, window, step, confidences in counters.history:
            ingest.history.note(version, window, step, confidences)
        counts = {(part.version, part.fingerprint): part.counts for part in state.counts}
        before = {part.version for part in state.counts if by_bins(part.fingerprint)}
        for version, traffic in state.versions.items():
            layout = ingest.layout(version)
            size, sums_size = (0, 0) if layout is None else (layout.size, layout.sums_size)
            columns = np.zeros(size, dtype=np.int64)
            if layout is not None:
                found = counts.get((version, layout.reference.fingerprint))
                if found is not None:
                    columns = found
                elif version in before:
                    log.warning(
                        "model %s: the reference of version %s has other bins than before: its counts by bin "
                        "and its windows begin anew; the old ones stay in the state",
                        ingest.model.name,
                        version,
                    )
            ingest.totals[version] = replace(read_version_counters(traffic), columns=columns)
            ingest.streams.watched[version] = from_saved(traffic)
            ingest.rings[version] = Ring(ingest.levels, size, sums_size)
        _restore_slices(ingest, state)
        if ingest.outcomes is not None:
            outcomes_restored(ingest.outcomes, state)
        if ingest.anomalies is not None:
            anomalies_restored(ingest.anomalies, state)


def _restore_slices(ingest: ModelIngest, state: ModelState) -> None:
    levels = {window.key: level for level, window in enumerate(ingest.levels)}
    layouts: dict[str, Layout | None] = {version: ingest.layout(version) for version in ingest.rings}
    for part in state.slices:
        layout, level = layouts.get(part.version), levels.get(part.window)
        if layout is not None and layout.reference.fingerprint == part.fingerprint and level is not None:
            ingest.rings[part.version].slices[level][part.start] = Slice(part.counts, part.sums, part.rows)
    for saved in state.samples if ingest.kept else ():
        layout, level = layouts.get(saved.version), levels.get(saved.window)
        if layout is not None and layout.reference.fingerprint == saved.fingerprint and level is not None:
            columns, wanted = saved.sample.values.shape[1], len(layout.reference.sampled)
            if columns != wanted:
                raise StateError(
                    f"model {ingest.model.name}: the records kept of version {saved.version} have {columns} "
                    f"columns where its reference has {wanted}; drift-exporter state check tells which, and "
                    "drift-exporter state reset begins the model anew"
                )
            ingest.rings[saved.version].slices[level][saved.start].sample = saved.sample


def _traffic(totals: Totals) -> Document:
    return {
        "predictions": totals.predictions,
        "errors": totals.errors,
        "latency": totals.latency.tolist(),
        "latency_sum": totals.latency_sum,
        "confidence": totals.confidence.tolist(),
        "confidence_sum": totals.confidence_sum,
        "last_timestamp": totals.last_timestamp,
        "exemplars": {
            bucket: [exemplar.trace_id, exemplar.value, exemplar.timestamp]
            for bucket, exemplar in totals.exemplars.items()
        },
    }
