"""Runs: rows on the disk in order of their ids, in chunks, of which only an index is in memory."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.records import HashArray
from drift_exporter.join.filter import Filter, FilterBuilder, may_contain
from drift_exporter.join.rows import Block, Rows
from drift_exporter.reference.model import IntArray

CHUNK_BYTES = 17_400
"""Bytes of a chunk, or somewhat less: in pages of 8 KiB almost nothing is left empty beside such ones."""

_CHUNKS_AT_ONCE = 256

Document = Mapping[str, Any]
"""A JSON object."""

Fetch = Callable[[str, int, Sequence[int]], Iterable[bytes]]
"""The chunks of a side's run with these numbers, which ascend.

Raises StateError where one is damaged or not there.
"""

Remap = Callable[[str, Rows, Document], Rows]
"""Brings rows of a side that were kept under another header to the present one, and the present type."""


def nothing_saved(side: str, number: int, _: Sequence[int]) -> Iterable[bytes]:
    """What fetches where nothing is ever saved."""
    raise LookupError(f"run {number} of {side} is nowhere")


@dataclass(frozen=True)
class Run:
    """What is known of a run without reading it.

    ``layout`` is its type and header as JSON; ``size`` the number of rows; ``oldest`` and ``newest`` their
    times (microseconds); ``firsts`` and ``lasts`` (chunks,) the lowest and highest ``low`` of each chunk.
    """

    number: int
    layout: str
    size: int
    oldest: int
    newest: int
    firsts: HashArray
    lasts: HashArray
    filter: Filter

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """The type of its rows."""
        return np.dtype([(name, form) for name, form in json.loads(self.layout)["dtype"]])

    @cached_property
    def header(self) -> Document:
        """What its rows' codes mean."""
        header: Document = json.loads(self.layout)["header"]
        return header


def layout_of(dtype: np.dtype[Any], header: Document) -> str:
    """The type of rows and a header as JSON."""
    return json.dumps({"dtype": [list(field) for field in dtype.descr], "header": header}, sort_keys=True)


@dataclass(frozen=True)
class Reader:
    """Reads rows of a side's runs, as they are under the present ``layout``."""

    side: str
    layout: str
    fetch: Fetch
    remap: Remap | None

    def chunks(self, run: Run, numbers: Sequence[int]) -> Rows:
        """The rows of some chunks as they were kept."""
        return np.frombuffer(b"".join(self.fetch(self.side, run.number, numbers)), dtype=run.dtype)

    def present(self, run: Run, rows: Rows) -> Rows:
        """Rows of a run under the present layout; ValueError where nobody knows how."""
        if run.layout == self.layout or not len(rows):
            return rows
        if self.remap is None:
            raise ValueError(f"run {run.number} of {self.side} has another layout: {run.layout}")
        return self.remap(self.side, rows, run.header)

    def between(self, run: Run, low: int, end: int | None) -> Rows:
        """The rows of a run with ``low`` from one up to another that is not among them (None: all others)."""
        start = int(np.searchsorted(run.lasts, np.uint64(low), side="left"))
        stop = len(run.firsts) if end is None else int(np.searchsorted(run.firsts, np.uint64(end)))
        if start >= stop:
            return self.present(run, np.empty(0, dtype=run.dtype))
        rows = self.chunks(run, range(start, stop))
        return self.present(run, rows[_between(np.ascontiguousarray(rows["low"]), low, end)])

    def find(self, run: Run, low: HashArray, high: HashArray) -> tuple[IntArray, Rows]:
        """All rows of some ids, which are in order: the number of each row's id (rows,), and the rows."""
        wanted = np.flatnonzero(may_contain(run.filter, low, high))
        low, high = low[wanted], high[wanted]
        found: list[tuple[IntArray, Rows]] = []
        for numbers in _chunks_with(run, low):
            rows = self.chunks(run, numbers)
            lows = np.ascontiguousarray(rows["low"])
            begin = int(np.searchsorted(low, lows[0], side="left"))
            end = int(np.searchsorted(low, lows[-1], side="right"))
            index, place = find_rows(rows, lows, low[begin:end], high[begin:end])
            if len(place):
                found.append((wanted[index + begin], rows[place]))
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=run.dtype)
        rows = np.concatenate([rows for _, rows in found])
        return np.concatenate([index for index, _ in found]), self.present(run, rows)


