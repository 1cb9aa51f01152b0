"""A JSON page: the array of its records as lines, and what leads to the next page.

No record is parsed here. Only the structure is looked at, all of it at once: where strings are, where
brackets, commas and colons outside of them, and how deep. The text of a record stays as it is in the page,
without its line ends.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import IntArray

_BOM = b"\xef\xbb\xbf"
_QUOTE, _BACKSLASH, _NEWLINE = 34, 92, 10
_OPEN, _CLOSE, _COMMA, _COLON = b"[{", b"]}", b",", b":"
_BLANK = bytes.maketrans(b"\r\n", b"  ")


class PageError(ValueError):
    """A page is not what it should be; the text says what is wrong."""


def _table(characters: bytes) -> NDArray[np.bool_]:
    table = np.zeros(256, dtype=np.bool_)
    table[list(characters)] = True
    return table


_MARKS = _table(_OPEN + _CLOSE + _COMMA + _COLON + b'"').tobytes()
_IS_OPEN, _IS_CLOSE = _table(_OPEN), _table(_CLOSE)


@dataclass(frozen=True)
class _Value:
    """A value's text, and which mark opens it where it is an array or object."""

    start: int
    end: int
    mark: int | None


class JsonPage:
    """One page, of which arrays and values are taken by their paths. Raises PageError where it is no JSON."""

    def __init__(self, document: bytes) -> None:
        self._document = document.removeprefix(_BOM).translate(_BLANK)
        array: NDArray[np.uint8] = np.frombuffer(self._document, dtype=np.uint8)
        places = np.flatnonzero(np.frombuffer(self._document.translate(_MARKS), dtype=np.bool_))
        kinds = array[places]
        quotes = kinds == _QUOTE
        if b"\\" in self._document:
            quotes &= ~_escaped(array, places)
        outside = np.cumsum(quotes, dtype=np.int32) % 2 == 0
        outside &= kinds != _QUOTE
        self._quotes = places[quotes]
        self._marks, self._kinds = places[outside], kinds[outside]
        opens, self._closes = _IS_OPEN[self._kinds], _IS_CLOSE[self._kinds]
        depth = np.cumsum(opens.astype(np.int8) - self._closes.astype(np.int8), dtype=np.int32)
        whole = len(depth) and depth[-1] == 0 and (depth >= 0).all() and len(self._quotes) % 2 == 0
        if not whole or np.count_nonzero(depth == 0) != 1 or not opens[0]:
            begun = self._document[:60].decode("utf-8", errors="replace")
            raise PageError(f"it is no JSON array or object; it begins with {begun!r}")
        self._levels = depth - opens

    def lines(self, path: tuple[str, ...]) -> bytes:
        """Items of the array at ``path`` (of the page itself where that is empty), one a line."""
        value = self._reach(path)
        name = ".".join(path) or "the page"
        if value is None:
            keys = ", ".join(sorted(key for key, _ in self._fields(0))[:10])
            raise PageError(f"it holds no {name}; at its top are: {keys or 'no fields'}")
        if value.mark is None or self._kinds[value.mark] != ord("["):
            hint = "" if path else "; name the array in it as records"
            raise PageError(f"{name} is not an array{hint}")
        first, last = value.mark, self._closing(value.mark)
        between = slice(first + 1, last)
        apart = (self._kinds[between] == ord(",")) & (self._levels[between] == self._levels[first] + 1)
        start, end = int(self._marks[first]) + 1, int(self._marks[last])
        text = np.frombuffer(self._document, dtype=np.uint8)[start:end].copy()
        text[self._marks[between][apart] - start] = _NEWLINE
        # White space before the end is there or not as items follow, and is no part of the last one.
        lines = text.tobytes().rstrip()
        return lines + b"\n" if lines else b""

    def value(self, path: tuple[str, ...]) -> Any:  # noqa: ANN401 (a JSON value)
        """The value at ``path``, numbers as they are written; None where there is none."""
        found = self._reach(path)
        if found is None:
            return None
        return parsed(self._document[found.start : found.end])

    def _reach(self, path: tuple[str, ...]) -> _Value | None:
        current: _Value | None = _Value(0, len(self._document), 0)
        for key in path:
            if current is None or current.mark is None:
                return None
            current = next((value for name, value in self._fields(current.mark) if name == key), None)
        return current

    def _fields(self, mark: int) -> Iterator[tuple[str, _Value]]:
        """Names and values of the object that a mark opens; none where it opens an array."""
        if self._kinds[mark] != ord("{"):
            return
        last = self._closing(mark)
        inner = np.arange(mark + 1, last + 1)
        own = self._levels[inner] == self._levels[mark] + 1
        colons = inner[own & (self._kinds[inner] == ord(":"))]
        ends = np.append(inner[own & (self._kinds[inner] == ord(","))], last)
        for colon in colons.tolist():
            start = int(self._marks[colon]) + 1
            closing = int(np.searchsorted(self._quotes, start)) - 1
            if closing < 1:
                continue
            name = parsed(self._document[self._quotes[closing - 1] : self._quotes[closing] + 1])
            end = int(self._marks[ends[np.searchsorted(ends, colon)]])
            within = self._document[start : self._marks[colon + 1]]
            opened = _IS_OPEN[self._kinds[colon + 1]] and not within.strip()
            yield str(name), _Value(start, end, colon + 1 if opened else None)

    def _closing(self, mark: int) -> int:
        """The mark that closes what another opens."""
        candidates = self._closes[mark:] & (self._levels[mark:] == self._levels[mark])
        return mark + int(np.argmax(candidates))


def parsed(text: bytes) -> Any:  # noqa: ANN401 (a JSON value)
    """A JSON value; numbers stay the text that they are. Raises PageError."""
    try:
        return json.loads(text, parse_int=str, parse_float=str)
    except ValueError:
        raise PageError(f"{text[:60].decode('utf-8', errors='replace').strip()!r} in it is no JSON") from None


def _escaped(array: NDArray[np.uint8], places: IntArray) -> NDArray[np.bool_]:
    """Which of some places an odd number of backslashes stands before."""
    escaped = np.zeros(len(places), dtype=np.bool_)
    rows = np.flatnonzero((places > 0) & (array[places - 1] == _BACKSLASH))
    if len(rows):
        slashes = np.flatnonzero(array == _BACKSLASH)
        begins = np.concatenate([[True], np.diff(slashes) != 1])
        first = slashes[np.maximum.accumulate(np.where(begins, np.arange(len(slashes)), 0))]
        lengths = places[rows] - first[np.searchsorted(slashes, places[rows] - 1)]
        escaped[rows] = lengths % 2 == 1
    return escaped
