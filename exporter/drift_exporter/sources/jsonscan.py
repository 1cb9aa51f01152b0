r"""One item of a file of JSON, told byte by byte: a record, or what stands where one should be.

A record is an object that stands in no other one. Around it there may be white space, commas and square
brackets, and what they say is not looked at: an array of records, several of them, arrays in arrays and
objects one after the other are all the same. So where an item begins nothing needs to be known of what came
before it.

An object that cannot become one any more is bad from its beginning on. What shows that: a line that ends
within a string, a backslash outside of one, and another ``{`` where none can be. Its writer stopped in the
middle, and what follows is the next record. Where that begins: at a ``{`` or ``[`` that begins a line, or at
a ``{`` after ``},``. Anything else between records is bad until its line ends, or ``,{`` comes.
"""

import json
import re
from collections.abc import Callable

WHITE = b" \t\r\n"
BETWEEN = b" \t\r\n,[]"
"""Bytes that may stand between two records."""

_CAP = 16
"""So many times the length limit something is looked through for its end."""

_OUTSIDE = re.compile(rb'["{}\[\]\\]')
_INSIDE = re.compile(rb'["\\\n]')
_STRONG = re.compile(rb"[{\[]")
_WEAK = re.compile(rb"[{\n]")
_VALUE = re.compile(rb'"(?:[^"\\\n]|\\[^\n])*+(?:"[^ \t\r\n,\[\]]*+|\\\Z)?|[^" \t\r\n,\[\]][^ \t\r\n,\[\]]*+')
_NEWLINE, _QUOTE, _OPEN, _CLOSE, _BACKSLASH, _SQUARE = b'\n"{}\\['
_OPENS_BEFORE = b":["


class ItemScanner:
    """Finds the end of one item, which may be fed in pieces; its state does not grow with the item.

    When the end is found, ``wrong`` is None for a record and else says what the item is instead;
    ``is_value`` says that it is JSON, but no object.
    """

    def __init__(self, limit: int) -> None:
        self.wrong: str | None = None
        self.is_value = False
        self._limit = limit
        self._left = _CAP * limit
        self._step: Callable[[bytes, int, int], int | None] = self._begin
        self._before = b""
        self._in_string = False
        self._escaped = False
        self._ended = False
        self._squares = 0
        self._open: list[int] = []

    def feed(self, data: bytes, start: int = 0, *, ended: bool = False) -> int | None:
        """Where in ``data`` the item ends; None where it goes on. ``ended`` says that nothing will follow.

        The first piece begins with the item at ``start``, and holds more than the length limit of it where
        another piece is to follow.
        """
        length = min(len(data) - start, self._left)
        self._ended = ended or length == self._left
        text, begin = (self._before + data[start:], len(self._before)) if self._before else (data, start)
        end = self._step(text, begin, begin + length)
        if end is None and self._ended:
            self.wrong = self.wrong or "the object is not closed"
            end = begin + length
        if end is not None:
            return end - begin + start
        self._left -= length
        self._before = _summary(text, begin + length)
        return None

    def _begin(self, text: bytes, begin: int, stop: int) -> int | None:
        if text[begin] == _OPEN:
            self._step = self._element
            return self._element(text, begin, stop)
        found = _VALUE.match(text, begin, min(stop, begin + self._limit + 1))
        end = begin if found is None else found.end()
        if end == stop and end - begin <= self._limit and not self._ended:
            return None
        if end - begin <= self._limit and _is_json(text[begin:end]):
            self.wrong, self.is_value = "the value is valid JSON but not an object", True
            return end
        self.wrong = "neither an object nor an array of objects"
        self._step = self._weakly
        return self._weakly(text, begin + 1, stop)

    def _element(self, text: bytes, position: int, stop: int) -> int | None:
        while position < stop:
            if self._escaped:
                self._escaped = False
                position += text[position] != _NEWLINE
            found = (_INSIDE if self._in_string else _OUTSIDE).search(text, position, stop)
            if found is None:
                return None
            place, position = found.start(), found.end()
            self.wrong = self._fault(text, place)
            if self.wrong is not None:
                self._step = self._strongly
                return self._strongly(text, place, stop)
            self._note(text[place])
            if not self._open:
                return position
        return None

    def _note(self, byte: int) -> None:
        if byte == _QUOTE:
            self._in_string = not self._in_string
        elif byte == _BACKSLASH:
            self._escaped = True
        elif byte == _OPEN:
            self._open.append(self._squares)
        elif byte == _CLOSE:
            self._open.pop()
        else:
            self._squares += 1 if byte == _SQUARE else -1

    def _fault(self, text: bytes, place: int) -> str | None:
        """What shows at ``place`` that no record will come of this."""
        byte = text[place]
        if byte == _NEWLINE:
            return "a line ends within a string"
        if byte == _BACKSLASH and not self._in_string:
            return "a backslash stands outside of a string"
        if byte == _OPEN and self._open and not self._may_open(text, place):
            return "an object begins where none can be"
        return None

    def _may_open(self, text: bytes, place: int) -> bool:
        before = text[_solid(text, place)]
        return before in _OPENS_BEFORE or (before == b","[0] and self._squares > self._open[-1])

    def _strongly(self, text: bytes, position: int, stop: int) -> int | None:
        for found in _STRONG.finditer(text, position, stop):
            place = found.start()
            before = _solid(text, place)
            if text.find(b"\n", before + 1, place) >= 0:
                return place
            if found[0] == b"{" and text[before] == b","[0] and text[_solid(text, before)] == _CLOSE:
                return place
        return None

    def _weakly(self, text: bytes, position: int, stop: int) -> int | None:
        for found in _WEAK.finditer(text, position, stop):
            place = found.start()
            if text[place] == _NEWLINE or text[_solid(text, place)] == b","[0]:
                return place
        return None


def _is_json(token: bytes) -> bool:
    try:
        json.loads(token.decode())
    except (ValueError, RecursionError):
        return False
    return True


def _solid(text: bytes, position: int) -> int:
    """Place of the last byte before ``position`` that is not white space, 0 where there is none."""
    position -= 1
    while position > 0 and text[position] in WHITE:
        position -= 1
    return max(position, 0)


def _summary(text: bytes, stop: int) -> bytes:
    """All that matters of what came before: the last two bytes that are no white space, and a new line."""
    last = _solid(text, stop)
    line = b"\n" if text.find(b"\n", last + 1, stop) >= 0 else b""
    first = _solid(text, last)
    return (text[first : first + 1] if first < last else b"") + text[last : last + 1] + line
