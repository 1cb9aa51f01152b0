"""Words in arrays of characters, each known by a hash of 64 bits.

A word is a run of letters and digits, in lower case; a character of a script that is written without spaces
is a word of its own. The hash is that of Rabin and Karp modulo 2^64, which follows for every word of a text
from one cumulated sum.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.characters import DIGIT, IDEOGRAPH, CodePoints, tables
from drift_exporter.reference.model import IntArray

HashArray = NDArray[np.uint64]

_BASE = 0x9E3779B97F4A7C15
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_CELL_BITS = 16


@dataclass(frozen=True)
class Words:
    """Words of a text: where they start and end (exclusive) in its characters, and their hashes (words,)."""

    starts: IntArray
    ends: IntArray
    hashes: HashArray


def words_of(codes: CodePoints, kind: NDArray[np.uint8]) -> Words:
    """Words among characters (characters,), given their kinds (characters,)."""
    in_word = np.zeros(len(kind) + 2, dtype=np.uint8)
    in_word[1:-1] = kind >= DIGIT
    alone = kind == IDEOGRAPH
    if alone.any():
        in_word[1:-1][alone] = 2
    word, before, after = in_word[1:-1], in_word[:-2], in_word[2:]
    starts = np.flatnonzero((word != 0) & ((word != before) | alone))
    ends = np.flatnonzero((word != 0) & ((word != after) | alone)) + 1
    powers, inverses = _powers(len(codes))
    sums = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum(tables().folded.take(codes) * powers[: len(codes)], out=sums[1:])
    hashes = (sums.take(ends) - sums.take(starts)) * inverses.take(starts)
    hashes ^= hashes >> np.uint64(29)
    hashes *= _MIX
    hashes ^= hashes >> np.uint64(32)
    return Words(starts, ends, hashes)


def _powers(size: int) -> tuple[HashArray, HashArray]:
    """Powers of the base, and their inverses modulo 2^64; at least ``size`` of each."""
    return _powers_of_two(max(16, (size - 1).bit_length()))


@cache
def _powers_of_two(bits: int) -> tuple[HashArray, HashArray]:
    found = []
    for base in (_BASE, pow(_BASE, -1, 2**64)):
        factors = np.full(1 << bits, base, dtype=np.uint64)
        factors[0] = 1
        found.append(np.cumprod(factors))
    return found[0], found[1]


def code_points(text: bytes, characters: int) -> CodePoints:
    """Code points of a text in UTF-8 that has so many ``characters``."""
    if len(text) == characters:
        return np.frombuffer(text, dtype=np.uint8)
    return np.frombuffer(text.decode().encode("utf-32-le"), dtype=np.uint32)


class KnownWords:
    """Tells whether words are among some that are known.

    Their hashes are cut into equal cells by the first bits, so that a look-up is as many comparisons as the
    fullest cell has hashes.
    """

    def __init__(self, words: tuple[str, ...]) -> None:
        text = "\n".join(words)
        codes = code_points(text.encode(), len(text))
        self._hashes = np.unique(words_of(codes, tables().kind.take(codes)).hashes)
        cells = (self._hashes >> np.uint64(64 - _CELL_BITS)).astype(np.int64)
        self._before = np.searchsorted(cells, np.arange(1 << _CELL_BITS)).astype(np.int64)
        self._most = int(np.bincount(cells).max()) if len(cells) else 0

    def find(self, hashes: HashArray) -> NDArray[np.bool_]:
        """Whether each word (words,) is known."""
        found = np.zeros(len(hashes), dtype=bool)
        place = self._before.take(hashes >> np.uint64(64 - _CELL_BITS))
        for step in range(self._most):
            # Beyond the last one is the last one: a hash that is found there is a known one all the same.
            found |= self._hashes.take(place + step, mode="clip") == hashes
        return found
