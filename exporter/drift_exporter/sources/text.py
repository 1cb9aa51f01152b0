"""One text file: whole lines from where reading stopped, plain or compressed.

What can be lost here: nothing, as long as the bytes can still be read. A plain file is always read from the
start of the first line that was not handed on, so a half-written line is simply read again. A truncated file
is read from its new beginning; bytes cut off before anyone read them are gone, which is counted.
"""

import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from drift_exporter.sources.chunk import RAW_LIMIT, Chunk, Rejection
from drift_exporter.sources.compressed import CorruptArchiveError, blocks, open_compressed
from drift_exporter.sources.csvrecords import Shape, shape_of
from drift_exporter.sources.memory import MemoryFile
from drift_exporter.sources.position import Guard, new_guard

__all__ = ["CorruptArchiveError", "TextFile", "open_compressed"]

_BLOCK = 1 << 20
_COPIED_CHUNK = 8 << 20
"""Bytes of a chunk that is copied several times on its way."""

_HEAD = 1 << 10
_FIRST = 1 << 16
_BOM = b"\xef\xbb\xbf"


@dataclass
class TextFile:
    """A file's place in the world and how far it was read.

    ``offset`` counts bytes of text (decompressed). ``finished`` is the size and modification time at which
    the file was read to its end. ``lost_bytes`` counts what a truncation took away unread. ``_head`` are the
    file's first bytes: where they change, the file has new content, whatever its size.
    """

    path: str
    identity: tuple[int, int]
    format: str
    line_limit: int
    offset: int = 0
    header: bytes = b""
    time: int | None = None
    lost_bytes: int = 0
    known_size: int = 0
    finished: tuple[int, float] | None = None
    problem: str | None = None
    guard: Guard = field(default_factory=new_guard)
    serial: int = 0
    _pending: int | None = None
    _descriptor: int | None = None
    _skipped_to: int = 0
    _head: bytes = b""
    _shape: Shape | None = None

    @property
    def compressed(self) -> bool:
        """Whether the name says that the content is compressed."""
        return self.path.endswith((".gz", ".zst"))

    def close(self) -> None:
        """Give the file back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def is_open(self) -> bool:
        """Whether the file is held open, so that it can be read though its name is gone."""
        return self._descriptor is not None

    def accept(self) -> None:
        """Move the position past the last chunk handed on, if that was not done already."""
        with self.guard:
            if self._pending is not None:
                self.offset += self._pending
                self._pending = None

    def state(self) -> tuple[int, float]:
        """Size and modification time."""
        # Another thread may close the file meanwhile.
        descriptor = self._descriptor
        status = os.stat(self.path) if descriptor is None else os.fstat(descriptor)
        return status.st_size, status.st_mtime

    def unread_bytes(self) -> int:
        """How much more there is to read; for a compressed file the size of the file until it is read."""
        state = self.state()
        if self.compressed:
            return 0 if self.finished == state else state[0]
        return max(0, state[0] - self.offset)

    def has_unread(self, *, final: bool) -> bool:
        """Whether reading now could give anything."""
        state = self.state()
        return self.finished != state or (final and not self.compressed and state[0] > self.offset)

    def first_lines(self) -> tuple[bytes, bytes]:
        """Header (CSV) and some lines from the current offset on."""
        if self.compressed:
            with closing(blocks(self.path, self.offset, _BLOCK)) as stream:
                data = next(stream, b"")
        else:
            data = os.pread(self._open(), _BLOCK, self.offset)
        header = self.header
        if self.offset == 0:
            data = data.removeprefix(_BOM)
            if self.format == "csv":
                end = data.find(b"\n") + 1
                header, data = data[:end], data[end:]
        cut = data.find(b"\n", _FIRST) + 1 or data.rfind(b"\n") + 1 or len(data)
        return header, data[:cut]

    def read(self, chunk_size: int, *, final: bool, memory: MemoryFile | None = None) -> Generator[Chunk]:
        """Chunks of whole lines, until there is nothing more to read now.

        The offset moves on when the chunk is accepted, or else when the next one is asked for: a chunk that
        its taker could not handle is read again. ``final`` says that nothing will be appended: the last line
        is taken unterminated. Where ``memory`` is given, the text of a chunk may be in it, until the next
        chunk is asked for.
        """
        if self.compressed or self.format != "ndjson":
            chunk_size = min(chunk_size, _COPIED_CHUNK)
        try:
            if self.compressed:
                yield from self._read_compressed(chunk_size)
            else:
                yield from self._read_plain(chunk_size, final=final, memory=memory)
        finally:
            self._pending = None

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return self._descriptor

    def _read_plain(self, chunk_size: int, *, final: bool, memory: MemoryFile | None) -> Generator[Chunk]:
        descriptor = self._open()
        state = self.state()
        size = state[0]
        head = os.pread(descriptor, _HEAD, 0)
        if size < self.offset or size < self.known_size or not head.startswith(self._head):
            with self.guard:
                self.lost_bytes += max(0, self.known_size - self.offset)
                self._begin_anew()
        length = chunk_size
        while self.offset < size:
            if (
                quick := self._read_quickly(descriptor, memory, min(chunk_size, size - self.offset))
            ) is not None:
                yield self._hand_on(quick)
                self._advance(head)
                continue
            data = os.pread(descriptor, min(length, size - self.offset), self.offset)
            if not data:
                break
            at_end = self.offset + len(data) >= size
            chunk = self._take(data, ended=final and at_end)
            if chunk is None and len(data) > self.line_limit and b"\n" not in data:
                chunk = self._too_long(descriptor, len(data), size, final=final)
            if chunk is None:
                if at_end or length > chunk_size:
                    break
                # A header and a record of full length fit into this.
                length = max(chunk_size + 1, 2 * self.line_limit + 2)
                continue
            length = chunk_size
            yield self._hand_on(chunk)
            self._advance(head)
        # Only now: a reader that stopped half-way must not take the rest for seen.
        self.known_size, self.finished = size, state

    def _begin_anew(self) -> None:
        self.offset, self.known_size, self._skipped_to = 0, 0, 0
        self.header, self._head, self._shape = b"", b"", None

    def _hand_on(self, chunk: Chunk) -> Chunk:
        self._pending = chunk.size
        return chunk

    def _advance(self, head: bytes) -> None:
        self.accept()
        if len(self._head) < _HEAD:
            self._head = head if self.compressed else head[: self.offset]

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
        return self._chunk(data[begin:end], begin) if end else None

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
        return Chunk(self.path, self.format, self.offset, memory=memory, size=memory.size)

    def _chunk(self, data: bytes, begin: int) -> Chunk:
        offset, size = self.offset + begin, begin + len(data)
        rejections: tuple[Rejection, ...] = ()
        if self.format != "csv":
            data, rejections = reject_long_lines(self.path, offset, data, self.line_limit)
        return Chunk(
            self.path, self.format, offset, data, header=self.header, size=size, rejections=rejections
        )

    def _too_long(self, descriptor: int, seen: int, size: int, *, final: bool) -> Chunk | None:
        """Step over a line that is over the limit; None while its end is not there yet."""
        position = max(self._skipped_to, self.offset + seen)
        while position < size:
            block = os.pread(descriptor, _BLOCK, position)
            newline = block.find(b"\n")
            if newline >= 0:
                return self._skip(
                    os.pread(descriptor, RAW_LIMIT, self.offset), position + newline + 1, position + newline
                )
            if not block:
                break
            position += len(block)
        self._skipped_to = position
        return self._skip(os.pread(descriptor, RAW_LIMIT, self.offset), position, position) if final else None

    def _skip(self, head: bytes, next_line: int, end: int) -> Chunk:
        rejection = too_long(self.path, self.offset, head, end - self.offset, self.line_limit)
        return Chunk(
            self.path, self.format, self.offset, size=next_line - self.offset, rejections=(rejection,)
        )

    def _read_compressed(self, chunk_size: int) -> Generator[Chunk]:
        state = self.state()
        with Path(self.path).open("rb") as file:
            head = file.read(_HEAD)
        if not head.startswith(self._head):
            self._begin_anew()
        # Of a line over the limit only the head is kept; ``dropped`` is how much of it was seen.
        pending, long_head, dropped = b"", b"", 0
        with closing(blocks(self.path, self.offset, chunk_size)) as stream:
            while True:
                block = next(stream, b"")
                data = pending + block
                if long_head:
                    end = data.find(b"\n")
                    long_head += data[: min(RAW_LIMIT - len(long_head), end if end >= 0 else len(data))]
                    if end < 0 and block:
                        dropped += len(data)
                        continue
                    end = len(data) if end < 0 else end
                    stop = self.offset + dropped + end
                    data = data[end + 1 :]
                    yield self._hand_on(self._skip(long_head, stop + bool(block), stop))
                    self._advance(head)
                    long_head, dropped = b"", 0
                if (taken := self._take(data, ended=not block)) is not None:
                    pending = data[taken.size :]
                    yield self._hand_on(taken)
                    self._advance(head)
                else:
                    pending = data
                if not block:
                    break
                if len(pending) > self.line_limit and b"\n" not in pending:
                    pending, long_head, dropped = b"", pending[:RAW_LIMIT], len(pending)
        self.finished = state


def too_long(path: str, offset: int, raw: bytes, length: int, limit: int) -> Rejection:
    """Rejection of a line over the length limit."""
    return Rejection(
        path,
        offset,
        "too_long",
        f"the line has {length} bytes; limits.line allows {limit}",
        raw[: min(length, RAW_LIMIT)],
        length,
    )


def reject_long_lines(path: str, offset: int, data: bytes, limit: int) -> tuple[bytes, tuple[Rejection, ...]]:
    """Blank out the lines of NDJSON over ``limit`` bytes; the others keep their place."""
    if not may_hold_long_lines(data, limit):
        return data, ()
    blanked, rejections, start = bytearray(data), [], 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        if end - start > limit:
            rejections.append(too_long(path, offset + start, data[start:end], end - start, limit))
            blanked[start:end] = b" " * (end - start)
        start = end + 1
    return bytes(blanked), tuple(rejections)


def may_hold_long_lines(data: bytes, limit: int) -> bool:
    """Whether a line could be over ``limit`` bytes: not every stretch of half of that holds a newline."""
    step = max(1, limit // 2)
    return any(data.find(b"\n", start, start + step) < 0 for start in range(0, len(data) - step + 1, step))
