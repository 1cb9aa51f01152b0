"""Log files under a pattern, read as they grow.

Files are told apart by device and inode, so a file that is renamed keeps its place and a new one under an old
name is read from its beginning. A file that is renamed out of the pattern, or deleted, is read on for a
while, since its writer may still hold it open. Where several files have something to read, the one whose
records are oldest goes first: event time then moves forward, and no record is late only because of the order
of the files.

Before a file is read on, its first bytes and the last ones that were read are compared with what they were:
where they differ, the content is another and is read from its beginning. Copies that log rotation makes are
not read twice.
"""

import heapq
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import duckdb

from drift_exporter.sources.chunk import SMALLEST_CHUNK, Chunk
from drift_exporter.sources.jsonfile import open_text
from drift_exporter.sources.known import KnownFile
from drift_exporter.sources.listing import FileKey, Shard, list_files
from drift_exporter.sources.memory import MemoryFile
from drift_exporter.sources.parquet import ParquetFile
from drift_exporter.sources.position import Guard, new_guard
from drift_exporter.sources.source import Counts, Lag, SourceChanges, SourceState
from drift_exporter.sources.text import TextFile
from drift_exporter.sources.tracker import Tracker

Turn = tuple[int, str, FileKey]
"""When a file is read: the time of its records, then its path."""

FirstTime = Callable[[bytes, bytes], int | None]


