"""One source of a model at work: its chunks on the way to be counted, and what goes wrong there."""

import contextlib
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import duckdb

from drift_exporter.deadletter import DeadLetters
from drift_exporter.errors import ChunkTooLargeError, DecodeError, DriftExporterError, StateError
from drift_exporter.snapshot import SourceSnapshot
from drift_exporter.sources.chunk import REASONS, Chunk, Rejection
from drift_exporter.sources.source import Lag, Source, SourceState
from drift_exporter.state.counters import ModelCounters
from drift_exporter.state.rows import Document, ModelState
from drift_exporter.window.slices import MICROSECONDS

log = logging.getLogger(__name__)

Count = Callable[[Chunk, Callable[[Sequence[Rejection]], None], Callable[[], None]], int | None]
"""Counts a chunk: given what stores its rejections and what accepts it, as of ``ModelIngest.ingest``."""


@dataclass
class Feed:
    """A source, called ``name`` in metrics, where its rejected records go, and how reading goes."""

    name: str
    type: str
    source: Source
    letters: DeadLetters
    clock: Callable[[], float]
    bytes: int = 0
    problem: str | None = None
    _said: str | None = field(default=None, repr=False)

    def read(self, count: Count, stop: Callable[[], bool]) -> Generator[None]:
        """Count what there is to read, a chunk at each step. Stops between chunks if ``stop``."""
        reading = self.source.poll(stop)
        problem = None
        chunks = 0
        try:
            for chunk in reading:
                # Asking for this chunk has moved the position past the one before; this one stays unread.
                if chunks and stop():
                    break
                chunks += 1
                self._count(chunk, count)
                yield
        except (OSError, DriftExporterError) as error:
            problem = str(error)
        except Exception as error:
            log.exception("source %s: reading failed; what was counted is as before it", self.name)
            problem = f"{type(error).__name__}: {error}"
        finally:
            reading.close()
        self.report(problem or self.source.problem)

    def counters(self) -> Document:
        """What is saved of it, beside where the source stands. The caller holds the lock."""
        end = self.letters.cursor()
        return {
            "bytes": self.bytes,
            "lost_bytes": self.source.lost_bytes,
            "dead_letter": None if end is None else [end.inode, end.size, end.tail.hex()],
            "source": [[kind, label, count] for (kind, label), count in self.source.counts.items()],
        }

    def restore(self, state: ModelState, counters: ModelCounters) -> None:
        """Go on from what was saved; raises StateError where the dead letters cannot be cut back."""
        self.bytes = counters.bytes
        self.source.restore(SourceState(state.positions, state.marks, counters.lost_bytes, counters.source))
        try:
            self.letters.restore(counters.dead_letter)
        except OSError as error:
            raise StateError(
                f"{self.letters.path} cannot be cut back to what is saved: {error.strerror}"
            ) from error

    def adopt(self, old: "Feed") -> None:
        """Take over its count, and where a source of the same kind stands."""
        self.bytes = old.bytes
        if type(self.source) is type(old.source):
            self.source.adopt(old.source)

    def saved(self) -> None:
        """What was told of it is saved."""
        self.source.saved()
        with contextlib.suppress(OSError):
            # It is tried again after the next save.
            self.letters.rotate()

    def snapshot(
        self,
        *,
        records: int,
        rejected: Mapping[str, int],
        watermark: int | None,
        lag: Lag,
        unconfigured: Mapping[str, int] | None = None,
    ) -> SourceSnapshot:
        """State of the source, given what was counted of it and its lag."""
        return SourceSnapshot(
            name=self.name,
            type=self.type,
            up=self.problem is None,
            records=records,
            bytes=self.bytes,
            lost_bytes=self.source.lost_bytes,
            rejected={**dict.fromkeys(REASONS, 0), **rejected},
            lag_bytes=lag.bytes,
            lag_records=lag.records,
            watermark=None if watermark is None else watermark / MICROSECONDS,
            problem=self.problem,
            unconfigured={**(unconfigured or {})},
            counts=dict(self.source.counts),
        )

    def _count(self, chunk: Chunk, count: Count) -> None:
        try:
            newest = count(chunk, self._reject, partial(self._accept, chunk))
        except ChunkTooLargeError:
            self.source.read_smaller()
        except (DecodeError, duckdb.Error) as error:
            # Of the file itself; the other files of this source go on.
            self.source.set_aside(str(error).splitlines()[0])
        else:
            if newest is not None:
                self.source.note_time(newest)

    def _accept(self, chunk: Chunk) -> None:
        self.source.accept()
        self.bytes += chunk.size if chunk.format != "parquet" else 0

    def _reject(self, rejections: Sequence[Rejection]) -> None:
        try:
            self.letters.write(rejections, self.clock())
        except OSError as error:
            raise DriftExporterError(
                f"rejected records cannot be written to {self.letters.path.parent}: "
                f"{error.strerror or error}; reading waits until they can"
            ) from error

    def report(self, problem: str | None) -> None:
        """Tell of a problem, or that there is none any more."""
        self.problem = problem
        if problem != self._said:
            if problem is not None:
                log.warning("source %s: %s", self.name, problem)
            else:
                log.info("source %s: read without problems again", self.name)
            self._said = problem
