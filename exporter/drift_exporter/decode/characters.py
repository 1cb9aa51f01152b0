"""Characters by their Unicode category, as tables that whole arrays of code points are looked up in."""

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

CodePoints = NDArray[np.uint8] | NDArray[np.uint32]

SYMBOL, WHITE, DIGIT, LETTER, UPPER, IDEOGRAPH = range(6)
"""Kinds of characters. Marks (accents that stand alone, vowel signs) are letters; symbols are the rest."""

_CODES = 0x110000
_WHITE_CONTROL = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85")
_NO_SPACES = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3040, 0x30FF)),
    *((0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),
)
"""Thai and Lao, Myanmar, Khmer, kana and Han: they are written without spaces between words."""


@dataclass(frozen=True)
class Tables:
    """By code point: ``kind`` of the character (uint8), ``folded`` to lower case (uint32)."""

    kind: NDArray[np.uint8]
    folded: NDArray[np.uint32]


@cache
def tables() -> Tables:
    """The tables, made where they are first needed."""
    kind = np.array([_kind(chr(code)) for code in range(_CODES)], dtype=np.uint8)
    for first, last in _NO_SPACES:
        part = kind[first : last + 1]
        part[part == LETTER] = IDEOGRAPH
    folded = np.arange(_CODES, dtype=np.uint32)
    for code in np.flatnonzero(kind == UPPER).tolist():
        # Of one that becomes several the first stands for it.
        folded[code] = ord(chr(code).lower()[0])
    return Tables(kind, folded)


def _kind(character: str) -> int:
    category = unicodedata.category(character)
    if category in {"Lu", "Lt"}:
        return UPPER
    if category[0] in "LM":
        return LETTER
    if category[0] == "N":
        return DIGIT
    return WHITE if category[0] == "Z" or character in _WHITE_CONTROL else SYMBOL
