"""A text file of any format, opened by the class that knows how its records lie in it."""

import os
from dataclasses import dataclass, field

from drift_exporter.sources.chunk import SMALLEST_CHUNK, Chunk
from drift_exporter.sources.jsonrecords import LONGEST_END, as_lines
from drift_exporter.sources.jsonscan import BETWEEN, ItemScanner
from drift_exporter.sources.known import KnownFile
from drift_exporter.sources.listing import FileKey, State
from drift_exporter.sources.position import HEAD, TAIL, Guard, new_guard
from drift_exporter.sources.text import TextFile

_BOM = b"\xef\xbb\xbf"


@dataclass(eq=False)
class JsonFile(TextFile):
    """A file of JSON arrays, or of objects that need no line of their own; handed on as lines.

    Every position is one between two records, where nothing needs to be known of what came before. The end of
    an array is not read as long as nothing follows it: whoever appends to the array writes over it, and an
    object that is written anew with more in it goes on there.
    """

    _scanner: ItemScanner = field(default_factory=lambda: ItemScanner(1))

    def _some_lines(self, data: bytes) -> bytes:
        some = as_lines(self.path, self.offset, data[:SMALLEST_CHUNK], self.line_limit, ended=False)
        return some.text or as_lines(self.path, self.offset, data, self.line_limit, ended=False).text

    def _take(self, data: bytes, *, ended: bool) -> Chunk | None:
        begin = len(_BOM) if self.offset == 0 and data.startswith(_BOM) else 0
        offset = self.offset + begin
        lines = as_lines(self.path, offset, data[begin:], self.line_limit, ended=False)
        if ended and not lines.size and (len(data) > LONGEST_END or data[begin:].strip(BETWEEN)):
            lines = as_lines(self.path, offset, data[begin:], self.line_limit, ended=True)
        if not lines.size and not begin:
            return None
        end = begin + lines.size
        chunk = Chunk(
            self.path,
            self.format,
            offset,
            lines.text,
            size=end,
            rejections=lines.rejections,
            locate=lines.locate(self.path, offset),
        )
        return self._prepare(chunk, data[: min(end, HEAD)], data[max(0, end - TAIL) : end])

    def unread(self, size: int) -> int:
        """How much more there is to read; the end of an array is nothing."""
        at_end = self.finished is not None and self.finished[0] == size and self.known_size == self.offset
        return 0 if at_end else super().unread(size)

    def finish(self, state: State) -> None:
        """Remember that everything was read; where only the end of an array is left, it was never there."""
        super().finish(state)
        if self._descriptor is not None and not self.compressed:
            rest = os.pread(self._descriptor, LONGEST_END + 1, self.offset)
            if self.offset + len(rest) == state[0] and not rest.strip(BETWEEN):
                with self.guard:
                    self.known_size = self.offset

    def unchanged(self) -> bool:
        """Whether the content still begins with what was read of it; the end of an array may be gone."""
        if self.compressed:
            return super().unchanged()
        self._open()
        return self.state()[0] >= self.offset and KnownFile.unchanged(self)

    def _is_too_long(self, data: bytes) -> bool:
        return len(data) > self.line_limit and data[0] not in BETWEEN

    def _begin_long(self, data: bytes) -> None:
        self._scanner = ItemScanner(self.line_limit)
        self._scanner.feed(data)

    def _end_of_long(self, data: bytes) -> tuple[int, int] | None:
        end = self._scanner.feed(data)
        return None if end is None else (end, end)


def open_text(
    path: str, identity: FileKey, kind: str, line_limit: int, guard: Guard | None = None
) -> TextFile:
    """A file of text of the format ``kind``."""
    make = JsonFile if kind == "json" else TextFile
    return make(path, identity, kind, line_limit, guard=guard or new_guard())
