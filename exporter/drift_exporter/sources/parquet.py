"""One Parquet file: complete when it appears, read in stretches of rows."""

import os
from collections.abc import Generator
from dataclasses import dataclass

from drift_exporter.database import connect
from drift_exporter.sources.chunk import SMALLEST_CHUNK, Chunk
from drift_exporter.sources.known import KnownFile, Step
from drift_exporter.sources.memory import MemoryFile
from drift_exporter.sources.position import NOTHING, Fingerprint, Position

_ROW = 256
"""Bytes that a row is taken for where a chunk is measured in bytes."""


@dataclass(eq=False)
class ParquetFile(KnownFile):
    """A file of rows; ``offset`` counts them. Its head is its footer, which tells sizes and statistics."""

    format: str = "parquet"

    def close(self) -> None:
        """Nothing is kept open between reads."""

    @property
    def grows(self) -> bool:
        """Whether the file is appended to: a Parquet file is not."""
        return False

    @property
    def is_open(self) -> bool:
        """Whether the file is held open: never."""
        return False

    def status(self) -> os.stat_result:
        """The file's status."""
        return os.stat(self.path)

    def unread(self, size: int) -> int:
        """The size of the file until it is read."""
        return 0 if self.finished is not None and self.finished[0] == size else size

    def has_unread(self, *, final: bool) -> bool:  # noqa: ARG002  # a Parquet file is always final
        """Whether reading now could give anything."""
        return self.finished != self.seen

    def holds(self, position: Position) -> bool:
        """Whether this is the file that was read up to ``position``."""
        return position.head == self._footer()

    def read(
        self,
        chunk_size: int,
        *,
        final: bool,  # noqa: ARG002  # a Parquet file is always final
        memory: MemoryFile | None = None,  # noqa: ARG002  # the decoder reads the file itself
    ) -> Generator[Chunk]:
        """Chunks that name stretches of rows; their data is read by the decoder."""
        state = self.state()
        footer = self._footer()
        rows = self._rows()
        try:
            most = max(1, chunk_size // _ROW)
            while self.offset < rows:
                stretch = min(most, rows - self.offset)
                self._pending = Step(stretch, footer, NOTHING)
                divisible = stretch > 1 and chunk_size > SMALLEST_CHUNK
                yield Chunk(
                    self.path, self.format, self.offset, rows=stretch, size=stretch, divisible=divisible
                )
                self.accept()
        finally:
            self._pending = None
        self.finish(state)

    def _rows(self) -> int:
        """Number of rows. Raises OSError where the footer contradicts itself: reading might never end."""
        with connect() as connection:
            rows, in_groups = connection.execute(
                "SELECT num_rows, (SELECT sum(n) FROM (SELECT DISTINCT row_group_id, row_group_num_rows AS n "
                "FROM parquet_metadata($1))) FROM parquet_file_metadata($1)",
                [self.path],
            ).fetchall()[0]
        if rows != (in_groups or 0):
            raise OSError(
                f"the footer is damaged: it tells of {rows} rows, and of {in_groups or 0} in its row groups"
            )
        return int(rows)

    def _footer(self) -> Fingerprint:
        """Fingerprint of the end of the file, where Parquet keeps its schema, sizes and statistics."""
        with open(self.open_checked(), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 8))
            length = int.from_bytes(file.read(4), "little")
            file.seek(max(0, size - 8 - length))
            return Fingerprint.of(file.read())
