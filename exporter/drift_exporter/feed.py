"""One source of a model at work: its chunks on the way to be counted, and what goes wrong there."""

import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial

import duckdb

from drift_exporter.deadletter import DeadLetters
from drift_exporter.errors import ChunkTooLargeError, DecodeError, DriftExporterError
from drift_exporter.snapshot import SourceSnapshot
from drift_exporter.sources.chunk import REASONS, Chunk, Rejection
from drift_exporter.sources.source import Source
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
        self._report(problem or self.source.problem)

    def snapshot(  # what is counted of it elsewhere
        self,
        *,
        records: int,
        rejected: dict[str, int],
        watermark: int | None,
        lag: tuple[int | None, int | None],
        unconfigured: dict[str, int] | None = None,
    ) -> SourceSnapshot:
        """State of the source, given what was counted of it and its lag in bytes and records."""
        return SourceSnapshot(
            name=self.name,
            type=self.type,
            up=self.problem is None,
            records=records,
            bytes=self.bytes,
            lost_bytes=self.source.lost_bytes,
            rejected=dict.fromkeys(REASONS, 0) | rejected,
            lag_bytes=lag[0],
            lag_records=lag[1],
            watermark=None if watermark is None else watermark / MICROSECONDS,
            problem=self.problem,
            unconfigured=unconfigured or {},
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

    def _report(self, problem: str | None) -> None:
        self.problem = problem
        if problem != self._said:
            if problem is not None:
                log.warning("source %s: %s", self.name, problem)
            else:
                log.info("source %s: read without problems again", self.name)
            self._said = problem
