"""Objects in a store, each read once.

Objects are listed at intervals, and each that is new is copied to a local file and read from there like any
other file. What is known of an object is its name, which version of it was read, and how far. An object that
was written anew is read on where reading stopped if it begins with what was read, else from its beginning.
"""

import math
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from drift_exporter.sources.chunk import SMALLEST_CHUNK, Chunk
from drift_exporter.sources.compressed import CorruptArchiveError
from drift_exporter.sources.listing import Shard
from drift_exporter.sources.memory import MemoryFile
from drift_exporter.sources.objects.copy import CopyFolder, ObjectCopy, open_copy, resume, unread
from drift_exporter.sources.objects.errors import describe
from drift_exporter.sources.objects.fetch import Fetch, Fetches
from drift_exporter.sources.objects.marks import Marks
from drift_exporter.sources.objects.names import NamePattern, object_shard
from drift_exporter.sources.objects.queue import ObjectQueue, pause_after
from drift_exporter.sources.objects.store import ObjectStore, StoredObject
from drift_exporter.sources.position import Guard, new_guard
from drift_exporter.sources.source import Counts, Lag, SourceChanges, SourceState

_TURN = 2.0
"""Seconds after which others have their turn, though there is more to read."""

_PATIENCE = 0.1
"""Seconds that the store is waited for before others have their turn."""


