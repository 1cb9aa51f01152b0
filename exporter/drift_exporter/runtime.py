"""The models at work: each reads its source on a thread of its own, and all are judged at intervals.

What goes wrong in one model stays there: it shows in that model's metrics, and the others go on.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import duckdb

from drift_exporter.config.schema import Config, Model
from drift_exporter.deadletter import write_dead_letters
from drift_exporter.errors import DecodeError, DriftExporterError
from drift_exporter.evaluation import Durations, snapshot_model, traffic_only
from drift_exporter.ingest import ModelIngest
from drift_exporter.reference.model import Reference
from drift_exporter.reference.store import load_reference
from drift_exporter.snapshot import ModelSnapshot, Snapshot, SourceSnapshot
from drift_exporter.sources.chunk import REASONS, Rejection
from drift_exporter.sources.file import FileSource
from drift_exporter.window.slices import MICROSECONDS

log = logging.getLogger(__name__)

POLL_INTERVAL = 1.0
"""Seconds between two looks at a source that had nothing new."""


@dataclass
class ModelRuntime:
    """One model's source, counts and judgement."""

    model: Model
    ingest: ModelIngest
    source: FileSource
    dead_letter: Path
    clock: Callable[[], float] = time.time
    durations: Durations = field(default_factory=Durations)
    bytes: int = 0
    problem: str | None = None
    _said: str | None = None

    @property
    def source_name(self) -> str:
        """The source's name in metrics and in the dead-letter folder."""
        return f"{self.model.name}/predictions"

    def read(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Count what there is to read; returns the number of chunks. Stops between chunks if ``stop``."""
        chunks = 0
        problem = None
        reading = self.source.poll()
        try:
            for chunk in reading:
                # Asking for this chunk has moved the position past the one before; this one stays unread.
                if chunks and stop():
                    break
                chunks += 1
                try:
                    newest = self.ingest.ingest(chunk, self._reject)
                except (DecodeError, duckdb.Error) as error:
                    # Of the file itself; the other files of this source go on.
                    reason = str(error).splitlines()[0]
                    self.source.set_aside(reason)
                    continue
                self.bytes += chunk.size if chunk.format != "parquet" else 0
                if newest is not None:
                    self.source.note_time(newest)
        except (OSError, DriftExporterError) as error:
            problem = str(error)
        except Exception as error:
            log.exception("model %s: reading failed; the record counts are as before it", self.model.name)
            problem = f"{type(error).__name__}: {error}"
        finally:
            reading.close()
        self._report(problem or self.source.problem)
        return chunks

    def evaluate(self) -> ModelSnapshot:
        """Judge the model; where that fails, its counters stay and the reason is told."""
        start = time.perf_counter()
        try:
            snapshot = snapshot_model(self.ingest, self.durations)
        except Exception as error:
            log.exception("model %s: evaluation failed", self.model.name)
            return traffic_only(self.ingest, self.durations, f"{type(error).__name__}: {error}")
        self.durations.observe(time.perf_counter() - start)
        return snapshot

    def source_snapshot(self) -> SourceSnapshot:
        """State of the source."""
        # Looked up before the lock is taken: it asks the file system, and counting must not wait for that.
        unread = self.source.unread_bytes()
        with self.ingest.lock:
            watermark = self.ingest.watermark
            return SourceSnapshot(
                name=self.source_name,
                type=self.model.predictions.source.type,
                up=self.problem is None,
                records=self.ingest.records,
                bytes=self.bytes,
                rejected=dict.fromkeys(REASONS, 0) | self.ingest.rejected,
                lag_bytes=unread,
                watermark=None if watermark is None else watermark / MICROSECONDS,
                problem=self.problem,
            )

    def continues(self, old: "ModelRuntime") -> bool:
        """Whether this newly made model is ``old`` with nothing changed."""
        return (
            self.model == old.model
            and self.ingest.windows == old.ingest.windows
            and self.dead_letter == old.dead_letter
            and self.source.line_limit == old.source.line_limit
            and {version: reference.fingerprint for version, reference in self.ingest.references.items()}
            == {version: reference.fingerprint for version, reference in old.ingest.references.items()}
        )

    def adopt(self, old: "ModelRuntime") -> None:
        """Take over what still holds: the counters, and the positions in files of the same format.

        Counts by bin are kept for versions whose bins are the same; windows also where they are.
        """
        self.durations, self.bytes = old.durations, old.bytes
        self.ingest.adopt(old.ingest)
        if self.source.format == old.source.format:
            self.source.adopt(old.source)

    def close(self) -> None:
        """Give everything back."""
        self.source.close()
        self.ingest.close()

    def _reject(self, rejections: Sequence[Rejection]) -> None:
        try:
            write_dead_letters(self.dead_letter, self.source_name, rejections, self.clock())
        except OSError as error:
            raise DriftExporterError(
                f"rejected records cannot be written to {self.dead_letter}: {error.strerror or error}; "
                "reading waits until they can"
            ) from error

    def _report(self, problem: str | None) -> None:
        self.problem = problem
        if problem != self._said:
            if problem is not None:
                log.warning("source %s: %s", self.source_name, problem)
            else:
                log.info("source %s: read without problems again", self.source_name)
            self._said = problem


def load_references(model: Model) -> Mapping[str | None, Reference]:
    """References of a model by version; under None the one for all versions."""
    if model.reference is None:
        return {}
    if isinstance(model.reference, Path):
        return {None: load_reference(model.reference)}
    if isinstance(model.reference, Mapping):
        return {version: load_reference(path) for version, path in model.reference.items()}
    raise DriftExporterError(f"model {model.name!r}: this kind of reference is not supported")


def make_model(
    model: Model, config: Config, *, final: bool = False, clock: Callable[[], float] = time.time
) -> ModelRuntime:
    """Set a model up; raises DriftExporterError where its reference or fields cannot be used."""
    ingest = ModelIngest(model, config, load_references(model), clock)
    source = model.predictions.source
    files = FileSource(
        str(source.path),
        source.format,
        config.limits.line,
        final=final,
        first_time=partial(_first_time, ingest, source.format),
    )
    return ModelRuntime(model, ingest, files, config.dead_letter, clock)


def _first_time(ingest: ModelIngest, kind: str, header: bytes, lines: bytes) -> int | None:
    try:
        return ingest.first_time(kind, header, lines)
    except (DecodeError, duckdb.Error):
        return None


def take_snapshot(
    models: Sequence[ModelRuntime], *, reload_successful: bool, reload_timestamp: float, now: float
) -> Snapshot:
    """Judge all models and put together what there is to expose."""
    return Snapshot(
        created=now,
        models=tuple(model.evaluate() for model in models),
        sources=tuple(model.source_snapshot() for model in models),
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

    def stop(self) -> None:
        """End after the chunk that is being counted, and wait for that."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._slots:
                self.model.read(self._stop.is_set)
            self.first_done.set()
            self._stop.wait(POLL_INTERVAL)
