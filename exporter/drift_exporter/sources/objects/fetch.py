"""Copies of objects, made ahead while others are read."""

import math
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from drift_exporter.sources.objects.copy import CopyFolder
from drift_exporter.sources.objects.errors import describe
from drift_exporter.sources.objects.queue import ObjectQueue, pause_after
from drift_exporter.sources.objects.store import ObjectStore, StoredObject

AHEAD_BYTES = 64 << 20
"""Size of all copies up to which more are made while others are read; a larger object is copied alone."""

AHEAD_COPIES = 8
"""How many copies there are at most."""


@dataclass(frozen=True)
class Fetch:
    """An object that is being copied to ``path``, or was."""

    stored: StoredObject
    path: Path
    future: Future[None]


@dataclass
class Fetches:
    """The copies that are made of the objects in ``queue``, in its order.

    ``final`` says that what fails is not tried again, unless everything does.
    """

    store: ObjectStore
    folder: CopyFolder
    queue: ObjectQueue
    final: bool
    _under_way: deque[Fetch] = field(default_factory=deque)
    _failures: int = 0
    _due: float = 0.0

    def __len__(self) -> int:
        return len(self._under_way)

    @property
    def first(self) -> Future[None] | None:
        """What is waited for."""
        return self._under_way[0].future if self._under_way else None

    @property
    def urls(self) -> set[str]:
        """The objects that are being copied."""
        return {fetch.stored.url for fetch in self._under_way}

    @property
    def copied(self) -> set[str]:
        """Those of which the copy is there."""
        there = [fetch for fetch in self._under_way if fetch.future.done() and not fetch.future.exception()]
        return {fetch.stored.url for fetch in there}

    @property
    def bytes(self) -> int:
        """Their size."""
        return sum(fetch.stored.size or 0 for fetch in self._under_way)

    def go_ahead(self, now: float, current: int | None) -> None:
        """Begin to copy what comes next; ``current`` is the size of the copy that is read, if any."""

        def fits(size: int) -> bool:
            held = self.bytes + (current or 0)
            return held + size <= AHEAD_BYTES or (current is None and not self._under_way)

        while now >= self._due and len(self) + (current is not None) < AHEAD_COPIES:
            stored = self.queue.next(now, fits)
            if stored is None:
                return
            try:
                path = self.folder.new()
            except OSError as error:
                self.fail(stored, error, now)
                return
            self._under_way.append(Fetch(stored, path, self.store.fetch(stored, path)))

    def take(self, now: float) -> Fetch | None:
        """The first copy, where it is there; one that failed is tried again later."""
        while self._under_way and self._under_way[0].future.done():
            fetch = self._under_way.popleft()
            error = fetch.future.exception()
            if error is None:
                self._failures = 0
                return fetch
            fetch.path.unlink(missing_ok=True)
            self.fail(fetch.stored, error, now)
        return None

    def fail(self, stored: StoredObject, error: BaseException, now: float) -> None:
        """Try an object again later, and others not at once where what is wrong may be wrong for all."""
        self._failures += 1
        pause = pause_after(self._failures)
        if isinstance(error, PermissionError | FileNotFoundError):
            pause = 0.0 if self._failures < AHEAD_COPIES else 1.0
        if self.final:
            pause = 0.0 if self._failures < AHEAD_COPIES else math.inf
        self._due = now + pause
        gone = isinstance(error, FileNotFoundError)
        reason = f"gone before it was read ({error})" if gone else describe(error)
        self.queue.fail(stored, reason, math.inf if self.final else now)

    def close(self) -> None:
        """Delete all copies."""
        for fetch in self._under_way:
            fetch.path.unlink(missing_ok=True)
        self._under_way.clear()
        self.folder.close()
