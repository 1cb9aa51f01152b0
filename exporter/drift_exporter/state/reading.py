"""What a state file holds, as functions of a connection to it. Nothing here writes."""

import contextlib
import json
import os
import shlex
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from drift_exporter.anomalies.saved import read_found, read_tokens
from drift_exporter.errors import StateError
from drift_exporter.sources.position import Fingerprint, Position
from drift_exporter.state.counters import read_model_counters, read_version_counters
from drift_exporter.state.rows import Counts, Document, ModelState, SavedSlice, owner_of
from drift_exporter.state.runs import load_runs
from drift_exporter.state.samples import SAMPLES, to_sample
from drift_exporter.state.schema import APPLICATION, TABLES, VERSION
from drift_exporter.streams.saved import from_saved
from drift_exporter.window.ids import Block

FILE = "state.sqlite"
_DIGEST = 16
_HINTS = {
    "SQLITE_FULL": "; free some space",
    "SQLITE_IOERR": "; is the disk full or broken?",
    "SQLITE_CANTOPEN": "; give this user the right to write it and its folder",
    "SQLITE_READONLY": "; give this user the right to write it and its folder",
    "SQLITE_PERM": "; give this user the right to write it and its folder",
}
"""What to do about SQLite's errors, by the beginning of their names."""

MODELS = "SELECT name, saved, counters, checksum FROM model"
VERSIONS = "SELECT model, version, number, counters, checksum FROM version"
SERIES = "SELECT model, version, fingerprint, counts, checksum FROM series"
SLICES = (
    'SELECT model, version, fingerprint, "window", start, rows, slice.counts, sums, slice.checksum '
    "FROM series JOIN slice ON slice.series = series.id"
)
FILES = "SELECT * FROM file"
IDS = "SELECT model, number, hashes, checksum FROM ids"
MARKS = "SELECT model, key, value, checksum FROM mark"

Row = Sequence[Any]


def load_model(connection: sqlite3.Connection, model: str) -> ModelState | None:
    """Everything that was saved of a model, None if nothing was; ValueError says what is wrong with it."""
    found = connection.execute(MODELS + " WHERE name = ?", [model]).fetchone()
    if found is None:
        return None
    counters = to_counters(found)
    versions = dict(
        map(to_version, connection.execute(VERSIONS + " WHERE model = ? ORDER BY number", [model]))
    )
    return ModelState(
        counters=counters,
        versions=versions,
        counts=tuple(map(to_counts, connection.execute(SERIES + " WHERE model = ? ORDER BY id", [model]))),
        slices=tuple(map(to_slice, connection.execute(SLICES + " WHERE model = ?", [model]))),
        samples=tuple(map(to_sample, connection.execute(SAMPLES + " WHERE model = ?", [model]))),
        positions=tuple(
            map(to_position, connection.execute(FILES + " WHERE model = ? ORDER BY serial", [model]))
        ),
        ids=dict(map(to_block, connection.execute(IDS + " WHERE model = ? ORDER BY number", [model]))),
        marks=dict(map(to_mark, connection.execute(MARKS + " WHERE model = ? ORDER BY key", [model]))),
        saved=float(found[1]),
        runs=load_runs(connection, model),
    )


def to_document(text: str) -> Document:
    """The JSON object that a text is; ValueError where it is none."""
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError(f"counters that are no object: {text[:40]}")  # noqa: TRY004  # damage, whatever it is
    return document


def row_checksum(values: Row) -> int:
    """Checksum of a row of numbers, texts and bytes, as SQLite gives them back."""
    return zlib.crc32(repr(tuple(values)).encode())


def _verify_row(row: Row) -> None:
    *values, checksum = row
    if row_checksum(values) != checksum:
        raise ValueError("a checksum is wrong")


def to_counters(row: Row) -> Document:
    """The counters in a row of ``MODELS``; ValueError where it is damaged."""
    _, saved, text, _ = row
    if saved < 0:
        raise ValueError(f"saved at {saved}")
    document = to_document(text)
    read_model_counters(document)
    read_tokens(document)
    _verify_row(row)
    return document


def to_version(row: Row) -> tuple[str, Document]:
    """Version and its counters in a row of ``VERSIONS``; ValueError where it is damaged."""
    _, version, _, text, _ = row
    document = to_document(text)
    read_version_counters(document)
    from_saved(document)
    read_found(document)
    _verify_row(row)
    return version, document


def to_counts(row: Row) -> Counts:
    """A row of ``SERIES``; ValueError where it is damaged."""
    _, version, fingerprint, counts, checksum = row
    _verify(checksum, counts)
    return Counts(version, fingerprint, np.frombuffer(counts, dtype=np.int64).copy())


