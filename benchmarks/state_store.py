"""sqlite3 and a DuckDB file as the store of the exporter's state, measured side by side.

The workload is that of the exporter: a checkpoint replaces a few slices, each two arrays of 2,600 numbers
(int64 counts and float64 sums, the bins of a model of 20 columns), and ten rows of counters and file
positions, in one transaction that is on disk when it returns. Live it is three slices, one for each window;
catching up on a backlog it is 150. What is read back at a start is all slices, each array checked against
its CRC.

Shown: seconds per checkpoint, bytes written for it, size on disk, seconds and memory to load many slices,
seconds to import and open, and what is found after SIGKILL at random moments: the store opens, holds at least
the last checkpoint that was reported as done, and no checkpoint in part. (SIGKILL is not a power failure:
what the system has taken, it still writes.)

Everything is written to build/state_store, and removed.
"""

import argparse
import contextlib
import importlib
import multiprocessing
import os
import random
import resource
import shutil
import sqlite3
import statistics
import struct
import subprocess
import sys
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

BUILD = Path(__file__).resolve().parents[1] / "build" / "state_store"
STORES = ("sqlite 4", "sqlite 8", "sqlite 16", "sqlite 32", "sqlite 64", "duckdb")
SPAWN = multiprocessing.get_context("spawn")
BINS = 2600
COUNTERS = 10
LIVE, BACKLOG = 3, 150
LEVELS = ((4, 60), (60, 96), (240, 168))
"""Checkpoints that one slice lasts for, and slices that are kept, for windows of 1h, 24h and 7d at 15 s."""

WAL_BYTES = 4 << 20
LOAD_BATCH = 200
KILL_SLICES = 40
MIB = 1 << 20

Slices = Mapping[int, tuple[bytes, bytes]]
Row = tuple[int, bytes, bytes, int, int]
SCHEMA = (
    "CREATE TABLE slices (id BIGINT PRIMARY KEY, counts BLOB, sums BLOB, counts_crc BIGINT, sums_crc BIGINT)",
    "CREATE TABLE counters (name VARCHAR PRIMARY KEY, value BIGINT)",
)


class Store(ABC):
    """What both stores do; opening one makes its tables where there are none."""

    @abstractmethod
    def commit(self, slices: Slices, counters: Mapping[str, int], gone: Iterable[int] = ()) -> None:
        """Replace slices and counters and remove slices, all or nothing; on disk when this returns."""

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """All slices."""

    @abstractmethod
    def counters(self) -> dict[str, int]:
        """All counters."""

    @abstractmethod
    def check(self) -> None:
        """Raise where the store itself finds its file damaged."""

    @abstractmethod
    def close(self) -> None:
        """Give the file back."""


class SqliteStore(Store):
    """sqlite3 with a write-ahead log, synchronised at every commit; ``page`` in KiB."""

    def __init__(self, folder: Path, page: int) -> None:
        self._connection = sqlite3.connect(folder / "state.sqlite", isolation_level=None)
        run = self._connection.execute
        run(f"PRAGMA page_size = {page * 1024}")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        # By default 1,000 pages, which are 4 MiB or 64 MiB: here the same for all sizes of pages.
        run(f"PRAGMA wal_autocheckpoint = {WAL_BYTES // (page * 1024)}")
        if not run("SELECT 1 FROM sqlite_master WHERE name = 'counters'").fetchall():
            run("BEGIN IMMEDIATE")
            for statement in SCHEMA:
                run(statement.replace("id BIGINT", "id INTEGER"))
            run("COMMIT")

    def commit(self, slices: Slices, counters: Mapping[str, int], gone: Iterable[int] = ()) -> None:
        """Replace and remove, all or nothing."""
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        many = self._connection.executemany
        many("INSERT OR REPLACE INTO slices VALUES (?, ?, ?, ?, ?)", _rows(slices))
        many("DELETE FROM slices WHERE id = ?", ((number,) for number in gone))
        many("INSERT OR REPLACE INTO counters VALUES (?, ?)", counters.items())
        run("COMMIT")

    def rows(self) -> Iterator[Row]:
        """All slices."""
        yield from self._connection.execute("SELECT * FROM slices")

    def counters(self) -> dict[str, int]:
        """All counters."""
        return dict(self._connection.execute("SELECT * FROM counters"))

    def check(self) -> None:
        """Look at all pages."""
        if self._connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            raise RuntimeError("integrity_check finds faults")

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()


