"""Numbers derived from texts that stand end to end in one array: no text is a Python object of its own."""

from functools import lru_cache

import numpy as np

from drift_exporter.decode.characters import DIGIT, IDEOGRAPH, LETTER, UPPER, WHITE, tables
from drift_exporter.decode.measures import TEXT_MEASURES
from drift_exporter.decode.words import KnownWords, code_points, words_of
from drift_exporter.reference.model import FloatArray, IntArray, Vocabulary

# Arrays of so many characters stay in the processor's cache.
_BLOCK = 1 << 17
_BITS = 32
_LOW = (1 << _BITS) - 1


def _packed(low: frozenset[int], high: frozenset[int]) -> IntArray:
    """By kind of character, 1 in the low half for some kinds and in the high half for others."""
    kinds = range(IDEOGRAPH + 1)
    return np.array([(kind in low) + ((kind in high) << _BITS) for kind in kinds], dtype=np.int64)


# Two counts in one number halve the time to add them up; no text has 2^32 characters.
_LETTERS_DIGITS = _packed(frozenset({LETTER, UPPER, IDEOGRAPH}), frozenset({DIGIT}))
_WHITE_UPPER = _packed(frozenset({WHITE}), frozenset({UPPER}))


@lru_cache(maxsize=64)
def _known(vocabulary: Vocabulary) -> KnownWords:
    return KnownWords(tuple(word for word in vocabulary.words if word not in vocabulary.rare))


def blocks_of_rows(sizes: IntArray, most: int) -> list[tuple[int, int]]:
    """First and last row (exclusive) of blocks of about ``most`` in all of ``sizes`` (rows,)."""
    after = np.cumsum(sizes)
    blocks: list[tuple[int, int]] = []
    first = 0
    while first < len(sizes):
        done = int(after[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(after, done + most, side="right")))
        blocks.append((first, last))
        first = last
    return blocks


def text_measures(
    vocabulary: Vocabulary, text: bytes, sizes: IntArray, lengths: IntArray
) -> tuple[FloatArray, ...]:
    """Measures of texts (rows,), in the order of TEXT_MEASURES; NaN where there is none.

    ``text`` holds the texts in UTF-8, a line's end behind each; ``sizes`` and ``lengths`` (rows,) are theirs
    without it, in bytes and in characters. The length is -1 where a record has no text.
    """
    found = np.full((len(TEXT_MEASURES), len(lengths)), np.nan)
    known = _known(vocabulary)
    starts = np.concatenate([[0], np.cumsum(sizes + 1)])
    for first, last in blocks_of_rows(sizes + 1, _BLOCK):
        part = text[int(starts[first]) : int(starts[last])]
        _measure_block(found[:, first:last], known, part, lengths[first:last])
    return tuple(found)


def _measure_block(found: FloatArray, known: KnownWords, text: bytes, lengths: IntArray) -> None:
    """Fill in the measures (measures, rows) of some rows."""
    present = lengths >= 0
    length = np.maximum(lengths, 0)
    after = np.cumsum(length + 1)
    begin = after - length - 1
    codes = code_points(text, int(after[-1]))
    kind = tables().kind.take(codes)
    letters_digits = np.add.reduceat(_LETTERS_DIGITS.take(kind), begin)
    white_upper = np.add.reduceat(_WHITE_UPPER.take(kind), begin)
    letters, digits = letters_digits & _LOW, letters_digits >> _BITS
    # The line's end behind it is white space and none of the text's.
    white, upper = (white_upper & _LOW) - 1, white_upper >> _BITS
    words = words_of(codes, kind)
    edges = np.searchsorted(words.starts, np.append(begin, after[-1]))
    seen = np.concatenate([[0], np.cumsum(known.find(words.hashes))])
    in_row = np.diff(edges)
    unseen = in_row - np.diff(seen.take(edges))
    found[0, present] = length[present]
    shares = (
        (unseen, in_row),
        (letters, length),
        (digits, length),
        (white, length),
        (length - letters - digits - white, length),
        (upper, letters),
    )
    for values, (part, whole) in zip(found[1:], shares, strict=True):
        np.divide(part, whole, out=values, where=present & (whole > 0))
