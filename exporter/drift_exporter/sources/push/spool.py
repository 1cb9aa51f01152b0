"""What was sent to us, on the disk before the sender is told so: files of lines in the order of arrival.

Senders that wait at the same time share one write to the disk: a thread takes all that is waiting, writes it,
makes it durable at once and only then says so. A file is never appended to by a later process: whatever a
crash left at its end was not acknowledged, and is read only as far as its last whole line.
"""

import contextlib
import errno
import os
import re
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal

from drift_exporter.errors import SourceError

SEGMENT = 32 << 20
"""Bytes after which a new file is begun."""

Kind = Literal["ndjson", "events"]
"""Lines of records, or lines of events; also the ending of the file's name."""

_NAME = re.compile(r"(\d{10})\.(ndjson|events)")
_BLOCK = 1 << 16


@dataclass
class Segment:
    """One file: its number, what it holds, its path, and how many bytes of whole lines are on the disk."""

    number: int
    kind: Kind
    path: str
    size: int = 0


@dataclass
class _Item:
    data: bytes
    kind: Kind
    done: Future[None]


@dataclass
class Spool:
    """The files in ``folder``. Nothing is made or looked at before it is opened.

    ``problem`` says why nothing can be written, as of the last attempt. ``in_hand`` is for those who
    have bodies of requests in memory to note how many bytes that are.
    """

    folder: str
    segment_size: int = SEGMENT
    problem: str | None = None
    in_hand: int = 0
    _segments: dict[int, Segment] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _waiting: list[_Item] = field(default_factory=list)
    _waiting_bytes: int = 0
    _active: Segment | None = None
    _descriptor: int = -1
    _next: int = 1
    _opened: bool = False
    _closed: bool = False
    _thread: threading.Thread | None = None
    _answers: Counter[str] = field(default_factory=Counter)

    def open(self, after: int) -> None:
        """Look at what an earlier process left; new files get numbers above ``after``. Raises SourceError."""
        with self._changed:
            if self._opened:
                self._next = max(self._next, after + 1)
                return
            try:
                self._segments = self._look()
            except OSError as error:
                raise SourceError(
                    f"{error.filename or self.folder} cannot be read: {error.strerror}; what is sent is kept "
                    "there, so give this user the right to, or move away what is in the way"
                ) from error
            self._next = max([after, *self._segments]) + 1
            self._opened = True

    def append(self, data: bytes, kind: Kind) -> Future[None]:
        """Write whole lines; the future is done once they are on the disk, or raises SourceError.

        To be called when the spool is open.
        """
        item = _Item(data, kind, Future())
        with self._changed:
            if self._closed or not self._opened:
                item.done.set_exception(SourceError("the model is not ready to take records; try again"))
                return item.done
            self._waiting.append(item)
            self._waiting_bytes += len(data)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_on, name="spool", daemon=True)
                self._thread.start()
            self._changed.notify()
        return item.done

    @property
    def waiting(self) -> int:
        """Bytes that were given to ``append`` and are not yet on the disk."""
        return self._waiting_bytes

    def at(self, number: int) -> Segment | None:
        """The first segment with this number or a higher one."""
        with self._changed:
            found = min((known for known in self._segments if known >= number), default=None)
            return None if found is None else self._segments[found]

    def is_complete(self, segment: Segment) -> bool:
        """Whether nothing more comes to a segment."""
        with self._changed:
            return segment is not self._active

    def unread(self, number: int, offset: int) -> int:
        """Bytes on the disk from a place on."""
        with self._changed:
            sizes = {known: segment.size for known, segment in self._segments.items() if known >= number}
        return sum(sizes.values()) - (offset if number in sizes else 0)

    def size_before(self, number: int) -> int:
        """Bytes of the segments before this number."""
        with self._changed:
            return sum(segment.size for known, segment in self._segments.items() if known < number)

    def remove_before(self, number: int) -> None:
        """Delete the segments before this number. Raises OSError."""
        while (segment := self._first_before(number)) is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(segment.path)
            with self._changed:
                self._segments.pop(segment.number, None)

    def count_answer(self, code: str) -> None:
        """Note that a request was answered with this status code."""
        with self._changed:
            self._answers[code] += 1

    def take_answers(self) -> Counter[str]:
        """Answers by status code since this was asked last."""
        with self._changed:
            taken, self._answers = self._answers, Counter()
            return taken

    def close(self) -> None:
        """Write what is waiting, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _look(self) -> dict[int, Segment]:
        found: dict[int, Segment] = {}
        for name in _names(self.folder):
            if (match := _NAME.fullmatch(name)) is not None:
                path = os.path.join(self.folder, name)
                segment = Segment(int(match[1]), _kind(match[2]), path, _whole_lines(path))
                found[segment.number] = segment
        return found

    def _first_before(self, number: int) -> Segment | None:
        with self._changed:
            old = [known for known in self._segments if known < number]
            found = self._segments[min(old)] if old else None
            return None if found is self._active else found

    def _write_on(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                items, self._waiting = self._waiting, []
            if not items:
                break
            error = self._write(items)
            with self._changed:
                self._waiting_bytes -= sum(len(item.data) for item in items)
            for item in items:
                # Whoever waited may have gone.
                if item.done.set_running_or_notify_cancel():
                    if error is None:
                        item.done.set_result(None)
                    else:
                        item.done.set_exception(error)
        if self._descriptor >= 0:
            self._end_segment()

    def _write(self, items: Sequence[_Item]) -> SourceError | None:
        """Make all of these durable, or say why not; then some of them may be there all the same."""
        written = 0
        try:
            for item in items:
                active = self._active
                if active is None or active.kind != item.kind or active.size + written >= self.segment_size:
                    self._sync(written)
                    written = 0
                    self._begin_segment(item.kind)
                view = memoryview(item.data)
                while view:
                    count = os.write(self._descriptor, view)
                    written, view = written + count, view[count:]
            self._sync(written)
        except Exception as error:  # noqa: BLE001  whatever it is, those who wait have to hear of it
            self._give_up_segment()
            why = error.strerror if isinstance(error, OSError) else None
            self.problem = (
                f"what is sent cannot be written to {self.folder}: {why or error}; "
                "requests are answered 503 until it can"
            )
            return SourceError(self.problem)
        self.problem = None
        return None

    def _sync(self, written: int) -> None:
        if written:
            os.fdatasync(self._descriptor)
            if not os.fstat(self._descriptor).st_nlink:
                raise FileNotFoundError(errno.ENOENT, "it was deleted")
            with self._changed:
                if self._active is not None:
                    self._active.size += written

    def _begin_segment(self, kind: Kind) -> None:
        self._end_segment()
        os.makedirs(self.folder, exist_ok=True)
        with self._changed:
            number, self._next = self._next, self._next + 1
        path = os.path.join(self.folder, f"{number:010}.{kind}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o640)
        # The names have to outlive a crash of the machine, too; the parents may be as new.
        folder = self.folder
        for _ in range(3):
            _sync_folder(folder)
            folder = os.path.dirname(folder)
        with self._changed:
            self._active = self._segments[number] = Segment(number, kind, path)

    def _end_segment(self) -> None:
        with self._changed:
            self._active = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _give_up_segment(self) -> None:
        """Cut off what was not acknowledged, where that can be done, and begin another file next time."""
        if self._descriptor >= 0 and self._active is not None:
            # It is not read either way: the size that counts is the one that is known to be durable.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._active.size)
        self._end_segment()


def _kind(ending: str) -> Kind:
    return "events" if ending == "events" else "ndjson"


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _whole_lines(path: str) -> int:
    """How many bytes of a file are whole lines."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        end = os.fstat(descriptor).st_size
        while end > 0:
            start = max(0, end - _BLOCK)
            newline = os.pread(descriptor, end - start, start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
        return 0
    finally:
        os.close(descriptor)
