r"""Lines of logfmt as NDJSON: ``a=1 b="x y" c`` becomes ``{"a":"1","b":"x y","c":true}``.

A word is what stands between white space that is in no quotes. Its key ends at the first ``=``; without one
the word is a key that is true. A value is in quotes where one follows the ``=`` and the next one ends the
word; in it ``\"``, ``\\``, ``\n`` and so on are what they are in JSON. Anywhere else quotes and backslashes
are characters like any other. A value that is empty, ``-``, NA, null or NULL is missing;
true and false are truth values.

The bytes that change are first replaced by others that UTF-8 never uses, all at once, and those by what
stands for them.
"""

import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.lines import NEWLINE
from drift_exporter.reference.model import IntArray
from drift_exporter.sources.quotes import Bytes, flags, outside, unescaped_quotes

_QUOTE, _EQUALS, _BACKSLASH, _U = b'"=\\u'
_SPACE = 32
_PIECE = 1 << 18
_IS_WHITE = flags(b" \t\n\v\f\r")
_IS_ESCAPE = flags(b'"\\/bfnrt')
_IS_HEX = flags(b"0123456789abcdefABCDEF")

# Marks: a text follows the key, nothing does; a byte to leave out; a backslash and a quote as they are;
# then how a word ends, by what it is: a text, nothing, a key alone; within a line, and at its end.
_TEXT, _NOTHING, _GONE, _SLASH, _MARK = 0xC0, 0xC1, 0xF5, 0xF6, 0xF7
_WORD, _LAST = (0xF8, 0xF9, 0xFA), (0xFB, 0xFC, 0xFD)
_MEANING = {
    _TEXT: b'":"',
    _NOTHING: b'":null',
    _SLASH: b"\\\\",
    _MARK: b'\\"',
    _WORD[0]: b'","',
    _WORD[1]: b',"',
    _WORD[2]: b'":true,"',
    _LAST[0]: b'"}\n{"',
    _LAST[1]: b'}\n{"',
    _LAST[2]: b'":true}\n{"',
}
_VALUES = dict.fromkeys((b"-", b"NA", b"null", b"NULL"), b"null") | {
    b"true": b"true",
    b"True": b"true",
    b"false": b"false",
    b"False": b"false",
}


def as_ndjson(text: bytes) -> tuple[bytes, dict[int, str]]:
    """NDJSON of lines of logfmt, which have to be UTF-8, and why not by number of the line for the others.

    Lines that are blank have no number; those that are no logfmt have no line in the NDJSON.
    """
    if not text.endswith(b"\n"):
        text += b"\n"
    pieces: list[bytes] = []
    wrong: dict[int, str] = {}
    start = lines = 0
    while start < len(text):
        # A piece that fits into the processor's cache takes half the time.
        end = text.rfind(b"\n", start, start + _PIECE) + 1 or text.find(b"\n", start) + 1
        piece, some, count = _piece(text[start:end])
        pieces.append(piece)
        wrong |= {lines + number: why for number, why in some.items()}
        start, lines = end, lines + count
    return b"".join(pieces), wrong


def _piece(text: bytes) -> tuple[bytes, dict[int, str], int]:
    """The same of some lines, and how many of them are not blank."""
    array: Bytes = np.frombuffer(text, dtype=np.uint8)
    newlines = np.flatnonzero(array == NEWLINE)
    quotes, open_lines = _paired_quotes(array, newlines)
    control = np.flatnonzero(array <= _SPACE)
    blank = _IS_WHITE[array[control]]
    white = control[blank]
    in_no_quotes = outside(quotes, white) | (array[white] == NEWLINE)
    between = white[in_no_quotes]
    before = np.append(-1, between[:-1])
    full = between - before > 1
    starts, ends = before[full] + 1, between[full]
    lines = np.searchsorted(newlines, starts)
    equals = _first_equals(array, quotes, starts, ends)
    numbered, first = np.unique(lines, return_index=True)
    pairs = np.add.reduceat(equals > starts, first) if len(first) else first
    wrong = dict.fromkeys(np.flatnonzero(pairs == 0).tolist(), "there is no key=value in it")
    wrong |= dict.fromkeys(np.flatnonzero(np.isin(numbered, open_lines)).tolist(), "a quote is not closed")
    marked = array.copy()
    _mark(marked, quotes, between, (starts, ends, equals))
    _mark_ends(marked, (starts, ends, equals, lines), newlines)
    if wrong or len(numbered) < len(newlines):
        empty = np.ones(len(newlines), dtype=bool)
        empty[numbered] = False
        empty[numbered[list(wrong)]] = True
        line = np.repeat(empty, np.diff(newlines, prepend=-1))
        marked[line] = _GONE
    written = b'{"' + marked.tobytes().translate(None, bytes([_GONE]))
    for mark, meaning in _MEANING.items():
        written = written.replace(bytes([mark]), meaning)
    return _finished(written, array[control[~blank]], white[~in_no_quotes]), wrong, len(numbered)


