"""One side of a join: rows by id, the newest ones in memory, the others in runs on the disk.

A log-structured tree (O'Neil and others, 1996): what comes is a sorted block, each at least twice as large as
the next; a save makes one run of them, together with runs that are not much larger. Looking ids up is a
binary search in each block, and for each run that may hold one the reading of one chunk.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from drift_exporter.decode.records import HashArray
from drift_exporter.join.merge import Merge, mergeable
from drift_exporter.join.rows import Block, Rows, make_block, merge_rows
from drift_exporter.join.run import Document, Fetch, Reader, Remap, Run, chunk_rows, find_rows, layout_of
from drift_exporter.reference.model import IntArray

RUN_ROWS = 2_000_000
"""Rows of a run, unless more come at once."""


@dataclass
class Tree:
    """The rows of a ``side``. ``runs`` by number and ``blocks``, both oldest first.

    ``run_rows`` and ``chunk`` (0: by their size in bytes) bound the rows of runs and of chunks.
    """

    side: str
    dtype: np.dtype[Any]
    fetch: Fetch
    remap: Remap | None = None
    header: Document = field(default_factory=dict)
    run_rows: int = RUN_ROWS
    chunk: int = 0
    runs: dict[int, Run] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    _next: int = 0

    @property
    def size(self) -> int:
        """Number of rows, with those that have expired and are still there."""
        return sum(run.size for run in self.runs.values()) + sum(block.size for block in self.blocks)

    @property
    def unsaved(self) -> int:
        """Bytes in memory that are not saved."""
        return sum(block.rows.nbytes + block.low.nbytes for block in self.blocks)

    def restore(self, runs: Sequence[Run]) -> None:
        """Go on from what was saved."""
        self.runs = {run.number: run for run in sorted(runs, key=lambda run: run.number)}
        self.blocks = []
        self._next = max(self.runs, default=-1) + 1

    def adopt(self, old: "Tree") -> None:
        """Take over the rows of another tree of the same side, brought to this one's header and type."""
        self.runs, self._next = old.runs, old._next  # noqa: SLF001  # of its own kind
        self.blocks = old.blocks
        if self.blocks and (old.header, old.dtype) != (self.header, self.dtype):
            if self.remap is None:
                raise ValueError(f"nothing is known that brings {self.side} to another header")
            self.blocks = [make_block(self.remap(self.side, one.rows, old.header)) for one in self.blocks]

    def relabel(self, header: Document) -> None:
        """Keep rows under another header from now on."""
        if header == self.header:
            return
        if self.blocks:
            if self.remap is None:
                raise ValueError(f"nothing is known that brings {self.side} to another header")
            self.blocks = [make_block(self.remap(self.side, one.rows, self.header)) for one in self.blocks]
        self.header = header

    def add(self, block: Block | None, due: int) -> None:
        """Add rows; blocks that have expired before ``due`` go."""
        self.blocks = [known for known in self.blocks if known.newest >= due]
        if block is None:
            return
        while self.blocks and self.blocks[-1].size < 2 * block.size:
            rows = merge_rows(self.side, [self.blocks.pop().rows, block.rows], due)
            if not len(rows):
                return
            block = make_block(rows)
        self.blocks.append(block)

    def find(self, low: HashArray, high: HashArray) -> tuple[IntArray, Rows]:
        """All rows of some ids, each once and in order of (low, high), also expired and replaced ones.

        Returns the number of each row's id (rows,), in order, and the rows, equal ids as they came.
        """
        reader = self._reader()
        found = [reader.find(run, low, high) for run in self.runs.values()]
        for block in self.blocks:
            index, place = find_rows(block.rows, block.low, low, high)
            found.append((index, block.rows[place]))
        found = [(index, rows) for index, rows in found if len(index)]
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=self.dtype)
        index = np.concatenate([index for index, _ in found])
        rows = np.concatenate([rows for _, rows in found])
        order = np.argsort(index, kind="stable")
        return index[order], rows[order]

    def newest(self, low: HashArray, high: HashArray) -> tuple[IntArray, Rows]:
        """As ``find``, only the last row of each id."""
        index, rows = self.find(low, high)
        if not len(index):
            return index, rows
        last = np.append(index[1:] != index[:-1], True)
        return index[last], rows[last]

    def merge(self, due: int) -> Merge | None:
        """What a save has to do; None where that is nothing. Changes nothing."""
        blocks = [block for block in self.blocks if block.newest >= due]
        dropped = [number for number, run in self.runs.items() if run.newest < due]
        merged: list[Run] = []
        if blocks:
            left = [run for number, run in self.runs.items() if number not in dropped]
            count = mergeable(left, sum(block.size for block in blocks), self.run_rows)
            merged = left[len(left) - count :]
        elif not dropped:
            return None
        return Merge(self._next, self._reader(), merged, blocks, dropped, self._chunk(), due)

    def saved(self, merge: Merge) -> None:
        """What a merge has made is saved, and nothing was added since it was planned."""
        for number in merge.removed:
            del self.runs[number]
        if merge.run is not None:
            self.runs[merge.run.number] = merge.run
            self._next = merge.run.number + 1
        self.blocks = []

    def _reader(self) -> Reader:
        return Reader(self.side, layout_of(self.dtype, self.header), self.fetch, self.remap)

    def _chunk(self) -> int:
        return self.chunk or chunk_rows(self.dtype)
