"""The models at work: each reads its source on a thread of its own, and all are judged at intervals.

What goes wrong in one model stays there: it shows in that model's metrics, and the others go on.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from drift_exporter.config.references import learns_bins
from drift_exporter.config.schema import Limits, Model
from drift_exporter.config.sources import Source as SourceSection
from drift_exporter.deadletter import DeadLetters
from drift_exporter.errors import (
    ConfigurationError,
    ReferenceFileError,
    StateError,
)
from drift_exporter.evaluation import Captured, Durations, capture, judge_model
from drift_exporter.feed import Feed
from drift_exporter.ingest import ModelIngest
from drift_exporter.multivariate import Multivariate
from drift_exporter.outcomes.feed import LabelFeed
from drift_exporter.reference.model import Reference
from drift_exporter.reference.store import save_reference
from drift_exporter.sharing import unconfigured
from drift_exporter.snapshot import (
    CHECKPOINT_BOUNDS,
    EVALUATION_BOUNDS,
    SERIES_LIMIT,
    Checkpoint,
    ModelSnapshot,
    Snapshot,
    SourceSnapshot,
)
from drift_exporter.sources.chunk import Chunk, Rejection
from drift_exporter.sources.source import Source
from drift_exporter.state.counters import read_model_counters
from drift_exporter.state.model import changes_of, forget_changes, restore
from drift_exporter.state.rows import Changes, ModelState, labels_of
from drift_exporter.state.store import Store

if TYPE_CHECKING:
    from drift_exporter.reference.learning import BinsLearner

log = logging.getLogger(__name__)

PREDICTIONS, LABELS = "predictions", "labels"
"""Roles of a model's sources."""

_ENDED = object()

_UNSAVED_BYTES = 12 << 20
"""What waits in memory to be joined, at most; it is saved when there is more."""