class DuckStore(Store):
    """A DuckDB file; every commit is synchronised in its write-ahead log."""

    def __init__(self, folder: Path) -> None:
        # Not at the top: what it takes to import is one of the figures.
        import duckdb  # noqa: PLC0415

        self._connection = duckdb.connect(folder / "state.duckdb")
        if not self._connection.execute("FROM duckdb_tables() WHERE table_name = 'counters'").fetchall():
            self._connection.execute("BEGIN")
            for statement in SCHEMA:
                self._connection.execute(statement)
            self._connection.execute("COMMIT")

    def commit(self, slices: Slices, counters: Mapping[str, int], gone: Iterable[int] = ()) -> None:
        """Replace and remove, all or nothing."""
        run = self._connection.execute
        run("BEGIN")
        # One statement for all rows: executemany takes twice as long.
        self._insert("slices", list(_rows(slices)))
        if gone := list(gone):
            run("DELETE FROM slices WHERE id IN (SELECT unnest(?))", [gone])
        self._insert("counters", list(counters.items()))
        run("COMMIT")

    def _insert(self, table: str, rows: list[tuple[object, ...]]) -> None:
        if rows:
            places = ", ".join(["(" + ", ".join("?" * len(rows[0])) + ")"] * len(rows))
            values = [value for row in rows for value in row]
            self._connection.execute(f"INSERT OR REPLACE INTO {table} VALUES {places}", values)

    def rows(self) -> Iterator[Row]:
        """All slices."""
        cursor = self._connection.execute("FROM slices")
        while rows := cursor.fetchmany(LOAD_BATCH):
            yield from rows

    def counters(self) -> dict[str, int]:
        """All counters."""
        return dict(self._connection.execute("FROM counters").fetchall())

    def check(self) -> None:
        """DuckDB verifies the checksum of each block that it reads, and has no more to offer."""

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()


def _rows(slices: Slices) -> Iterator[Row]:
    for number, (counts, sums) in slices.items():
        yield number, counts, sums, zlib.crc32(counts), zlib.crc32(sums)


def open_store(name: str, folder: Path) -> Store:
    """Open one of ``STORES`` in a folder, which is made where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    kind, *page = name.split()
    return SqliteStore(folder, int(page[0])) if kind == "sqlite" else DuckStore(folder)


def size_of(folder: Path) -> int:
    """Bytes on disk, the write-ahead log included."""
    return sum(path.stat().st_size for path in folder.iterdir())


def written() -> int:
    """Bytes that this process has had written to disk."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["write_bytes"])


class Traffic:
    """Slices as they are: few records in each bin, and the sums of their values."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._values = self._random.lognormal(3, 2, BINS)

    def slices(self, numbers: Iterable[int]) -> Slices:
        """New content for slices."""
        counts = {number: self._random.poisson(12, BINS) for number in numbers}
        return {n: (c.tobytes(), (c * self._values).tobytes()) for n, c in counts.items()}


def counters(value: int) -> dict[str, int]:
    """The rows that every checkpoint writes anew."""
    return {f"counter {i}": value for i in range(COUNTERS)}


@dataclass(frozen=True)
class Commits:
    """Seconds of each checkpoint, bytes written for one on average, and the size on disk after them."""

    seconds: list[float]
    bytes: float
    size: int


def _timed(store: Store, folder: Path, work: Iterable[tuple[Slices, dict[str, int], list[int]]]) -> Commits:
    seconds = []
    before = written()
    for slices, values, gone in work:
        begin = time.perf_counter()
        store.commit(slices, values, gone)
        seconds.append(time.perf_counter() - begin)
    return Commits(seconds, (written() - before) / len(seconds), size_of(folder))


def _live(traffic: Traffic, first: int, count: int) -> Iterator[tuple[Slices, dict[str, int], list[int]]]:
    for n in range(first, first + count):
        # A slice's number: its level in the low digit, its place in time in the others.
        now = [n // lasts * 10 + level for level, (lasts, _) in enumerate(LEVELS)]
        gone = [
            number - kept * 10
            for number, (lasts, kept) in zip(now, LEVELS, strict=True)
            if not n % lasts and number >= kept * 10
        ]
        yield traffic.slices(now), counters(n), gone


def _backlog(traffic: Traffic, first: int, count: int) -> Iterator[tuple[Slices, dict[str, int], list[int]]]:
    kept = sum(kept for _, kept in LEVELS)
    for n in range(first, first + count):
        # Consecutive chunks of a backlog share half of their slices.
        numbers = [-1 - (n * BACKLOG // 2 + i) % kept for i in range(BACKLOG)]
        yield traffic.slices(numbers), counters(n), []


def commit_times(name: str, folder: Path, live: int, backlog: int, answer: Connection) -> None:
    """Time live checkpoints, then those of a backlog, on one store."""
    store, traffic = open_store(name, folder), Traffic(1)
    answer.send(_timed(store, folder, _live(traffic, 0, live)))
    answer.send(_timed(store, folder, _backlog(traffic, live, backlog)))
    store.close()


def fill(name: str, folder: Path, size: int) -> None:
    """Make a store that holds about ``size`` bytes of arrays."""
    store, traffic = open_store(name, folder), Traffic(2)
    slices = max(1, size // (16 * BINS))
    for first in range(0, slices, LOAD_BATCH):
        numbers = range(first, min(first + LOAD_BATCH, slices))
        store.commit(traffic.slices(numbers), counters(first))
    store.close()


def load(name: str, folder: Path, answer: Connection) -> None:
    """Open a store and read all of it into arrays; send seconds, bytes of arrays and bytes of memory."""
    importlib.import_module("duckdb" if name == "duckdb" else "sqlite3")
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    store = open_store(name, folder)
    arrays = []
    for number, counts, sums, counts_crc, sums_crc in store.rows():
        if zlib.crc32(counts) != counts_crc or zlib.crc32(sums) != sums_crc:
            raise RuntimeError(f"slice {number} is damaged")
        arrays.append((np.frombuffer(counts, dtype=np.int64), np.frombuffer(sums, dtype=np.float64)))
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer.send((seconds, sum(a.nbytes + b.nbytes for a, b in arrays), (peak - idle) * 1024))
    store.close()


def forget(folder: Path) -> None:
    """Drop a store's files from the page cache, as after a start of the machine."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def import_time(name: str) -> float:
    """Seconds that a new process takes to import the store's module: the smallest of several."""
    module = name.split(maxsplit=1)[0].replace("sqlite", "sqlite3")
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    return min(float(subprocess.check_output(command, text=True)) for _ in range(5))


