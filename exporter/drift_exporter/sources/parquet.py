"""One Parquet file: complete when it appears, read in stretches of rows."""

import os
from collections.abc import Generator
from dataclasses import dataclass, field
from hashlib import blake2b

from drift_exporter.database import connect
from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.memory import MemoryFile
from drift_exporter.sources.position import Guard, new_guard

_ROWS = 1 << 17


@dataclass
class ParquetFile:
    """A file's place in the world and how many rows of it were read (``offset``)."""

    path: str
    identity: tuple[int, int]
    format: str = "parquet"
    offset: int = 0
    time: int | None = None
    lost_bytes: int = 0
    finished: tuple[int, float] | None = None
    problem: str | None = None
    guard: Guard = field(default_factory=new_guard)
    serial: int = 0
    header: bytes = b""
    known_size: int = 0
    _pending: int | None = None
    _footer: bytes = b""

    def close(self) -> None:
        """Nothing is kept open between reads."""

    @property
    def is_open(self) -> bool:
        """Whether the file is held open: never."""
        return False

    def accept(self) -> None:
        """Move the position past the last chunk handed on, if that was not done already."""
        with self.guard:
            if self._pending is not None:
                self.offset += self._pending
                self._pending = None

    def state(self) -> tuple[int, float]:
        """Size and modification time."""
        status = os.stat(self.path)
        return status.st_size, status.st_mtime

    def unread_bytes(self) -> int:
        """The size of the file until it is read."""
        state = self.state()
        return 0 if self.finished == state else state[0]

    def has_unread(self, *, final: bool) -> bool:  # noqa: ARG002  # a Parquet file is always final
        """Whether reading now could give anything."""
        return self.unread_bytes() > 0

    def first_lines(self) -> tuple[bytes, bytes]:
        """Nothing: a Parquet file has no lines."""
        return b"", b""

    def read(
        self,
        chunk_size: int,  # noqa: ARG002  # stretches are rows, not bytes
        *,
        final: bool,  # noqa: ARG002  # a Parquet file is always final
        memory: MemoryFile | None = None,  # noqa: ARG002  # the decoder reads the file itself
    ) -> Generator[Chunk]:
        """Chunks that name stretches of rows; their data is read by the decoder."""
        state = self.state()
        footer = _digest_of_footer(self.path)
        if footer != self._footer:
            # Written anew under its old name.
            with self.guard:
                self.offset, self._footer = 0, footer
        with connect() as connection:
            found = connection.execute(
                "SELECT num_rows FROM parquet_file_metadata(?)", [self.path]
            ).fetchone()
        rows = 0 if found is None else int(found[0])
        try:
            while self.offset < rows:
                stretch = min(_ROWS, rows - self.offset)
                self._pending = stretch
                yield Chunk(self.path, self.format, self.offset, rows=stretch, size=stretch)
                self.accept()
        finally:
            self._pending = None
        with self.guard:
            self.finished = state


def _digest_of_footer(path: str) -> bytes:
    """Digest of the end of a file, where Parquet keeps its schema, sizes and statistics."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 8))
        length = int.from_bytes(file.read(4), "little")
        file.seek(max(0, size - 8 - length))
        return blake2b(file.read(), digest_size=16).digest()
