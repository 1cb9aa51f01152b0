"""One text file: whole lines from where reading stopped, plain or compressed.

What can be lost here: nothing, as long as the bytes can still be read. A plain file is always read from the
start of the first line that was not handed on, so a half-written line is simply read again.
"""

import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace

from drift_exporter.sources.chunk import RAW_LIMIT, SMALLEST_CHUNK, Chunk, Rejection
from drift_exporter.sources.compressed import CorruptArchiveError, blocks, open_compressed, parts
from drift_exporter.sources.csvrecords import Shape, shape_of
from drift_exporter.sources.known import KnownFile, Step
from drift_exporter.sources.longlines import may_hold_long_lines, reject_long_lines, too_long
from drift_exporter.sources.memory import MemoryFile
from drift_exporter.sources.position import HEAD, TAIL, Fingerprint, Position

__all__ = ["CorruptArchiveError", "TextFile", "may_hold_long_lines", "open_compressed", "too_long"]

_BLOCK = 1 << 20
_COPIED_CHUNK = 8 << 20
"""Bytes of a chunk that is copied several times on its way."""

_FIRST = 1 << 16
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The first bytes of a content, and those before ``length``: how far it was looked at.

    ``damage`` says that nothing more can be had of a compressed file.
    """

    head: bytes
    tail: bytes
    length: int
    damage: bool = False


@dataclass(eq=False)
class TextFile(KnownFile):
    """A file of lines; ``offset`` counts bytes of text (decompressed)."""

    format: str
    line_limit: int
    _descriptor: int | None = None
    _skipped_to: int = 0
    _shape: Shape | None = None
    _begun: bytes = b""
    _last: bytes = b""
    _divisible: bool = True

    def close(self) -> None:
        """Give the file back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def grows(self) -> bool:
        """Whether the file is appended to: a compressed one is not."""
        return not self.compressed

    @property
    def is_open(self) -> bool:
        """Whether the file is held open."""
        return self._descriptor is not None

    def status(self) -> os.stat_result:
        """The file's status."""
        return os.stat(self.path) if self._descriptor is None else os.fstat(self._descriptor)

    def unread(self, size: int) -> int:
        """How much more there is to read; for a compressed file its size until it is read."""
        if self.compressed:
            return 0 if self.finished is not None and self.finished[0] == size else size
        return max(0, size - self.offset)

    def has_unread(self, *, final: bool) -> bool:
        """Whether reading now could give anything."""
        return self.finished != self.seen or (final and not self.compressed and self.seen[0] > self.offset)

    def begin_anew(self) -> None:
        """Forget everything about the content."""
        super().begin_anew()
        self._skipped_to, self._shape = 0, None

    def resume(self, position: Position) -> None:
        """Go on from a position whose content this file holds."""
        super().resume(position)
        self._skipped_to, self._shape = 0, None

    def resume_at_end(self, position: Position) -> None:
        """Take all of the content for read, as part of what was read up to ``position``. Raises OSError."""
        state = self.state()
        glimpse = self.glimpse(1 << 62, HEAD, TAIL)
        self.resume(position)
        with self.guard:
            self.offset = glimpse.length
            self.head, self.tail = Fingerprint.of(glimpse.head), Fingerprint.of(glimpse.tail)
        self.finish(state)

    def glimpse(self, offset: int, head: int, tail: int) -> Glimpse:
        """The first ``head`` bytes, and ``tail`` bytes before ``offset`` or the end. Raises OSError."""
        if self.compressed:
            return self._glimpse_compressed(offset, head, tail)
        descriptor = self.open_checked() if self._descriptor is None else self._descriptor
        try:
            offset = min(offset, os.fstat(descriptor).st_size)
            start = max(0, offset - tail)
            return Glimpse(
                os.pread(descriptor, min(head, offset), 0),
                os.pread(descriptor, offset - start, start),
                offset,
            )
        finally:
            if descriptor != self._descriptor:
                os.close(descriptor)

    def _glimpse_compressed(self, offset: int, head: int, tail: int) -> Glimpse:
        begun, last, length = b"", b"", 0
        with open(self.open_checked(), "rb") as raw, closing(parts(self.path, raw)) as content:
            while length < offset:
                try:
                    part = next(content, b"")[: offset - length]
                except CorruptArchiveError:
                    return Glimpse(begun, last, length, damage=True)
                if not part:
                    break
                length += len(part)
                begun += part[: head - len(begun)]
                last = (last + part)[-tail:] if tail else b""
        return Glimpse(begun, last, length)

    def holds(self, position: Position) -> bool:
        """Whether the content begins with what was read up to ``position``."""
        glimpse = self.glimpse(position.offset, position.head.length, position.tail.length)
        return (
            glimpse.length == position.offset
            and position.head.matches(glimpse.head)
            and position.tail.matches(glimpse.tail)
        )

    def unchanged(self) -> bool:
        """Whether the content still begins with what was read of it."""
        if self.compressed:
            return super().unchanged()
        self._open()
        return self.state()[0] >= max(self.offset, self.known_size) and super().unchanged()

    def first_lines(self) -> tuple[bytes, bytes]:
        """Header (CSV) and some lines from the current offset on."""
        if self.compressed:
            with (
                open(self.open_checked(), "rb") as raw,
                closing(blocks(self.path, raw, self.offset, _BLOCK)) as stream,
            ):
                data = next(stream, b"")
        else:
            data = os.pread(self._open(), _BLOCK, self.offset)
        header = self.header
        if self.offset == 0:
            data = data.removeprefix(_BOM)
            if self.format == "csv":
                end = data.find(b"\n") + 1
                header, data = data[:end], data[end:]
        return header, self._some_lines(data)

    def _some_lines(self, data: bytes) -> bytes:
        cut = data.find(b"\n", _FIRST) + 1 or data.rfind(b"\n") + 1 or len(data)
        return data[:cut]

    def read(self, chunk_size: int, *, final: bool, memory: MemoryFile | None = None) -> Generator[Chunk]:
        """Chunks of whole lines, until there is nothing more to read now.

        The offset moves on when the chunk is accepted, or else when the next one is asked for: a chunk that
        its taker could not handle is read again. ``final`` says that nothing will be appended: the last line
        is taken unterminated. Where ``memory`` is given, the text of a chunk may be in it, until the next
        chunk is asked for.
        """
        self._divisible = chunk_size > SMALLEST_CHUNK
        if self.compressed or self.format != "ndjson":
            chunk_size = min(chunk_size, _COPIED_CHUNK)
        # What the fingerprints go on from; of a compressed file no more than is cheap to have.
        glimpse = self.glimpse(min(self.offset, HEAD) if self.compressed else self.offset, HEAD, TAIL)
        self._begun, self._last = glimpse.head, b"" if self.compressed else glimpse.tail
        try:
            if self.compressed:
                yield from self._read_compressed(chunk_size)
            else:
                yield from self._read_plain(chunk_size, final=final, memory=memory)
        finally:
            self._pending = None
            self._begun = self._last = b""

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = self.open_checked()
        return self._descriptor

    def _read_plain(self, chunk_size: int, *, final: bool, memory: MemoryFile | None) -> Generator[Chunk]:
        self._open()
        state = self.state()
        size = state[0]
        length = chunk_size
        while self.offset < size:
            # It may have been closed meanwhile, in favour of others.
            descriptor = self._open()
            if os.fstat(descriptor).st_size < size:
                # Truncated: what stands at the offset, if anything, is other content.
                return
            if (
                quick := self._read_quickly(descriptor, memory, min(chunk_size, size - self.offset))
            ) is not None:
                yield quick
                self.accept()
                continue
            data = os.pread(descriptor, min(length, size - self.offset), self.offset)
            if not data:
                return
            at_end = self.offset + len(data) >= size
            chunk = self._take(data, ended=final and at_end)
            if chunk is None and self._is_too_long(data):
                chunk = self._too_long(descriptor, data, size, final=final)
            if chunk is None:
                if at_end or length > chunk_size:
                    break
                # A header and a record of full length fit into this.
                length = max(chunk_size + 1, 2 * self.line_limit + 2)
                continue
            yield replace(chunk, divisible=self._divisible and length == chunk_size)
            length = chunk_size
            self.accept()
        # Only now: a reader that stopped half-way must not take the rest for seen.
        self.finish(state)

    def _prepare(self, chunk: Chunk, first: bytes, last: bytes) -> Chunk:
        """Have the step over ``chunk`` ready; ``first`` and ``last`` are its first and last bytes as read."""
        joined = len(last) == chunk.size
        self._begun = (self._begun + first[: HEAD - len(self._begun)])[:HEAD]
        self._last = ((self._last if joined else b"") + last)[-TAIL:]
        self._pending = Step(chunk.size, Fingerprint.of(self._begun), Fingerprint.of(self._last))
        return chunk

    def _take(self, data: bytes, *, ended: bool) -> Chunk | None:
        """The whole records that ``data`` begins with; None where there is none yet."""
        begin = 0
        if self.format == "csv":
            if self.offset == 0:
                begin = data.find(b"\n") + 1 or (len(data) if ended else 0)
                if begin == 0:
                    return None
                self.header = data[:begin].removeprefix(_BOM)
                self._shape = None
            if self._shape is None:
                self._shape = shape_of(self.header, self.line_limit)
            end = begin + self._shape.whole(data[begin:], ended=ended)
        else:
            end = len(data) if ended else data.rfind(b"\n") + 1
        if not end:
            return None
        return self._prepare(
            self._chunk(data[begin:end], begin), data[: min(end, HEAD)], data[max(0, end - TAIL) : end]
        )

    def _read_quickly(self, descriptor: int, memory: MemoryFile | None, length: int) -> Chunk | None:
        """Whole lines in ``memory`` without a look at each; None where that would not do."""
        if memory is None or self.format != "ndjson":
            return None
        memory.fill(descriptor, self.offset, length)
        memory.cut(memory.find_last_newline())
        if (
            memory.size == 0
            or not memory.has_newline_every(max(1, self.line_limit // 2))
            or (self.offset == 0 and memory.starts_with(_BOM))
        ):
            return None
        chunk = Chunk(
            self.path, self.format, self.offset, memory=memory, size=memory.size, divisible=self._divisible
        )
        return self._prepare(chunk, memory.slice(0, HEAD), memory.tail(TAIL))

    def _chunk(self, data: bytes, begin: int) -> Chunk:
        offset, size = self.offset + begin, begin + len(data)
        rejections: tuple[Rejection, ...] = ()
        if self.format != "csv":
            data, rejections = reject_long_lines(self.path, offset, data, self.line_limit)
        return Chunk(
            self.path, self.format, offset, data, header=self.header, size=size, rejections=rejections
        )

    def _is_too_long(self, data: bytes) -> bool:
        """Whether ``data`` is over the limit, and all of one line."""
        return len(data) > self.line_limit and b"\n" not in data

    def _begin_long(self, data: bytes) -> None:
        """Take note of the beginning of a line that is over the limit."""

    def _end_of_long(self, data: bytes) -> tuple[int, int] | None:
        """In what follows, where that line ends and the next one begins; None where it goes on."""
        newline = data.find(b"\n")
        return None if newline < 0 else (newline, newline + 1)

    def _too_long(self, descriptor: int, data: bytes, size: int, *, final: bool) -> Chunk | None:
        """Step over a line that is over the limit; None while its end is not there yet."""
        if self._skipped_to <= self.offset:
            self._begin_long(data)
            self._skipped_to = self.offset + len(data)
        position = self._skipped_to
        while position < size:
            block = os.pread(descriptor, min(_BLOCK, size - position), position)
            found = self._end_of_long(block)
            if found is not None:
                end, following = found
                return self._skip(
                    os.pread(descriptor, RAW_LIMIT, self.offset),
                    position + following,
                    position + end,
                    block[:following],
                )
            if not block:
                break
            position += len(block)
        self._skipped_to = position
        if not final:
            return None
        return self._skip(os.pread(descriptor, RAW_LIMIT, self.offset), position, position, b"")

    def _skip(self, head: bytes, next_line: int, end: int, last: bytes) -> Chunk:
        rejection = too_long(self.path, self.offset, head, end - self.offset, self.line_limit)
        size = next_line - self.offset
        chunk = Chunk(
            self.path, self.format, self.offset, header=self.header, size=size, rejections=(rejection,)
        )
        return self._prepare(chunk, head[:size], last[-TAIL:])

    def _read_compressed(self, chunk_size: int) -> Generator[Chunk]:
        state = self.state()
        # Of a line over the limit only the head is kept; ``dropped`` is how much of it was seen.
        pending, long_head, dropped = b"", b"", 0
        with (
            open(self.open_checked(), "rb") as raw,
            closing(blocks(self.path, raw, self.offset, chunk_size)) as stream,
        ):
            while True:
                block = next(stream, b"")
                data = pending + block
                if long_head:
                    found = self._end_of_long(data)
                    end, following = found or (len(data), len(data))
                    long_head += data[: min(RAW_LIMIT - len(long_head), end)]
                    if found is None and block:
                        dropped += len(data)
                        continue
                    seen = self.offset + dropped
                    yield self._skip(long_head, seen + following, seen + end, data[:following])
                    self.accept()
                    data = data[following:]
                    long_head, dropped = b"", 0
                while (taken := self._take(data, ended=not block)) is not None:
                    yield replace(taken, divisible=self._divisible and len(pending) <= chunk_size)
                    data = data[taken.size :]
                    self.accept()
                pending = data
                if not block:
                    break
                if self._is_too_long(pending):
                    self._begin_long(pending)
                    pending, long_head, dropped = b"", pending[:RAW_LIMIT], len(pending)
        self.finish(state)
