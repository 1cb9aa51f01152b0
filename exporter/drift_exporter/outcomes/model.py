"""One model's predictions and outcomes: joined, counted by version, slice and group, and kept.

Like the counts of drift they change only in ``take``, after everything that can fail has been computed; the
caller holds the model's lock from joining to taking.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from drift_exporter.config.schema import Model
from drift_exporter.count.binner import Binner
from drift_exporter.count.layout import Layout
from drift_exporter.count.tally import Tally, TallyLayout, count_answers, empty
from drift_exporter.decode.plan import Plan
from drift_exporter.decode.records import Records
from drift_exporter.errors import ConfigurationError, StateError
from drift_exporter.join.engine import LabelJoin
from drift_exporter.join.matched import Matched
from drift_exporter.join.rows import NEVER, PREDICTIONS
from drift_exporter.join.run import Document, Fetch
from drift_exporter.judge.estimation.dle import ErrorModel
from drift_exporter.outcomes.answers import VALUE, Reader, Rows, renamed_labels
from drift_exporter.outcomes.classes import text_of
from drift_exporter.outcomes.estimating import Basis, make_basis, make_error_estimators
from drift_exporter.reference.model import FloatArray, IntArray, Reference
from drift_exporter.snapshot import DELAY_BOUNDS
from drift_exporter.window.slices import MICROSECONDS, Window, assign, make_levels
from drift_exporter.window.tallies import TallyRing, reaching_back

REASONS = (
    *("duplicate", "correction", "superseded", "late", "unknown", "no_id", "missing"),
    *("duplicate_prediction", "prediction_without_id", "late_prediction"),
)
"""Why a label is not (or not only) the first one of a prediction, or a prediction waits for none."""

_DELAYS = Binner(np.array(DELAY_BOUNDS))


@dataclass
class Labelled:
    """Labels of one version that were joined, since the beginning, and the histogram of their delays."""

    count: int = 0
    delays: IntArray = field(default_factory=lambda: np.zeros(len(DELAY_BOUNDS) + 1, dtype=np.int64))
    delay_sum: float = 0.0


@dataclass(frozen=True)
class Part:
    """What was counted of one version: tallies by (level, start) of their slices, and what no slice holds."""

    version: str
    slices: Sequence[tuple[tuple[int, int], Tally]]
    total: Tally
    labelled: int
    delays: IntArray
    delay_sum: float


@dataclass(frozen=True)
class Prepared:
    """Rows of a chunk of predictions, counted as predictions; those with a label of their own as outcomes."""

    rows: Rows
    parts: Sequence[Part]


@dataclass(frozen=True)
class Joined:
    """What joining found, and what is to be counted of it."""

    matched: Matched | None
    parts: Sequence[Part]
    missing: int = 0


def nothing_saved(side: str, number: int, chunks: Sequence[int]) -> Sequence[bytes]:
    """What is read where nothing was saved."""
    raise StateError(f"{len(chunks)} chunks of run {number} of {side}: nothing was saved")


NOTHING = Joined(None, ())
"""Nothing was joined."""


class ModelOutcomes:
    """Counts a model's predictions and outcomes."""

    def __init__(  # noqa: PLR0913  # all that a model's counts depend on
        self,
        model: Model,
        windows: tuple[Window, ...],
        plan: Plan,
        references: Mapping[str | None, Reference],
        *,
        layouts: Mapping[str | None, Layout],
        fetch: Fetch,
        errors: Mapping[str | None, ErrorModel],
    ) -> None:
        """``layouts`` and ``errors`` (models of a regression's errors) by the reference's version.

        ``fetch`` reads what was saved. Raises ConfigurationError where the classes are not known.
        """
        self.model = model
        self.offset = round(model.performance.offset * MICROSECONDS)
        self.levels = make_levels(reaching_back(windows, self.offset), None)
        self._errors = errors
        self.reader = Reader(model, plan, references, [], make_error_estimators(errors, layouts))
        self.favourable = self._favourable()
        self._layouts: dict[str, TallyLayout] = {}
        self._bases: dict[str, Basis | None] = {}
        self.rings: dict[str, TallyRing] = {}
        self.totals: dict[str, Tally] = {}
        self.labelled: dict[str, Labelled] = {}
        self.reasons: Counter[str] = Counter()
        self.join: LabelJoin | None = None
        if model.labels is not None:
            delay = round(model.labels.max_delay * MICROSECONDS)
            self.join = LabelJoin(
                self.reader.dtype,
                VALUE,
                delay,
                # What comes a little later is told from what belongs to no prediction.
                grace=delay // 8,
                fetch=fetch,
                header=self.reader.dictionary,
                remap=self._remap,
            )

    def _favourable(self) -> int | None:
        """Code of the answer that people want."""
        if self.model.fairness is None:
            return None
        text, classes = text_of(self.model.fairness.favourable), self.reader.classes
        if text not in classes.codes:
            raise ConfigurationError(
                f"model {self.model.name!r}: fairness.favourable is {text!r}, which is no class of it; "
                f"one of: {', '.join(classes.names[:12])}"
            )
        return classes.codes[text]

    def layout(self, version: str) -> TallyLayout:
        """What is counted of a version."""
        if version not in self._layouts:
            self._layouts[version] = self.reader.layout(version)
        return self._layouts[version]

    def _remap(self, side: str, rows: Rows, header: Document) -> Rows:
        """Rows that were kept when codes stood for something else, as they are now."""
        if side == PREDICTIONS:
            return self.reader.remap(rows, header)
        return renamed_labels(rows, header, self.reader.classes)

    def replan(self, plan: Plan, layouts: Mapping[str | None, Layout]) -> None:
        """Read records by another plan from now on, which tells more versions apart."""
        estimators = make_error_estimators(self._errors, layouts)
        self.reader = Reader(self.model, plan, self.reader.references, self.reader.versions, estimators)

    def basis(self, version: str) -> Basis | None:
        """What estimates of a version rest on; None where its reference has no labels."""
        if version not in self._bases:
            references = self.reader.references
            reference = references.get(version, references.get(None))
            errors = self._errors.get(version, self._errors.get(None))
            self._bases[version] = (
                None if reference is None else make_basis(reference, self.layout(version), errors)
            )
        return self._bases[version]

    def prepare(
        self,
        records: Records,
        times: IntArray,
        versions: tuple[Sequence[str], IntArray],
        watermark: int | None,
        horizon: int,
    ) -> Prepared:
        """Rows of records, counted; changes nothing. What is after ``horizon`` is left out.

        ``times`` (rows,) and the others in microseconds; ``versions`` as of ``versions_of``.
        """
        rows = self.reader.rows(records, times, versions)
        labels = None
        if self.model.predictions.fields.label is not None:
            labels = self.reader.labels(records)
        usable = times <= horizon
        if not usable.all():
            rows, labels = rows[usable], None if labels is None else labels[usable]
        if not len(rows):
            return Prepared(rows, ())
        parts = self._parts(_Outcomes(rows), watermark, horizon)
        if labels is not None:
            told = ~np.isnan(labels)
            parts += self._parts(_Outcomes(rows[told], labels[told]), watermark, horizon)
            rows = rows[~told]
        return Prepared(rows, parts)

    def join_predictions(
        self, prepared: Prepared, watermark: int | None, horizon: int, *, labels_behind: bool
    ) -> Joined:
        """Join predictions with labels that came before them; changes nothing. May raise StateError.

        While ``labels_behind``, there are labels to read that came before these predictions.
        """
        if self.join is None or not len(prepared.rows):
            return NOTHING
        # There may be new versions among these rows.
        self.join.relabel(self.reader.dictionary)
        unread = NEVER if labels_behind else None
        matched = self.join.match_predictions(prepared.rows, horizon, unread)
        return Joined(matched, self._matched(matched, watermark, horizon))

    def join_labels(self, labels: Rows, watermark: int | None, horizon: int) -> Joined:
        """Join labels with the predictions they are for; changes nothing. May raise StateError."""
        if self.join is None:
            return NOTHING
        missing = np.isnan(labels["value"])
        matched = self.join.match_labels(labels[~missing], horizon)
        parts = self._matched(matched, watermark, horizon)
        return Joined(matched, parts, int(np.count_nonzero(missing)))

    def take(self, parts: Sequence[Part], joined: Joined) -> None:
        """Count what was prepared and joined."""
        if joined.matched is not None and self.join is not None:
            self.join.take(joined.matched)
            self.reasons.update(
                {name: count for name, count in joined.matched.counts.items() if name in REASONS}
            )
        self.reasons["missing"] += joined.missing
        for part in (*parts, *joined.parts):
            self._take(part)

    def adopt(self, old: "ModelOutcomes") -> None:
        """Take over what is known from before the model was configured anew.

        What is counted goes on for the versions of which the same is counted, in windows as long as before.
        """
        self.reader.versions.extend(name for name in old.reader.versions if name not in self.reader.versions)
        self.reasons, self.labelled = old.reasons, old.labelled
        for version, ring in old.rings.items():
            if self.layout(version).fingerprint == old.layout(version).fingerprint:
                self.totals[version] = old.totals[version]
                self.rings[version] = TallyRing(self.levels, self.offset)
                self.rings[version].adopt(ring)
        if self.join is not None and old.join is not None:
            self.join.adopt(old.join)

    def expire(self, horizon: int) -> None:
        """Let go of what has waited long enough. May raise StateError, and changes nothing then."""
        if self.join is not None:
            matched = self.join.match_predictions(np.zeros(0, dtype=self.reader.dtype), horizon)
            self.take((), Joined(matched, ()))

    def evict(self, watermark: int) -> None:
        """Drop slices that are in no window any more."""
        for ring in self.rings.values():
            ring.evict(watermark)

    def _take(self, part: Part) -> None:
        ring = self.rings.setdefault(part.version, TallyRing(self.levels, self.offset))
        for (level, start), tally in part.slices:
            ring.add(level, start, tally)
        known = self.totals.get(part.version)
        self.totals[part.version] = part.total if known is None else known.plus(part.total)
        labelled = self.labelled.setdefault(part.version, Labelled())
        labelled.count += part.labelled
        labelled.delays += part.delays
        labelled.delay_sum += part.delay_sum

    def _matched(self, matched: Matched, watermark: int | None, horizon: int) -> list[Part]:
        """What is counted of joined rows: the label that holds, less the one that held before."""
        found = matched.outcomes
        if not found.corrected.any():
            return self._parts(_Outcomes(found.rows, found.values, found.delays), watermark, horizon)
        taken_back = np.flatnonzero(found.corrected)
        none = np.full(len(taken_back), NEVER)
        count = len(found.rows)
        weights = np.ones(count + len(taken_back), dtype=np.int64)
        weights[count:] = -1
        outcomes = _Outcomes(
            np.concatenate([found.rows, found.rows[taken_back]]),
            np.concatenate([found.values, found.previous[taken_back]]),
            np.append(np.where(found.corrected, NEVER, found.delays), none),
            weights,
            np.append(~found.corrected, none != NEVER),
        )
        return self._parts(outcomes, watermark, horizon)

    def _parts(self, outcomes: "_Outcomes", watermark: int | None, horizon: int) -> list[Part]:
        """Parts of rows: as predictions where there are no labels, else as outcomes."""
        rows = outcomes.rows
        if not len(rows):
            return []
        assignment = assign(rows["time"], watermark, horizon, self.levels)
        level, start = assignment.level, assignment.start
        parts = []
        for number in np.unique(rows["version"]).tolist():
            version = self.reader.versions[number]
            mine = np.flatnonzero(rows["version"] == number)
            used, slices = np.unique(assignment.key[mine], return_inverse=True)
            found = self._count(version, outcomes, mine, slices, len(used))
            placed = [
                ((int(level[one]), int(start[one])), tally)
                for one, tally in zip(used.tolist(), found, strict=True)
                if level[one] >= 0
            ]
            total = empty(self.layout(version))
            if outcomes.first is None or outcomes.first[mine].all():
                for tally in found:
                    total = total.plus(tally)
            else:
                # Counters never go back: they keep the first label that came.
                firsts = mine[outcomes.first[mine]]
                (total,) = self._count(version, outcomes, firsts, np.zeros(len(firsts), dtype=np.int64), 1)
            parts.append(Part(version, placed, total, *_delays(outcomes, mine)))
        return parts

    def _count(
        self, version: str, outcomes: "_Outcomes", mine: IntArray, slices: IntArray, size: int
    ) -> list[Tally]:
        labels = None if outcomes.labels is None else outcomes.labels[mine]
        answers = self.reader.answers(outcomes.rows[mine], version, labels)
        if outcomes.weights is not None:
            answers = replace(answers, weights=outcomes.weights[mine])
        return count_answers(self.layout(version), answers, slices, size)


@dataclass(frozen=True)
class _Outcomes:
    """Rows of predictions, with their ``labels`` (rows,) where those have come.

    ``delays`` (rows,) in microseconds, NEVER where they are not known. ``weights`` (rows,) are -1 where an
    outcome is taken back, ``first`` (rows,) tells a prediction's first label from later ones.
    """

    rows: Rows
    labels: FloatArray | None = None
    delays: IntArray | None = None
    weights: IntArray | None = None
    first: NDArray[np.bool_] | None = None


def _delays(outcomes: _Outcomes, mine: IntArray) -> tuple[int, IntArray, float]:
    """Number of first labels among some rows, the histogram of their delays, and its sum (seconds)."""
    size = len(DELAY_BOUNDS) + 1
    if outcomes.labels is None:
        return 0, np.zeros(size, dtype=np.int64), 0.0
    counted = mine if outcomes.first is None else mine[outcomes.first[mine]]
    if outcomes.delays is None:
        return len(counted), np.zeros(size, dtype=np.int64), 0.0
    timed = outcomes.delays[counted]
    seconds = np.maximum(timed[timed != NEVER], 0) / MICROSECONDS
    return len(counted), np.bincount(_DELAYS.bin(seconds), minlength=size)[:size], float(seconds.sum())
