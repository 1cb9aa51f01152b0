"""One text file: whole lines from where reading stopped, plain or compressed.

What can be lost here: nothing, as long as the bytes can still be read. A plain file is always read from the
start of the first line that was not handed on, so a half-written line is simply read again. A truncated file
is read from its new beginning; bytes cut off before anyone read them are gone, which is counted.
"""

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from drift_exporter.sources.chunk import RAW_LIMIT, Chunk, Rejection
from drift_exporter.sources.memory import MemoryFile

_BLOCK = 1 << 20
_QUOTE = b'"'
_BOM = b"\xef\xbb\xbf"


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass
class TextFile:
    """A file's place in the world and how far it was read.

    ``offset`` counts bytes of text (decompressed). ``finished`` is the size and modification time at which a
    compressed file was read to its end. ``lost_bytes`` counts what a truncation took away unread.
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
    _descriptor: int | None = None
    _skipped_to: int = 0
    _stream: _Readable | None = field(default=None, repr=False)
    _pending: bytes = b""

    @property
    def compressed(self) -> bool:
        """Whether the name says that the content is compressed."""
        return self.path.endswith((".gz", ".zst"))

    def close(self) -> None:
        """Give the file back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._stream = None
        self._pending = b""

    def unread_bytes(self) -> int:
        """How much more there is to read; for a compressed file the size of the file until it is read."""
        status = self._status()
        if self.compressed:
            return 0 if self.finished == (status.st_size, status.st_mtime) else status.st_size
        return max(0, status.st_size - self.offset)

    def has_unread(self, *, final: bool) -> bool:
        """Whether reading now could give anything."""
        status = self._status()
        if self.compressed:
            return self.finished != (status.st_size, status.st_mtime)
        if status.st_size < self.offset or status.st_size < self.known_size:
            return True
        if status.st_size == self.known_size and not final:
            return False
        return status.st_size > self.offset

    def first_line(self) -> bytes:
        """The line at the current offset, as far as it can be had cheaply."""
        if self.compressed:
            with open_compressed(self.path) as stream:
                data = stream.read(_BLOCK)
        else:
            data = os.pread(self._open(), _BLOCK, self.offset)
        if self.format == "csv":
            head, _, data = data.partition(b"\n")
            return head + b"\n" + data.partition(b"\n")[0] + b"\n"
        return data.partition(b"\n")[0] + b"\n"

    def read(self, chunk_size: int, *, final: bool, memory: MemoryFile | None = None) -> Iterator[Chunk]:
        """Chunks of whole lines, until there is nothing more to read now.

        The offset moves on only when the next chunk is asked for: a chunk that its taker could not handle is
        read again. ``final`` says that nothing will be appended: the last line is taken unterminated. Where
        ``memory`` is given, the text of a chunk may be in it, until the next chunk is asked for.
        """
        if self.compressed:
            yield from self._read_compressed(chunk_size)
        else:
            yield from self._read_plain(chunk_size, final=final, memory=memory)

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return self._descriptor

    def _status(self) -> os.stat_result:
        return os.fstat(self._descriptor) if self._descriptor is not None else os.stat(self.path)

    def _read_plain(self, chunk_size: int, *, final: bool, memory: MemoryFile | None) -> Iterator[Chunk]:
        descriptor = self._open()
        size = os.fstat(descriptor).st_size
        if size < max(self.offset, self.known_size):
            self.lost_bytes += max(0, self.known_size - self.offset)
            self.offset, self._skipped_to, self.header = 0, 0, b""
        while self.offset < size:
            if (
                quick := self._read_quickly(descriptor, memory, min(chunk_size, size - self.offset))
            ) is not None:
                yield quick
                self.offset += quick.size
                continue
            data = os.pread(descriptor, chunk_size, self.offset)
            if not data:
                break
            at_end = self.offset + len(data) >= size
            cut = whole_records(data, self.format)
            if cut == 0 and len(data) > self.line_limit:
                chunk = self._too_long(descriptor, data, size, final=final)
                if chunk is None:
                    break
            elif cut == 0 and not (final and at_end):
                break
            else:
                chunk = self._chunk(data if final and at_end else data[:cut])
            yield chunk
            self.offset += chunk.size
        # Only now: a reader that stopped half-way must not take the rest for seen.
        self.known_size = size

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

    def _chunk(self, data: bytes) -> Chunk:
        size, offset = len(data), self.offset
        if self.format == "csv" and offset == 0:
            end = data.find(b"\n") + 1 or len(data)
            self.header = data[:end].removeprefix(_BOM)
            data = data[end:]
            offset = end
        data, rejections = reject_long_lines(self.path, offset, data, self.line_limit, self.format)
        return Chunk(
            self.path, self.format, offset, data, header=self.header, size=size, rejections=rejections
        )

    def _too_long(self, descriptor: int, head: bytes, size: int, *, final: bool) -> Chunk | None:
        """Step over a line that is over the limit; None while its end is not there yet."""
        position = max(self._skipped_to, self.offset + len(head))
        while position < size:
            block = os.pread(descriptor, _BLOCK, position)
            newline = block.find(b"\n")
            if newline >= 0:
                return self._skip(head, position + newline + 1, position + newline)
            if not block:
                break
            position += len(block)
        self._skipped_to = position
        return self._skip(head, position, position) if final else None

    def _skip(self, head: bytes, next_line: int, end: int) -> Chunk:
        rejection = too_long(self.path, self.offset, head, end - self.offset, self.line_limit)
        return Chunk(
            self.path, self.format, self.offset, size=next_line - self.offset, rejections=(rejection,)
        )

    def _read_compressed(self, chunk_size: int) -> Iterator[Chunk]:
        status = self._status()
        stream = open_compressed(self.path)
        try:
            _discard(stream, self.offset)
            pending, length, ended = b"", 0, False
            while not ended:
                try:
                    block = stream.read(chunk_size)
                except (EOFError, zlib.error, OSError, ValueError) as error:
                    raise CorruptArchiveError(str(error)) from error
                ended = not block
                data = pending + block
                cut = len(data) if ended else whole_records(data, self.format)
                if cut == 0 and len(data) > self.line_limit:
                    # Only the head of a line over the limit is kept in memory.
                    length += len(data) - self.line_limit - 1
                    pending = data[: self.line_limit + 1]
                    continue
                if cut == 0:
                    pending = data
                    continue
                if length:
                    end = data.find(b"\n") + 1 or len(data)
                    rejection = too_long(self.path, self.offset, data, end - 1 + length, self.line_limit)
                    chunk = Chunk(
                        self.path, self.format, self.offset, size=end + length, rejections=(rejection,)
                    )
                    yield chunk
                    self.offset += chunk.size
                    pending, length = data[end:], 0
                    continue
                chunk = self._chunk(data[:cut])
                pending = data[cut:]
                yield chunk
                self.offset += chunk.size
            if pending:
                yield (chunk := self._chunk(pending))
                self.offset += chunk.size
            self.finished = (status.st_size, status.st_mtime)
        finally:
            stream.close()


