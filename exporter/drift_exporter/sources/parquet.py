"""One Parquet file: complete when it appears, read in stretches of rows."""

import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from drift_exporter.database import connect
from drift_exporter.sources.chunk import SMALLEST_CHUNK, Chunk
from drift_exporter.sources.compressed import UselessArchiveError, parts
from drift_exporter.sources.known import KnownFile, Step
from drift_exporter.sources.listing import State
from drift_exporter.sources.memory import MemoryFile
from drift_exporter.sources.position import NOTHING, Fingerprint, Position
from drift_exporter.sources.unpacked import UnpackedFile

_ROW = 256
"""Bytes that a row is taken for where a chunk is measured in bytes."""


@dataclass(eq=False)
class ParquetFile(KnownFile):
    """A file of rows; ``offset`` counts them. Its head is its footer, which tells sizes and statistics.

    One that is compressed as a whole is unpacked while it is read, to a file in ``folder`` (the temporary
    one, where None). ``rows`` is how many there are, once it is read.
    """

    format: str = "parquet"
    folder: Path | None = None
    rows: int = 0
    _unpacked: tuple[State, UnpackedFile] | None = None

    def close(self) -> None:
        """Nothing is kept open between reads but what was unpacked."""
        if self._unpacked is not None:
            self._unpacked[1].close()
            self._unpacked = None

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

    def named(self, reason: str) -> str:
        """What is wrong with the content, without the path of the file, nor that of what was unpacked."""
        if self._unpacked is not None:
            reason = reason.replace(self._unpacked[1].path, self.path)
        return super().named(reason)

    def holds(self, position: Position) -> bool:
        """Whether this is the file that was read up to ``position``.

        Raises CorruptArchiveError where it is compressed and not whole.
        """
        if not self.compressed:
            return position.head == _footer(self.open_checked())
        length = position.head.length
        return length > 0 and position.head.matches(self._end_of_content(length))

    def accept(self) -> bool:
        """Move the position past the last chunk handed on; False if that was done already."""
        moved = super().accept()
        if moved and self.offset >= self.rows:
            self.close()
        return moved

    def read(
        self,
        chunk_size: int,
        *,
        final: bool,  # noqa: ARG002  # a Parquet file is always final
        memory: MemoryFile | None = None,  # noqa: ARG002  # the decoder reads the file itself
    ) -> Generator[Chunk]:
        """Chunks that name stretches of rows; their data is read by the decoder."""
        state = self.state()
        content = self._content()
        footer = _footer(os.open(content, os.O_RDONLY) if self.compressed else self.open_checked())
        try:
            self.rows = _rows(content)
        except (OSError, duckdb.Error) as error:
            if not self.compressed:
                raise
            said = self.named(str(error).splitlines()[0])
            self.close()
            # It is not unpacked again before it has changed.
            raise UselessArchiveError(said) from error
        try:
            most = max(1, chunk_size // _ROW)
            while self.offset < self.rows:
                stretch = min(most, self.rows - self.offset)
                self._pending = Step(stretch, footer, NOTHING)
                divisible = stretch > 1 and chunk_size > SMALLEST_CHUNK
                # What was unpacked may have been given back meanwhile, in favour of others.
                path = self._content()
                yield Chunk(
                    path,
                    self.format,
                    self.offset,
                    rows=stretch,
                    size=stretch,
                    divisible=divisible,
                    locate=self._locate if self.compressed else None,
                )
                self.accept()
        finally:
            self._pending = None
        self.close()
        self.finish(state)

    def _content(self) -> str:
        """Path at which the rows can be read. Raises OSError."""
        if not self.compressed:
            return self.path
        state = self.state()
        if self._unpacked is None or self._unpacked[0] != state:
            self.close()
            with open(self.open_checked(), "rb") as raw:
                self._unpacked = state, UnpackedFile(self.path, raw, self.folder)
        return self._unpacked[1].path

    def _end_of_content(self, length: int) -> bytes:
        """The last bytes of what is compressed here."""
        end = b""
        with open(self.open_checked(), "rb") as raw, closing(parts(self.path, raw)) as content:
            for part in content:
                end = (end + part)[-length:]
        return end

    def _locate(self, row: int) -> tuple[str, int]:
        return self.path, row


def _rows(path: str) -> int:
    """Number of rows. Raises OSError where the footer contradicts itself: reading might never end."""
    with connect() as connection:
        rows, in_groups = connection.execute(
            "SELECT num_rows, (SELECT sum(n) FROM (SELECT DISTINCT row_group_id, row_group_num_rows AS n "
            "FROM parquet_metadata($1))) FROM parquet_file_metadata($1)",
            [path],
        ).fetchall()[0]
    if rows != (in_groups or 0):
        raise OSError(
            f"the footer is damaged: it tells of {rows} rows, and of {in_groups or 0} in its row groups"
        )
    return int(rows)


def _footer(descriptor: int) -> Fingerprint:
    """Fingerprint of the end of the open file, where Parquet keeps its schema, sizes and statistics."""
    with open(descriptor, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 8))
        length = int.from_bytes(file.read(4), "little")
        file.seek(max(0, size - 8 - length))
        return Fingerprint.of(file.read())
