"""Files of JSON as lines: each record on a line of its own, in its place.

What stands between records becomes white space, and so do line ends within them: the text keeps its length,
and every byte of a record its offset. Only where nothing stands between two records a newline is put in.

All is found by arithmetic on arrays as long as nothing is wrong; where something is, one item is looked at
byte by byte (``sources.jsonscan``), and the result is the same as if all were.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import IntArray
from drift_exporter.sources.chunk import RAW_LIMIT, Rejection
from drift_exporter.sources.jsonscan import BETWEEN, WHITE, ItemScanner
from drift_exporter.sources.longlines import too_long
from drift_exporter.sources.quotes import Bytes, flags, outside, unescaped_quotes, within

_NEWLINE, _COMMA = b"\n,"
_OPEN, _CLOSE = b"{}"
_BETWEEN = re.compile(rb"[ \t\r\n,\[\]]*+")
_LONGEST_WINDOW, _SHORTEST_WINDOW = 1 << 20, 1 << 12
_LOOKS_BACK = 32
_SUSPECTS = 4
MOST_WRONG = 10_000
"""Items that are rejected at a time: each takes more memory than its bytes."""

LONGEST_END = 1 << 12
"""Bytes behind the last item that may be the end of an array; more of them are stepped over."""


_IS_WHITE, _IS_BETWEEN, _MAY_STAND_BEFORE = flags(WHITE), flags(BETWEEN), flags(b":[,")


@dataclass(frozen=True, slots=True)
class Lines:
    """The items that some bytes begin with: records as lines in ``text``, of the first ``size`` bytes.

    ``added`` are the places before which a newline was put in. The offsets of ``rejections`` are those in the
    text; ``place`` leads from there to the bytes.
    """

    text: bytes
    size: int
    added: tuple[int, ...] = ()
    rejections: tuple[Rejection, ...] = ()

    def place(self, offset: int) -> int:
        """Place in the bytes of a place in the text."""
        low, high = 0, len(self.added)
        while low < high:
            middle = (low + high) // 2
            if self.added[middle] + middle < offset:
                low = middle + 1
            else:
                high = middle
        return offset - low

    def locate(self, path: str, base: int) -> Callable[[int], tuple[str, int]] | None:
        """What leads from offsets in the text, which begins at ``base``, to those in the file."""
        if not self.added or self.added[0] == self.size:
            return None
        return lambda offset: (path, base + self.place(offset - base))


def as_lines(path: str, offset: int, data: bytes, limit: int, *, ended: bool) -> Lines:
    """Make lines of the whole items that ``data`` begins with, which stands at ``offset`` of ``path``.

    ``ended`` says that nothing will be appended: then the last item is taken though it does not end. Else
    what stands behind the last item is left as long as nothing follows it: programs that append to an array
    write over its end. No more is taken than up to the item that is the ``MOST_WRONG``-th to be rejected.
    """
    bounds: list[tuple[IntArray, IntArray]] = []
    wrong: list[tuple[int, int, ItemScanner]] = []
    # How many items to look at closely before many are looked at at once.
    position, window, closely = 0, _LONGEST_WINDOW, 0
    while len(wrong) < MOST_WRONG and (position := _end_of_gap(data, position)) < len(data):
        if data[position] == _OPEN and not closely:
            stop = min(position + window, len(data))
            starts, ends, stopped = _find_records(data, position, stop, limit)
            if len(ends):
                bounds.append((starts, ends))
                position = int(ends[-1])
            # Where nothing was found that is wrong or whole, the window may be too small for a record.
            closely = int(stopped or not (len(ends) or (stop < len(data) and window <= limit)))
            window = min(4 * window, max(_LONGEST_WINDOW, limit + 1))
            continue
        scanner = ItemScanner(limit)
        end = scanner.feed(data, position, ended=ended)
        if end is None:
            break
        if scanner.wrong is None and end - position <= limit:
            bounds.append((np.array([position]), np.array([end])))
            closely -= closely > 0
        else:
            wrong.append((position, end, scanner))
            closely = _SUSPECTS
        position, window = end, _SHORTEST_WINDOW
    if position == len(data) and not ended:
        last = max(int(bounds[-1][1][-1]) if bounds else 0, wrong[-1][1] if wrong else 0)
        position = last if position - last <= min(limit, LONGEST_END) else position
    none = np.empty(0, dtype=np.int64)
    starts = np.concatenate([none, *(some for some, _ in bounds)])
    ends = np.concatenate([none, *(some for _, some in bounds)])
    text, added = _written(data[:position], starts, ends)
    rejections = []
    for start, end, scanner in wrong:
        place = offset + start + bisect_right(added, start)
        rejections.append(_rejection(path, place, data[start:end], scanner, limit))
    return Lines(text, position, added, tuple(rejections))


def _end_of_gap(data: bytes, position: int) -> int:
    found = _BETWEEN.match(data, position)
    return position if found is None else found.end()


def _rejection(path: str, place: int, raw: bytes, scanner: ItemScanner, limit: int) -> Rejection:
    if len(raw) > limit:
        return too_long(path, place, raw, len(raw), limit)
    raw = raw.rstrip(WHITE + b",")
    reason, detail = "not_object" if scanner.is_value else "malformed", scanner.wrong or ""
    if reason == "malformed":
        detail = f"not JSON: {detail}"
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            reason, detail = "invalid_utf8", f"invalid UTF-8 at byte {error.start} of the record"
    return Rejection(path, place, reason, detail, raw[:RAW_LIMIT], len(raw))


def _written(data: bytes, starts: IntArray, ends: IntArray) -> tuple[bytes, tuple[int, ...]]:
    """The text, and the places of newlines that had to be put in."""
    text = np.frombuffer(data, dtype=np.uint8).copy()
    text[text == _NEWLINE] = 32
    text[within(np.append(0, ends), np.append(starts, len(data)))] = 32
    if not len(starts):
        return text.tobytes(), ()
    directly = ends == np.append(starts[1:], len(data))
    text[ends[~directly]] = _NEWLINE
    # A line begins where its record does, so that nothing stands before it.
    apart = starts[np.append(starts[0] > 0, ~directly[:-1])]
    text[apart - 1] = _NEWLINE
    added = ends[directly]
    if len(added):
        text = np.insert(text, added, _NEWLINE)
    return text.tobytes(), tuple(added.tolist())


def _find_records(data: bytes, position: int, stop: int, limit: int) -> tuple[IntArray, IntArray, bool]:
    """Starts and ends of records from ``position``, where one begins, to ``stop``, as far as all is well.

    And whether something is not.
    """
    window: Bytes = np.frombuffer(data, dtype=np.uint8, count=stop - position, offset=position)
    quotes, slashes, _ = unescaped_quotes(window)
    braces = np.flatnonzero((window == _OPEN) | (window == _CLOSE))
    braces = braces[outside(quotes, braces)]
    opens = window[braces] == _OPEN
    depth = np.cumsum(np.where(opens, 1, -1))
    newlines = np.flatnonzero(window == _NEWLINE)
    faults = [
        slashes[outside(quotes, slashes)][:1],
        newlines[~outside(quotes, newlines)][:1],
        braces[depth < 0][:1],
        _misplaced(window, quotes, braces, opens, depth),
    ]
    ends = braces[(depth == 0) & ~opens] + 1
    starts = braces[(depth == 1) & opens][: len(ends)]
    ends = ends[: len(starts)]
    gaps = within(ends[:-1], starts[1:])
    faults += [gaps[~_IS_BETWEEN[window[gaps]]][:1], starts[ends - starts > limit][:1]]
    first = min((int(fault[0]) for fault in faults if len(fault)), default=len(window))
    count = int(np.searchsorted(ends, first, side="right"))
    return starts[:count] + position, ends[:count] + position, first < len(window)


def _misplaced(
    window: Bytes, quotes: IntArray, braces: IntArray, opens: NDArray[np.bool_], depth: IntArray
) -> IntArray:
    """The first brace that opens an object within another one where none can be."""
    inner = opens & (depth > 1)
    places = braces[inner]
    before = places - 1
    for _ in range(_LOOKS_BACK):
        white = _IS_WHITE[window[before]]
        if not white.any():
            break
        before = before - white
    byte = window[before]
    bad = ~_MAY_STAND_BEFORE[byte]
    after_comma = np.flatnonzero((byte == _COMMA) & ~bad)
    if len(after_comma):
        # Only in a list may an object follow a comma.
        squares = np.flatnonzero((window == b"["[0]) | (window == b"]"[0]))
        squares = squares[outside(quotes, squares)]
        count = np.append(0, np.cumsum(np.where(window[squares] == b"["[0], 1, -1)))
        keys = np.sort(depth[opens] * len(window) + braces[opens])
        child, level = places[after_comma], depth[inner][after_comma]
        parent = keys[np.searchsorted(keys, (level - 1) * len(window) + child) - 1] % len(window)
        counts = [count[np.searchsorted(squares, place)] for place in (parent, child)]
        bad[after_comma] = counts[1] <= counts[0]
    return places[bad][:1]
