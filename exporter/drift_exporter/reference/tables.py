"""The table of records for each format; see ``reference.fields`` for what such a table is."""

# ruff: noqa: S608 - names and values in the SQL are quoted by literal

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from drift_exporter.decode.lines import line_spans, plain_lines
from drift_exporter.decode.logfmt import LONGER, Translation, flat, translate
from drift_exporter.decode.patterns import group_of
from drift_exporter.decode.plan import FieldPath, Plan
from drift_exporter.decode.text import TextDecoder
from drift_exporter.reference.fields import (
    ChunkTable,
    CsvTable,
    NdjsonTable,
    ParquetTable,
    Which,
    create_records,
    text_class,
)
from drift_exporter.reference.model import IntArray
from drift_exporter.sources.chunk import Chunk


def make_table(kind: str, line_limit: int, line_pattern: str | None = None) -> ChunkTable:
    """Make a table for chunks of a format; ``line_pattern`` takes lines of text apart."""
    if kind == "csv":
        return CsvTable(line_limit)
    if kind == "parquet":
        return ParquetTable()
    if kind == "logfmt":
        return LogfmtTable(line_limit)
    if kind == "text":
        return TextTable(line_pattern or "")
    return NdjsonTable(line_limit)


class LogfmtTable(NdjsonTable):
    """logfmt: all is text, so what reads as a number is one."""

    number_in_quotes = "n"

    def __init__(self, line_limit: int) -> None:
        super().__init__(LONGER * line_limit)
        self._translation: Translation | None = None

    def keys(self, chunk: Chunk, prefix: FieldPath, which: Which) -> list[str]:
        """Keys that start with ``prefix``, over all lines."""
        start = "".join(key + "." for key in prefix)
        keys = super().keys(translate(chunk).chunk, (), _flat(which))
        return [key.removeprefix(start) for key in keys if key.startswith(start) and key != start]

    def load(self, chunk: Chunk, paths: Sequence[FieldPath], which: Which) -> None:
        """Fill the table."""
        self._translation = translate(chunk)
        super().load(self._translation.chunk, [flat(path) for path in paths], _flat(which))

    def offset(self, chunk: Chunk, row: int) -> int:
        """Start of a line."""
        if self._translation is None or row >= len(self._translation.starts):
            return chunk.offset
        return self._translation.offset + int(self._translation.starts[row])


class TextTable(TextDecoder):
    """Lines of text: what the groups hold is text, so what reads as a number is one."""

    def __init__(self, line_pattern: str) -> None:
        super().__init__(Plan(), line_pattern)
        self.connection = self._connection
        self._starts: IntArray = np.empty(0, dtype=np.int64)

    def keys(self, _chunk: Chunk, prefix: FieldPath, _which: Which) -> list[str]:
        """Groups whose names start with ``prefix``."""
        start = group_of((*prefix, ""))
        names = self._pattern.names
        return [name.removeprefix(start) for name in names if name.startswith(start) and name != start]

    def load(self, chunk: Chunk, paths: Sequence[FieldPath], which: Which) -> None:
        """Fill the table with the lines that match."""
        body, offset = plain_lines(chunk)
        broken = self._write(body)
        starts, _ = line_spans(body)
        self._starts = np.delete(starts, broken) + offset
        wanted = list(dict.fromkeys([*paths, *which.paths]))
        value = {path: f"v{i}" for i, path in enumerate(wanted)}
        rows = f"(SELECT row_number() OVER () - 1 AS r, * FROM ({self._values(wanted)}))"
        columns = [
            (
                value[path],
                f"CASE WHEN {value[path]}[1] IN ('{{', '[') THEN 'o' ELSE {text_class(value[path], 'n')} END",
            )
            for path in paths
        ]
        condition = f"matched = 1 AND {which.sql(value.__getitem__)}"
        create_records(self.connection, rows, columns, condition)

    def text(self, field: int) -> str:
        """What the group holds."""
        return f"v{field}"

    def offset(self, chunk: Chunk, row: int) -> int:
        """Start of a line."""
        return int(self._starts[row]) if row < len(self._starts) else chunk.offset


def _flat(which: Which) -> Which:
    return replace(
        which,
        timestamp=None if which.timestamp is None else flat(which.timestamp),
        model=None if which.model is None else flat(which.model),
    )
