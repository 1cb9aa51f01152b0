"""The dead-letter file: every record that could not be counted, with where it came from and why.

NDJSON with the keys time (when it was rejected, RFC 3339), source, file, offset, reason, detail, length and
raw. ``raw`` is text; bytes that are not UTF-8 are written as backslash escapes there and exactly in
``raw_base64``.

The newest file is ``<source>.ndjson``; full ones are ``<source>.ndjson.1`` (the youngest) and so on.
"""

import base64
import errno
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from drift_exporter.sources.chunk import Rejection

_TAIL = 4096
_DIGEST = 16


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a dead-letter file ended; both numbers are 0 where there was no file.

    ``tail`` is a digest of the last 4 KiB before ``size``: a copy of the file is the same file, another file
    that was given the inode of a deleted one is not. Without a tail (b"") the inode has to do.
    """

    inode: int
    size: int
    tail: bytes = b""


class DeadLetters:
    """The dead letters of one source. What is written is on disk when a method returns."""

    def __init__(self, folder: Path, source: str, limit: int, keep: int = 5) -> None:
        """A file over ``limit`` bytes is put away; ``keep`` (at least 1) of those stay."""
        self.path = folder / (source.replace("/", ".") + ".ndjson")
        self._source = source
        self._limit = limit
        self._keep = keep
        self._known: Cursor | None = None

    def write(self, rejections: Iterable[Rejection], now: float) -> None:
        """Append rejections, rejected at ``now`` (Unix seconds).

        Where writing fails (OSError), the file is left as it was, so that all of them can be written again.
        """
        _make_folder(self.path.parent)
        time = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        lines = [
            json.dumps(_entry(self._source, time, rejection), ensure_ascii=False) for rejection in rejections
        ]
        data = memoryview("".join(line + "\n" for line in lines).encode())
        with self.path.open("a+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            try:
                if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
                    # What was written when the power went.
                    file.write(b"\n")
                while data:
                    data = data[file.write(data) :]
                os.fsync(file.fileno())
                if not size:
                    _sync_folder(self.path.parent)
                self._known = _end(file.fileno())
            except OSError:
                file.truncate(size)
                raise

    def cursor(self) -> Cursor | None:
        """Where the file ends now; where it cannot be read, and so not be written, where it last did.

        None means that this was never found out.
        """
        try:
            with self.path.open("rb", buffering=0) as file:
                self._known = _end(file.fileno())
        except FileNotFoundError:
            self._known = Cursor(0, 0)
        except OSError:
            pass
        return self._known

    def restore(self, cursor: Cursor | None) -> int:
        """Cut off what was written after ``cursor`` was saved; returns the number of bytes.

        It is of records that will be read again. To be called before anything is written; may be called
        again where it fails (OSError). A file that is not that of the cursor was begun after it (the other
        one was put away, moved or deleted): nothing of it stays. None leaves everything as it is.
        """
        if cursor is None:
            return 0
        if _is_file_of(cursor, self.path):
            return _cut(self.path, cursor.size)
        removed = _cut(self.path, 0)
        youngest = self._older(1)
        if _is_file_of(cursor, youngest):
            # Put away by another program after the cursor was saved, and so perhaps written to in between.
            removed += _cut(youngest, cursor.size)
        return removed

    def rotate(self) -> bool:
        """Put the file away if it is over the limit; returns whether it was.

        To be called when the file's end has just been saved. The oldest one goes. Where this is cut short at
        any step, all files are still there under names in the order of their age.
        """
        try:
            if self.path.stat().st_size <= self._limit:
                return False
        except FileNotFoundError:
            return False
        # A gap is what an earlier rotation left that was cut short: nothing behind it needs to move.
        free = next(
            (number for number in range(1, self._keep) if not self._older(number).exists()), self._keep
        )
        for number in range(free, 0, -1):
            self._older(number - 1).rename(self._older(number))
        _sync_folder(self.path.parent)
        return True

    def _older(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}") if number else self.path


def _end(descriptor: int) -> Cursor:
    status = os.fstat(descriptor)
    return Cursor(status.st_ino, status.st_size, _tail(descriptor, status.st_size))


def _tail(descriptor: int, size: int) -> bytes:
    """Digest of the bytes before ``size``; b"" where there are none, or fewer than that in the file."""
    length = min(size, _TAIL)
    data = os.pread(descriptor, length, size - length)
    return hashlib.blake2b(data, digest_size=_DIGEST).digest() if length and len(data) == length else b""


def _is_file_of(cursor: Cursor, path: Path) -> bool:
    if not cursor.size:
        return False
    try:
        with path.open("rb", buffering=0) as file:
            if not cursor.tail:
                return os.fstat(file.fileno()).st_ino == cursor.inode
            return _tail(file.fileno(), cursor.size) == cursor.tail
    except FileNotFoundError:
        return False


def _cut(path: Path, size: int) -> int:
    """Cut a file down to ``size`` bytes, if it is there and longer; returns the number of bytes removed."""
    try:
        removed = path.stat().st_size - size
    except FileNotFoundError:
        return 0
    if removed <= 0:
        return 0
    with path.open("r+b", buffering=0) as file:
        file.truncate(size)
        os.fsync(file.fileno())
    return removed


def _make_folder(folder: Path) -> None:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot, and need not.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def _entry(source: str, time: str, rejection: Rejection) -> dict[str, object]:
    entry: dict[str, object] = {
        "time": time,
        "source": source,
        "file": rejection.path,
        "offset": rejection.offset,
        "reason": rejection.reason,
        "detail": rejection.detail,
        "length": rejection.length,
    }
    try:
        entry["raw"] = rejection.raw.decode()
    except UnicodeDecodeError:
        entry["raw"] = rejection.raw.decode(errors="backslashreplace")
        entry["raw_base64"] = base64.b64encode(rejection.raw).decode()
    return entry
