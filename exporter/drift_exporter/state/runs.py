"""Rows that wait to be joined, in runs of chunks, as rows of the tables ``run`` and ``chunk``."""

import itertools
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from drift_exporter.join.merge import Merge
from drift_exporter.join.run import Fetch, Run

RUNS = (
    "SELECT model, side, number, layout, rows, oldest, newest, firsts, lasts, filter, checksum, id FROM run"
)
CHUNKS = (
    "SELECT model, side, run.number, chunk.number, chunk.data, chunk.checksum "
    "FROM run JOIN chunk ON chunk.run = run.id"
)
_DATA = (
    "SELECT number, data, checksum FROM chunk "
    "WHERE run = (SELECT id FROM run WHERE model = ? AND side = ? AND number = ?) "
    "AND number IN (SELECT value FROM json_each(?)) ORDER BY number"
)


def write_merge(connection: sqlite3.Connection, model: str, merge: Merge) -> None:
    """Write the run that a merge makes, and delete those that it replaces."""
    execute = connection.execute
    number = execute(
        "INSERT INTO run VALUES (NULL, ?, ?, ?, '', 0, 0, 0, x'', x'', x'', 0)",
        [model, merge.side, merge.number],
    ).lastrowid
    connection.executemany(
        "INSERT INTO chunk VALUES (?, ?, ?, ?)",
        (
            (number, place, data, zlib.crc32(data))
            for place, data in enumerate(merge.chunks(fetcher(connection, model)))
        ),
    )
    connection.executemany(
        "DELETE FROM run WHERE model = ? AND side = ? AND number = ?",
        ((model, merge.side, gone) for gone in merge.removed),
    )
    run = merge.run
    if run is None:
        execute("DELETE FROM run WHERE id = ?", [number])
        return
    values = (run.layout, run.size, run.oldest, run.newest)
    arrays = tuple(part.tobytes() for part in (run.firsts, run.lasts, run.filter))
    execute(
        "UPDATE run SET layout = ?, rows = ?, oldest = ?, newest = ?, firsts = ?, lasts = ?, filter = ?, "
        "checksum = ? WHERE id = ?",
        [*values, *arrays, _checksum(values, arrays), number],
    )


def load_runs(connection: sqlite3.Connection, model: str) -> dict[str, list[Run]]:
    """The runs of a model by side, oldest first; ValueError where one is damaged."""
    found: dict[str, list[Run]] = {}
    for row in connection.execute(RUNS + " WHERE model = ? ORDER BY number", [model]):
        found.setdefault(row[1], []).append(to_run(row))
    return found


def fetcher(connection: sqlite3.Connection, model: str) -> Fetch:
    """Reads chunks of a model's runs; what it gives raises ValueError where one is damaged or missing."""

    def fetch(side: str, number: int, chunks: Sequence[int]) -> Iterator[bytes]:
        found = connection.execute(_DATA, [model, side, number, json.dumps(list(chunks))]).fetchall()
        for place, row in itertools.zip_longest(chunks, found):
            if row is None or row[0] != place or zlib.crc32(row[1]) != row[2]:
                raise ValueError(f"chunk {place} of run {number} of its {side} is damaged or missing")
            yield row[1]

    return fetch


def to_run(row: Sequence[Any]) -> Run:
    """A row of ``RUNS``; ValueError where it is damaged."""
    _, _, number, layout, size, oldest, newest, firsts, lasts, known, checksum, _ = row
    if _checksum((layout, size, oldest, newest), (firsts, lasts, known)) != checksum:
        raise ValueError("a checksum is wrong")
    first, last = (np.frombuffer(part, dtype=np.uint64) for part in (firsts, lasts))
    run = Run(number, layout, size, oldest, newest, first, last, np.frombuffer(known, dtype=np.uint8))
    if len(first) != len(last) or not len(first):
        raise ValueError(f"{len(first):,} chunks begin and {len(last):,} end")
    if not isinstance(json.loads(layout), dict) or not run.dtype.itemsize:
        raise ValueError("rows of no known type")
    return run


def chunk_checker(run: Run) -> Callable[[Sequence[Any]], int]:
    """What looks at a row of ``CHUNKS`` of a run, in order; gives its number of rows.

    ValueError where one is damaged.
    """

    def check(row: Sequence[Any]) -> int:
        *_, number, data, checksum = row
        if zlib.crc32(data) != checksum:
            raise ValueError("a checksum is wrong")
        if not 0 <= number < len(run.firsts):
            raise ValueError(f"its run has {len(run.firsts):,} chunks")
        low = np.frombuffer(data, dtype=run.dtype)["low"]
        if not len(low) or (low[0], low[-1]) != (run.firsts[number], run.lasts[number]):
            raise ValueError("it holds other ids than its run says")
        return len(low)

    return check


def _checksum(values: Sequence[Any], arrays: Sequence[bytes]) -> int:
    found = zlib.crc32(repr(tuple(values)).encode())
    for part in arrays:
        found = zlib.crc32(part, found)
    return found
