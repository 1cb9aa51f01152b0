"""One SQLite file that holds the state of all models; each save is one transaction.

A save is on disk when ``save`` returns (write-ahead log, synchronous): after a kill or a power cut the state
is that of the last save, never half of one. Only one process may have a folder open for writing.
"""

import contextlib
import json
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from drift_exporter.errors import StateError
from drift_exporter.join.run import Fetch
from drift_exporter.sources.position import Position
from drift_exporter.state.lock import take_lock
from drift_exporter.state.reading import (
    FILE,
    is_empty,
    load_model,
    prepare,
    row_checksum,
    schema_version,
    state_errors,
    to_hashes,
    verify_tables,
)
from drift_exporter.state.rows import Changes, ModelState
from drift_exporter.state.runs import fetcher, write_merge
from drift_exporter.state.samples import sample_rows
from drift_exporter.state.schema import SCHEMA, STEPS, VERSION

_PAGE_SIZE = 8192
_LOG_PAGES = 512
_JOURNAL_LIMIT = 64 << 20


class Store:
    """The state under one folder. Its methods may be called from several threads."""

    def __init__(self, folder: Path) -> None:
        """Open, and create what is missing. Raises StateError where the state cannot be used."""
        self.path = folder / FILE
        self._mutex = threading.Lock()
        self._lock = take_lock(folder)
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
        self.save_all({model: changes}, now)

    def save_all(self, changes: Mapping[str, Changes], now: float | None = None) -> None:
        """Write what changed of several models, all or nothing. As ``save``."""
        moment = time.time() if now is None else now
        with self.changing() as connection:
            for model, own in changes.items():
                self._write(connection, model, own, moment)

    def load(self, model: str) -> ModelState | None:
        """Everything that was saved of a model, None if nothing was."""
        with self._mutex, state_errors(self.path, model):
            return load_model(self._connection, model)

    @contextlib.contextmanager
    def reading(self, model: str) -> Iterator[ModelState | None]:
        """As ``load``, to be read within: a ValueError of the reader is damage, too."""
        with self._mutex, state_errors(self.path, model):
            yield load_model(self._connection, model)

    def fetcher(self, model: str) -> Fetch:
        """What reads chunks of a model's runs, as of the last save. It raises StateError, also of damage."""

        def fetch(side: str, number: int, chunks: Sequence[int]) -> Iterable[bytes]:
            with self._mutex, state_errors(self.path, model):
                return list(fetcher(self._connection, model)(side, number, chunks))

        return fetch

    def models(self) -> list[str]:
        """Names of the models of which something was saved."""
        with self._mutex, state_errors(self.path):
            return [name for (name,) in self._connection.execute("SELECT name FROM model ORDER BY name")]

    def copy(self, path: Path) -> None:
        """Write a copy of the whole state to a new file, which is then on disk. Raises StateError."""
        with self._mutex:
            try:
                # Never over a file that is there.
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
                try:
                    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as target:
                        self._connection.backup(target)
                    _sync(path)
                    _sync(path.parent)
                except BaseException:
                    path.unlink()
                    raise
            except (OSError, sqlite3.Error) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                raise StateError(f"{self.path} cannot be copied to {path}: {reason}") from error

    @contextlib.contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is on disk afterwards, or nothing where something fails."""
        with self._mutex, state_errors(self.path, writing=True):
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
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _open(self) -> sqlite3.Connection:
        with state_errors(self.path):
            connection = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        try:
            with state_errors(self.path):
                self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        prepare(connection)
        empty = is_empty(connection, self.path)
        if not empty:
            verify_tables(connection, self.path)
            _upgrade(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        if empty:
            connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StateError(f"{self.path}: this file system cannot hold it; name a folder on a local disk")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_LIMIT}")
        if empty:
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")

    def _write(self, connection: sqlite3.Connection, model: str, changes: Changes, now: float) -> None:
        run, many = connection.execute, connection.executemany
        state = changes.state
        run(
            "INSERT INTO model VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE "
            "SET saved = excluded.saved, counters = excluded.counters, checksum = excluded.checksum",
            checked(model, float(now), json.dumps(state.counters)),
        )
        if changes.anew:
            run("DELETE FROM file WHERE model = ?", [model])
            run(
                "DELETE FROM slice WHERE series IN (SELECT id FROM series WHERE model = ?)",
                [model],
            )
            run("DELETE FROM sample WHERE series IN (SELECT id FROM series WHERE model = ?)", [model])
            run("DELETE FROM ids WHERE model = ?", [model])
            run("DELETE FROM mark WHERE model = ?", [model])
        many(
            "INSERT INTO version VALUES (?, ?, ?, ?, ?) ON CONFLICT (model, version) DO UPDATE "
            "SET number = excluded.number, counters = excluded.counters, checksum = excluded.checksum",
            (
                checked(model, version, number, json.dumps(counters))
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
        evicted = [
            (series[part.version, part.fingerprint], part.window, part.before)
            for part in changes.evicted
            if (part.version, part.fingerprint) in series
        ]
        many('DELETE FROM slice WHERE series = ? AND "window" = ? AND start < ?', evicted)
        many('DELETE FROM sample WHERE series = ? AND "window" = ? AND start < ?', evicted)
        many("INSERT OR REPLACE INTO slice VALUES (?, ?, ?, ?, ?, ?, ?)", self._slice_rows(state, series))
        many("INSERT OR REPLACE INTO sample VALUES (?, ?, ?, ?, ?, ?, ?)", sample_rows(state.samples, series))
        many("DELETE FROM file WHERE model = ? AND serial = ?", ((model, n) for n in changes.forgotten))
        many(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_file_row(model, position) for position in state.positions),
        )
        many("DELETE FROM ids WHERE model = ? AND number = ?", ((model, n) for n in changes.removed))
        many(
            "INSERT OR REPLACE INTO ids VALUES (?, ?, ?, ?)",
            (
                (model, number, data := to_hashes(block), zlib.crc32(data))
                for number, block in state.ids.items()
            ),
        )

        many("DELETE FROM mark WHERE model = ? AND key = ?", ((model, key) for key in changes.unmarked))
        many(
            "INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?)",
            (checked(model, key, value) for key, value in state.marks.items()),
        )
        if not changes.waits:
            run("DELETE FROM run WHERE model = ?", [model])
        for merge in changes.merges:
            write_merge(connection, model, merge)

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


def _upgrade(connection: sqlite3.Connection) -> None:
    """Bring the tables up to the newest version, each step as a whole."""
    for version in range(schema_version(connection), VERSION):
        connection.executescript(
            f"BEGIN IMMEDIATE; {STEPS[version]} PRAGMA user_version = {version + 1}; COMMIT;"
        )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def checked(*values: Any) -> tuple[Any, ...]:  # noqa: ANN401  # whatever a column holds
    """A row with its checksum."""
    return (*values, row_checksum(values))


def _file_row(model: str, position: Position) -> tuple[Any, ...]:
    return checked(
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
        None if position.finished is None else float(position.finished[1]),
        position.time,
        int(position.gone),
        position.unread,
        None if position.gone_at is None else float(position.gone_at),
    )
