"""The text of single values of records that were decoded to codes."""

from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.plan import FieldPath
from drift_exporter.decode.records import Records
from drift_exporter.reference.fields import ChunkTable, Which
from drift_exporter.reference.model import IntArray
from drift_exporter.reference.tables import make_table
from drift_exporter.sources.chunk import Chunk


class RowTexts:
    """Reads one field of some records of a chunk."""

    def __init__(self, line_limit: int, which: Which, line_pattern: str | None = None) -> None:
        """``line_pattern`` takes lines of text apart."""
        self._line_limit, self._line_pattern = line_limit, line_pattern
        self._which = which
        self._tables: dict[str, ChunkTable] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for table in self._tables.values():
            table.close()

    def read(self, chunk: Chunk, records: Records, path: FieldPath, rows: IntArray) -> NDArray[np.object_]:
        """Texts (rows,) of the field at ``path`` in the accepted records with these numbers."""
        table = self._tables.get(chunk.format)
        if table is None:
            table = make_table(chunk.format, self._line_limit, self._line_pattern)
            self._tables[chunk.format] = table
        table.load(chunk, [path], self._which)
        query = f"SELECT r, {table.text(0)} FROM records ORDER BY r"  # noqa: S608 - our own text
        found = table.connection.execute(query).fetchall()
        if len(found) != records.rows:
            # Without a timestamp, lines that are no records have rows of their own.
            rejected = {rejection.offset for rejection in records.rejections}
            found = [row for row in found if table.offset(chunk, row[0]) not in rejected]
        texts = np.array([text for _, text in found], dtype=object)
        return texts[rows]
