"""Event-time slices: how long they are for a window, and which slice a record belongs to.

A window is the sum of its slices. The slices of a window are between a 60th of it and the next shorter length
in a fixed chain in which each length divides the next, so that the slices of a short window add up to
those of a longer one and every record is counted once only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from drift_exporter.reference.model import IntArray

MICROSECONDS = 1_000_000

LATE_REASONS = ("late", "future")
"""Why a record may be in no window: older than the longest, or ahead of the clock."""

_CHAIN = (1, 5, 15, 60, 300, 900, 3600, 10800, 86400)
_SLICES_PER_WINDOW = 60


@dataclass(frozen=True)
class Window:
    """A configured window: its name, its length and the length of its slices, both in microseconds.

    ``history`` marks the one level of slices that is no window: the past that a rolling reference is made of.
    """

    name: str
    length: int
    slice: int
    history: bool = False

    @property
    def key(self) -> int:
        """What tells its slices from those of others, also after the length of the history has changed."""
        return -self.slice if self.history else self.length

    def first_slice(self, watermark: int) -> int:
        """Number of the first slice that lies in the window ending at ``watermark`` as a whole."""
        return -((self.length - watermark - 1) // self.slice)


def make_windows(lengths: Mapping[str, float]) -> tuple[Window, ...]:
    """Windows by name from their lengths in seconds, shortest first."""
    windows = [
        Window(
            name,
            round(seconds * MICROSECONDS),
            slice_seconds(seconds / _SLICES_PER_WINDOW) * MICROSECONDS,
        )
        for name, seconds in lengths.items()
    ]
    return tuple(sorted(windows, key=lambda window: window.length))


def make_levels(windows: tuple[Window, ...], history: Window | None) -> tuple[Window, ...]:
    """The windows and the history, finest slices first, so that slices of one add up to those of the next."""
    levels = windows if history is None else (*windows, history)
    return tuple(sorted(levels, key=lambda level: (level.slice, level.length)))


def slice_seconds(most: float) -> int:
    """The longest slice of the chain that is not longer than ``most`` seconds, at least the shortest."""
    return max((seconds for seconds in _CHAIN if seconds <= most), default=_CHAIN[0])


@dataclass(frozen=True)
class Assignment:
    """Which slice each record of a chunk belongs to.

    ``key`` (rows,) numbers the (level, slice) pairs in use; ``level`` and ``start`` (pairs,) say which
    window's slice length it is, -1 for a record that is in no window any more, and where the slice starts
    (microseconds). ``late`` and ``future`` are numbers of records left out of the windows; ``watermark`` is
    the newest event time after the chunk.
    """

    key: IntArray
    level: IntArray
    start: IntArray
    late: int
    future: int
    watermark: int


def assign(
    timestamps: IntArray, watermark: int | None, horizon: int, windows: tuple[Window, ...]
) -> Assignment:
    """Assign records to slices; ``timestamps`` (rows,) in microseconds, at least one.

    ``watermark`` is the newest event time before these records, None if there was none. A record after
    ``horizon`` (the clock plus a tolerance) is in the future: a wrong clock somewhere, which must not push
    everybody else's records out of the windows. A record is late if, when it arrived, its time was already
    older than the longest window (or the history); so this does not depend on how the stream is cut into
    chunks. ``windows`` are ordered as ``make_levels`` does.
    """
    longest = max(window.length for window in windows)
    future = timestamps > horizon
    futures = int(np.count_nonzero(future))
    usable = np.where(future, np.iinfo(np.int64).min, timestamps) if futures else timestamps
    newest = np.maximum.accumulate(usable)
    if watermark is not None:
        np.maximum(newest, watermark, out=newest)
    after = int(newest[-1])
    if futures and after == np.iinfo(np.int64).min:
        nothing = np.zeros(len(timestamps), dtype=np.int64)
        return Assignment(nothing, np.array([-1]), np.array([0]), 0, futures, after)
    # Before the first usable record newest is the smallest number there is, and subtracting wraps around.
    late = (timestamps <= newest - longest) & ~future
    lates = int(np.count_nonzero(late))

    # Dense numbers: 0 for "in no window", then the slices of each level one after the other.
    key = np.zeros(len(timestamps), dtype=np.int64)
    level_of: list[int] = [-1]
    start_of: list[int] = [0]
    left = ~future if futures else np.ones(len(timestamps), dtype=bool)
    if lates:
        left &= ~late
    for level, window in enumerate(windows):
        first = window.first_slice(after)
        number = timestamps // window.slice - first
        inside = left & (number >= 0)
        key = np.where(inside, number + len(level_of), key)
        slices = after // window.slice - first + 1
        level_of += [level] * slices
        start_of += [(first + i) * window.slice for i in range(slices)]
        left &= ~inside
        if not left.any():
            break
    used = np.flatnonzero(np.bincount(key, minlength=len(level_of)))
    compact = np.zeros(len(level_of), dtype=np.int64)
    compact[used] = np.arange(len(used))
    return Assignment(
        compact[key],
        np.array(level_of)[used],
        np.array(start_of, dtype=np.int64)[used],
        lates,
        futures,
        after,
    )
