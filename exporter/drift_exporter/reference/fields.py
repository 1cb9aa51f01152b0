"""A chunk of any format as one table: of each field its text, as the decoders read it, and its class.

Classes: ``n`` a number, ``q`` a number written as text, ``s`` other text, ``b`` true or false, ``o`` an
object or array; NULL where the value is missing. The table ``records`` has a row for each record that counts
(see ``Which``): ``r``, its place in the chunk, values ``v0``, ``v1``.., classes ``c0``, ``c1``..
"""

# ruff: noqa: S608 - names and values in the SQL are quoted by quote and literal

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import duckdb
import numpy as np

from drift_exporter.database import connect
from drift_exporter.decode.csv import CsvDecoder
from drift_exporter.decode.lines import line_spans
from drift_exporter.decode.ndjson_sql import objects_sql, pointer, reader_sql
from drift_exporter.decode.plan import FieldPath, Plan, literal, quote, reach, timestamp_sql
from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.memory import MemoryFile

_BOM = b"\xef\xbb\xbf"
_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
_UNSIGNED = tuple("U" + name for name in _NUMERIC[:5])
_NESTED = ("STRUCT", "MAP", "UNION")


@dataclass(frozen=True)
class Which:
    """Which records count: with a timestamp that can be read (where there is one), and the model's own.

    In a log that models share the own ones hold ``name`` at ``model``; else ``model`` is None.
    """

    timestamp: FieldPath | None = None
    timestamp_format: str | None = None
    model: FieldPath | None = None
    name: str = ""

    @property
    def paths(self) -> tuple[FieldPath, ...]:
        """Where that stands."""
        return tuple(path for path in (self.timestamp, self.model) if path is not None)

    def sql(self, text: Callable[[FieldPath], str]) -> str:
        """Condition for it; ``text`` gives the SQL of the text at a path."""
        conditions = []
        if self.timestamp is not None:
            conditions.append(f"{timestamp_sql(text(self.timestamp), self.timestamp_format)} IS NOT NULL")
        if self.model is not None:
            conditions.append(f"{text(self.model)} = {literal(self.name)}")
        return " AND ".join(conditions) or "true"


class ChunkTable(Protocol):
    """Brings chunks of one format into the table ``records`` of ``connection``."""

    connection: duckdb.DuckDBPyConnection

    def keys(self, chunk: Chunk, prefix: FieldPath, which: Which) -> list[str]:
        """Names of the fields of the object at ``prefix``, in the order of their first appearance.

        Where each record has fields of its own they are those of the model's records.
        """
        ...

    def load(self, chunk: Chunk, paths: Sequence[FieldPath], which: Which) -> None:
        """Fill the table with the fields at ``paths``."""
        ...

    def text(self, field: int) -> str:
        """SQL for the text of a field in the table."""
        ...

    def offset(self, chunk: Chunk, row: int) -> int:
        """Offset in the file of row ``r`` of the chunk just loaded."""
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...


