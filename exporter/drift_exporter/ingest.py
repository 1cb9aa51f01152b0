"""One model: its records are decoded, counted and put into windows here, and judged from there.

The state (totals, rings, watermark) changes only in ``_merge``, all at once, after everything that can fail
has been computed. Positions move on in the source after that.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import duckdb
import numpy as np

from drift_exporter.anomalies.model import ModelAnomalies, Models
from drift_exporter.anomalies.parts import Scored, Stretch
from drift_exporter.budget import divide
from drift_exporter.config.schema import Config, Model
from drift_exporter.config.sources import pattern_of
from drift_exporter.count.counting import GroupCounts, count_columns
from drift_exporter.count.layout import Layout, make_layout
from drift_exporter.decode.formats import make_decoder
from drift_exporter.decode.plan import CODE_OTHER, FieldPath, Plan
from drift_exporter.decode.records import Bounds, Decoder, Records, Text
from drift_exporter.errors import ChunkTooLargeError, ConfigurationError
from drift_exporter.join.run import Fetch
from drift_exporter.judge.estimation.dle import ErrorModel
from drift_exporter.judge.onset import Onsets
from drift_exporter.judge.persistence import History
from drift_exporter.outcomes.leaves import counts_outcomes
from drift_exporter.outcomes.model import NOTHING, Joined, ModelOutcomes, Prepared, nothing_saved
from drift_exporter.planning import criteria_of, make_plan, rolling_of
from drift_exporter.reference.model import IntArray, Kind, Reference
from drift_exporter.sharing import configured_names, strangers_in
from drift_exporter.sources.chunk import Chunk, Rejection
from drift_exporter.streams.model import Advanced, ModelStreams
from drift_exporter.traffic import Traffic, count_traffic, versions_of, with_exemplars
from drift_exporter.window.draw import Drawn, draw
from drift_exporter.window.history import make_history
from drift_exporter.window.ids import SeenIds
from drift_exporter.window.ring import Ring
from drift_exporter.window.sample import slice_size
from drift_exporter.window.slices import MICROSECONDS, Assignment, assign, make_levels, make_windows
from drift_exporter.window.totals import Totals

FUTURE_TOLERANCE = 3600
"""Seconds by which a record's time may be ahead of our clock before it is left out of the windows."""

JOINED_ROWS = 1 << 18
"""Records of a chunk that are joined at once, at most: each takes some 200 bytes meanwhile."""

_SCORE: tuple[Kind, str] = ("score", "score")
_BLOCK_CELLS = 1 << 22
_NEVER = np.iinfo(np.int64).min
_HEAD = 1 << 18


@dataclass(frozen=True)
class _Counted:
    """What the records of a chunk add up to: traffic, and by version numbers of slices and counts in them.

    ``streams`` is what is known of the streams afterwards, ``drawn`` are records that are kept, by version.
    ``outcomes`` are predictions, counted by class and score, that may wait for labels. ``anomalies`` is how
    odd records are.
    """

    assignment: Assignment
    traffic: Sequence[Traffic]
    counts: Sequence[tuple[str, tuple[IntArray, GroupCounts]]]
    streams: Advanced
    drawn: Sequence[tuple[str, Sequence[Drawn]]]
    outcomes: Prepared | None
    anomalies: Scored | None