def _chunks_with(run: Run, low: HashArray) -> Iterator[Sequence[int]]:
    """The chunks that may hold ids, some at a time."""
    start = np.searchsorted(run.lasts, low, side="left")
    stop = np.searchsorted(run.firsts, low, side="right")
    some = start < stop
    change = np.zeros(len(run.firsts) + 1, dtype=np.int64)
    np.add.at(change, start[some], 1)
    np.add.at(change, stop[some], -1)
    numbers = np.flatnonzero(np.cumsum(change)).tolist()
    for begin in range(0, len(numbers), _CHUNKS_AT_ONCE):
        yield numbers[begin : begin + _CHUNKS_AT_ONCE]


def find_rows(rows: Rows, lows: HashArray, low: HashArray, high: HashArray) -> tuple[IntArray, IntArray]:
    """Where ids (in order) are in rows: the number of each found row's id, and the row's place."""
    left = np.searchsorted(lows, low, side="left")
    count = np.searchsorted(lows, low, side="right") - left
    index = np.repeat(np.arange(len(low)), count)
    within = np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)
    place = left[index] + within
    same = rows["high"][place] == high[index]
    return index[same], place[same]


def between(block: Block, low: int, end: int | None) -> Rows:
    """The rows of a block with ``low`` from one up to another that is not among them (None: all others)."""
    return block.rows[_between(block.low, low, end)]


def _between(lows: NDArray[np.uint64], low: int, end: int | None) -> slice:
    start = int(np.searchsorted(lows, np.uint64(low), side="left"))
    return slice(start, None if end is None else int(np.searchsorted(lows, np.uint64(end), side="left")))


class RunBuilder:
    """Cuts sorted rows into chunks, and makes the run's index of them.

    ``size`` is the largest number of rows that may come; ``chunk`` that of a chunk.
    """

    def __init__(self, size: int, chunk: int) -> None:
        self._filter = FilterBuilder(size)
        self._chunk = chunk
        self._rest: list[Rows] = []
        self._firsts: list[HashArray] = []
        self._lasts: list[HashArray] = []
        self._size = 0
        self._oldest, self._newest = int(np.iinfo(np.int64).max), int(np.iinfo(np.int64).min)

    def add(self, rows: Rows) -> Iterator[bytes]:
        """The chunks that are full with these rows, which follow those before."""
        self._rest.append(rows)
        held = sum(map(len, self._rest))
        if held >= self._chunk:
            yield from self._cut(held // self._chunk * self._chunk)

    def end(self) -> Iterator[bytes]:
        """The last chunk."""
        if held := sum(map(len, self._rest)):
            yield from self._cut(held)

    def run(self, number: int, layout: str) -> Run | None:
        """The run, None where no row came."""
        if not self._size:
            return None
        return Run(
            number,
            layout,
            self._size,
            self._oldest,
            self._newest,
            np.concatenate(self._firsts),
            np.concatenate(self._lasts),
            self._filter.build(),
        )

    def _cut(self, size: int) -> Iterator[bytes]:
        rows = np.concatenate(self._rest)
        rows, self._rest = rows[:size], [rows[size:]]
        low = np.ascontiguousarray(rows["low"])
        self._filter.add(low, np.ascontiguousarray(rows["high"]))
        starts = np.arange(0, size, self._chunk)
        self._firsts.append(low[starts])
        self._lasts.append(low[np.minimum(starts + self._chunk, size) - 1])
        self._size += size
        self._oldest = min(self._oldest, int(rows["time"].min()))
        self._newest = max(self._newest, int(rows["time"].max()))
        for start in starts.tolist():
            yield rows[start : start + self._chunk].tobytes()


def chunk_rows(dtype: np.dtype[Any]) -> int:
    """Rows of a chunk."""
    return max(1, CHUNK_BYTES // dtype.itemsize)


def boundaries(parts: Sequence[HashArray]) -> list[int]:
    """Where to cut a merge: the distinct ones of the longest of several lists of ``low``, from 0 on."""
    longest = max(parts, key=len)
    return sorted({0, *longest.tolist()})
