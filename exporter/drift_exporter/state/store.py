"""One SQLite file that holds the state of all models; each save is one transaction.

A save is on disk when ``save`` returns (write-ahead log, synchronous): after a kill or a power cut the state
is that of the last save, never half of one. Only one process may have a folder open for writing.
"""

import contextlib
import fcntl
import json
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from drift_exporter.errors import StateError
from drift_exporter.sources.position import Fingerprint, Position
from drift_exporter.state.rows import Changes, Counts, ModelState, SavedSlice
from drift_exporter.state.schema import APPLICATION, SCHEMA, VERSION

FILE = "state.sqlite"
_LOCK = "lock"
_PAGE_SIZE = 8192
_LOG_PAGES = 512
_JOURNAL_LIMIT = 64 << 20
_HINTS = {
    "SQLITE_FULL": "; free some space",
    "SQLITE_IOERR": "; is the disk full or broken?",
    "SQLITE_CANTOPEN": "; give this user the right to write it and its folder",
    "SQLITE_READONLY": "; give this user the right to write it and its folder",
    "SQLITE_PERM": "; give this user the right to write it and its folder",
}
"""What to do about SQLite's errors, by the beginning of their names."""


class Store:
    """The state under one folder. Its methods may be called from several threads."""

    def __init__(self, folder: Path) -> None:
        """Open, and create what is missing. Raises StateError where the state cannot be used."""
        self.path = folder / FILE
        self._mutex = threading.Lock()
        self._lock = _lock(folder)
        try:
            self._connection = self._open()
        except BaseException:
            os.close(self._lock)
            raise
        self._inode = self.path.stat().st_ino

    def close(self) -> None:
        """Give the file back, to another process if it wants."""
        self._connection.close()
        os.close(self._lock)

    def save(self, model: str, changes: Changes, now: float | None = None) -> None:
        """Write what changed of a model, to the disk. Raises StateError, and changes nothing then."""
        with self._mutex, self._errors():
            try:
                replaced = self.path.stat().st_ino != self._inode
            except FileNotFoundError:
                replaced = True
            if replaced:
                raise StateError(
                    f"{self.path} was deleted or replaced while it was in use; restart drift-exporter"
                )
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._write(model, changes, time.time() if now is None else now)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def load(self, model: str) -> ModelState | None:
        """Everything that was saved of a model, None if nothing was."""
        with self._mutex, self._errors():
            found = self._connection.execute(
                "SELECT counters, saved FROM model WHERE name = ?", [model]
            ).fetchone()
            if found is None:
                return None
            versions = self._connection.execute(
                "SELECT version, counters FROM version WHERE model = ? ORDER BY number", [model]
            ).fetchall()
            return ModelState(
                counters=json.loads(found[0]),
                versions={version: json.loads(counters) for version, counters in versions},
                counts=tuple(self._counts(model)),
                slices=tuple(self._slices(model)),
                positions=tuple(self._positions(model)),
                saved=found[1],
            )

    def _open(self) -> sqlite3.Connection:
        with self._errors():
            connection = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        try:
            with self._errors():
                self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != APPLICATION and (objects or application):
            raise StateError(
                f"{self.path} is a database of something else; name another folder as state_dir, or move "
                "it away"
            )
        if version > VERSION:
            raise StateError(
                f"{self.path} was written by a newer drift-exporter (its schema is {version}, this one knows "
                f"{VERSION}); install that one again, or name another folder as state_dir to begin anew"
            )
        connection.execute("PRAGMA foreign_keys = ON")
        if not objects:
            connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StateError(f"{self.path}: this file system cannot hold it; name a folder on a local disk")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_LIMIT}")
        if not objects:
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")

    def _write(self, model: str, changes: Changes, now: float) -> None:
        run, many = self._connection.execute, self._connection.executemany
        state = changes.state
        run(
            "INSERT INTO model VALUES (?, ?, ?) ON CONFLICT (name) "
            "DO UPDATE SET saved = excluded.saved, counters = excluded.counters",
            [model, now, json.dumps(state.counters)],
        )
        if changes.anew:
            run("DELETE FROM file WHERE model = ?", [model])
            run(
                "DELETE FROM slice WHERE series IN (SELECT id FROM series WHERE model = ?)",
                [model],
            )
        many(
            "INSERT INTO version VALUES (?, ?, ?, ?) ON CONFLICT (model, version) "
            "DO UPDATE SET number = excluded.number, counters = excluded.counters",
            (
                (model, version, number, json.dumps(counters))
                for number, (version, counters) in enumerate(state.versions.items())
            ),
        )
        many(
            "INSERT INTO series (model, version, fingerprint, counts, checksum, began) "
            "VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (model, version, fingerprint) "
            "DO UPDATE SET counts = excluded.counts, checksum = excluded.checksum",
            (
                (model, part.version, part.fingerprint, data := part.counts.tobytes(), zlib.crc32(data), now)
                for part in state.counts
            ),
        )
        series = {
            (version, fingerprint): number
            for number, version, fingerprint in run(
                "SELECT id, version, fingerprint FROM series WHERE model = ?", [model]
            )
        }
        many(
            'DELETE FROM slice WHERE series = ? AND "window" = ? AND start < ?',
            (
                (series[part.version, part.fingerprint], part.window, part.before)
                for part in changes.evicted
                if (part.version, part.fingerprint) in series
            ),
        )
        many("INSERT OR REPLACE INTO slice VALUES (?, ?, ?, ?, ?, ?, ?)", self._slice_rows(state, series))
        many("DELETE FROM file WHERE model = ? AND serial = ?", ((model, n) for n in changes.forgotten))
        many(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_file_row(model, position) for position in state.positions),
        )

    @staticmethod
    def _slice_rows(state: ModelState, series: dict[tuple[str, str], int]) -> Iterator[tuple[object, ...]]:
        for part in state.slices:
            counts, sums = part.counts.tobytes(), part.sums.tobytes()
            yield (
                series[part.version, part.fingerprint],
                part.window,
                part.start,
                part.rows,
                counts,
                sums,
                zlib.crc32(sums, zlib.crc32(counts)),
            )

    def _counts(self, model: str) -> Iterator[Counts]:
        for version, fingerprint, data, checksum in self._connection.execute(
            "SELECT version, fingerprint, counts, checksum FROM series WHERE model = ? ORDER BY id", [model]
        ):
            self._verify(checksum, data)
            yield Counts(version, fingerprint, np.frombuffer(data, dtype=np.int64).copy())

    def _slices(self, model: str) -> Iterator[SavedSlice]:
        for version, fingerprint, window, start, rows, counts, sums, checksum in self._connection.execute(
            'SELECT version, fingerprint, "window", start, rows, slice.counts, sums, slice.checksum '
            "FROM series JOIN slice ON slice.series = series.id WHERE model = ?",
            [model],
        ):
            self._verify(checksum, counts, sums)
            yield SavedSlice(
                version,
                fingerprint,
                window,
                start,
                rows,
                np.frombuffer(counts, dtype=np.int64).copy(),
                np.frombuffer(sums, dtype=np.float64).copy(),
            )

    def _positions(self, model: str) -> Iterator[Position]:
        for row in self._connection.execute("SELECT * FROM file WHERE model = ? ORDER BY serial", [model]):
            _, serial, path, device, inode, offset, *rest = row
            head_length, head, tail_length, tail, header, size, *rest = rest
            finished_size, finished_time, newest, gone, unread, since = rest
            yield Position(
                serial=serial,
                path=os.fsdecode(path),
                device=int(device),
                inode=int(inode),
                offset=offset,
                head=Fingerprint(head_length, head),
                tail=Fingerprint(tail_length, tail),
                header=header,
                known_size=size,
                finished=None if finished_size is None else (finished_size, finished_time),
                time=newest,
                gone=bool(gone),
                unread=unread,
                gone_at=since,
            )

    def _verify(self, checksum: int, *parts: bytes) -> None:
        found = 0
        for part in parts:
            found = zlib.crc32(part, found)
        if found != checksum:
            raise self._corrupt("a checksum is wrong")

    def _corrupt(self, reason: str) -> StateError:
        return StateError(
            f"{self.path} is damaged ({reason}); restore it from a backup, or move it away with "
            "the -wal and -shm files beside it to begin anew: the logs are then read from their beginning"
        )

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
                raise self._corrupt(str(error)) from error
            name = getattr(error, "sqlite_errorname", "")
            hint = next((text for start, text in _HINTS.items() if name.startswith(start)), "")
            raise StateError(f"{self.path}: {error}{hint}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise self._corrupt(f"{type(error).__name__}: {error}") from error


def _lock(folder: Path) -> int:
    """Take the folder for this process until the descriptor is closed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StateError(
            f"state_dir {folder} cannot be written: {error.strerror}; give this user the right to, or "
            "name another"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        os.close(descriptor)
        raise StateError(
            f"state_dir {folder} is in use by another drift-exporter (process {owner or 'unknown'}); "
            "stop that one, or name another folder"
        ) from None
    with contextlib.suppress(OSError):
        # For the message only.
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _file_row(model: str, position: Position) -> tuple[Any, ...]:
    return (
        model,
        position.serial,
        os.fsencode(position.path),
        # Both may be beyond what a column can hold.
        str(position.device),
        str(position.inode),
        position.offset,
        position.head.length,
        position.head.digest,
        position.tail.length,
        position.tail.digest,
        position.header,
        position.known_size,
        None if position.finished is None else position.finished[0],
        None if position.finished is None else position.finished[1],
        position.time,
        int(position.gone),
        position.unread,
        position.gone_at,
    )
