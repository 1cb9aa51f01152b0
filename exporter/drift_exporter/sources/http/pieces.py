"""Text that arrives in blocks, cut into pieces of whole records that know the text before them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np

from drift_exporter.sources.chunk import RAW_LIMIT, Rejection
from drift_exporter.sources.csvrecords import Shape, shape_of
from drift_exporter.sources.http.prints import NO_PRINTS, Known, Printer, Prints
from drift_exporter.sources.longlines import reject_long_lines, too_long
from drift_exporter.sources.position import NOTHING, TAIL, Fingerprint

PIECE = 1 << 16
"""Bytes of a piece, about: a record is never cut."""

_BOM = b"\xef\xbb\xbf"
LastLine = Literal["take", "check", "hold"]
"""What becomes of a last line without a newline: it is taken, or only if it is JSON, or waits for its end."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole records of ``page``: ``size`` bytes of its text from ``offset`` on, after ``record`` lines.

    ``data`` is what is handed on of them; places of ``rejections`` are in there. ``fingerprint`` is that of
    the text up to its end. ``prints`` are those of its lines, where lines are told apart; ``fresh`` says that
    some are new. ``header`` is that of a CSV text.
    """

    page: str
    offset: int
    record: int
    data: bytes
    size: int
    lines: int
    fingerprint: Fingerprint
    rejections: tuple[Rejection, ...]
    prints: Prints
    fresh: bool
    header: bytes


class WholeText:
    """The fingerprint of all text so far."""

    def __init__(self) -> None:
        self._digest, self._length = blake2b(digest_size=16), 0

    def add(self, data: bytes) -> None:
        """Go on over ``data``."""
        self._digest.update(data)
        self._length += len(data)

    def fingerprint(self) -> Fingerprint:
        """As of now."""
        return Fingerprint(self._length, self._digest.digest()) if self._length else Fingerprint()


class TextEnd:
    """The fingerprint of the last bytes of text."""

    def __init__(self) -> None:
        self._last = b""

    def add(self, data: bytes) -> None:
        """Go on over ``data``."""
        self._last = (self._last + data[-TAIL:])[-TAIL:]

    def fingerprint(self) -> Fingerprint:
        """As of now."""
        return Fingerprint.of(self._last)


@dataclass
class Cutter:
    """Cuts the text of ``page`` from ``offset`` on, before which there are ``record`` lines.

    ``header`` is that of a CSV text, "" where it is still to come. ``trail`` follows the text. Lines that are
    ``known`` are left out. ``fingerprint`` is that of the text before ``offset``, ``first`` and ``last`` are
    the first and the last line that is not blank, where lines are told apart.
    """

    page: str
    format: str
    line_limit: int
    trail: WholeText | TextEnd
    offset: int = 0
    record: int = 0
    header: bytes = b""
    last_line: LastLine = "take"
    known: Known | None = None
    first: bytes = b""
    last: bytes = b""
    fingerprint: Fingerprint = NOTHING
    _pending: bytes = b""
    _head: bytes = b""
    _dropped: int = 0
    _shape: Shape | None = None
    _printer: Printer | None = None

    def __post_init__(self) -> None:
        self.fingerprint = self.trail.fingerprint()
        if self.known is not None:
            self._printer = Printer()

    def feed(self, block: bytes) -> Iterator[Piece]:
        """Pieces that are whole now that ``block`` has arrived."""
        if self.offset == 0 and not self._pending and not self._head:
            stripped = block.removeprefix(_BOM)
            if len(stripped) < len(block):
                self._step(_BOM)
            block = stripped
        if self._head:
            end = block.find(b"\n")
            part = block if end < 0 else block[:end]
            self._head += part[: RAW_LIMIT - len(self._head)]
            self._dropped += len(part)
            self.trail.add(part)
            if end < 0:
                return
            yield self._long_line(newline=True)
            block = block[end + 1 :]
        self._pending += block
        yield from self._cut(ended=False)
        if len(self._pending) > self.line_limit and b"\n" not in self._pending:
            self._head, self._dropped = self._pending[:RAW_LIMIT], len(self._pending)
            self.trail.add(self._pending)
            self._pending = b""

    def end(self) -> Iterator[Piece]:
        """The pieces left when nothing more will arrive."""
        if self._head:
            if self.last_line != "hold":
                yield self._long_line(newline=False)
            return
        tail = self._pending[self._pending.rfind(b"\n") + 1 :]
        wait = self.last_line == "hold" or (self.last_line == "check" and not _is_json(tail))
        if tail and wait:
            if self.format == "csv":
                return
            self._pending = self._pending[: -len(tail)]
        yield from self._cut(ended=True)

    def _cut(self, *, ended: bool) -> Iterator[Piece]:
        data = self._pending
        if self.format == "csv":
            if not self.header:
                end = data.find(b"\n") + 1 or (len(data) if ended else 0)
                if not end:
                    return
                self.header, data = data[:end], data[end:]
                self._step(self.header)
            if self._shape is None:
                self._shape = shape_of(self.header, self.line_limit)
            whole = self._shape.whole(data, ended=ended)
        else:
            whole = len(data) if ended else data.rfind(b"\n") + 1
        self._pending = data[whole:]
        if whole:
            yield self._piece(data[:whole])

    def _step(self, data: bytes) -> None:
        self.trail.add(data)
        self.offset += len(data)
        self.fingerprint = self.trail.fingerprint()

    def _piece(self, data: bytes) -> Piece:
        offset, record, lines = self.offset, self.record, data.count(b"\n")
        self._step(data)
        self.record += lines
        self._note(data)
        rejections: tuple[Rejection, ...] = ()
        prints, fresh, shown = NO_PRINTS, True, data
        if self.known is not None and self._printer is not None:
            starts, ends, prints = self._printer.lines(data)
            again = self.known.recognise(prints)
            fresh = not again.all()
            if again.any():
                shown = _without(data, starts[again], ends[again]) if fresh else b""
        if self.format != "csv":
            shown, rejections = reject_long_lines("", 0, shown, self.line_limit)
        return Piece(
            self.page,
            offset,
            record,
            shown,
            len(data),
            lines,
            self.fingerprint,
            rejections,
            prints,
            fresh,
            self.header,
        )

    def _long_line(self, *, newline: bool) -> Piece:
        rejection = too_long("", 0, self._head, self._dropped, self.line_limit)
        if newline:
            self.trail.add(b"\n")
        self.fingerprint = self.trail.fingerprint()
        size = self._dropped + newline
        prints, fresh = NO_PRINTS, True
        if self.known is not None and self._printer is not None:
            prints = self._printer.lines(self._head[: self.line_limit])[2]
            fresh = not self.known.recognise(prints).all()
        piece = Piece(
            self.page,
            self.offset,
            self.record,
            b"\n" if fresh else b"",
            size,
            int(newline),
            self.fingerprint,
            (rejection,) if fresh else (),
            prints,
            fresh,
            self.header,
        )
        self.offset, self.record = self.offset + size, self.record + newline
        self._head, self._dropped = b"", 0
        return piece

    def _note(self, data: bytes) -> None:
        """Remember the first and the last line, of which times are read."""
        if self.known is None:
            return
        lines = data.strip()
        if not lines:
            return
        if not self.first:
            self.first = lines[: lines.find(b"\n") if b"\n" in lines else len(lines)]
        self.last = lines[lines.rfind(b"\n") + 1 :]


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _without(data: bytes, starts: np.ndarray, ends: np.ndarray) -> bytes:
    """The text with some lines blank, so that the others keep their places."""
    array = np.frombuffer(data, dtype=np.uint8).copy()
    change = np.zeros(len(array) + 1, dtype=np.int8)
    change[starts] += 1
    change[ends] -= 1
    array[np.cumsum(change[:-1]) > 0] = ord(" ")
    return array.tobytes()
