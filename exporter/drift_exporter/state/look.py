"""Looking at a state without touching it, also while an exporter uses it.

SQLite makes a -wal and a -shm file wherever it opens such a database, unless it is told that nobody changes
it. Both are there while an exporter runs, and after one was killed: then nothing is made, and nobody is
disturbed. Without a -shm file nobody has the state open, and the file holds all there is. Only where a -wal
file with content stands beside it (someone copied the two) a copy of both has to be made to read them.
"""

import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypeVar

from drift_exporter.errors import StateError
from drift_exporter.state.reading import FILE, prepare, state_errors

T = TypeVar("T")
_ATTEMPTS = 5

Stamp = tuple[tuple[int, int, int] | None, ...]


def look(folder: Path, read: Callable[[sqlite3.Connection], T]) -> T:
    """What ``read`` makes of the state in a folder, all of it as of one moment.

    Raises StateError where there is no state, or where it cannot be read. ``read`` is called again where an
    exporter began to use the state meanwhile.
    """
    path = folder / FILE
    for _ in range(_ATTEMPTS):
        before = _stamp(path)
        if before[0] is None:
            raise missing(folder)
        for file, known in zip(beside(path), before, strict=True):
            if known and not os.access(file, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
                raise _unreadable(file, os.strerror(errno.EACCES))
        in_use = before[1] is not None and before[2] is not None
        try:
            found = _read(path, before, read)
        except StateError:
            if in_use or _stamp(path) == before:
                raise
        else:
            if in_use or _stamp(path) == before:
                return found
    raise StateError(f"{path} changes all the time; try again when drift-exporter runs, or does not")


def missing(folder: Path) -> StateError:
    """The error for a folder without a state."""
    way_out = "name the folder that is state_dir in the configuration, or let serve save something first"
    if shards := sorted(shard.name for shard in folder.glob("shard-*-of-*")):
        way_out = f"there is {shards[0]}; name one of the shards as --shard or --state-dir"
    return StateError(f"there is no state in {folder} (it has no file {FILE}); {way_out}")


def beside(path: Path) -> tuple[Path, Path, Path]:
    """A state's files: itself, its write-ahead log and the log's index."""
    return path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _unreadable(path: Path, reason: str | None) -> StateError:
    return StateError(f"{path} cannot be read: {reason}; run this as the exporter's user")


def _stamp(path: Path) -> Stamp:
    """What changes when one of a state's files does; None for one that is not there."""
    found: list[tuple[int, int, int] | None] = []
    for file in beside(path):
        try:
            status = file.stat()
        except (FileNotFoundError, NotADirectoryError):
            found.append(None)
        except OSError as error:
            raise _unreadable(file, error.strerror) from error
        else:
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def _read(path: Path, stamp: Stamp, read: Callable[[sqlite3.Connection], T]) -> T:
    _, log, index = stamp
    if log is None or (index is None and not log[1]):
        return _connected(path, "mode=ro&immutable=1", path, read)
    if index is not None:
        return _connected(path, "mode=ro", path, read)
    with ExitStack() as stack:
        try:
            copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="drift-exporter-"))) / FILE
            for file, other in zip(beside(path)[:2], beside(copy)[:2], strict=True):
                shutil.copyfile(file, other)
        except OSError as error:
            raise StateError(
                f"{path} has a write-ahead log and no index of it, and can be read as a copy only, which "
                f"fails: {error.strerror}; TMPDIR may name a folder with enough room"
            ) from error
        return _connected(copy, "mode=rw", path, read)


def _connected(file: Path, mode: str, told: Path, read: Callable[[sqlite3.Connection], T]) -> T:
    with state_errors(told):
        uri = f"{file.absolute().as_uri()}?{mode}"
        with closing(sqlite3.connect(uri, uri=True, timeout=10, isolation_level=None)) as connection:
            prepare(connection)
            connection.execute("BEGIN")
            return read(connection)
