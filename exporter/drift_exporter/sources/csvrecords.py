r"""Where the records of a CSV file begin and end.

A field that begins with a quote ends with one, and may hold separators and newlines; quotes in it are
doubled. Elsewhere a quote is a character like any other. A line that cannot begin a record in this way (a
quote that is never closed, text behind a closing quote, another number of fields than the header has though
a quoted newline joins it to the next line) stands for itself and is bad; the next line begins anew. So one
forgotten quote costs one line and not the rest of the file.

What is decided about a line depends on nothing but the next ``limit`` bytes; it is the same however a file is
cut into chunks.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import IntArray

_SEPARATORS = (",", ";", "\t", "|")
_NEWLINE, _RETURN, _QUOTE = 10, 13, 34
# A record is at most limits.line long; the module would refuse fields over 128 KiB.
csv.field_size_limit(1 << 30)


@dataclass(frozen=True)
class Shape:
    """What the header tells: the separator and the names of the fields."""

    separator: str
    names: tuple[str, ...]
    limit: int

    @cached_property
    def _whole(self) -> re.Pattern[bytes]:
        separator, field, more = self._parts
        return re.compile(rb"%s(?:%s%s){%d}\r?(?:\n|\Z)" % (field, separator, field, more))

    @cached_property
    def _open(self) -> re.Pattern[bytes]:
        separator, field, more = self._parts
        return re.compile(rb'(?:%s%s){0,%d}? *+"[^"]*+(?:""[^"]*+)*+"?\Z' % (field, separator, more))

    @property
    def _parts(self) -> tuple[bytes, bytes, int]:
        separator = re.escape(self.separator.encode())
        field = rb'(?> *+"[^"]*+(?:""[^"]*+)*+" *+|(?! *+")[^%s\n]*+)' % separator
        return separator, field, max(0, len(self.names) - 1)

    def is_record(self, line: bytes) -> bool:
        """Whether a line has as many fields as there are names, and each quote in its place."""
        return self._whole.fullmatch(line) is not None

    def joins_lines(self, data: bytes) -> bool:
        """Whether a newline in ``data`` may be within quotes."""
        if _QUOTE not in data:
            return False
        array: NDArray[np.uint8] = np.frombuffer(data, dtype=np.uint8)
        quotes = np.flatnonzero(array == _QUOTE)
        opening = quotes[::2]
        before = array[opening[opening > 0] - 1]
        usual = np.isin(before, [ord(self.separator), _NEWLINE, _QUOTE])
        newlines = np.flatnonzero(array == _NEWLINE)
        return not usual.all() or bool((np.searchsorted(quotes, newlines) % 2).any())

    def walk(self, data: bytes, *, ended: bool) -> Iterator[tuple[int, int, bool]]:
        """Start, end (after the newline) and whether it is good of each record, as far as can be told."""
        position = 0
        while position < len(data):
            end = position + self.limit + 1
            full = end <= len(data)
            found = self._whole.match(data, position, end)
            at_end = found is not None and data[found.end() - 1] != _NEWLINE
            if found is not None and not at_end:
                yield position, found.end(), True
                position = found.end()
                continue
            if found is not None and ended and not full:
                yield position, len(data), True
                return
            if not ended and not full and (found is not None or self._open.match(data, position, end)):
                return
            newline = data.find(b"\n", position)
            if newline < 0 and not ended:
                return
            stop = newline + 1 or len(data)
            # A line with too few or too many fields is told from others by the reader, with better words.
            yield position, stop, _QUOTE not in data[position:stop] and stop - position <= self.limit + 1
            position = stop

    def whole(self, data: bytes, *, ended: bool) -> int:
        """Length of the part of ``data`` that is whole records (all of it where the file has ``ended``)."""
        if ended:
            return len(data)
        if not self.joins_lines(data):
            return data.rfind(b"\n") + 1
        end = 0
        for _, end, _ in self.walk(data, ended=False):  # noqa: B007  # the last one is wanted
            pass
        return end

    def spans(self, data: bytes) -> tuple[IntArray, IntArray, NDArray[np.bool_]]:
        """Start, end (without the line's ending) and whether it is bad of each record that is not blank."""
        if self.joins_lines(data):
            walked = np.array(list(self.walk(data, ended=True)), dtype=np.int64).reshape(-1, 3)
            starts, ends, bad = walked[:, 0], walked[:, 1], walked[:, 2] == 0
        else:
            newlines = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == _NEWLINE)
            ends = newlines + 1
            if not data.endswith(b"\n"):
                ends = np.append(ends, len(data))
            starts = np.concatenate([[0], ends[:-1]])
            bad = ends - starts > self.limit + 1
        array: NDArray[np.uint8] = np.frombuffer(b"\0" + data, dtype=np.uint8)
        # array[i] is the byte before data[i].
        ends = ends - (array[ends] == _NEWLINE)
        ends = ends - ((array[ends] == _RETURN) & (ends > starts))
        full = ends > starts
        return starts[full], ends[full], bad[full]


def shape_of(header: bytes, limit: int) -> Shape:
    """Read a header line. There are no names where it is none."""
    text = header.decode("utf-8-sig", errors="replace").rstrip("\r\n")
    separator = max(_SEPARATORS, key=text.count)
    return Shape(separator, tuple(fields_of(text, separator)), limit)


def fields_of(record: str, separator: str) -> list[str]:
    """Fields of a record; none where they cannot be told: it holds a carriage return outside quotes."""
    try:
        return next(csv.reader([record], delimiter=separator), [])
    except csv.Error:
        return []
