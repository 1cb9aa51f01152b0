"""What a source hands on: raw bytes with the place they came from."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from drift_exporter.sources.memory import MemoryFile

REASONS = (
    "malformed",
    "invalid_utf8",
    "not_object",
    "too_long",
    "timestamp_missing",
    "timestamp_unreadable",
)
"""Why a record may be rejected: all values of the metric's label, so that each counter begins at 0."""

RAW_LIMIT = 1 << 20
"""Bytes of a rejected line that are kept; the file and offset beside it lead to the rest."""

SMALLEST_CHUNK = 1 << 16
"""Bytes below which no chunk is made smaller because it holds too many records."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One record that could not be counted.

    ``reason`` is a short fixed word (a metric label), ``detail`` is for people. ``offset`` is the position of
    the record's first byte in ``path`` (in the decompressed stream, where the file is compressed), or the
    record's number, from 0, where the format has no lines. ``raw`` holds at most ``RAW_LIMIT`` bytes of
    the ``length`` bytes of the record.
    """

    path: str
    offset: int
    reason: str
    detail: str
    raw: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole records of one file.

    For text formats ``data`` holds whole lines from ``offset`` on, or ``memory`` does until the next chunk;
    ``header`` is the CSV header that belongs to them. For Parquet there is no text: ``offset`` is the first
    row and ``rows`` the number of rows. ``size`` is how far the position moves: bytes of text read, or rows.
    ``rejections`` are records that the source itself had to reject, such as a line over the length limit.
    ``divisible`` says that the source could hand on less at a time. ``locate`` leads from a place in the
    chunk (as a rejection's offset says it) to the path and offset by which the source knows it; without it,
    they are the same.
    """

    path: str
    format: str
    offset: int
    data: bytes = b""
    memory: MemoryFile | None = None
    header: bytes = b""
    rows: int = 0
    size: int = 0
    rejections: tuple[Rejection, ...] = field(default=())
    divisible: bool = True
    locate: Callable[[int], tuple[str, int]] | None = field(default=None, compare=False)

    def located(self, rejections: Iterable[Rejection]) -> list[Rejection]:
        """Rejections of records of this chunk, in order, with the places by which the source knows them."""
        ordered = sorted(rejections, key=lambda rejection: rejection.offset)
        if self.locate is None:
            return ordered
        places = [self.locate(rejection.offset) for rejection in ordered]
        return [
            replace(rejection, path=path, offset=offset)
            for rejection, (path, offset) in zip(ordered, places, strict=True)
        ]

    def head(self, length: int) -> "Chunk":
        """The first lines, about ``length`` bytes of them; Parquet as it is."""
        if not self.size or self.format == "parquet":
            return self
        data = self._slice(0, length)
        whole = data[: data.rfind(b"\n") + 1]
        return replace(self, data=whole, memory=None, size=len(whole), rejections=())

    def pieces(self, length: int) -> Iterator["Chunk"]:
        """The text cut into pieces of whole lines, about ``length`` bytes each, each with its offset."""
        size = len(self.data) if self.memory is None else self.memory.size
        start = 0
        while start < size or start == 0:
            data = self._slice(start, length)
            cut = len(data) if start + len(data) >= size else data.rfind(b"\n") + 1
            if cut == 0:
                # A line longer than that; it ends somewhere.
                data = self._slice(start, size - start)
                cut = data.find(b"\n") + 1 or len(data)
            piece = data[:cut]
            yield replace(self, offset=self.offset + start, data=piece, memory=None, size=cut, rejections=())
            start += max(1, cut)

    def _slice(self, start: int, length: int) -> bytes:
        if self.memory is not None:
            return self.memory.slice(start, length)
        return self.data[start : start + length]

    @property
    def content(self) -> bytes:
        """The text; a copy where it is in a file in memory."""
        return self.data if self.memory is None else self.memory.content()
