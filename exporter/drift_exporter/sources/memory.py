"""A file in memory, so that DuckDB, which reads files, can read bytes that we hold."""

import mmap
import os
import tempfile
from pathlib import Path

_LEAST_MAP = 1 << 20


class MemoryFile:
    """A file that lives in memory where the system can (Linux), in the temporary folder elsewhere.

    One is reused for chunk after chunk, and mapped: a chunk of a log gets here from the page cache with a
    single copy. Bytes beyond ``size`` do not exist; touching them through an old view would end the process,
    so a view is good only until the content is replaced.
    """

    def __init__(self) -> None:
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("drift-exporter-chunk")
            self.path = f"/proc/{os.getpid()}/fd/{self._descriptor}"
            self._unlink = False
        else:
            self._descriptor, self.path = tempfile.mkstemp(prefix="drift-exporter-chunk-")
            self._unlink = True
        self.size = 0
        self._length = 0
        self._map: mmap.mmap | None = None

    def fill(self, descriptor: int, offset: int, length: int) -> int:
        """Replace the content by up to ``length`` bytes of a file from ``offset``; returns how many."""
        if length <= 0:
            self.cut(0)
            return 0
        with memoryview(self._lengthen(length)) as view, view[:length] as target:
            got = 0
            while got < length:
                with target[got:] as rest:
                    read = os.preadv(descriptor, [rest], offset + got)
                if not read:
                    break
                got += read
        self.cut(got)
        return got

    def empty(self) -> None:
        """Have no content, to be appended to; the memory stays."""
        self.size = 0

    def append(self, part: bytes) -> None:
        """Add to the content. After the last part and before the file is read, ``cut`` it to its size."""
        if not part:
            # There may be no map yet, and none of nothing.
            return
        end = self.size + len(part)
        target = self._map
        mapped = 0 if target is None else len(target)
        if target is None or end > min(mapped, self._length):
            target = self._lengthen(mapped if end <= mapped else max(end, 2 * mapped, _LEAST_MAP))
        target[self.size : end] = part
        self.size = end

    def cut(self, size: int) -> None:
        """Shorten the content to ``size`` bytes."""
        os.ftruncate(self._descriptor, size)
        self.size = self._length = size

    def find_last_newline(self) -> int:
        """Position after the last newline, 0 where there is none."""
        return 0 if self._map is None else self._map.rfind(b"\n", 0, self.size) + 1

    def has_newline_every(self, step: int) -> bool:
        """Whether every stretch of ``step`` bytes but the last holds a newline.

        Where the content ends in a newline, no line is then longer than twice ``step``.
        """
        return self._map is not None and all(
            self._map.find(b"\n", start, start + step) >= 0 for start in range(0, self.size - step, step)
        )

    def starts_with(self, prefix: bytes) -> bool:
        """Whether the content starts with ``prefix``."""
        return self._map is not None and self._map[: min(len(prefix), self.size)] == prefix

    def slice(self, start: int, length: int) -> bytes:
        """A copy of up to ``length`` bytes from ``start`` on."""
        return b"" if self._map is None else self._map[start : min(start + length, self.size)]

    def tail(self, length: int) -> bytes:
        """A copy of the last ``length`` bytes, or of all if there are fewer."""
        return b"" if self._map is None else self._map[max(0, self.size - length) : self.size]

    def content(self) -> bytes:
        """A copy of the content."""
        return b"" if self._map is None else self._map[: self.size]

    def write(self, *parts: bytes) -> None:
        """Replace the content by these parts, one after the other."""
        offset = 0
        for part in parts:
            view = memoryview(part)
            while view:
                written = os.pwrite(self._descriptor, view, offset)
                offset += written
                view = view[written:]
        self.cut(offset)

    def _lengthen(self, length: int) -> mmap.mmap:
        """Have room for ``length`` bytes (at least one), all of it mapped."""
        os.ftruncate(self._descriptor, length)
        self._length = length
        if self._map is None or len(self._map) < length:
            if self._map is not None:
                self._map.close()
            self._map = mmap.mmap(self._descriptor, length)
        return self._map

    def close(self) -> None:
        """Give the memory back. More than once is once."""
        if self._descriptor < 0:
            # The number may be another file's by now.
            return
        if self._map is not None:
            self._map.close()
            self._map = None
        os.close(self._descriptor)
        self._descriptor = -1
        if self._unlink:
            Path(self.path).unlink()
