"""ADWIN: a window that grows while its mean stays, and drops its old part when that differs from the new.

Bifet and Gavalda (2007), Learning from time-changing data with adaptive windowing, SIAM SDM: ADWIN2, whose
window is an exponential histogram, with the cut of its section 3.1. Here a window grows by blocks of
``BLOCK`` values, and is looked at after each. Where the paper drops the oldest bucket until no two parts
differ any more, the window is cut where its parts differ most, so that one change is one alarm.

The sizes of buckets depend on how many blocks came, not on what they hold. So many blocks are looked at in
one go: what the buckets would be after each of them follows from their number, their sums from prefix sums.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.streams.detector import State, Step, number

BLOCK = 32
"""Values between two looks for a change."""

BUCKETS = 5
"""Buckets of one size that the histogram keeps, before it makes one of the two oldest."""

_BLOCKS_AT_ONCE = 64
_MOST_LEVELS = 50


@dataclass(frozen=True)
class _Window:
    """Buckets from the oldest on (buckets,): blocks in each (powers of 2), sums of values and squares."""

    sizes: IntArray
    sums: FloatArray
    squares: FloatArray


@dataclass(frozen=True)
class Adwin:
    """Finds changes upwards, downwards or both.

    ``delta`` bounds the probability that a look at a window without a change finds one.
    """

    delta: float
    up: bool = True
    down: bool = True

    def start(self) -> State:
        """An empty window."""
        return {"sizes": [], "sums": [], "squares": [], "rest": []}

    def update(self, state: State, values: FloatArray) -> Step:
        """Go on with values (values,) in [0, 1]. The window shrinks with every change, alarm or not."""
        rest = np.array(state["rest"], dtype=np.float64)
        # A block's sum is made of all of its values at once, so that it is the same to the last bit.
        series = np.concatenate([rest, values])
        whole = len(series) // BLOCK
        blocks = series[: whole * BLOCK].reshape(whole, BLOCK)
        sums, squares = blocks.sum(axis=1), np.square(blocks).sum(axis=1)
        window = _Window(
            np.array(state["sizes"], dtype=np.int64),
            np.array(state["sums"], dtype=np.float64),
            np.array(state["squares"], dtype=np.float64),
        )
        alarms = []
        done = 0
        while done < whole:
            end = min(done + _BLOCKS_AT_ONCE, whole)
            window, rose, used = self._grow(window, sums[done:end], squares[done:end])
            done += used
            if (rose is True and self.up) or (rose is False and self.down):
                alarms.append(done * BLOCK - len(rest) - 1)
        after = {
            "sizes": window.sizes.tolist(),
            "sums": window.sums.tolist(),
            "squares": window.squares.tolist(),
            "rest": series[whole * BLOCK :].tolist(),
        }
        return Step(after, alarms)

    def check(self, state: State) -> None:
        """Raise ValueError where this is no state of this detector."""
        lists = {key: state.get(key) for key in ("sizes", "sums", "squares", "rest")}
        for key, values in lists.items():
            if not isinstance(values, list):
                raise ValueError(f"the stream's {key} is {str(values)[:40]!r}")  # noqa: TRY004  # damage, whatever it is
        sizes, sums, squares, rest = (lists[key] or [] for key in lists)
        levels = [size.bit_length() - 1 if isinstance(size, int) and size > 0 else -1 for size in sizes]
        descending = all(high >= low for high, low in pairwise(levels))
        if (
            any(size != 1 << level for size, level in zip(sizes, levels, strict=True) if level >= 0)
            or not all(0 <= level < _MOST_LEVELS for level in levels)
            or not descending
            or max(map(levels.count, levels), default=0) > BUCKETS
            or not len(sizes) == len(sums) == len(squares)
            or len(rest) >= BLOCK
        ):
            raise ValueError("the stream's buckets do not add up")
        for values in (sums, squares, rest):
            for value in values:
                number({"bucket": value}, "bucket", 0.0)

    def mean(self, state: State) -> float | None:
        """Mean of the window."""
        values = sum(state["sizes"]) * BLOCK + len(state["rest"])
        return float((sum(state["sums"]) + sum(state["rest"])) / values) if values else None

    def warns(self, state: State) -> bool | None:  # noqa: ARG002  # as the protocol has it
        """ADWIN has no level of warning."""
        return None

    def _grow(
        self, window: _Window, sums: FloatArray, squares: FloatArray
    ) -> tuple[_Window, bool | None, int]:
        """Window after all blocks, or those up to the first change; whether it rose; how many blocks."""
        positions, prefix, prefix_squares = _prefixes(window, sums, squares)
        before = len(window.sizes)
        newer = _newer_sizes(window.sizes, len(sums))
        length = positions[before + 1 :]
        older = length[:, None] - newer
        is_cut = (newer > 0) & (older > 0)
        place = np.searchsorted(positions, np.where(is_cut, older, 0))
        total, total_squares = prefix[before + 1 :], prefix_squares[before + 1 :]
        rise = self._rise(
            older, newer, prefix[place], (total[:, None], total_squares[:, None], length[:, None])
        )
        found = np.flatnonzero(((rise != 0) & is_cut).any(axis=1))
        used = int(found[0]) + 1 if len(found) else len(sums)
        edges = np.append(np.unique(place[used - 1][is_cut[used - 1]]), before + used)
        grown = _Window(
            np.diff(positions[edges], prepend=0),
            np.diff(prefix[edges], prepend=0.0),
            np.diff(prefix_squares[edges], prepend=0.0),
        )
        return (*self._cut(grown), used) if len(found) else (grown, None, used)

    def _cut(self, window: _Window) -> tuple[_Window, bool | None]:
        """The window from where its parts differ most, until none do, and whether its mean rose there."""
        rose = None
        while len(window.sizes) > 1:
            length, total = np.cumsum(window.sizes), np.cumsum(window.sums)
            older = length[:-1]
            whole = (total[-1], window.squares.sum(), length[-1])
            rise = self._rise(older, length[-1] - older, total[:-1], whole)
            place = int(np.argmax(np.abs(rise)))
            if rise[place] == 0:
                break
            rose = bool(rise[place] > 0) if rose is None else rose
            kept = slice(place + 1, None)
            window = _Window(window.sizes[kept], window.sums[kept], window.squares[kept])
        return window, rose

    def _rise(
        self,
        older: IntArray,
        newer: IntArray,
        older_sum: FloatArray,
        whole: tuple[FloatArray, FloatArray, IntArray],
    ) -> FloatArray:
        """By how much the newer part's mean is above the older's, in excess of chance: 0 where it is chance.

        ``older`` and ``newer`` are blocks of both parts, ``whole`` the window's sum, sum of squares and
        blocks.
        """
        total, total_squares, blocks = whole
        values = blocks * BLOCK
        n0, n1 = np.maximum(older, 1) * BLOCK, np.maximum(newer, 1) * BLOCK
        variance = np.maximum(total_squares / values - np.square(total / values), 0.0)
        inverse = 1 / n0 + 1 / n1
        # delta' = delta / ln n, as the paper has it in practice.
        chance = np.log(2 * np.log(values) / self.delta)
        bound = np.sqrt(2 * inverse * variance * chance) + 2 / 3 * inverse * chance
        difference = (total - older_sum) / n1 - older_sum / n0
        return np.where(np.abs(difference) > bound, difference / bound, 0.0)


def _prefixes(
    window: _Window, sums: FloatArray, squares: FloatArray
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Every place where a bucket may begin or end, in blocks from the window's begin, and the sums up to it.

    All (1 + buckets + blocks,), the first of each is 0.
    """
    sizes = np.concatenate([[0], window.sizes, np.ones(len(sums), dtype=np.int64)])
    return (
        np.cumsum(sizes),
        np.cumsum(np.concatenate([[0.0], window.sums, sums])),
        np.cumsum(np.concatenate([[0.0], window.squares, squares])),
    )