class ModelIngest:
    """A model's counters and windows. ``ingest`` and ``state`` may be called from different threads."""

    def __init__(  # noqa: PLR0913  # all that a model's counts depend on
        self,
        model: Model,
        config: Config,
        references: Mapping[str | None, Reference],
        clock: Callable[[], float] = time.time,
        *,
        fetch: Fetch = nothing_saved,
        errors: Mapping[str | None, ErrorModel] | None = None,
        anomalies: Models | None = None,
    ) -> None:
        """``references`` by version; the one under None serves every version. ``fetch`` reads what waits.

        ``errors`` are models of a regression's errors, by the version of the reference; ``anomalies`` are
        fitted detectors, likewise.
        """
        self.model = model
        self.references = references
        self.windows = make_windows({window.name: window.seconds for window in config.windows})
        self.rolling = rolling_of(model)
        past = None if self.rolling is None else make_history(self.rolling, self.windows[-1].length)
        self.levels = make_levels(self.windows, past)
        self.past = None if past is None else self.levels.index(past)
        self.compared: dict[tuple[str, str], tuple[tuple[tuple[int, float, int], ...], Reference]] = {}
        self.criteria = criteria_of(model)
        self.history = History(self.criteria.persistence)
        self.onsets = Onsets()
        self.kept = slice_size(model.drift.sample) if model.drift.multivariate else 0
        self.lock = threading.RLock()
        self.totals: dict[str, Totals] = {}
        self.rings: dict[str, Ring] = {}
        self.invalid: Counter[tuple[Kind, str]] = Counter()
        self.late: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.duplicates = 0
        self.limits = config.limits
        self.ids = self._no_ids()
        self.streams = ModelStreams(model, references)
        self.strangers: Counter[str] = Counter()
        self.records = 0
        self.watermark: int | None = None
        self._clock = clock
        self._fetch, self._errors = fetch, errors or {}
        self._format = model.predictions.source.decoded_as
        self._pattern = pattern_of(model.predictions.source)
        self.configured = configured_names(model, config)
        self._names = self.configured
        self._decoder: Decoder
        self.outcomes: ModelOutcomes | None = None
        self.labels_behind = False
        self._plan_versions(tuple(version for version in references if version is not None))
        self.outcomes = self._make_outcomes()
        self.anomalies = ModelAnomalies(model, self.levels, anomalies) if anomalies else None

    def _make_outcomes(self) -> ModelOutcomes | None:
        if not counts_outcomes(self.model, list(self.references.values())):
            return None
        return ModelOutcomes(
            self.model,
            self.windows,
            self.plan,
            self.references,
            layouts=self._layouts,
            fetch=self._fetch,
            errors=self._errors,
        )

    def _no_ids(self) -> SeenIds | None:
        window = self.model.predictions.deduplicate
        return None if window is None else SeenIds(round(window * MICROSECONDS), self.limits.ids)

    def close(self) -> None:
        """Give back what the decoder holds."""
        self._decoder.close()

    def reference(self, version: str) -> Reference | None:
        """The reference with a version's bins."""
        return self.references.get(version, self.references.get(None))

    def layout(self, version: str) -> Layout | None:
        """Layout of the reference that a version is compared to."""
        return self._layouts.get(version, self._layouts.get(None))

    def adopt(self, old: "ModelIngest") -> None:
        """Take over the counters of a model before it was configured anew.

        What is counted by bin goes on for the versions whose bins are the same, in windows as long as before.
        """
        with self.lock, old.lock:
            self.invalid, self.late, self.rejected = old.invalid, old.late, old.rejected
            self.records, self.watermark = old.records, old.watermark
            self.duplicates = old.duplicates
            self.streams.adopt(old.streams)
            if self.outcomes is not None and old.outcomes is not None:
                self.outcomes.adopt(old.outcomes)
            if self.anomalies is not None and old.anomalies is not None:
                self.anomalies.adopt(old.anomalies)
            if self.ids is not None and old.ids is not None:
                self.ids.restore(old.ids.blocks, old.ids.newest, old.ids.forgotten)
            self.strangers = old.strangers
            self.history.adopt(old.history)
            self.onsets.adopt(old.onsets)
            self._names = tuple(dict.fromkeys((*self.configured, *old.names)))
            self._plan_versions(tuple(dict.fromkeys((*self.plan.versions, *old.plan.versions))))
            for version, totals in old.totals.items():
                mine, theirs = self.layout(version), old.layout(version)
                size, sums_size = (0, 0) if mine is None else (mine.size, mine.sums_size)
                same_bins = (
                    mine is not None
                    and theirs is not None
                    and mine.reference.fingerprint == theirs.reference.fingerprint
                )
                self.rings[version] = Ring(self.levels, size, sums_size)
                if same_bins:
                    self.rings[version].adopt(old.rings[version])
                columns = totals.columns if same_bins else np.zeros(size, dtype=np.int64)
                self.totals[version] = replace(totals, columns=columns)

    def use(self, reference: Reference) -> None:
        """Count by the bins of a reference from now on, for all versions; there were none before.

        Raises ConfigurationError, and changes nothing, where it does not fit the model.
        """
        with self.lock:
            before, self.references = self.references, {None: reference}
            try:
                streams = ModelStreams(self.model, self.references)
                self._plan_versions(self.plan.versions)
                outcomes = self._make_outcomes()
            except ConfigurationError:
                self.references = before
                raise
            streams.adopt(self.streams)
            self.streams = streams
            if outcomes is not None and self.outcomes is not None:
                outcomes.adopt(self.outcomes)
            self.outcomes = outcomes
            self.compared.clear()
            for version, totals in self.totals.items():
                layout = self.layout(version)
                size, sums_size = (0, 0) if layout is None else (layout.size, layout.sums_size)
                self.rings[version] = Ring(self.levels, size, sums_size)
                self.totals[version] = replace(totals, columns=np.zeros(size, dtype=np.int64))

    def first_time(self, kind: str, header: bytes, lines: bytes) -> int | None:
        """Event time (microseconds) of the first good record in some lines, None where there is none."""
        return first_time(self._decoder, self.plan, kind, header, lines)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of models in a shared log that are told apart beside the configured ones."""
        return self._names[len(self.configured) :]

    def know(self, versions: Sequence[str], names: Sequence[str]) -> None:
        """Tell these versions, and these names of models in a shared log, apart from the start."""
        self._names = tuple(dict.fromkeys((*self._names, *names)))
        self._plan_versions(tuple(dict.fromkeys((*self.plan.versions, *versions))))

    def ingest(
        self,
        chunk: Chunk,
        reject: Callable[[Sequence[Rejection]], None],
        accept: Callable[[], None] = lambda: None,
    ) -> int | None:
        """Count a chunk; returns the event time of its last record (microseconds), None where it has none.

        In a log that models share that is the last one of any of them, and only our own are counted.

        ``reject`` stores what could not be counted. It is called when nothing else can fail and before
        anything is counted, so that a chunk for which this raises can be given again. ``accept`` is called
        when the chunk is counted. Both are called while the lock is held.
        """
        records = within_memory(self._decode, chunk)
        rejections = chunk.located((*chunk.rejections, *records.rejections))
        reasons = Counter(rejection.reason for rejection in rejections)
        now = self._clock()
        horizon = round((now + FUTURE_TOLERANCE) * MICROSECONDS)
        times, last = records.timestamps, records.last_time
        if times is None:
            times = np.full(records.rows, round(now * MICROSECONDS), dtype=np.int64)
            last = int(times[-1]) if records.rows else None
        judged = None
        if self.ids is not None and records.ids is not None:
            judged = self.ids.judge(*records.ids, times, horizon)
            if not judged.fresh.all():
                records, times = records.choose(judged.fresh), times[judged.fresh]
        counted = self._counted(chunk, records, times, horizon) if records.rows else None
        with self.lock:
            joined = NOTHING
            if counted is not None and counted.outcomes is not None and self.outcomes is not None:
                joined = self.outcomes.join_predictions(
                    counted.outcomes, self.watermark, horizon, labels_behind=self.labels_behind
                )
            # Here, so that who saves the end of the dead letters has their chunk's counts and position too.
            if rejections:
                reject(rejections)
            self.rejected.update(reasons)
            self._note_strangers(records)
            if self.ids is not None and judged is not None:
                self.ids.add(judged)
                self.duplicates += int(np.count_nonzero(~judged.fresh))
            self.invalid.update(records.invalid)
            if counted is not None:
                self.records += records.rows
                self._merge(counted, joined)
            accept()
        return last

    def expire(self) -> None:
        """Let go of what has waited for its label, or for its prediction, long enough."""
        if self.outcomes is not None and not self.labels_behind:
            horizon = round((self._clock() + FUTURE_TOLERANCE) * MICROSECONDS)
            with self.lock:
                self.outcomes.expire(horizon)

    def _counted(self, chunk: Chunk, records: Records, times: IntArray, horizon: int) -> _Counted:
        assignment = assign(times, self.watermark, horizon, self.levels)
        names, version = versions_of(records, self.plan.versions)
        traffic = count_traffic(records, times, (names, version), horizon=horizon, score=self._score)

        def texts(path: FieldPath, rows: Sequence[int]) -> Sequence[Text]:
            return self._decoder.texts(chunk, rows, records, path)

        if self.plan.trace_id is not None:
            traces = partial(texts, self.plan.trace_id)
            traffic = with_exemplars(traffic, records, (times, version), traces)
        counts = [
            (name, count)
            for index, name in enumerate(names)
            for count in self._count(name, records, assignment, version == index, single=len(names) == 1)
        ]
        streams = self.streams.advance(self.plan, records, np.minimum(times, horizon), (names, version))
        drawn = self._drawn(records, assignment, names, version)
        outcomes = None
        if self.outcomes is not None:
            outcomes = self.outcomes.prepare(records, times, (names, version), self.watermark, horizon)
        anomalies = None
        if self.anomalies is not None:
            both = names, version
            stretch = Stretch(records, times, assignment, both, self.records, self.watermark, horizon)
            anomalies = self.anomalies.prepare(stretch, self.layout, self.plan, texts)
        return _Counted(assignment, traffic, counts, streams, drawn, outcomes, anomalies)

    def _drawn(
        self, records: Records, assignment: Assignment, names: Sequence[str], version: IntArray
    ) -> Sequence[tuple[str, Sequence[Drawn]]]:
        if not self.kept:
            return ()
        versions = {
            name: (
                None if len(names) == 1 else np.flatnonzero(version == index),
                layout,
                self.rings.get(name),
            )
            for index, name in enumerate(names)
            if (layout := self.layout(name)) is not None
        }
        return draw(records, assignment, self.records, versions, self.kept)

    def _decode(self, chunk: Chunk) -> Records:
        if not chunk.data and chunk.memory is None and not chunk.rows and chunk.format != "csv":
            # Of CSV even that depends on the header, which may be wrong.
            return Records(rows=0)
        if self.plan.version is not None and not self.plan.versions:
            # A look at the first lines spares decoding the whole chunk twice.
            self._learn_versions(chunk.head(_HEAD))
        records = self._decoder.decode(chunk)
        unknown = records.versions is not None and (records.versions == CODE_OTHER).any()
        learned = bool(unknown) and self._learn_versions(chunk)
        if records.shared is not None and records.shared.counts[CODE_OTHER]:
            learned |= self._learn_names(chunk)
        if learned:
            records = self._decoder.decode(chunk)
        if records.latency is None:
            return records
        wrong = (records.latency < 0) | np.isinf(records.latency)
        found = int(np.count_nonzero(wrong))
        if not found:
            return records
        key: tuple[Kind, str] = ("prediction", "latency")
        return replace(
            records,
            latency=np.where(wrong, np.nan, records.latency),
            invalid={**records.invalid, key: records.invalid.get(key, 0) + found},
        )

    def _learn_versions(self, chunk: Chunk) -> bool:
        """Tell apart the versions in a chunk that are new; whether there are any (and room for them)."""
        known = self.plan.versions
        room = self.limits.versions - len(known)
        if room <= 0:
            return False
        new = self._decoder.unknown(chunk, self.plan.version_names)[:room]
        if new:
            self._plan_versions((*known, *new))
        return bool(new)

    def _learn_names(self, chunk: Chunk) -> bool:
        """Tell apart the names of models in a chunk that are new; whether there are any (and room)."""
        room = self.limits.models - len(self.names)
        if room <= 0:
            return False
        new = self._decoder.unknown(chunk, self.plan.model_names)[:room]
        if new:
            self._names = (*self._names, *new)
            self._plan_versions(self.plan.versions)
        return bool(new)

    def _note_strangers(self, records: Records) -> None:
        if records.shared is not None:
            self.strangers.update(strangers_in(records.shared, self._names, len(self.configured)))

    def _plan_versions(self, versions: Sequence[str]) -> None:
        self.plan = make_plan(self.model, list(self.references.values()), versions, self._names)
        if "_decoder" in self.__dict__:
            self._decoder.close()
        budget = divide(self.limits.memory)
        rows = budget.rows_of(len(self.plan.paths()) + len(self.plan.measures))
        bounds = Bounds(rows if self.model.labels is None else min(rows, JOINED_ROWS), budget.reader)
        self._decoder = make_decoder(self._format, self.plan, self.limits.line, bounds, self._pattern)
        self._layouts = {
            version: make_layout(reference, self.plan) for version, reference in self.references.items()
        }
        score = ("score", "score")
        self._score = next(
            (i for i, leaf in enumerate(self.plan.numeric) if (leaf.kind, leaf.name) == score), None
        )
        if self.outcomes is not None:
            self.outcomes.replan(self.plan, self._layouts)

    def _count(
        self, name: str, records: Records, assignment: Assignment, mine: np.ndarray, *, single: bool
    ) -> Iterable[tuple[IntArray, GroupCounts]]:
        """Counts of one version's records: the numbers of slices and what was counted in them."""
        layout = self.layout(name)
        if layout is None:
            wrong = {
                (leaf.kind, leaf.name): infinite
                # Measures behind them are finite.
                for leaf, values in zip(self.plan.numeric, records.numeric, strict=False)
                if (infinite := int(np.count_nonzero(np.isinf(values[mine]))))
            }
            none = np.zeros(0, dtype=np.int64)
            yield none, GroupCounts(np.zeros((0, 0), dtype=np.int64), np.zeros((0, 0)), none, wrong)
            return
        slices = len(assignment.level)
        block = max(1, _BLOCK_CELLS // max(1, layout.size))
        for first in range(0, slices, block):
            number = np.arange(first, min(first + block, slices))
            key, numeric, categorical = assignment.key, records.numeric, records.categorical
            if not single or len(number) < slices:
                rows = np.flatnonzero(mine & (key >= first) & (key < first + block))
                if not len(rows):
                    continue
                key = key[rows]
                numeric = tuple(values[rows] for values in numeric)
                categorical = tuple(codes[rows] for codes in categorical)
            yield number, count_columns(layout, numeric, categorical, key - first, len(number))

    def _merge(self, counted: _Counted, joined: Joined) -> None:
        assignment = counted.assignment
        self.late.update({"late": assignment.late, "future": assignment.future})
        for part in counted.traffic:
            self._add_traffic(part)
        self.streams.take(counted.streams)
        for name, (numbers, groups) in counted.counts:
            self.invalid.update(groups.invalid)
            self.totals[name].columns += groups.counts.sum(axis=0)
            ring = self.rings[name]
            for position, number in enumerate(numbers.tolist()):
                level = int(assignment.level[number])
                if level >= 0 and groups.rows[position]:
                    start = int(assignment.start[number])
                    ring.add(
                        level,
                        start,
                        groups.counts[position],
                        groups.sums[position],
                        int(groups.rows[position]),
                    )
        for name, drawn in counted.drawn:
            for one in drawn:
                self.rings[name].keep(*one, self.kept)
        if self.outcomes is not None and counted.outcomes is not None:
            self.outcomes.take(counted.outcomes.parts, joined)
        if self.anomalies is not None and counted.anomalies is not None:
            self.anomalies.take(counted.anomalies)
        if assignment.watermark > (_NEVER if self.watermark is None else self.watermark):
            self.watermark = assignment.watermark
        self._evict()

    def _evict(self) -> None:
        """Drop slices that are in no window any more."""
        if self.watermark is not None:
            for ring in self.rings.values():
                ring.evict(self.watermark)
            if self.outcomes is not None:
                self.outcomes.evict(self.watermark)
            if self.anomalies is not None:
                self.anomalies.evict(self.watermark)

    def _add_traffic(self, part: Traffic) -> None:
        totals = self.totals.get(part.version)
        if totals is None:
            layout = self.layout(part.version)
            size, sums_size = (0, 0) if layout is None else (layout.size, layout.sums_size)
            totals = self.totals[part.version] = Totals(np.zeros(size, dtype=np.int64))
            self.rings[part.version] = Ring(self.levels, size, sums_size)
        totals.predictions += part.rows
        totals.errors += part.errors
        if part.latency is not None:
            totals.latency += part.latency[0]
            totals.latency_sum += part.latency[1]
        if part.confidence is not None:
            totals.confidence += part.confidence[0]
            totals.confidence_sum += part.confidence[1]
        if part.last_timestamp is not None:
            known = totals.last_timestamp
            totals.last_timestamp = part.last_timestamp if known is None else max(known, part.last_timestamp)
        totals.exemplars.update(part.exemplars)


def within_memory(decode: Callable[[Chunk], Records], chunk: Chunk) -> Records:
    """Decode a chunk; raises ChunkTooLargeError where there is no memory for it, and smaller ones may do."""
    try:
        return decode(chunk)
    except duckdb.OutOfMemoryException as error:
        if chunk.divisible:
            raise ChunkTooLargeError(f"{chunk.path}: {error}") from error
        raise


def first_time(decoder: Decoder, plan: Plan, kind: str, header: bytes, lines: bytes) -> int | None:
    """Event time (microseconds) of the first good record in some lines, None where there is none."""
    if plan.timestamp is None or not lines.strip():
        return None
    chunk = Chunk("", kind, 1, lines, header=header, size=len(lines), divisible=False)
    records = decoder.decode(chunk)
    if records.shared is not None:
        return None if records.shared.times is None else records.shared.times[0]
    return None if records.timestamps is None or not records.rows else int(records.timestamps[0])
