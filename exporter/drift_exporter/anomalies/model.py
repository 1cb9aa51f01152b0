"""One model's detectors of odd records, by version.

Like all counts theirs change only in ``take``, after everything that can fail has been computed. A detector that
fails leaves its records uncounted, and says why; all others go on.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from drift_exporter.anomalies.bucket import Bucket, choose, full_bucket
from drift_exporter.anomalies.detectors import Detector, Tallied, begin
from drift_exporter.anomalies.examples import LONGEST, Example
from drift_exporter.anomalies.scoring import Scores, counts_by, odd_columns, score, scored_in
from drift_exporter.config.anomaly import BURST
from drift_exporter.config.schema import Model
from drift_exporter.count.layout import Layout
from drift_exporter.decode.plan import FieldPath, Plan
from drift_exporter.decode.records import Records, Text
from drift_exporter.judge.anomaly.model import AnomalyModel
from drift_exporter.reference.model import IntArray
from drift_exporter.snapshot import Exemplar
from drift_exporter.window.draw import gather
from drift_exporter.window.sample import keys_of
from drift_exporter.window.slices import MICROSECONDS, Assignment, Window

log = logging.getLogger(__name__)

Models = Mapping[str | None, Sequence[AnomalyModel]]
"""Fitted detectors by the version of the reference, in the configuration's order; None serves every version."""

Place = tuple[str, str]
"""Names of a version and of a detector."""

Texts = Callable[[FieldPath, Sequence[int]], Sequence[Text]]
"""Looks up what some of a chunk's records hold at a path."""

_NEVER = np.iinfo(np.int64).min
_NONE = np.empty(0, dtype=np.int64)


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
        newest = np.maximum.accumulate(np.where(self.times <= self.horizon, self.times, _NEVER))
        if self.watermark is not None:
            newest = np.maximum(newest, self.watermark)
        known = newest[newest > _NEVER]
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
class _Draft:
    """A part before it is known what the shown records are called.

    ``odd`` are the rows of the examples, ``last`` those of the newest anomaly by bucket.
    """

    part: Part
    odd: IntArray
    last: Mapping[int, int]


@dataclass(frozen=True)
class Scored:
    """What all detectors made of a chunk: buckets by detector, and why one failed on a version, or None."""

    assignment: Assignment
    parts: Sequence[Part]
    buckets: Mapping[str, Bucket]
    problems: Mapping[Place, str | None]


