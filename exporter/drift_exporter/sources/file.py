"""Log files under a pattern, read as they grow.

Files are told apart by device and inode, so a file that is renamed keeps its place and a new one under an old
name is read from its beginning. A file that is renamed out of the pattern, or deleted, is read on for a
while, since its writer may still hold it open. Where several files have something to read, the one whose
records are oldest goes first: event time then moves forward, and no record is late only because of the order
of the files.
"""

import errno
import glob
import os
import stat
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field

import duckdb

from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.memory import MemoryFile
from drift_exporter.sources.parquet import ParquetFile
from drift_exporter.sources.position import Fingerprint, Guard, Position, new_guard
from drift_exporter.sources.text import CorruptArchiveError, TextFile

File = TextFile | ParquetFile
FileKey = tuple[int, int]
FirstTime = Callable[[bytes, bytes], int | None]
_OPEN_FILES = 200


@dataclass
class FileSource:
    """All files under ``pattern``.

    ``first_time`` tells the event time (microseconds) of the first record in some lines (given the CSV header
    and the lines), to order files by; None where it cannot be told. ``final`` says that the files do not grow
    any more: their last lines are taken even if they do not end in a newline. A file whose name is gone is
    read on until it has not grown for ``grace`` seconds.
    """

    pattern: str
    format: str
    line_limit: int
    chunk_size: int = 32 << 20
    final: bool = False
    first_time: FirstTime = lambda _header, _lines: None
    grace: float = 60.0
    clock: Callable[[], float] = time.monotonic
    problem: str | None = None
    lost_bytes: int = 0
    files: dict[FileKey, File] = field(default_factory=dict)
    gone: dict[FileKey, float] = field(default_factory=dict)
    guard: Guard = field(default_factory=new_guard)
    _restored: dict[FileKey, Position] = field(default_factory=dict)
    stored: dict[int, Position] = field(default_factory=dict)
    _given: dict[int, Position] = field(default_factory=dict)
    next_serial: int = 1
    _memory: MemoryFile = field(default_factory=MemoryFile)
    _aside: dict[FileKey, tuple[int, float]] = field(default_factory=dict)
    _adopted: set[FileKey] = field(default_factory=set)
    _current: FileKey | None = None

    def poll(self) -> Generator[Chunk]:
        """Hand on what there is to read now, oldest file first, chunk by chunk.

        A position moves when its chunk is accepted, or else when the next one is asked for. A file that
        cannot be read is named in ``problem``; the others go on.
        """
        readers: dict[FileKey, Generator[Chunk]] = {}
        try:
            yield from self._poll(readers)
        finally:
            self._current = None
            for reader in readers.values():
                reader.close()

    def _poll(self, readers: dict[FileKey, Generator[Chunk]]) -> Generator[Chunk]:
        self._refresh()
        waiting = [
            key for key, file in list(self.files.items()) if self._guarded(file, self._has_unread, key)
        ]
        for key in waiting:
            file = self.files[key]
            if file.time is None and len(waiting) > 1:
                self._guarded(file, self._look_at_first, key)
        while waiting:
            key = min(waiting, key=lambda k: (self.files[k].time or 0, self.files[k].path))
            file = self.files[key]
            reader = readers.get(key) or file.read(
                self.chunk_size, final=self._is_final(key), memory=self._memory
            )
            readers[key] = reader
            self._current = key
            try:
                chunk = next(reader, None)
            except (OSError, duckdb.Error) as error:
                self._note(file, error)
                self.gone.update({key: self.clock()} if key in self.gone else {})
                chunk = None
            if chunk is None:
                self._current = None
                waiting.remove(key)
                self._after(key, file)
            else:
                yield chunk
                if key in self._aside:
                    # Closing the reader without asking it for more leaves the offset before this chunk.
                    reader.close()
                    waiting.remove(key)
                else:
                    self.accept()

    def accept(self) -> None:
        """Move the position past the last chunk handed on: it was counted. More than once is once."""
        with self.guard:
            if self._current in self.files:
                self.files[self._current].accept()

    def changes(self) -> tuple[list[Position], list[int]]:
        """Positions that are new or have changed, and serials that are gone for good, since ``saved``."""
        with self.guard:
            self._given = {file.serial: self._position(file) for file in self.files.values()}
            changed = [
                position for position in self._given.values() if self.stored.get(position.serial) != position
            ]
            return changed, [serial for serial in self.stored if serial not in self._given]

    def saved(self) -> None:
        """What ``changes`` gave last is stored."""
        with self.guard:
            self.stored = self._given

    def restore(self, positions: Iterable[Position], lost_bytes: int) -> None:
        """Go on where a source stopped whose ``changes`` these were. To be called before the first poll."""
        with self.guard:
            self.stored = {position.serial: position for position in positions}
            self._restored = {
                (position.device, position.inode): position for position in self.stored.values()
            }
            self.next_serial = max(self.stored, default=0) + 1
            self.lost_bytes = lost_bytes

    def note_time(self, time: int) -> None:
        """Remember the newest event time (microseconds) read from the file that the last chunk is of."""
        with self.guard:
            if self._current in self.files:
                self.files[self._current].time = time

    def set_aside(self, reason: str) -> None:
        """Leave the file that the last chunk is of alone until it changes: what it holds cannot be used."""
        if self._current in self.files:
            file = self.files[self._current]
            file.problem = reason
            self._aside[self._current] = file.state()
            self._say(f"{file.path}: {reason}")

    def unread_bytes(self) -> int:
        """How much there is that was not read yet. May be called while another thread reads."""
        total = 0
        for file in list(self.files.values()):
            try:
                total += file.unread_bytes()
            except OSError:
                continue
        return total

    def adopt(self, old: "FileSource") -> None:
        """Go on where another source stopped; that one forgets its files.

        Files that this source's pattern does not match any more are let go, unless they had only just gone.
        """
        self.files, old.files = old.files, {}
        self.gone = old.gone
        self.lost_bytes += old.lost_bytes
        if self.pattern != old.pattern:
            self._adopted = self.files.keys() - self.gone.keys()
        for file in self.files.values():
            file.guard = self.guard
            if isinstance(file, TextFile):
                file.line_limit = self.line_limit
        self.next_serial, self.stored = old.next_serial, old.stored

    def close(self) -> None:
        """Give all files back."""
        for file in self.files.values():
            file.close()
        self._memory.close()

    def _refresh(self) -> None:
        self.problem = None
        found: dict[FileKey, str] = {}
        for path in sorted(glob.glob(self.pattern, recursive=True)):
            try:
                status = os.stat(path)
            except OSError as error:
                self._say(f"{path}: {error.strerror}")
                continue
            if stat.S_ISREG(status.st_mode):
                found.setdefault((status.st_dev, status.st_ino), path)
            elif not stat.S_ISDIR(status.st_mode):
                self._say(f"{path}: not a regular file")
        with self.guard:
            for identity, path in found.items():
                known = self.files.get(identity)
                if known is None:
                    self.files[identity] = self._new(path, identity)
                else:
                    known.path = path
                    self.gone.pop(identity, None)
        for key in self.files.keys() - found.keys():
            if key in self._adopted:
                self._forget(key, self.files[key])
            else:
                self.gone.setdefault(key, self.clock() + self.grace)
        self._adopted = set()
        if not found:
            self._say(f"no file matches {self.pattern}")

    def _is_final(self, key: FileKey) -> bool:
        """Whether a file does not grow any more."""
        return self.final or (key in self.gone and self.clock() >= self.gone[key])

    def _new(self, path: str, identity: FileKey) -> File:
        file: File
        if self.format == "parquet":
            file = ParquetFile(path, identity, guard=self.guard)
        else:
            file = TextFile(path, identity, self.format, self.line_limit, guard=self.guard)
        known = self._restored.pop(identity, None)
        if known is not None:
            file.serial, file.offset, file.header = known.serial, known.offset, known.header
            file.known_size, file.finished, file.time = known.known_size, known.finished, known.time
        else:
            file.serial = self.next_serial
            self.next_serial += 1
        return file

    @staticmethod
    def _position(file: File) -> Position:
        device, inode = file.identity
        nothing = Fingerprint()
        return Position(
            file.serial,
            file.path,
            device,
            inode,
            file.offset,
            nothing,
            nothing,
            file.header,
            file.known_size,
            file.finished,
            file.time,
            gone=False,
            unread=0,
        )

    def _has_unread(self, file: File, key: FileKey) -> bool:
        if not file.is_open:
            status = os.stat(file.path)
            if (status.st_dev, status.st_ino) != key:
                # Another file by the same name; it has an entry of its own.
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), file.path)
        if key in self._aside:
            if self._aside[key] == file.state():
                self._say(f"{file.path}: {file.problem}")
                if self._is_final(key) and key in self.gone:
                    self._forget(key, file)
                return False
            del self._aside[key]
        if key in self.gone and file.has_unread(final=False):
            self.gone[key] = self.clock() + self.grace
        if file.has_unread(final=self._is_final(key)):
            file.problem = None
            return True
        if file.problem is not None:
            self._say(f"{file.path}: {file.problem}")
        self._after(key, file)
        return False

    def _look_at_first(self, file: File, _key: FileKey) -> bool:
        file.time = self.first_time(*file.first_lines())
        return True

    def _guarded(self, file: File, action: Callable[[File, FileKey], bool], key: tuple[int, int]) -> bool:
        try:
            return action(file, key)
        except OSError as error:
            if key in self.gone:
                self._forget(key, file)
            else:
                self._note(file, error)
            return False

    def _after(self, key: FileKey, file: File) -> None:
        with self.guard:
            self.lost_bytes += file.lost_bytes
            file.lost_bytes = 0
        if key in self.gone:
            # What is not held open could not be found again.
            if self._is_final(key) or not file.is_open:
                self._forget(key, file)
        elif len(self.files) > _OPEN_FILES:
            file.close()

    def _forget(self, key: FileKey, file: File) -> None:
        file.close()
        with self.guard:
            self.files.pop(key, None)
        self.gone.pop(key, None)
        self._aside.pop(key, None)

    def _note(self, file: File, error: Exception) -> None:
        if isinstance(error, CorruptArchiveError):
            reason = f"compressed data is damaged or ends too early ({error}); what came before it is counted"
            # It is tried again only when it has changed.
            file.finished = file.state()
        elif isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        else:
            reason = str(error).splitlines()[0]
        file.problem = reason
        self._say(f"{file.path}: {reason}")

    def _say(self, text: str) -> None:
        self.problem = text if self.problem is None else self.problem