class CorruptArchiveError(OSError):
    """A compressed file ends too early or is damaged; what came before it was handed on."""


def open_compressed(path: str) -> io.BufferedIOBase:
    """Open a .gz or .zst file for reading its content."""
    if path.endswith(".gz"):
        return gzip.open(path)
    import zstandard  # noqa: PLC0415  # only where a .zst file is read

    return io.BufferedReader(
        zstandard.ZstdDecompressor().stream_reader(Path(path).open("rb"), read_across_frames=True)
    )


def _discard(stream: io.BufferedIOBase, length: int) -> None:
    while length > 0:
        block = stream.read(min(_BLOCK, length))
        if not block:
            return
        length -= len(block)


def whole_records(data: bytes, kind: str) -> int:
    """Length of the part of ``data`` that is whole records: up to the last newline.

    In CSV a newline within quotes is no end; quotes are balanced before one that is.
    """
    cut = data.rfind(b"\n") + 1
    if kind != "csv" or cut == 0:
        return cut
    quotes = data.count(_QUOTE, 0, cut)
    while cut > 0 and quotes % 2:
        before = data.rfind(b"\n", 0, cut - 1) + 1
        quotes -= data.count(_QUOTE, before, cut)
        cut = before
    return cut


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


def reject_long_lines(
    path: str, offset: int, data: bytes, limit: int, kind: str
) -> tuple[bytes, tuple[Rejection, ...]]:
    """Blank out the lines over ``limit`` bytes; the others keep their place.

    Lines are not measured one by one where every stretch of half the limit holds a newline.
    """
    step = max(1, limit // 2)
    if all(data.find(b"\n", start, start + step) >= 0 for start in range(0, len(data) - step, step)):
        return data, ()
    # A line of spaces is blank in NDJSON; in CSV it would be a value.
    blank = b"\n" if kind == "csv" else b" "
    blanked, rejections, start = bytearray(data), [], 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        if end - start > limit:
            rejections.append(too_long(path, offset + start, data[start:end], end - start, limit))
            blanked[start:end] = blank * (end - start)
        start = end + 1
    return bytes(blanked), tuple(rejections)