@dataclass
class FileSource:
    """All files under ``pattern`` that belong to ``shard`` (index from 0, count).

    ``first_time`` tells the event time (microseconds) of the first record in some lines (given the CSV header
    and the lines), to order files by; None where it cannot be told. ``final`` says that the files do not grow
    any more: their last lines are taken even if they do not end in a newline. A file whose name is gone is
    read on until it has not grown for ``grace`` seconds by ``clock``; ``wall`` is the time of day.

    Every position changes under ``guard``: who holds it sees positions and ``lost_bytes`` of one moment.
    ``idle_cost`` is the CPU time in seconds that the last look took which found nothing to read.
    """

    pattern: str
    format: str
    line_limit: int
    chunk_size: int = 32 << 20
    final: bool = False
    first_time: FirstTime = lambda _header, _lines: None
    grace: float = 60.0
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    guard: Guard = field(default_factory=new_guard)
    shard: Shard | None = None
    idle_cost: float = 0.0
    more: bool = False
    counts: Counts = field(default_factory=Counts)
    tracker: Tracker = field(init=False)
    _memory: MemoryFile = field(default_factory=MemoryFile)
    _current: FileKey | None = None
    _sizes: dict[FileKey, int] = field(default_factory=dict)
    _again: bool = False

    def __post_init__(self) -> None:
        self.tracker = self._new_tracker()

    def bind(self, save: Callable[[], None]) -> None:
        """Nothing is given up here that could be read twice."""

    @property
    def problem(self) -> str | None:
        """What is wrong with a file, or with the pattern, as of the last look."""
        return self.tracker.problem

    @property
    def lost_bytes(self) -> int:
        """Bytes that are known to have existed, and were gone before they were read."""
        return self.tracker.ledger.lost_bytes

    @property
    def files(self) -> dict[FileKey, KnownFile]:
        """The files that are there, or still held open."""
        return self.tracker.files

    def poll(self, stop: Callable[[], bool] = lambda: False) -> Generator[Chunk]:
        """Hand on what there is to read now, oldest file first, chunk by chunk.

        A position moves when its chunk is accepted, or else when the next one is asked for. A file that
        cannot be read is named in ``problem``; the others go on. ``stop`` ends it while the files are looked
        at to find the oldest.
        """
        start = time.thread_time()
        found = False
        readers: dict[FileKey, Generator[Chunk]] = {}
        try:
            waiting = self.tracker.refresh(list_files(self.pattern, self.shard), self.clock(), self.wall())
            for chunk in self._read(waiting, readers, stop):
                found = True
                yield chunk
            if not found:
                self.idle_cost = time.thread_time() - start
        finally:
            self._current = None
            for reader in readers.values():
                reader.close()

    def accept(self) -> None:
        """Move the position past the last chunk handed on: it was counted. More than once is once."""
        with self.guard:
            file = self._current_file()
            if file is not None and file.accept():
                self.tracker.touch(file)

    def note_time(self, time: int) -> None:
        """Remember the newest event time (microseconds) read from the file that the last chunk is of."""
        with self.guard:
            file = self._current_file()
            if file is not None:
                file.time = time
                self.tracker.touch(file)

    def set_aside(self, reason: str) -> None:
        """Leave the file that the last chunk is of alone until it changes: what it holds cannot be used."""
        file = self._current_file()
        if file is not None:
            reason = file.named(reason)
            file.problem = reason
            self.tracker.unusable[file.identity] = file.state()
            self.tracker.say(f"{file.path}: {reason}")

    def read_smaller(self) -> None:
        """Hand on half as much from where the last chunk began: that one held too many records."""
        if self._current is not None:
            size = self._sizes.get(self._current, self.chunk_size)
            self._sizes[self._current] = max(size // 2, SMALLEST_CHUNK)
            self._again = True

    def lag(self) -> Lag:
        """How much there is that was not read yet, as of the last look; copies of what was read left out."""
        return Lag(bytes=sum(file.unread(file.seen[0]) for file in list(self.files.values()) if file.serial))

    def changes(self, *, everything: bool = False) -> SourceChanges:
        """Positions that are new or have changed, and serials that are gone for good, since ``saved``.

        With ``everything`` all positions that are known.
        """
        with self.guard:
            tracker = self.tracker
            if everything:
                tracker.ledger.touch_all(self.files.values(), tracker.restored)
            changed, dropped = tracker.ledger.changes(self.files.values(), tracker.restored)
            return SourceChanges(positions=changed, forgotten=dropped)

    def saved(self) -> None:
        """What ``changes`` gave last is stored."""
        with self.guard:
            self.tracker.ledger.saved()

    def restore(self, state: SourceState) -> None:
        """Go on where a source stopped whose ``changes`` these were. To be called before the first look."""
        with self.guard:
            due = self.clock() + self.grace
            live = self.tracker.ledger.restore(state.positions, state.lost_bytes, due=due, wall=self.wall())
            self.tracker.restored = {position.serial: position for position in live}

    def adopt(self, old: "FileSource") -> None:
        """Go on where another source stopped, also in telling changes; that one forgets its files.

        Files that this source's pattern does not match any more are let go, unless they had only just gone.
        Of files of another format nothing is taken over.
        """
        if self.format != old.format:
            return
        with self.guard:
            lost = self.lost_bytes
            self.tracker, old.tracker = old.tracker, old._new_tracker()  # noqa: SLF001  # of the same class
            self.tracker.guard, self.tracker.make = self.guard, self._make
            self.tracker.ledger.lost_bytes += lost
            if (self.pattern, self.shard) != (old.pattern, old.shard):
                self.tracker.adopted = self.files.keys() - self.tracker.leaving.keys()
            for file in self.files.values():
                file.guard = self.guard
                if isinstance(file, TextFile):
                    file.line_limit = self.line_limit

    def close(self) -> None:
        """Give all files back."""
        for file in self.files.values():
            file.close()
        self._memory.close()

    def _read(
        self, keys: list[FileKey], readers: dict[FileKey, Generator[Chunk]], stop: Callable[[], bool]
    ) -> Generator[Chunk]:
        waiting = self._turns(keys, stop)
        while waiting:
            key = waiting[0][2]
            file = self.files[key]
            self._current = key
            try:
                if key not in readers:
                    size = self._sizes.get(key, self.chunk_size)
                    readers[key] = file.read(size, final=self.tracker.is_final(key), memory=self._memory)
                chunk = next(readers[key], None)
            except (OSError, duckdb.Error) as error:
                self.tracker.note(file, error)
                chunk = None
            if chunk is None:
                self._current = None
                self._sizes.pop(key, None)
                heapq.heappop(waiting)
                self.tracker.touch(file)
                self.tracker.done(key)
                continue
            self.tracker.opened(key)
            self._again = False
            yield chunk
            if self._again:
                readers.pop(key).close()
            elif key in self.tracker.unusable:
                # Closing the reader without asking it for more leaves the offset before this chunk.
                readers[key].close()
                heapq.heappop(waiting)
            else:
                self.accept()
                heapq.heapreplace(waiting, _turn(file))

    def _turns(self, keys: list[FileKey], stop: Callable[[], bool]) -> list[Turn]:
        """Heap of the files to read; empty where it was time to stop."""
        waiting: list[Turn] = []
        for key in keys:
            file = self.files[key]
            if file.time is None and len(keys) > 1:
                # A look takes milliseconds, and there may be thousands of files.
                if stop():
                    return []
                if not self._look_at_first(file):
                    continue
            waiting.append(_turn(file))
        heapq.heapify(waiting)
        return waiting

    def _look_at_first(self, file: KnownFile) -> bool:
        try:
            first = self.first_time(*file.first_lines())
        except OSError as error:
            self.tracker.note(file, error)
            return False
        with self.guard:
            file.time = first
        return True

    def _current_file(self) -> KnownFile | None:
        return None if self._current is None else self.files.get(self._current)

    def _make(self, path: str, identity: FileKey) -> KnownFile:
        if self.format == "parquet":
            return ParquetFile(path, identity, guard=self.guard)
        return open_text(path, identity, self.format, self.line_limit, self.guard)

    def _new_tracker(self) -> Tracker:
        return Tracker(self._make, self.guard, self.grace, self.final)


def _turn(file: KnownFile) -> Turn:
    """What files are read in the order of: time of the newest record, path."""
    return file.time or 0, file.path, file.identity