def to_slice(row: Row) -> SavedSlice:
    """A row of ``SLICES``; ValueError where it is damaged."""
    _, version, fingerprint, window, start, rows, counts, sums, checksum = row
    _verify(checksum, counts, sums)
    return SavedSlice(
        version,
        fingerprint,
        window,
        start,
        rows,
        # Views of what was read: most slices do not change any more, and copying takes as long as reading.
        np.frombuffer(counts, dtype=np.int64),
        np.frombuffer(sums, dtype=np.float64),
    )


def to_position(row: Row) -> Position:
    """A row of ``FILES``; ValueError where it is damaged."""
    _, serial, path, device, inode, offset, *rest = row
    head_length, head, tail_length, tail, header, size, *rest = rest
    finished_size, finished_time, newest, gone, unread, since, _ = rest
    if not path or b"\0" in path:
        raise ValueError(f"{path!r} is no path")
    if min(offset, head_length, tail_length, size, unread) < 0:
        raise ValueError("a length below 0")
    for length, digest in ((head_length, head), (tail_length, tail)):
        if len(digest) != (_DIGEST if length else 0):
            raise ValueError(f"a fingerprint of {length} bytes has {len(digest)} bytes")
    device, inode = int(device), int(inode)
    _verify_row(row)
    return Position(
        serial=serial,
        path=os.fsdecode(path),
        device=device,
        inode=inode,
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


def to_block(row: Row) -> tuple[int, Block]:
    """Number and ids of a row of ``IDS``; ValueError where it is damaged."""
    _, number, hashes, checksum = row
    _verify(checksum, hashes)
    low, high, times = np.frombuffer(hashes, dtype=np.uint64).reshape(3, -1)
    return number, Block(low, high, times.view(np.int64))


def to_mark(row: Row) -> tuple[str, bytes]:
    """Key and value of a row of ``MARKS``; ValueError where it is damaged."""
    _, key, value, _ = row
    _verify_row(row)
    return key, value


def to_hashes(block: Block) -> bytes:
    """The bytes of a block of ids, as ``to_block`` reads them."""
    return np.concatenate([block.low, block.high, block.times.view(np.uint64)]).tobytes()


def _verify(checksum: int, *parts: bytes) -> None:
    found = 0
    for part in parts:
        found = zlib.crc32(part, found)
    if found != checksum:
        raise ValueError("a checksum is wrong")


def prepare(connection: sqlite3.Connection) -> None:
    """Let texts that are not UTF-8 raise ValueError: they are damage, which sqlite3 does not call so."""
    connection.text_factory = _text


def _text(data: bytes) -> str:
    return data.decode()


def is_empty(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether a database holds nothing at all; raises StateError where it holds what is no state of ours."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    version = schema_version(connection)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if application != APPLICATION and (tables or application):
        raise StateError(
            f"{path} is a database of something else; name another folder as state_dir, or move it away: "
            f"{command('reset', path.parent, '--all')}"
        )
    if version > VERSION:
        raise StateError(
            f"{path} was written by a newer drift-exporter (its schema is {version}, this one knows "
            f"{VERSION}); install that one again, or begin anew: {command('reset', path.parent, '--all')}"
        )
    return not tables


def missing_tables(connection: sqlite3.Connection) -> list[str]:
    """Names of the tables that a state of its version has and this one does not."""
    version = schema_version(connection)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return [table for table, since in TABLES.items() if since <= version and table not in tables]


def schema_version(connection: sqlite3.Connection) -> int:
    """Version of the schema that a state was written under."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def verify_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StateError where a table is missing."""
    for table in missing_tables(connection):
        raise damaged(path, f"the table {table} is missing")


def damaged(path: Path, reason: str, model: str | None = None) -> StateError:
    """The error for a state that cannot be trusted, or for one ``model`` in it, with the ways out."""
    if model is None:
        anew = f"begin anew: {command('reset', path.parent, '--all')}"
    else:
        reason = f"model {model}: {reason}"
        anew = f"begin the model anew: {command('reset', path.parent, '--model', owner_of(model))}"
    return StateError(
        f"{path} is damaged ({reason}); {command('check', path.parent)} tells more. Restore it from a "
        f"backup, or {anew}"
    )


def command(action: str, folder: Path, *options: str) -> str:
    """What to type for an action on the state in a folder."""
    return shlex.join(["drift-exporter", "state", action, "--state-dir", str(folder), *options])


@contextlib.contextmanager
def state_errors(path: Path, model: str | None = None, *, writing: bool = False) -> Iterator[None]:
    """Let whatever goes wrong with the state in ``path`` raise StateError; what is read may be damaged."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise damaged(path, str(error)) from error
        name = getattr(error, "sqlite_errorname", "")
        hint = next((text for start, text in _HINTS.items() if name.startswith(start)), "")
        raise StateError(f"{path}: {error}{hint}") from error
    except (ValueError, KeyError, TypeError) as error:
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        if writing:
            raise StateError(f"{path}: {reason}") from error
        raise damaged(path, reason, model) from error


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file is damaged, or no database."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