def _newer_sizes(sizes: IntArray, blocks: int) -> IntArray:
    """After each of so many blocks, how many are newer than each bucket's begin; 0 where there is none.

    Row t has a place for each of ``BUCKETS`` buckets of each size, from the newest on (blocks, places).
    """
    levels = np.bincount(np.log2(sizes).astype(np.int64)) if len(sizes) else np.zeros(1, dtype=np.int64)
    slots = np.arange(1, BUCKETS + 1)
    base = np.zeros(blocks, dtype=np.int64)
    parts = []
    for level, kept, merged in _levels(levels, blocks):
        parts.append(np.where(slots <= kept[:, None], base[:, None] + (slots << level), 0))
        base = base + (kept << level)
        if not merged.any() and level + 1 >= len(levels):
            break
    return np.concatenate(parts, axis=1)


def _levels(counts: IntArray, blocks: int) -> Iterator[tuple[int, IntArray, IntArray]]:
    """For each size 2^level of buckets: the level, how many there are after each block, and pairs merged."""
    arrived = np.arange(1, blocks + 1)
    for level in range(_MOST_LEVELS):
        there = arrived + (counts[level] if level < len(counts) else 0)
        merged = np.maximum(0, (there - BUCKETS + 1) // 2)
        yield level, there - 2 * merged, merged
        arrived = merged
