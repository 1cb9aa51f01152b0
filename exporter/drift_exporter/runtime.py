"""The models at work: each reads its source on a thread of its own, and all are judged at intervals.

What goes wrong in one model stays there: it shows in that model's metrics, and the others go on.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import duckdb

from drift_exporter.config.schema import Config, Limits, Model
from drift_exporter.deadletter import DeadLetters
from drift_exporter.errors import ChunkTooLargeError, DecodeError, DriftExporterError, StateError
from drift_exporter.evaluation import Captured, Durations, capture, judge_model
from drift_exporter.ingest import ModelIngest
from drift_exporter.reference.model import Reference
from drift_exporter.reference.store import load_reference
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
from drift_exporter.source_factory import make_source
from drift_exporter.sources.chunk import REASONS, Chunk, Rejection
from drift_exporter.sources.listing import Shard
from drift_exporter.sources.source import Source, SourceState
from drift_exporter.state.counters import read_model_counters
from drift_exporter.state.model import changes_of, forget_changes, restore
from drift_exporter.state.rows import ModelState
from drift_exporter.state.store import Store
from drift_exporter.window.slices import MICROSECONDS

log = logging.getLogger(__name__)

POLL_INTERVAL = 1.0
"""Seconds between two looks at a source that had nothing new, at least."""

_IDLE_SHARE = 1 / 100
"""Share of a core that looking at a source with nothing new may take: many files are looked at less often."""


@dataclass
class ModelRuntime:
    """One model's source, counts and judgement."""

    model: Model
    ingest: ModelIngest
    source: Source
    dead_letter: Path
    dead_letter_limit: int
    clock: Callable[[], float] = time.time
    evaluations: Durations = field(default_factory=lambda: Durations(EVALUATION_BOUNDS))
    saves: Durations = field(default_factory=lambda: Durations(CHECKPOINT_BOUNDS))
    saved: float | None = None
    bytes: int = 0
    dropped_series: int = 0
    problem: str | None = None
    store: Store | None = None
    letters: DeadLetters = field(init=False)
    _anew: bool = False
    _exposed: tuple[ModelSnapshot, SourceSnapshot] | None = None
    _said: str | None = None
    _unsaved: str | None = None

    def __post_init__(self) -> None:
        self.letters = DeadLetters(self.dead_letter, self.source_name, self.dead_letter_limit)
        self.source.bind(self._save_now)

    @property
    def source_name(self) -> str:
        """The source's name in metrics and in the dead-letter folder."""
        return f"{self.model.name}/predictions"

    def read(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Count what there is to read; returns the number of chunks. Stops between chunks if ``stop``."""
        chunks = 0
        reading = self.source.poll(stop)
        problem = None
        try:
            for chunk in reading:
                # Asking for this chunk has moved the position past the one before; this one stays unread.
                if chunks and stop():
                    break
                chunks += 1
                self._count(chunk)
        except (OSError, DriftExporterError) as error:
            problem = str(error)
        except Exception as error:
            log.exception("model %s: reading failed; the record counts are as before it", self.model.name)
            problem = f"{type(error).__name__}: {error}"
        finally:
            reading.close()
        self._report(problem or self.source.problem)
        return chunks

    def restore(self) -> None:
        """Go on where the last save was; raises StateError where that cannot be read."""
        state = None if self.store is None else self.store.load(self.model.name)
        if state is None:
            # Where the dead-letter file ends before anything is read.
            with self.ingest.lock:
                self.save()
        else:
            self._restore(state)
        self._exposed = self._capture()[0], self.source_snapshot()

    def _restore(self, state: ModelState) -> None:
        counters = read_model_counters(state.counters)
        restore(self.ingest, state)
        self.bytes, self.dropped_series = counters.bytes, counters.dropped_series
        self.evaluations.counts, self.evaluations.total = counters.evaluations
        self.saves.counts, self.saves.total = counters.saves
        self.saved = state.saved
        self.source.restore(SourceState(state.positions, state.marks, counters.lost_bytes, counters.source))
        try:
            self.letters.restore(counters.dead_letter)
        except OSError as error:
            raise StateError(
                f"{self.letters.path} cannot be cut back to what is saved: {error.strerror}"
            ) from error

    def save(self) -> None:
        """Write what changed since the last save; the caller holds the lock. Raises StateError."""
        if self.store is None:
            return
        changes = changes_of(self.ingest, anew=self._anew)
        source = self.source.changes(everything=self._anew)
        end = self.letters.cursor()
        counters = {
            **changes.state.counters,
            "bytes": self.bytes,
            "dropped_series": self.dropped_series,
            "lost_bytes": self.source.lost_bytes,
            "dead_letter": None if end is None else [end.inode, end.size, end.tail.hex()],
            "evaluations": [self.evaluations.counts.tolist(), self.evaluations.total],
            "saves": [self.saves.counts.tolist(), self.saves.total],
            "source": [[kind, label, count] for (kind, label), count in self.source.counts.items()],
        }
        state = replace(changes.state, counters=counters, positions=source.positions, marks=source.marks)
        now = self.clock()
        changes = replace(changes, state=state, forgotten=source.forgotten, unmarked=source.unmarked)
        self.store.save(self.model.name, changes, now)
        self.saved = now
        self.source.saved()
        forget_changes(self.ingest)
        self._anew = False
        with contextlib.suppress(OSError):
            # It is tried again after the next save.
            self.letters.rotate()

    def evaluate(self) -> tuple[ModelSnapshot, SourceSnapshot]:
        """Save and judge the model, and tell of its source as of the same moment.

        Where judging fails, the counters stay and the reason is told. Where saving fails, what was exposed
        before is exposed again, with the reason: nothing is shown that a crash could take back.
        """
        start = time.perf_counter()
        try:
            with self.ingest.lock:
                self.save()
                seconds = time.perf_counter() - start
                captured = self._capture()
                source = self.source_snapshot()
                if self.saved is not None:
                    # From now on; what is exposed now is what was saved.
                    self.saves.observe(seconds)
        except (StateError, OSError) as error:
            self._say_unsaved(str(error))
            if self._exposed is None:
                raise
            model, source = self._exposed
            return replace(model, problem=str(error)), source
        self._say_unsaved(None)
        try:
            snapshot = judge_model(self.ingest, captured)
        except Exception as error:
            log.exception("model %s: evaluation failed", self.model.name)
            snapshot = replace(captured[0], problem=f"{type(error).__name__}: {error}")
        else:
            self.evaluations.observe(time.perf_counter() - start)
        self._exposed = snapshot, source
        return snapshot, source

    def source_snapshot(self) -> SourceSnapshot:
        """State of the source."""
        # Looked up before the lock is taken: it asks the file system, and counting must not wait for that.
        lag = self.source.lag()
        with self.ingest.lock:
            watermark = self.ingest.watermark
            return SourceSnapshot(
                name=self.source_name,
                type=self.model.predictions.source.type,
                up=self.problem is None,
                records=self.ingest.records,
                bytes=self.bytes,
                lost_bytes=self.source.lost_bytes,
                rejected=dict.fromkeys(REASONS, 0) | self.ingest.rejected,
                lag_bytes=lag.bytes,
                lag_records=lag.records,
                watermark=None if watermark is None else watermark / MICROSECONDS,
                problem=self.problem,
                unconfigured=unconfigured(self.ingest.strangers, self.ingest.configured),
                counts=dict(self.source.counts),
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
        self.bytes, self.dropped_series = old.bytes, old.dropped_series
        self.ingest.adopt(old.ingest)
        self._anew, self._exposed = True, old._exposed  # noqa: SLF001  # of its own kind
        if type(self.source) is type(old.source):
            self.source.adopt(old.source)

    def close(self) -> None:
        """Give everything back."""
        self.source.close()
        self.ingest.close()

    def _count(self, chunk: Chunk) -> None:
        try:
            newest = self.ingest.ingest(chunk, self._reject, partial(self._accept, chunk))
        except ChunkTooLargeError:
            self.source.read_smaller()
        except (DecodeError, duckdb.Error) as error:
            # Of the file itself; the other files of this source go on.
            self.source.set_aside(str(error).splitlines()[0])
        else:
            if newest is not None:
                self.source.note_time(newest)

    def _save_now(self) -> None:
        with self.ingest.lock:
            self.save()

    def _capture(self) -> Captured:
        traffic, sums = capture(self.ingest, self.evaluations)
        traffic = replace(traffic, dropped_series={SERIES_LIMIT: self.dropped_series})
        if self.saved is not None:
            traffic = replace(traffic, checkpoint=Checkpoint(self.saved, self.saves.histogram()))
        return traffic, sums

    def _accept(self, chunk: Chunk) -> None:
        self.source.accept()
        self.bytes += chunk.size if chunk.format != "parquet" else 0

    def _reject(self, rejections: Sequence[Rejection]) -> None:
        try:
            self.letters.write(rejections, self.clock())
        except OSError as error:
            raise DriftExporterError(
                f"rejected records cannot be written to {self.dead_letter}: {error.strerror or error}; "
                "reading waits until they can"
            ) from error

    def _say_unsaved(self, problem: str | None) -> None:
        if problem != self._unsaved:
            if problem is not None:
                log.error("model %s is not saved: %s", self.model.name, problem)
            else:
                log.info("model %s: saved without problems again", self.model.name)
            self._unsaved = problem

    def _report(self, problem: str | None) -> None:
        self.problem = problem
        if problem != self._said:
            if problem is not None:
                log.warning("source %s: %s", self.source_name, problem)
            else:
                log.info("source %s: read without problems again", self.source_name)
            self._said = problem


def _built(ingest: ModelIngest) -> Mapping[str | None, tuple[str, float]]:
    """Which references are in use: the bins, and when they were counted."""
    return {version: (one.fingerprint, one.created) for version, one in ingest.references.items()}


def _limits_in_use(limits: Limits) -> Mapping[str, int]:
    """Limits that a model at work keeps to; the others are of all metrics together, and of references."""
    return limits.model_dump(exclude={"series", "categories"})


def load_references(model: Model) -> Mapping[str | None, Reference]:
    """References of a model by version; under None the one for all versions."""
    if model.reference is None:
        return {}
    if isinstance(model.reference, Path):
        return {None: load_reference(model.reference)}
    if isinstance(model.reference, Mapping):
        return {version: load_reference(path) for version, path in model.reference.items()}
    raise DriftExporterError(f"model {model.name!r}: this kind of reference is not supported")


def make_model(  # noqa: PLR0913  # all that differs between serve, its shards, once and tests
    model: Model,
    config: Config,
    *,
    final: bool = False,
    clock: Callable[[], float] = time.time,
    store: Store | None = None,
    shard: Shard | None = None,
) -> ModelRuntime:
    """Set a model up; raises DriftExporterError where its reference or fields cannot be used.

    What is counted is saved in ``store``, where there is one; what is there already is not yet restored. Of
    the files only those of ``shard`` are read.
    """
    ingest = ModelIngest(model, config, load_references(model), clock)
    source = make_source(model, config, ingest, final=final, shard=shard)
    return ModelRuntime(
        model, ingest, source, config.dead_letter, config.limits.dead_letter, clock, store=store
    )


def take_snapshot(
    models: Sequence[ModelRuntime], *, reload_successful: bool, reload_timestamp: float, now: float
) -> Snapshot:
    """Judge all models and put together what there is to expose."""
    evaluated = [model.evaluate() for model in models]
    return Snapshot(
        created=now,
        models=tuple(model for model, _ in evaluated),
        sources=tuple(source for _, source in evaluated),
        config_reload_successful=reload_successful,
        config_reload_timestamp=reload_timestamp,
    )


class Reader:
    """Reads one model's source on a thread, again and again, until told to stop."""

    def __init__(self, model: ModelRuntime, slots: threading.Semaphore) -> None:
        """``slots`` bounds how many models decode at the same time, and so the memory for it."""
        self.model = model
        self._slots = slots
        self._stop = threading.Event()
        self.first_done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"read-{model.model.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End after the chunk that is being counted."""
        self._stop.set()

    def stop(self) -> None:
        """End after the chunk that is being counted, and wait for that."""
        self.ask_to_stop()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._slots:
                # Others may have read for long.
                if not self._stop.is_set():
                    self.model.read(self._stop.is_set)
            self.first_done.set()
            if not self.model.source.more:
                self._stop.wait(max(POLL_INTERVAL, self.model.source.idle_cost / _IDLE_SHARE))