class ModelAnomalies:
    """Scores a model's records. ``prepare`` changes nothing, ``take`` does."""

    def __init__(self, model: Model, levels: tuple[Window, ...], models: Models) -> None:
        """``levels`` are the windows, in the order of ``make_levels``."""
        self.model, self.levels = model, levels
        self.detectors = {
            version: tuple(Detector(*pair) for pair in zip(model.detectors, fitted, strict=True))
            for version, fitted in models.items()
        }
        self.tallied: dict[Place, Tallied] = {}
        self.buckets = {section.detector: full_bucket(section.rate) for section in model.detectors}
        self.problems: dict[Place, str] = {}

    @property
    def problem(self) -> str | None:
        """Why detectors failed last time, None where none did."""
        found = [f"detector {place[1]}, version {place[0]}: {text}" for place, text in self.problems.items()]
        return "; ".join(found) or None

    def of_version(self, version: str) -> tuple[Detector, ...]:
        """The detectors of a version; none where it has no reference."""
        return self.detectors.get(version, self.detectors.get(None, ()))

    def prepare(
        self, stretch: Stretch, layout: Callable[[str], Layout | None], plan: Plan, texts: Texts
    ) -> Scored:
        """Score the records of a chunk, as many as may be; changes nothing."""
        keys = keys_of(stretch.first, stretch.records.rows)
        seconds = stretch.seconds
        drafts: list[_Draft] = []
        buckets: dict[str, Bucket] = {}
        problems: dict[Place, str | None] = {}
        names, version = stretch.versions
        known = [index for index, name in enumerate(names) if self.of_version(name)]
        rows = np.arange(len(version)) if len(known) == len(names) else np.flatnonzero(np.isin(version, known))
        for number, section in enumerate(self.model.detectors):
            bucket = self.buckets[section.detector]
            chosen, buckets[section.detector] = choose(bucket, section.rate, seconds[rows], keys[rows])
            scored = np.zeros(len(rows), dtype=np.bool_)
            scored[chosen] = True
            for index in known:
                name = names[index]
                own = version[rows] == index
                place, detector = (name, section.detector), self.of_version(name)[number]
                try:
                    draft = self._score(
                        place, detector, stretch, layout(name), (rows[own & scored], rows[own & ~scored])
                    )
                except Exception as error:
                    problems[place] = f"{type(error).__name__}: {error}"
                    if place not in self.problems:
                        log.exception("model %s: detector %s failed", self.model.name, section.detector)
                else:
                    problems[place] = None
                    drafts.append(draft)
        return Scored(stretch.assignment, _named(drafts, stretch, plan, texts), buckets, problems)

    def take(self, scored: Scored) -> None:
        """Count what was scored."""
        self.buckets.update(scored.buckets)
        for place, problem in scored.problems.items():
            self.problems.pop(place, None)
            if problem is not None:
                self.problems[place] = problem
        level, start = scored.assignment.level.tolist(), scored.assignment.start.tolist()
        for part in scored.parts:
            tallied = self._tallied(part.place)
            tallied.totals += part.counts.sum(axis=0)
            for number in np.flatnonzero(part.counts.any(axis=1) & (scored.assignment.level >= 0)).tolist():
                own = part.counts[number]
                tallied.ring.add(level[number], start[number], own, np.empty(0), scored_in(own))
            tallied.examples.add(part.examples)
            tallied.exemplars.update(part.exemplars)

    def evict(self, watermark: int) -> None:
        """Drop what is in no window any more."""
        for tallied in self.tallied.values():
            tallied.ring.evict(watermark)
            tallied.examples.evict(watermark)

    def adopt(self, old: "ModelAnomalies") -> None:
        """Take over what was counted before the model was configured anew, of detectors that are as before."""
        for section in self.model.detectors:
            if section.detector in old.buckets:
                bucket = old.buckets[section.detector]
                tokens = min(bucket.tokens, section.rate * BURST)
                self.buckets[section.detector] = replace(bucket, tokens=tokens)
        for place, theirs in old.tallied.items():
            mine = self.begun(place, theirs.fingerprint)
            if mine is not None:
                mine.totals, mine.exemplars = theirs.totals, theirs.exemplars
                mine.examples.spans = theirs.examples.spans
                mine.ring.adopt(theirs.ring)

    def begun(self, place: Place, fingerprint: str) -> Tallied | None:
        """What is counted of a version by a detector, begun anew; None where that has another fingerprint."""
        if not any(one.name == place[1] and one.fingerprint == fingerprint for one in self.of_version(place[0])):
            return None
        return self._tallied(place)

    def _tallied(self, place: Place) -> Tallied:
        if place not in self.tallied:
            detector = next(one for one in self.of_version(place[0]) if one.name == place[1])
            self.tallied[place] = begin(detector, self.levels)
        return self.tallied[place]

    def _score(
        self,
        place: Place,
        detector: Detector,
        stretch: Stretch,
        layout: Layout | None,
        rows: tuple[IntArray, IntArray],
    ) -> _Draft:
        """Score the first of these rows, and count the others as skipped."""
        scored, skipped = rows
        group, groups = stretch.assignment.key, len(stretch.assignment.level)
        if layout is None:
            raise ValueError("there is no reference")
        scores = score(detector.model, layout, stretch.records, scored)
        counts = counts_by(scores, group[scored], group[skipped], groups)
        odd = np.flatnonzero(scores.anomalous)
        newest = stretch.assignment.watermark
        kept = _NONE
        if len(odd) and newest != _NEVER:
            known = self.tallied.get(place) or begin(detector, self.levels)
            kept = odd[
                known.examples.candidates(stretch.times[scored[odd]], scores.percentiles[odd], newest)
            ]
        examples: list[Example] = []
        if len(kept):
            values = gather(layout, stretch.records, scored[kept])
            columns = odd_columns(detector.model, values, detector.section.show)
            examples = [
                Example(int(time), float(percentile), own)
                for time, percentile, own in zip(
                    stretch.times[scored[kept]].tolist(), scores.percentiles[kept].tolist(), columns, strict=True
                )
            ]
        last = _last_of_each(scores, odd)
        exemplars = {
            bucket: Exemplar("", float(scores.percentiles[row]), float(stretch.times[scored[row]]) / MICROSECONDS)
            for bucket, row in last.items()
        }
        part = Part(place, counts, examples, exemplars)
        return _Draft(part, scored[kept], {bucket: int(scored[row]) for bucket, row in last.items()})


def _last_of_each(scores: Scores, odd: IntArray) -> dict[int, int]:
    """The last of the anomalies (their numbers) in each bucket."""
    last = np.full(int(scores.bucket.max(initial=0)) + 1, -1, dtype=np.int64)
    last[scores.bucket[odd]] = odd
    return {bucket: int(last[bucket]) for bucket in np.flatnonzero(last >= 0).tolist()}


def _named(drafts: Sequence[_Draft], stretch: Stretch, plan: Plan, texts: Texts) -> list[Part]:
    """Parts with the ids and traces of the records that they show, which are all read at once."""
    wanted = sorted({row for draft in drafts for row in (*draft.odd.tolist(), *draft.last.values())})
    ids, traces = (
        {} if path is None or not wanted else {one.row: one.text for one in texts(path, wanted)}
        for path in (plan.shown_id, plan.trace_id)
    )
    parts = []
    for draft in drafts:
        examples = [
            replace(example, id=_cut(ids.get(row)), trace_id=_cut(traces.get(row)))
            for example, row in zip(draft.part.examples, draft.odd.tolist(), strict=True)
        ]
        exemplars = {}
        for bucket, row in draft.last.items():
            label = "trace_id" if row in traces else "id"
            text = traces.get(row, ids.get(row))
            if text is not None:
                exemplars[bucket] = replace(draft.part.exemplars[bucket], trace_id=text, label=label)
        parts.append(replace(draft.part, examples=examples, exemplars=exemplars))
    return parts


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:LONGEST]
