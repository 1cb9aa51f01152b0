"""One model's detectors of odd records, by version.

Like all counts theirs change only in ``take``, after everything that can fail has been computed. A detector
that fails leaves its records uncounted, and says why; all others go on.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from drift_exporter.anomalies.bucket import Bucket, choose, full_bucket
from drift_exporter.anomalies.detectors import Detector, Tallied, begin
from drift_exporter.anomalies.drafts import Draft, draft, named
from drift_exporter.anomalies.parts import Place, Scored, Stretch, Texts
from drift_exporter.anomalies.scoring import scored_in
from drift_exporter.config.anomaly import BURST
from drift_exporter.config.checks import suggest
from drift_exporter.config.schema import Model
from drift_exporter.count.layout import Layout
from drift_exporter.decode.plan import Plan
from drift_exporter.errors import ConfigurationError
from drift_exporter.judge.anomaly.model import AnomalyModel
from drift_exporter.window.sample import keys_of
from drift_exporter.window.slices import Window

log = logging.getLogger(__name__)

Models = Mapping[str | None, Sequence[AnomalyModel]]
"""Fitted detectors in the configuration's order by the version of the reference; None serves all versions."""


class ModelAnomalies:
    """Scores a model's records. ``prepare`` changes nothing, ``take`` does."""

    def __init__(self, model: Model, levels: tuple[Window, ...], models: Models) -> None:
        """``levels`` are the windows, in the order of ``make_levels``.

        Raises ConfigurationError where a value is to be shown of a column that a detector does not see.
        """
        self.model, self.levels = model, levels
        self.detectors = {
            version: tuple(Detector(*pair) for pair in zip(model.detectors, fitted, strict=True))
            for version, fitted in models.items()
        }
        for detector in (one for own in self.detectors.values() for one in own):
            _check_shown(model.name, detector)
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
        keys, seconds = keys_of(stretch.first, stretch.records.rows), stretch.seconds
        names, version = stretch.versions
        layouts = {index: layout(name) for index, name in enumerate(names) if self.of_version(name)}
        rows = np.flatnonzero(np.isin(version, list(layouts)))
        drafts: list[Draft] = []
        buckets: dict[str, Bucket] = {}
        problems: dict[Place, str | None] = {}
        for number, section in enumerate(self.model.detectors):
            name, scored = section.detector, np.zeros(len(rows), dtype=np.bool_)
            chosen, buckets[name] = choose(self.buckets[name], section.rate, seconds[rows], keys[rows])
            scored[chosen] = True
            for index, own_layout in layouts.items():
                if own_layout is None:
                    continue
                own, place = version[rows] == index, (names[index], name)
                detector = self.of_version(names[index])[number]
                both, known = (rows[own & scored], rows[own & ~scored]), self._known(place, detector)
                try:
                    drafts.append(draft(place, detector, own_layout, stretch, both, known.examples))
                except Exception as error:
                    problems[place] = f"{type(error).__name__}: {error}"
                    if place not in self.problems:
                        log.exception("model %s: detector %s failed", self.model.name, name)
                else:
                    problems[place] = None
        return Scored(stretch.assignment, named(drafts, plan, texts), buckets, problems)

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
        """Take over what was counted before the model was configured anew, by detectors that are the same."""
        for section in self.model.detectors:
            if section.detector in old.buckets:
                bucket = old.buckets[section.detector]
                tokens = min(bucket.tokens, section.rate * BURST)
                self.buckets[section.detector] = replace(bucket, tokens=tokens)
        for (version, _), theirs in old.tallied.items():
            mine = self.begun(version, theirs.fingerprint)
            if mine is not None:
                mine.totals, mine.exemplars = theirs.totals, theirs.exemplars
                mine.examples.spans = theirs.examples.spans
                mine.ring.adopt(theirs.ring)

    def begun(self, version: str, fingerprint: str) -> Tallied | None:
        """What a version's detector with this fingerprint counts; None where there is no such one."""
        own = [one.name for one in self.of_version(version) if one.fingerprint == fingerprint]
        return self._tallied((version, own[0])) if own else None

    def _tallied(self, place: Place) -> Tallied:
        detector = next(one for one in self.of_version(place[0]) if one.name == place[1])
        self.tallied[place] = self._known(place, detector)
        return self.tallied[place]

    def _known(self, place: Place, detector: Detector) -> Tallied:
        known = self.tallied.get(place)
        return begin(detector, self.levels) if known is None else known


def _check_shown(model: str, detector: Detector) -> None:
    show, columns = detector.section.show, [column.name for column in detector.model.columns]
    for name in () if isinstance(show, str) else show:
        if name not in columns:
            raise ConfigurationError(
                f"model {model!r}: anomaly.show has {name!r}, which the detector {detector.name} does not "
                f"see; {suggest(name, columns)}"
            )
