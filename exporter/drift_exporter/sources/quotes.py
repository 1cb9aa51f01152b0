"""Where quotes begin and end strings, in arrays of bytes."""

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import IntArray

Bytes = NDArray[np.uint8]

_QUOTE, _BACKSLASH = b'"\\'


def unescaped_quotes(window: Bytes) -> tuple[IntArray, IntArray, IntArray]:
    """Quotes with no backslash before them (or an even number); where runs of backslashes begin, and end."""
    is_quote = window == _QUOTE
    slashes = np.flatnonzero(window == _BACKSLASH)
    if not len(slashes):
        return np.flatnonzero(is_quote), slashes, slashes
    apart = np.diff(slashes) > 1
    begin = slashes[np.append(True, apart)]
    end = slashes[np.append(apart, True)] + 1
    escaped = end[((end - begin) % 2 == 1) & (end < len(window))]
    is_quote[escaped] = False
    return np.flatnonzero(is_quote), begin, end


def outside(quotes: IntArray, places: IntArray) -> NDArray[np.bool_]:
    """Whether each of the places is outside of what the quotes enclose."""
    found: NDArray[np.bool_] = np.searchsorted(quotes, places) % 2 == 0
    return found


def within(starts: IntArray, ends: IntArray) -> IntArray:
    """All places from each start to its end."""
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


def flags(members: bytes) -> NDArray[np.bool_]:
    """A table (256,) of which bytes are among ``members``."""
    table = np.zeros(256, dtype=bool)
    table[list(members)] = True
    return table
