"""Several runs and blocks become one run, a stretch of ids at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from drift_exporter.join.rows import Block, merge_rows
from drift_exporter.join.run import Fetch, Reader, Run, RunBuilder, between, boundaries

_CHUNKS_A_STRETCH = 64
"""Chunks of the largest part that are merged at a time, with what belongs to them of the others."""


@dataclass
class Merge:
    """What a save makes of a side's newest runs and of the blocks that are not yet saved.

    ``runs`` and ``blocks`` are replaced, oldest first, by a run with this ``number``, but for rows from
    before ``due``; so are ``dropped`` runs, which hold nothing else. ``run`` is the new one once all chunks
    were written, None where nothing is left.
    """

    number: int
    reader: Reader
    runs: Sequence[Run]
    blocks: Sequence[Block]
    dropped: Sequence[int]
    chunk: int
    due: int
    run: Run | None = None

    @property
    def side(self) -> str:
        """``PREDICTIONS`` or ``LABELS``."""
        return self.reader.side

    @property
    def removed(self) -> Sequence[int]:
        """Numbers of the runs that go."""
        return (*self.dropped, *(run.number for run in self.runs))

    def chunks(self, fetch: Fetch) -> Iterator[bytes]:
        """The new run's chunks; ``fetch`` reads the old ones."""
        self.run = None
        if not self.runs and not self.blocks:
            return
        reader = replace(self.reader, fetch=fetch)
        size = sum(run.size for run in self.runs) + sum(block.size for block in self.blocks)
        builder = RunBuilder(size, self.chunk)
        edges = boundaries(
            [
                *(run.firsts[::_CHUNKS_A_STRETCH] for run in self.runs),
                *(block.low[:: _CHUNKS_A_STRETCH * self.chunk] for block in self.blocks),
            ]
        )
        for low, end in zip(edges, [*edges[1:], None], strict=True):
            parts = [reader.between(run, low, end) for run in self.runs]
            parts += [between(block, low, end) for block in self.blocks]
            parts = [part for part in parts if len(part)]
            if parts:
                yield from builder.add(merge_rows(self.side, parts, self.due))
        yield from builder.end()
        self.run = builder.run(self.number, reader.layout)


def mergeable(runs: Sequence[Run], size: int, limit: int) -> int:
    """How many of the newest runs (oldest first) are to be merged with so many rows that come.

    Each run is at least twice as large as the next one, and none has more rows than ``limit`` but by what
    comes at once: adding costs a few writes a row.
    """
    count = 0
    for run in reversed(runs):
        if run.size >= 2 * size or run.size + size > limit:
            break
        size += run.size
        count += 1
    return count