def open_time(name: str, folder: Path) -> float:
    """Seconds to open a store and read its counters: the smallest of several."""
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        store = open_store(name, folder)
        store.counters()
        seconds.append(time.perf_counter() - begin)
        store.close()
    return min(seconds)


def _numbers(n: int) -> range:
    """The slices that checkpoint ``n`` replaces: few, and from time to time many."""
    first = n % KILL_SLICES
    return range(first, min(KILL_SLICES, first + (LIVE if n % 4 else KILL_SLICES)))


def commit_forever(name: str, folder: Path, first: int, report: int) -> None:
    """Write checkpoints ``first``, ``first`` + 1, ... and report each that is done (8 bytes)."""
    store = open_store(name, folder)
    n = first
    while True:
        content = np.full(BINS, n, dtype=np.int64).tobytes()
        store.commit(dict.fromkeys(_numbers(n), (content, content)), counters(n))
        os.write(report, struct.pack("<q", n))
        n += 1


def verify(name: str, folder: Path) -> tuple[int, int]:
    """The last checkpoint that a store holds, and the number of slices and counters that are not of it."""
    store = open_store(name, folder)
    store.check()
    values = store.counters()
    last = max(values.values(), default=-1)
    wrong = sum(value != last for value in values.values())
    expected = {number: n for n in range(max(0, last - 2 * KILL_SLICES), last + 1) for number in _numbers(n)}
    found = {}
    for number, counts, sums, counts_crc, sums_crc in store.rows():
        intact = counts == sums and zlib.crc32(counts) == counts_crc and zlib.crc32(sums) == sums_crc
        whole = np.unique(np.frombuffer(counts, dtype=np.int64))
        found[number] = int(whole[0]) if intact and len(whole) == 1 else -1
    store.close()
    wrong += sum(found.get(number) != n for number, n in expected.items())
    return last, wrong + len(found.keys() - expected.keys())


@dataclass
class Kills:
    """What was found after kills: how often nothing was wrong, and what was."""

    rounds: int = 0
    checkpoints: int = 0
    ahead: int = 0
    problems: list[str] | None = None