class NdjsonTable:
    """NDJSON: the classes are JSON's own types."""

    number_in_quotes = "q"

    def __init__(self, line_limit: int) -> None:
        self.connection = connect()
        self._memory = MemoryFile()
        self._line_limit = line_limit

    def close(self) -> None:
        """Close the database and give the memory back."""
        self.connection.close()
        self._memory.close()

    def keys(self, chunk: Chunk, prefix: FieldPath, which: Which) -> list[str]:
        """Keys of the object at ``prefix`` over all lines."""
        self._memory.write(_without_mark(chunk).data)
        own = replace(which, timestamp=None).sql(
            lambda path: f"json_extract_string(json, {literal(pointer(path))})"
        )
        found = self.connection.execute(
            "SELECT k FROM (SELECT r, unnest(ks) AS k, generate_subscripts(ks, 1) AS p FROM (SELECT "
            f"row_number() OVER () AS r, json_keys(json, {literal(pointer(prefix))}) AS ks "
            f"FROM {objects_sql(self._memory.path, self._line_limit)} WHERE {own})) "
            "GROUP BY k ORDER BY min((r, p))"
        ).fetchall()
        return [str(key) for (key,) in found]

    def load(self, chunk: Chunk, paths: Sequence[FieldPath], which: Which) -> None:
        """Fill the table."""
        self._memory.write(_without_mark(chunk).data)
        wanted = list(dict.fromkeys([*paths, *which.paths]))
        reader = reader_sql(self._memory.path, dict.fromkeys(wanted, "JSON"), self._line_limit, lenient=True)
        value = {path: f"j{i}" for i, path in enumerate(wanted)}
        fields = "".join(f", {reach(path)} AS {name}" for path, name in value.items())
        rows = f"(SELECT row_number() OVER () - 1 AS r{fields} FROM {reader})"
        # The texts of numbers are many and seldom wanted; they are made where they are.
        condition = which.sql(lambda path: f"({value[path]} ->> '$')")
        create_records(
            self.connection,
            rows,
            [(value[path], _json_class(value[path], self.number_in_quotes)) for path in paths],
            condition,
        )

    def text(self, field: int) -> str:
        """Strings as they are, other values as JSON."""
        return f"(v{field} ->> '$')"

    def offset(self, chunk: Chunk, row: int) -> int:
        """Start of a line."""
        starts, _ = line_spans(_without_mark(chunk).data)
        return chunk.offset + (int(starts[row]) if row < len(starts) else 0)


class CsvTable(CsvDecoder):
    """CSV: all is text, so what reads as a number is one."""

    def __init__(self, line_limit: int) -> None:
        super().__init__(Plan(), line_limit)
        self.connection = self._connection
        self._rejected: list[int] = []

    def keys(self, chunk: Chunk, prefix: FieldPath, _which: Which) -> list[str]:
        """Names in the header that start with ``prefix``."""
        self._learn_header(chunk)
        start = "".join(key + "." for key in prefix)
        return [name.removeprefix(start) for name in self._names if name.startswith(start) and name != start]

    def load(self, chunk: Chunk, paths: Sequence[FieldPath], which: Which) -> None:
        """Fill the table."""
        self._learn_header(chunk)
        self._memory.write(chunk.header, chunk.data)

        def text(path: FieldPath) -> str:
            name = ".".join(path)
            return quote(name) if name in self._names else "NULL::VARCHAR"

        columns = [
            (
                text(path),
                (
                    f"CASE WHEN {text(path)}[1] IN ('{{', '[') THEN 'o' "
                    f"WHEN try_cast({text(path)} AS DOUBLE) IS NULL THEN 's' ELSE 'n' END"
                ),
            )
            for path in paths
        ]
        rows = f"(SELECT row_number() OVER () - 1 AS r, * FROM {self._reader(lenient=True)})"
        try:
            create_records(self.connection, rows, columns, which.sql(text))
            self._rejected = [position - len(chunk.header) for position, _ in self._rejects()]
        finally:
            self._forget_rejects()

    def text(self, field: int) -> str:
        """The field itself."""
        return f"v{field}"

    def offset(self, chunk: Chunk, row: int) -> int:
        """Start of a record; the reader has left out those it rejected."""
        starts, _, _ = self._shape.spans(chunk.data)
        rejected = np.searchsorted(starts, self._rejected, side="right") - 1
        starts = np.delete(starts, rejected[rejected >= 0])
        return chunk.offset + (int(starts[row]) if row < len(starts) else 0)

    def _learn_header(self, chunk: Chunk) -> None:
        if chunk.header != self._header:
            self._learn(chunk.path, chunk.header)


