"""Log files under a pattern, read as they grow.

Files are told apart by device and inode, so a file that is renamed keeps its place and a new one under an old
name is read from its beginning. Where several files have something to read, the one whose records are oldest
goes first: event time then moves forward, and no record is late only because of the order of the files.
"""

import glob
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

import duckdb

from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.memory import MemoryFile
from drift_exporter.sources.parquet import ParquetFile
from drift_exporter.sources.text import CorruptArchiveError, TextFile

File = TextFile | ParquetFile
FirstTime = Callable[[File, bytes], int | None]
_OPEN_FILES = 200


@dataclass
class FileSource:
    """All files under ``pattern``.

    ``first_time`` tells the event time (microseconds) of a file's first line, to order files by; None where
    it cannot be told. ``final`` says that the files do not grow any more: their last lines are taken even if
    they do not end in a newline.
    """

    pattern: str
    format: str
    line_limit: int
    chunk_size: int = 32 << 20
    final: bool = False
    first_time: FirstTime = lambda _file, _line: None
    problem: str | None = None
    lost_bytes: int = 0
    files: dict[tuple[int, int], File] = field(default_factory=dict)
    gone: set[tuple[int, int]] = field(default_factory=set)
    _memory: MemoryFile = field(default_factory=MemoryFile)
    _aside: dict[tuple[int, int], tuple[int, float]] = field(default_factory=dict)

    def poll(self) -> Generator[Chunk]:
        """Hand on what there is to read now, oldest file first, chunk by chunk.

        A file that cannot be read is named in ``problem``; the others go on.
        """
        self._refresh()
        readers: dict[tuple[int, int], Iterator[Chunk]] = {}
        waiting = [key for key, file in self.files.items() if self._guarded(file, self._has_unread, key)]
        for key in waiting:
            file = self.files[key]
            if file.time is None and len(waiting) > 1:
                self._guarded(file, self._look_at_first, key)
        while waiting:
            key = min(waiting, key=lambda k: (self.files[k].time or 0, self.files[k].path))
            file = self.files[key]
            reader = readers.get(key) or file.read(
                self.chunk_size, final=self.final or key in self.gone, memory=self._memory
            )
            readers[key] = reader
            try:
                chunk = next(reader, None)
            except (OSError, duckdb.Error) as error:
                self._note(file, error)
                chunk = None
            if chunk is None:
                waiting.remove(key)
                self._after(key, file)
            else:
                yield chunk
                if key in self._aside:
                    # Closing the reader without asking it for more leaves the offset before this chunk.
                    waiting.remove(key)

    def note_time(self, path: str, time: int) -> None:
        """Remember the newest event time (microseconds) read from a file."""
        for file in self.files.values():
            if file.path == path:
                file.time = time

    def set_aside(self, path: str, reason: str) -> None:
        """Leave a file alone until it changes, since what it holds cannot be used."""
        for key, file in self.files.items():
            if file.path == path:
                file.problem = reason
                self._aside[key] = _state_of(file)
                self._say(f"{path}: {reason}")

    def unread_bytes(self) -> int:
        """How much there is that was not read yet."""
        total = 0
        for file in self.files.values():
            try:
                total += file.unread_bytes()
            except OSError:
                continue
        return total

    def adopt(self, old: "FileSource") -> None:
        """Go on where another source of the same files stopped; that one forgets them."""
        self.files, old.files = old.files, {}
        self.gone = old.gone
        for file in self.files.values():
            if isinstance(file, TextFile):
                file.line_limit = self.line_limit

    def close(self) -> None:
        """Give all files back."""
        for file in self.files.values():
            file.close()
        self._memory.close()

    def _refresh(self) -> None:
        self.problem = None
        found: dict[tuple[int, int], str] = {}
        for path in sorted(glob.glob(self.pattern, recursive=True)):
            try:
                status = os.stat(path)
            except OSError as error:
                self._say(f"{path}: {error.strerror}")
                continue
            if not os.path.isdir(path):
                found.setdefault((status.st_dev, status.st_ino), path)
        for identity, path in found.items():
            known = self.files.get(identity)
            if known is None:
                self.files[identity] = self._new(path, identity)
            else:
                known.path = path
                self.gone.discard(identity)
        self.gone |= self.files.keys() - found.keys()
        if not found:
            self._say(f"no file matches {self.pattern}")

    def _new(self, path: str, identity: tuple[int, int]) -> File:
        if self.format == "parquet":
            return ParquetFile(path, identity)
        return TextFile(path, identity, self.format, self.line_limit)

    def _has_unread(self, file: File, key: tuple[int, int]) -> bool:
        if key in self._aside:
            if self._aside[key] == _state_of(file):
                self._say(f"{file.path}: {file.problem}")
                return False
            del self._aside[key]
        if file.has_unread(final=self.final or key in self.gone):
            file.problem = None
            return True
        if file.problem is not None:
            self._say(f"{file.path}: {file.problem}")
        self._after(key, file)
        return False

    def _look_at_first(self, file: File, _key: tuple[int, int]) -> bool:
        file.time = self.first_time(file, file.first_line())
        return True

    def _guarded(
        self, file: File, action: Callable[[File, tuple[int, int]], bool], key: tuple[int, int]
    ) -> bool:
        try:
            return action(file, key)
        except OSError as error:
            self._note(file, error)
            if key in self.gone:
                self._forget(key, file)
            return False

    def _after(self, key: tuple[int, int], file: File) -> None:
        self.lost_bytes += file.lost_bytes
        file.lost_bytes = 0
        if key in self.gone:
            self._forget(key, file)
        elif len(self.files) > _OPEN_FILES:
            file.close()

    def _forget(self, key: tuple[int, int], file: File) -> None:
        file.close()
        self.files.pop(key, None)
        self.gone.discard(key)

    def _note(self, file: File, error: Exception) -> None:
        if isinstance(error, CorruptArchiveError):
            reason = f"compressed data is damaged or ends too early ({error}); what came before it is counted"
            # It is tried again only when it has changed.
            file.finished = _state_of(file)
        elif isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        else:
            reason = str(error).splitlines()[0]
        file.problem = reason
        self._say(f"{file.path}: {reason}")

    def _say(self, text: str) -> None:
        self.problem = text if self.problem is None else self.problem


def _state_of(file: File) -> tuple[int, float]:
    status = os.stat(file.path)
    return status.st_size, status.st_mtime