def kill_often(name: str, folder: Path, rounds: int, seed: int) -> Kills:
    """Kill a process that writes checkpoints, at random moments; look at the store after each."""
    chance = random.Random(seed)  # noqa: S311
    found = Kills(problems=[])
    last = -1
    for _ in range(rounds):
        reader, writer = os.pipe()
        os.set_inheritable(writer, True)  # noqa: FBT003
        command = [
            sys.executable,
            __file__,
            "--commit-forever",
            name,
            str(folder),
            str(last + 1),
            str(writer),
        ]
        process = subprocess.Popen(command, pass_fds=[writer])
        os.close(writer)
        with os.fdopen(reader, "rb") as reports:
            started = reports.read(8)
            time.sleep(chance.uniform(0, 0.25))
            process.kill()
            process.wait()
            everything = started + reports.read()
        whole = len(everything) // 8
        reported = struct.unpack(f"<{whole}q", everything[: 8 * whole])[-1] if whole else last
        found.rounds += 1
        try:
            held, wrong = verify(name, folder)
        except Exception as error:  # noqa: BLE001, every kind of failure is a finding
            found.problems.append(f"after {reported}: {type(error).__name__}: {error}")
            shutil.rmtree(folder)
            last = -1
            continue
        if held < reported or wrong:
            found.problems.append(f"after {reported}: holds {held}, {wrong} rows are not of it")
        found.checkpoints += max(0, held - last)
        found.ahead += held > reported
        last = held
    return found


def _in_child(target: object, *arguments: object) -> list[object]:
    """What a function sends when it runs in a process of its own."""
    mine, theirs = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=target, args=(*arguments, theirs))
    process.start()
    theirs.close()
    answers = []
    with contextlib.suppress(EOFError):
        while True:
            answers.append(mine.recv())
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{target}: exit status {process.exitcode}")
    return answers


def _milliseconds(commits: Commits) -> str:
    p99 = sorted(commits.seconds)[int(len(commits.seconds) * 0.99)]
    return f"{statistics.median(commits.seconds) * 1e3:.1f} / {p99 * 1e3:.1f}"


def measure(name: str, arguments: argparse.Namespace) -> dict[str, str]:
    """All figures of one store."""
    folder = BUILD / name.replace(" ", "_")
    shutil.rmtree(folder, ignore_errors=True)
    live, backlog = _in_child(commit_times, name, folder, arguments.live, arguments.backlog)
    row = {
        "live commit ms (p50 / p99)": _milliseconds(live),
        "live written KiB": f"{live.bytes / 1024:.0f}",
        "live size MiB": f"{live.size / MIB:.1f}",
        "backlog commit ms (p50 / p99)": _milliseconds(backlog),
        "backlog written MiB": f"{backlog.bytes / MIB:.1f}",
        "backlog size MiB": f"{backlog.size / MIB:.1f}",
        "import ms": f"{import_time(name) * 1e3:.0f}",
        "open ms": f"{open_time(name, folder) * 1e3:.1f}",
    }
    shutil.rmtree(folder)
    process = SPAWN.Process(target=fill, args=(name, folder, arguments.load_mib * MIB))
    process.start()
    process.join()
    forget(folder)
    cold, size, peak = _in_child(load, name, folder)[0]
    warm, _, _ = _in_child(load, name, folder)[0]
    row |= {
        "load s (cold / warm)": f"{cold:.2f} / {warm:.2f}",
        "load memory / arrays": f"{peak / size:.2f}",
        "size on disk / arrays": f"{size_of(folder) / size:.2f}",
    }
    shutil.rmtree(folder)
    kills = kill_often(name, folder, arguments.kills, seed=3)
    row["kills: fine / all"] = f"{kills.rounds - len(kills.problems)} / {kills.rounds}"
    row["kills: checkpoints"] = str(kills.checkpoints)
    row["kills: done but not reported"] = str(kills.ahead)
    for problem in kills.problems[:3]:
        print(f"{name}: {problem}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    return row


def main() -> int:
    """Measure and print."""
    if sys.argv[1:2] == ["--commit-forever"]:
        name, folder, first, report = sys.argv[2:]
        commit_forever(name, Path(folder), int(first), int(report))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less of everything, in about half a minute")
    parser.add_argument("--store", action="append", choices=STORES, help="only this one (may be repeated)")
    arguments = parser.parse_args()
    quick = arguments.quick
    arguments.live, arguments.backlog = (60, 5) if quick else (500, 40)
    arguments.load_mib, arguments.kills = (100, 5) if quick else (1024, 50)
    table = {}
    for name in arguments.store or STORES:
        print(f"{name} ...", file=sys.stderr)
        table[name] = measure(name, arguments)
    print(f"{arguments.live} live checkpoints of {LIVE} slices, {arguments.backlog} of {BACKLOG}; a slice is")
    print(
        f"two arrays of {BINS * 8} bytes. Loaded: {arguments.load_mib} MiB of arrays. Pages of sqlite in KiB."
    )
    names = list(table)
    width = max(len(key) for key in table[names[0]])
    print(" " * width, *(f"{name:>15}" for name in names))
    for key in table[names[0]]:
        print(f"{key:<{width}}", *(f"{table[name][key]:>15}" for name in names))
    shutil.rmtree(BUILD, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