class ParquetTable:
    """Parquet: the classes follow from the columns' types."""

    def __init__(self) -> None:
        self.connection = connect()

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    def keys(self, chunk: Chunk, prefix: FieldPath, _which: Which) -> list[str]:
        """Members of the struct at ``prefix``, or columns whose names start with it."""
        names = self._names(f"SELECT * FROM {_file(chunk)}")
        if prefix and prefix[0] in names:
            try:
                return self._names(f"SELECT unnest({reach(prefix)}) FROM {_file(chunk)}")
            except duckdb.BinderException:
                return []
        start = "".join(key + "." for key in prefix)
        return [name.removeprefix(start) for name in names if name.startswith(start) and name != start]

    def load(self, chunk: Chunk, paths: Sequence[FieldPath], which: Which) -> None:
        """Fill the table."""
        names = set(self._names(f"SELECT * FROM {_file(chunk)}"))
        columns = [self._column(chunk, path, names) for path in paths]
        condition = which.sql(lambda path: self._column(chunk, path, names)[0])
        rows = (
            f"(SELECT file_row_number - {chunk.offset} AS r, * FROM read_parquet({literal(chunk.path)}, "
            f"file_row_number = true) WHERE file_row_number >= {chunk.offset} "
            f"AND file_row_number < {chunk.offset + chunk.rows})"
        )
        create_records(self.connection, rows, columns, condition)

    def text(self, field: int) -> str:
        """The value as text."""
        return f"v{field}"

    def offset(self, chunk: Chunk, row: int) -> int:
        """Number of a row."""
        return chunk.offset + row

    def _column(self, chunk: Chunk, path: FieldPath, names: set[str]) -> tuple[str, str]:
        value = reach(path if path[0] in names else (".".join(path),))
        try:
            found = self.connection.execute(f"SELECT typeof({value}) FROM {_file(chunk)} LIMIT 1").fetchone()
        except duckdb.BinderException:
            found = None
        if found is None:
            return "NULL::VARCHAR", "NULL::VARCHAR"
        kind, text = str(found[0]), f"CAST({value} AS VARCHAR)"
        if kind.endswith("]") or kind.startswith(_NESTED):
            return text, "'o'"
        if kind.startswith((*_NUMERIC, *_UNSIGNED)):
            return text, "'n'"
        if kind == "BOOLEAN":
            return text, "'b'"
        return text, f"CASE WHEN {text}[1] IN ('{{', '[') THEN 'o' ELSE {text_class(text)} END"

    def _names(self, query: str) -> list[str]:
        return [str(name) for (name, *_) in self.connection.execute(f"DESCRIBE {query}").fetchall()]


def _file(chunk: Chunk) -> str:
    return f"read_parquet({literal(chunk.path)})"


def text_class(text: str, number: str = "q") -> str:
    """SQL for the class of a text; ``number`` is that of one that reads as a number."""
    return f"CASE WHEN try_cast({text} AS DOUBLE) IS NULL THEN 's' ELSE '{number}' END"


def _json_class(value: str, number_in_quotes: str) -> str:
    text = f"({value} ->> '$')"
    return (
        f"CASE json_type({value}) WHEN 'VARCHAR' THEN CASE WHEN {text}[1] IN ('{{', '[') THEN 'o' "
        f"ELSE {text_class(text, number_in_quotes)} END WHEN 'OBJECT' THEN 'o' WHEN 'ARRAY' "
        "THEN 'o' WHEN 'BOOLEAN' THEN 'b' WHEN 'NULL' THEN NULL ELSE 'n' END"
    )


def create_records(
    connection: duckdb.DuckDBPyConnection, rows: str, columns: Sequence[tuple[str, str]], condition: str
) -> None:
    """Make the table ``records`` of values and their classes, from the query ``rows``."""
    select = "".join(
        f", {value} AS v{i}, CASE WHEN {value} IS NOT NULL THEN {kind} END AS c{i}"
        for i, (value, kind) in enumerate(columns)
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE records AS SELECT r{select} FROM {rows} WHERE {condition}"
    )


def _without_mark(chunk: Chunk) -> Chunk:
    if chunk.offset == 0 and chunk.data.startswith(_BOM):
        return replace(chunk, data=b" " * len(_BOM) + chunk.data[len(_BOM) :])
    return chunk
