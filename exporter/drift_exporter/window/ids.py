"""Which ids were seen of late, so that a record that comes twice is counted once.

An id is known by 128 bits of its MD5, which two ids share with a probability of less than 10^-20 in 10^9
records. Ids lie in sorted blocks, each at least twice as large as the next, that are merged like those of a
log-structured tree (O'Neil and others, 1996): adding costs a few operations an id, looking one up a binary
search in each block, and nothing is kept per id but 24 bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.records import HashArray
from drift_exporter.join.ordering import first_of_each, order_by_id, running_maximum
from drift_exporter.reference.model import IntArray

NEVER = int(np.iinfo(np.int64).min)
"""Stands for no time at all."""

_KEPT = 0.9
"""Share of the limit that is kept when there are too many, so that not every record makes room for one."""


@dataclass(frozen=True)
class Block:
    """Ids sorted by (low, high), each once, and the newest event time each was seen with (microseconds)."""

    low: HashArray
    high: HashArray
    times: IntArray

    @property
    def size(self) -> int:
        """Number of ids."""
        return len(self.low)


@dataclass(frozen=True)
class Judged:
    """Which records of a chunk are new (rows,), the ids to remember, and the newest event time with them."""

    fresh: NDArray[np.bool_]
    block: Block
    newest: int


@dataclass
class SeenIds:
    """The ids seen within ``window`` microseconds before the newest event time, at most ``limit`` of them.

    ``blocks`` by number, oldest first. ``newest`` is that of all records, also of those that came twice, in
    microseconds. ``forgotten`` counts ids that the limit has pushed out. ``added`` and ``removed`` are the
    numbers of blocks since the last save.
    """

    window: int
    limit: int
    blocks: dict[int, Block] = field(default_factory=dict)
    newest: int = NEVER
    forgotten: int = 0
    added: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)
    _next: int = 0

    def judge(self, low: HashArray, high: HashArray, times: IntArray, horizon: int) -> Judged:
        """Tell which records are new; changes nothing.

        ``low`` and ``high`` (rows,) are the halves of the ids' hashes, both 0 where a record has none (it is
        new then); ``times`` (rows,) event times in microseconds. A record is not new if its id was seen
        before it with an event time of at least the newest one up to it, less the window. Times after
        ``horizon`` do not make a newest one.
        """
        fresh = np.ones(len(low), dtype=np.bool_)
        newest = np.maximum.accumulate(np.where(times <= horizon, times, NEVER))
        newest = np.maximum(newest, self.newest)
        last_newest = int(newest[-1]) if len(newest) else self.newest
        rows = np.flatnonzero((low | high) != 0)
        if not len(rows):
            return Judged(fresh, _EMPTY, last_newest)
        due = np.maximum(newest, NEVER + self.window) - self.window
        order = rows[order_by_id(low[rows], high[rows])]
        lows, highs, own = low[order], high[order], times[order]
        first = first_of_each(lows, highs)
        starts = np.flatnonzero(first)
        known = self._times_of(lows[starts], highs[starts])
        seen = own.copy()
        seen[starts] = np.maximum(seen[starts], known)
        if len(starts) < len(order):
            seen = running_maximum(seen, np.cumsum(first) - 1)
        before = np.empty_like(own)
        before[1:] = seen[:-1]
        before[starts] = known
        fresh[order[before >= due[order]]] = False
        last = np.append(starts[1:], len(order)) - 1
        return Judged(fresh, Block(lows[last], highs[last], seen[last]), last_newest)

    def add(self, judged: Judged) -> None:
        """Remember what was judged last, and forget what is too old now."""
        block, self.newest = judged.block, judged.newest
        due = max(self.newest, NEVER + self.window) - self.window
        for number in [number for number, known in self.blocks.items() if (known.times < due).all()]:
            self._remove(number)
        if not block.size:
            return
        while self.blocks:
            number, newest = next(reversed(self.blocks.items()))
            if newest.size >= 2 * block.size:
                break
            self._remove(number)
            block = _merge(newest, block, due)
        self._append(block)
        if sum(known.size for known in self.blocks.values()) > self.limit:
            self._make_room(due)

    def restore(self, blocks: Mapping[int, Block], newest: int, forgotten: int) -> None:
        """Go on from what was saved."""
        self.blocks = dict(sorted(blocks.items()))
        self._next = max(blocks, default=-1) + 1
        self.newest, self.forgotten = newest, forgotten
        self.saved()

    def saved(self) -> None:
        """What changed is saved."""
        self.added.clear()
        self.removed.clear()

    def _append(self, block: Block) -> None:
        self.blocks[self._next] = block
        self.added.add(self._next)
        self._next += 1

    def _remove(self, number: int) -> None:
        del self.blocks[number]
        if number in self.added:
            self.added.remove(number)
        else:
            self.removed.add(number)

    def _make_room(self, due: int) -> None:
        merged = _EMPTY
        for number, block in list(self.blocks.items()):
            merged = _merge(merged, block, due)
            self._remove(number)
        keep = max(1, int(self.limit * _KEPT))
        if merged.size > keep:
            newest = np.sort(np.argpartition(merged.times, merged.size - keep)[merged.size - keep :])
            self.forgotten += merged.size - keep
            merged = Block(merged.low[newest], merged.high[newest], merged.times[newest])
        if merged.size:
            self._append(merged)

    def _times_of(self, low: HashArray, high: HashArray) -> IntArray:
        """Newest event time of each id (sorted), the least integer where it was not seen."""
        times = np.full(len(low), NEVER)
        open_ = np.arange(len(low))
        for block in reversed(self.blocks.values()):
            found, place = _find(block, low[open_], high[open_])
            times[open_[found]] = block.times[place]
            open_ = open_[~found]
            if not len(open_):
                break
        return times


_EMPTY = Block(np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64))


def _find(block: Block, low: HashArray, high: HashArray) -> tuple[NDArray[np.bool_], IntArray]:
    """Which ids are in a block (ids,), and where those are (found,)."""
    place = np.searchsorted(block.low, low)
    looking = np.arange(len(low))
    found = np.zeros(len(low), dtype=np.bool_)
    # More than one round is needed only where two ids share half of their hash.
    while len(looking):
        inside = looking[place[looking] < block.size]
        looking = inside[block.low[place[inside]] == low[inside]]
        hit = block.high[place[looking]] == high[looking]
        found[looking[hit]] = True
        looking = looking[~hit]
        place[looking] += 1
    return found, place[found]


def _merge(older: Block, newer: Block, due: int) -> Block:
    """Ids of both blocks; what ``newer`` says of one counts. Ids before ``due`` are left out."""
    low = np.concatenate([older.low, newer.low])
    high = np.concatenate([older.high, newer.high])
    times = np.concatenate([older.times, newer.times])
    order = order_by_id(low, high)
    low, high, times = low[order], high[order], times[order]
    last = np.ones(len(low), dtype=np.bool_)
    last[:-1] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    keep = last & (times >= due)
    return Block(low[keep], high[keep], times[keep])