@dataclass
class ModelRuntime:
    """One model's source, counts and judgement.

    ``store`` is where all is saved; without one, ``scratch`` takes what waits to be joined and is too much
    for the memory.
    """

    model: Model
    ingest: ModelIngest
    feed: Feed
    dead_letter: Path
    clock: Callable[[], float] = time.time
    evaluations: Durations = field(default_factory=lambda: Durations(EVALUATION_BOUNDS))
    saves: Durations = field(default_factory=lambda: Durations(CHECKPOINT_BOUNDS))
    saved: float | None = None
    dropped_series: int = 0
    store: Store | None = None
    scratch: Store | None = None
    learner: "BinsLearner | None" = None
    learned: Path | None = None
    multivariate: Multivariate | None = None
    labels: LabelFeed | None = None
    _anew: bool = False
    _exposed: tuple[ModelSnapshot, tuple[SourceSnapshot, ...]] | None = None
    _unsaved: str | None = None

    def __post_init__(self) -> None:
        self.source.bind(self._save_now)
        if self.labels is not None:
            self.labels.feed.source.bind(self._save_now)

    @property
    def source(self) -> Source:
        """Where the predictions come from."""
        return self.feed.source

    @property
    def letters(self) -> DeadLetters:
        """The predictions' dead letters."""
        return self.feed.letters

    @property
    def problem(self) -> str | None:
        """What is wrong with reading, as of the last look; None where nothing is."""
        return next((feed.problem for feed in self.feeds if feed.problem is not None), None)

    @property
    def feeds(self) -> tuple[Feed, ...]:
        """Its sources."""
        return (self.feed,) if self.labels is None else (self.feed, self.labels.feed)

    @property
    def sections(self) -> tuple[tuple[Feed, SourceSection], ...]:
        """Its sources, each with its section of the configuration."""
        of_labels = () if self.model.labels is None else (self.model.labels.source,)
        return tuple(zip(self.feeds, (self.model.predictions.source, *of_labels), strict=True))

    @property
    def more(self) -> bool:
        """Whether the last reading ended though there is more to read."""
        return any(feed.source.more for feed in self.feeds)

    @property
    def idle_cost(self) -> float:
        """CPU time in seconds of the last look that found nothing."""
        return sum(feed.source.idle_cost for feed in self.feeds)

    def read(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Count what there is to read; returns the number of chunks. Stops between chunks if ``stop``.

        A chunk of each source in turn, on one thread: a label and its prediction cannot miss each other.
        """
        reading = [self.feed.read(self._count, stop)]
        labels = None
        if self.labels is not None:
            labels = self.labels.feed.read(self._count_labels, stop)
            reading.append(labels)
        chunks = 0
        try:
            while reading:
                # As long as there are labels to read, what they may be for does not expire.
                self.ingest.labels_behind = labels in reading
                for one in tuple(reading):
                    if next(one, _ENDED) is _ENDED:
                        reading.remove(one)
                    else:
                        chunks += 1
        finally:
            for one in reading:
                one.close()
        self.ingest.labels_behind = self.labels is not None and self.labels.feed.source.more
        try:
            self.ingest.expire()
        except StateError as error:
            self.feed.report(str(error))
        return chunks

    def restore(self) -> None:
        """Go on where the last save was; raises StateError where that cannot be read."""
        state = None if self.store is None else self.store.load(self.model.name)
        labels = None if self.store is None else self.store.load(labels_of(self.model.name))
        if self.labels is not None and labels is not None:
            self.labels.restore(labels)
        if state is None:
            # Where the dead-letter file ends before anything is read.
            with self.ingest.lock:
                self.save()
        else:
            self._restore(state)
        self._exposed = self._capture()[0], self.source_snapshots()

    def _restore(self, state: ModelState) -> None:
        counters = read_model_counters(state.counters)
        restore(self.ingest, state)
        self.dropped_series = counters.dropped_series
        self.evaluations.counts, self.evaluations.total = counters.evaluations
        self.saves.counts, self.saves.total = counters.saves
        self.saved = state.saved
        self.feed.restore(state, counters)

    def save(self) -> None:
        """Write what changed since the last save; the caller holds the lock. Raises StateError."""
        if self.store is None:
            return
        changes = changes_of(self.ingest, anew=self._anew)
        source = self.source.changes(everything=self._anew)
        counters = {
            **changes.state.counters,
            **self.feed.counters(),
            "dropped_series": self.dropped_series,
            "evaluations": [self.evaluations.counts.tolist(), self.evaluations.total],
            "saves": [self.saves.counts.tolist(), self.saves.total],
        }
        state = replace(changes.state, counters=counters, positions=source.positions, marks=source.marks)
        now = self.clock()
        changes = replace(changes, state=state, forgotten=source.forgotten, unmarked=source.unmarked)
        both = {self.model.name: changes}
        if self.labels is not None:
            both[labels_of(self.model.name)] = self.labels.changes(anew=self._anew)
        self.store.save_all(both, now)
        self.saved = now
        forget_changes(self.ingest, changes)
        self._anew = False
        for feed in self.feeds:
            feed.saved()

    def evaluate(self) -> tuple[ModelSnapshot, tuple[SourceSnapshot, ...]]:
        """Save and judge the model, and tell of its sources as of the same moment.

        Where judging fails, the counters stay and the reason is told. Where saving fails, what was exposed
        before is exposed again, with the reason: nothing is shown that a crash could take back.
        """
        start = time.perf_counter()
        try:
            with self.ingest.lock:
                self.save()
                seconds = time.perf_counter() - start
                captured = self._capture()
                sources = self.source_snapshots()
                if self.saved is not None:
                    # From now on; what is exposed now is what was saved.
                    self.saves.observe(seconds)
        except (StateError, OSError) as error:
            self._say_unsaved(str(error))
            if self._exposed is None:
                raise
            model, sources = self._exposed
            return replace(model, problem=str(error)), sources
        self._say_unsaved(None)
        try:
            snapshot = judge_model(self.ingest, captured)
            if self.multivariate is not None:
                sums = {name: tuple(one for one, _ in windows) for name, windows in captured[1].items()}
                snapshot = self.multivariate.judge(snapshot, sums)
        except Exception as error:
            log.exception("model %s: evaluation failed", self.model.name)
            snapshot = replace(captured[0], problem=f"{type(error).__name__}: {error}")
        else:
            self.evaluations.observe(time.perf_counter() - start)
        learner = self.learner
        if learner is not None and learner.problem is not None and snapshot.problem is None:
            snapshot = replace(snapshot, problem=learner.problem)
        self._exposed = snapshot, sources
        return snapshot, sources

    def source_snapshots(self) -> tuple[SourceSnapshot, ...]:
        """State of all sources."""
        labels = () if self.labels is None else (self.labels.snapshot(),)
        return (self.source_snapshot(), *labels)

    def source_snapshot(self) -> SourceSnapshot:
        """State of the predictions' source."""
        # Looked up before the lock is taken: it asks the file system, and counting must not wait for that.
        lag = self.source.lag()
        with self.ingest.lock:
            return self.feed.snapshot(
                records=self.ingest.records,
                rejected=self.ingest.rejected,
                watermark=self.ingest.watermark,
                lag=lag,
                unconfigured=unconfigured(self.ingest.strangers, self.ingest.configured),
            )

    def continues(self, old: "ModelRuntime") -> bool:
        """Whether this newly made model is ``old`` with nothing changed."""
        return (
            self.model == old.model
            and self.ingest.windows == old.ingest.windows
            and _limits_in_use(self.ingest.limits) == _limits_in_use(old.ingest.limits)
            and (self.ingest.plan.model is None or self.ingest.configured == old.ingest.configured)
            and self.dead_letter == old.dead_letter
            and _built(self.ingest) == _built(old.ingest)
        )

    def adopt(self, old: "ModelRuntime") -> None:
        """Take over what still holds: the counters, and where a source of the same kind stands.

        Counts by bin are kept for versions whose bins are the same; windows also where they are.
        """
        self.evaluations, self.saves, self.saved = old.evaluations, old.saves, old.saved
        self.dropped_series = old.dropped_series
        if self.learned is not None and self.learned.exists() and learns_bins(old.model.reference):
            self._take_bins(old.ingest)
        self.ingest.adopt(old.ingest)
        self._anew, self._exposed = True, old._exposed  # noqa: SLF001  # of its own kind
        self.feed.adopt(old.feed)
        if self.labels is not None and old.labels is not None:
            self.labels.adopt(old.labels)

    def _take_bins(self, old: ModelIngest) -> None:
        """Take over bins that were laid while this one was being set up.

        Where the fields are others now, they are laid anew.
        """
        if self.learner is not None and old.references:
            with contextlib.suppress(ConfigurationError):
                self.ingest.use(old.references[None])
                self._end_learning()

    def close(self) -> None:
        """Give everything back."""
        self.source.close()
        self.ingest.close()
        if self.labels is not None:
            self.labels.close()
        self._end_learning()

    def _count(
        self,
        chunk: Chunk,
        reject: Callable[[Sequence[Rejection]], None],
        accept: Callable[[], None],
    ) -> int | None:
        self._make_room()
        if self.learner is not None:
            self._learn(chunk, self.learner)
        return self.ingest.ingest(chunk, reject, accept)

    def _count_labels(
        self,
        chunk: Chunk,
        reject: Callable[[Sequence[Rejection]], None],
        accept: Callable[[], None],
    ) -> int | None:
        if self.labels is None:
            raise ValueError("there are no labels")
        self._make_room()
        return self.labels.ingest.ingest(chunk, reject, accept)

    def _make_room(self) -> None:
        """Save where much waits in memory to be joined; raises StateError where that cannot be."""
        join = None if self.ingest.outcomes is None else self.ingest.outcomes.join
        if join is None or join.unsaved <= _UNSAVED_BYTES:
            return
        if self.store is not None:
            self._save_now()
        elif self.scratch is not None:
            with self.ingest.lock:
                merges = join.merges()
                self.scratch.save(self.model.name, Changes(ModelState(), merges=merges), self.clock())
                join.saved(merges)

    def _learn(self, chunk: Chunk, learner: "BinsLearner") -> None:
        """Lay the bins once there are records enough; this chunk is the first that is counted by them."""
        before, reference = learner.problem, learner.add(chunk)
        try:
            if reference is not None:
                self._use(reference)
        except ReferenceFileError as error:
            # They are saved with the next chunk.
            learner.problem = str(error)
        except ConfigurationError as error:
            learner.fail(str(error))
            if self.learned is not None and self.store is not None:
                with contextlib.suppress(OSError):
                    self.learned.unlink()
        if learner.problem not in {None, before}:
            log.error("model %s: %s", self.model.name, learner.problem)

    def _use(self, reference: Reference) -> None:
        # What is counted by them must find them again.
        if self.learned is not None and self.store is not None:
            save_reference(reference, self.learned)
        self.ingest.use(reference)
        self._end_learning()
        log.info(
            "model %s: the bins of %d columns are laid from %d records",
            self.model.name,
            len(reference.columns),
            reference.rows,
        )

    def _end_learning(self) -> None:
        if self.learner is not None:
            self.learner.close()
            self.learner = None

    def _save_now(self) -> None:
        with self.ingest.lock:
            self.save()

    def _capture(self) -> Captured:
        traffic, sums, outcomes, anomalies = capture(self.ingest, self.evaluations)
        traffic = replace(traffic, dropped_series={SERIES_LIMIT: self.dropped_series})
        if self.saved is not None:
            traffic = replace(traffic, checkpoint=Checkpoint(self.saved, self.saves.histogram()))
        return traffic, sums, outcomes, anomalies

    def _say_unsaved(self, problem: str | None) -> None:
        if problem != self._unsaved:
            if problem is not None:
                log.error("model %s is not saved: %s", self.model.name, problem)
            else:
                log.info("model %s: saved without problems again", self.model.name)
            self._unsaved = problem


def _built(ingest: ModelIngest) -> Mapping[str | None, tuple[str, float]]:
    """Which references are in use: the bins, and when they were counted."""
    return {version: (one.fingerprint, one.created) for version, one in ingest.references.items()}


def _limits_in_use(limits: Limits) -> Mapping[str, int]:
    """Limits that a model at work keeps to; the others are of all metrics together, and of references."""
    return limits.model_dump(exclude={"series", "categories"})


def take_snapshot(
    models: Sequence[ModelRuntime], *, reload_successful: bool, reload_timestamp: float, now: float
) -> Snapshot:
    """Judge all models and put together what there is to expose."""
    evaluated = [model.evaluate() for model in models]
    return Snapshot(
        created=now,
        models=tuple(model for model, _ in evaluated),
        sources=tuple(source for _, sources in evaluated for source in sources),
        config_reload_successful=reload_successful,
        config_reload_timestamp=reload_timestamp,
    )