def _finished(written: bytes, control: Bytes, quoted_white: IntArray) -> bytes:
    """The text without the beginning of a line after the last one, with values that are no text."""
    written = written.removesuffix(b'{"')
    for text, value in _VALUES.items():
        written = written.replace(b'":"%b"' % text, b'":' + value)
    codes = set(np.unique(control).tolist()) | ({9, 11, 12, 13} if len(quoted_white) else set())
    for code in codes:
        written = written.replace(bytes([code]), b"\\u%04x" % code)
    return written


def _paired_quotes(array: Bytes, newlines: IntArray) -> tuple[IntArray, IntArray]:
    """Quotes in lines that have an even number of them, and the numbers of the lines that do not."""
    quotes, _, _ = unescaped_quotes(array)
    lines = np.searchsorted(newlines, quotes)
    numbered, counts = np.unique(lines, return_counts=True)
    odd = numbered[counts % 2 == 1]
    return (quotes if not len(odd) else quotes[~np.isin(lines, odd)]), odd


def _first_equals(array: Bytes, quotes: IntArray, starts: IntArray, ends: IntArray) -> IntArray:
    """Place of the first = in each word, -1 where there is none."""
    places = np.flatnonzero(array == _EQUALS)
    places = places[outside(quotes, places)]
    index = np.searchsorted(places, starts)
    places = np.append(places, len(array))
    found = places[index]
    return np.where(found < ends, found, -1)


def _mark(
    marked: NDArray[np.uint8], quotes: IntArray, between: IntArray, words: tuple[IntArray, IntArray, IntArray]
) -> None:
    """Mark what is white space, keys and quotes."""
    _, ends, equals = words
    array = marked.copy()
    pair = equals >= 0
    value, end = equals[pair] + 1, ends[pair]
    index = np.searchsorted(quotes, value)
    behind = np.append(quotes, [len(array)] * 2)
    quoted = (behind[index] == value) & (behind[index + 1] == end - 1)
    opening, closing = value[quoted], end[quoted] - 1
    slashes = array == _BACKSLASH
    if slashes.any() or len(quotes) > 2 * len(opening):
        places = np.flatnonzero(slashes)
        literally = _in_no_value(places, opening, closing)
        marked[places[literally]] = _SLASH
        marked[_no_escapes(array, opening, closing)] = _SLASH
        all_quotes = np.flatnonzero(array == _QUOTE)
        marked[all_quotes[_in_no_value(all_quotes, opening, closing)]] = _MARK
    marked[between[array[between] != NEWLINE]] = _GONE
    marked[opening], marked[closing] = _GONE, _GONE
    marked[equals[pair]] = _TEXT
    marked[equals[pair][(value == end) | (quoted & (end - value == 2))]] = _NOTHING


def _in_no_value(places: IntArray, opening: IntArray, closing: IntArray) -> NDArray[np.bool_]:
    """Whether each place is outside of values in quotes."""
    index = np.searchsorted(opening, places, side="right") - 1
    after = np.append(closing, -1)[index]
    found: NDArray[np.bool_] = places > after
    return found


def _no_escapes(array: Bytes, opening: IntArray, closing: IntArray) -> IntArray:
    """Backslashes in values in quotes that begin no escape of JSON."""
    _, begin, end = unescaped_quotes(array)
    odd = (end - begin) % 2 == 1
    last, following = end[odd] - 1, end[odd]
    inside = ~_in_no_value(last, opening, closing)
    last, following = last[inside], following[inside]
    byte = array[following]
    fine = _IS_ESCAPE[byte]
    for place in np.flatnonzero(byte == _U).tolist():
        code = array[following[place] + 1 : following[place] + 5]
        fine[place] = len(code) == 4 and bool(_IS_HEX[code].all())
    found: IntArray = last[~fine]
    return found


def _mark_ends(
    marked: NDArray[np.uint8],
    words: tuple[IntArray, IntArray, IntArray, IntArray],
    newlines: IntArray,
) -> None:
    """Mark where words end, the last ones of each line at the line's end."""
    _, ends, equals, lines = words
    kind = np.where(equals < 0, 2, np.where(marked[np.maximum(equals, 0)] == _NOTHING, 1, 0))
    last = np.append(lines[1:] != lines[:-1], True)[: len(lines)]
    marked[ends[~last]] = np.array(_WORD, dtype=np.uint8)[kind[~last]]
    marked[newlines[lines[last]]] = np.array(_LAST, dtype=np.uint8)[kind[last]]