@dataclass
class ObjectSource:
    """All objects under the pattern ``url`` that belong to ``shard`` (index from 0, count).

    They are listed every ``interval`` seconds (less often where that takes long), and read when they were not
    modified for ``settle`` seconds. Those last modified before ``start`` (epoch seconds) are left alone.
    ``options`` and ``credentials`` are those of ``ObjectStore``. Copies are made in ``folder``, or in a
    temporary one. ``final`` says that they are listed and read once. ``clock`` is in seconds, ``wall`` the
    time of day.
    """

    url: str
    format: str
    line_limit: int
    chunk_size: int = 32 << 20
    interval: float = 60.0
    settle: float = 0.0
    start: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, Path] = field(default_factory=dict)
    folder: Path | None = None
    final: bool = False
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    guard: Guard = field(default_factory=new_guard)
    shard: Shard | None = None
    idle_cost: float = 0.0
    more: bool = False
    counts: Counts = field(default_factory=Counts)
    marks: Marks = field(default_factory=Marks)
    _pattern: NamePattern = field(init=False)
    _queue: ObjectQueue = field(init=False)
    _store: ObjectStore = field(init=False)
    _fetches: Fetches = field(init=False)
    _memory: MemoryFile = field(default_factory=MemoryFile)
    _listing: Future[list[StoredObject]] | None = None
    _asked: float = 0.0
    _due: float | None = None
    _listed: bool = False
    _failures: int = 0
    _current: ObjectCopy | None = None
    _again: bool = False
    _lag: int | None = None
    _problem: str | None = None

    def __post_init__(self) -> None:
        self._pattern = NamePattern(self.url)
        self._queue = ObjectQueue(self.format, self.marks, self._is_meant, self.start)
        self._store = ObjectStore(self.url, self.options, self.credentials)
        self._fetches = Fetches(self._store, CopyFolder(self.folder), self._queue, self.final)

    def bind(self, save: Callable[[], None]) -> None:
        """Nothing is given up here that could be read twice."""

    @property
    def problem(self) -> str | None:
        """What is wrong with the store, or else with an object."""
        if self._problem is not None or not self._queue.problems:
            return self._problem
        url, reason = next(iter(self._queue.problems.items()))
        others = len(self._queue.problems) - 1
        return f"{url}: {reason}" + (f" (and {others} more with problems)" if others else "")

    @property
    def lost_bytes(self) -> int:
        """Bytes of objects that were listed, and gone before they were read."""
        return self.marks.lost_bytes

    def poll(self, stop: Callable[[], bool] = lambda: False) -> Generator[Chunk]:
        """Hand on what there is to read now, object by object, those written first before the others.

        An object that cannot be read is named in ``problem``; the others go on.
        """
        self.more = False
        end = self.clock() + _TURN
        try:
            while not stop():
                self._advance()
                if self._current is None:
                    if not self._wait_for_store():
                        break
                    continue
                if self.clock() >= end and not self.final:
                    self.more = True
                    break
                chunk = self._next_chunk(self._current)
                if chunk is None:
                    continue
                self._again = False
                yield chunk
                if not self._again and self._current is not None:
                    self.accept()
        finally:
            if self._current is not None:
                # Accepted or not: a chunk that was not comes again.
                self._current.pause()
            self._lag = self._unread()

    @property
    def under_way(self) -> bool:
        """Whether something was asked of the store that is not there yet."""
        return self._listing is not None or len(self._fetches) > 0

    def accept(self) -> None:
        """Move past the last chunk handed on: it was counted. More than once is once."""
        with self.guard:
            copy = self._current
            if copy is not None and copy.file.accept():
                self.marks.put(copy.stored.url, copy.mark(finished=False))

    def note_time(self, time: int) -> None:
        """Nothing depends on it: objects are read in the order in which they were written."""

    def set_aside(self, reason: str) -> None:
        """Leave the object that the last chunk is of alone until it changes: what it holds cannot be used."""
        copy = self._current
        if copy is not None:
            self._queue.give_up(copy.stored, copy.named(reason))
            self._let_go(copy)

    def read_smaller(self) -> None:
        """Hand on half as much from where the last chunk began: that one held too many records."""
        if self._current is not None:
            self._current.rewind()
            self._current.chunk_size = max(self._current.chunk_size // 2, SMALLEST_CHUNK)
            self._again = True

    def lag(self) -> Lag:
        """Bytes of the objects that are listed and were not read yet; None before there is a listing."""
        return Lag(bytes=self._lag)

    def changes(self, *, everything: bool = False) -> SourceChanges:
        """Marks that are new or have changed (or all), and those that are forgotten, since ``saved``."""
        with self.guard:
            marks, dropped = self.marks.changes(everything=everything)
            return SourceChanges(marks=marks, unmarked=dropped)

    def saved(self) -> None:
        """What ``changes`` gave last is stored."""
        with self.guard:
            self.marks.saved()

    def restore(self, state: SourceState) -> None:
        """Go on where a source stopped whose ``changes`` these were. To be called before the first look."""
        with self.guard:
            self.marks.restore(state.marks, state.lost_bytes)

    def adopt(self, old: "ObjectSource") -> None:
        """Go on where another source stopped; of objects of another format nothing is taken over."""
        if self.format != old.format:
            return
        with self.guard:
            lost = self.lost_bytes
            self.marks, old.marks = old.marks, Marks()
            self.marks.lost_bytes += lost
            self._queue.marks = self.marks

    def close(self) -> None:
        """End what is under way, and give everything back."""
        self._store.close()
        if self._current is not None:
            self._let_go(self._current)
        self._fetches.close()
        self._memory.close()

    def _advance(self) -> None:
        """List what there is if it is time to, copy what is to be read next, and open what is copied."""
        now = self.clock()
        if self._listing is not None and self._listing.done():
            self._take_listing(self._listing, now)
        if self._listing is None and (self._due is None or now >= self._due):
            self._asked, self._listing = now, self._store.look()
        self._fetches.go_ahead(now, None if self._current is None else self._current.size)
        if self._current is None and (fetch := self._fetches.take(now)) is not None:
            self._open(fetch, now)

    def _take_listing(self, listing: Future[list[StoredObject]], now: float) -> None:
        self._listing = None
        try:
            found = listing.result()
        except Exception as error:  # noqa: BLE001  # told, whatever a client library raises
            self._failures += 1
            self._problem = f"{self.url}: {describe(error)}"
            self._due = math.inf if self.final else now + min(self.interval, pause_after(self._failures))
            return
        found = [each for each in found if self._is_meant(each.url)]
        self._failures, self._listed = 0, True
        current = set() if self._current is None else {self._current.stored.url}
        before = None if self.final or not self.settle else self.wall() - self.settle
        with self.guard:
            self._queue.take_in(
                found,
                self._fetches.urls | current,
                self._fetches.copied | current,
                before=before,
                now=self.wall(),
            )
        nothing = not (found or self.shard or len(self.marks))
        self._problem = f"no object matches {self.url}" if nothing else None
        # A listing that takes long is not made all the time.
        self._due = math.inf if self.final else now + max(self.interval, 9 * (now - self._asked))

    def _open(self, fetch: Fetch, now: float) -> None:
        stored, copy = fetch.stored, None
        try:
            copy = open_copy(
                stored,
                fetch.path,
                self.format,
                line_limit=self.line_limit,
                chunk_size=self.chunk_size,
                guard=self.guard,
            )
            mark = self.marks.get(stored.url)
            same = mark is None or resume(copy, mark)
        except OSError as error:
            if copy is not None:
                copy.close()
            fetch.path.unlink(missing_ok=True)
            self._fetches.fail(stored, error, now)
            return
        if mark is not None and not same:
            with self.guard:
                self.marks.lost_bytes += unread(stored.url, self.format, mark)
                self.marks.put(stored.url, copy.mark(finished=False))
        self._current = copy

    def _next_chunk(self, copy: ObjectCopy) -> Chunk | None:
        """The next chunk of an object; None where it is read to its end, or nothing more can be had of it."""
        try:
            chunk = copy.next(self._memory)
        except CorruptArchiveError as error:
            self._queue.give_up(copy.stored, error.told())
        except (OSError, duckdb.Error) as error:
            if isinstance(error, OSError) and error.errno is not None:
                # Of the copy, not of the object.
                self._fetches.fail(copy.stored, error, self.clock())
            else:
                self._queue.give_up(copy.stored, copy.named(str(error).splitlines()[0]))
        else:
            if chunk is not None:
                return chunk
            self._queue.done(copy.stored)
            with self.guard:
                self.marks.put(copy.stored.url, copy.mark(finished=True))
        self._let_go(copy)
        return None

    def _let_go(self, copy: ObjectCopy) -> None:
        self._current = None
        copy.close()

    def _wait_for_store(self) -> bool:
        """Wait a moment for what is under way; whether there may be something new then."""
        # What is first is read first.
        under_way: Future[Any] | None = self._fetches.first or self._listing
        if under_way is None:
            return False
        done, _ = wait([under_way], _PATIENCE)
        return bool(done) or self.final

    def _is_meant(self, url: str) -> bool:
        """Whether an object is under the pattern and of our shard."""
        ours = self.shard is None or object_shard(url, self.shard[1]) == self.shard[0]
        return ours and self._pattern.matches(url)

    def _unread(self) -> int | None:
        """Bytes that are listed and not read yet; None before there is a listing."""
        if not self._listed:
            return None
        copy = self._current
        current = 0 if copy is None else unread(copy.stored.url, self.format, copy.mark(finished=False))
        return self._queue.bytes + self._fetches.bytes + current
