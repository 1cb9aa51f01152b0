"""Parquet: read by DuckDB from the file itself, a stretch of rows at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from drift_exporter.database import connect
from drift_exporter.decode.derived import query_sql
from drift_exporter.decode.plan import (
    FieldPath,
    Names,
    Plan,
    check_paths,
    literal,
    quote,
    reach,
    select_sql,
    unknown_sql,
    wrong_number_flags,
)
from drift_exporter.decode.records import (
    UNBOUNDED,
    Bounds,
    Columns,
    Records,
    Text,
    fetch,
    from_columns,
    unreadable_rows,
    wrong_numbers,
)
from drift_exporter.decode.timestamps import absent_or_unreadable, check_form
from drift_exporter.reference.model import IntArray
from drift_exporter.sources.chunk import RAW_LIMIT, Chunk, Rejection


@dataclass(frozen=True)
class _Leaf:
    """How a field is reached, and its type."""

    sql: str
    kind: str

    @property
    def is_nested(self) -> bool:
        return self.kind.startswith(("STRUCT", "MAP")) or self.kind.endswith("]")


class ParquetDecoder:
    """Decodes stretches of rows under one plan. Not safe to share between threads."""

    def __init__(self, plan: Plan, bounds: Bounds = UNBOUNDED) -> None:
        self.plan = plan
        check_paths(plan.paths())
        self._bounds = bounds
        self._connection = connect(bounds.memory)
        check_form(self._connection, plan.timestamp_format)
        self._known: tuple[tuple[str, int, int, int], dict[FieldPath, _Leaf]] | None = None
        self._prepared: str | None = None

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def decode(self, chunk: Chunk) -> Records:
        """Decode a stretch of rows. Rows without a usable timestamp are rejections."""
        self._bounds.check(chunk, chunk.rows)
        leaves = self._leaves_of(chunk.path)
        rows = (
            f"(SELECT * FROM read_parquet({literal(chunk.path)}, file_row_number = true) WHERE "
            f"file_row_number >= {chunk.offset} AND file_row_number < {chunk.offset + chunk.rows})"
        )
        invalid = {}
        try:
            columns = self._read_strictly(chunk, leaves)
        except duckdb.ConversionException:
            columns = fetch(
                self._connection.execute(self._sql(rows, leaves, "TRY_CAST", flags=True)), self.plan
            )
            keep = np.ones(len(next(iter(columns.values()))), dtype=bool)
            keep[unreadable_rows(columns)] = False
            invalid = dict(wrong_numbers(self.plan, columns, keep))
        bad = unreadable_rows(columns)
        if not len(bad):
            return from_columns(self.plan, columns, None, invalid, ())
        keep = np.ones(len(next(iter(columns.values()))), dtype=bool)
        keep[bad] = False
        return from_columns(self.plan, columns, keep, invalid, self._rejections(chunk, rows, leaves, bad))

    def _read_strictly(self, chunk: Chunk, leaves: dict[FieldPath, _Leaf]) -> Columns:
        if self._prepared != chunk.path:
            # Planning the query costs as much as reading thousands of rows; it is done once a file.
            rows = (
                f"(SELECT * FROM read_parquet({literal(chunk.path)}, file_row_number = true) "
                "WHERE file_row_number >= $1 AND file_row_number < $2)"
            )
            if self._prepared is not None:
                self._connection.execute("DEALLOCATE strict")
                self._prepared = None
            self._connection.execute("PREPARE strict AS " + self._sql(rows, leaves, "CAST", flags=False))
            self._prepared = chunk.path
        stretch = f"{chunk.offset}, {chunk.offset + chunk.rows}"
        return fetch(self._connection.execute(f"EXECUTE strict({stretch})"), self.plan)

    def unknown(self, chunk: Chunk, names: Names) -> tuple[str, ...]:
        """Names in a chunk that are not known yet, most frequent first."""
        path, known, own = names.path, names.known, names.own
        leaves = self._leaves_of(chunk.path)
        if path is None or not {path, own or path} <= leaves.keys():
            return ()
        where = f"file_row_number >= {chunk.offset} AND file_row_number < {chunk.offset + chunk.rows}"
        if own is not None:
            where += f" AND CAST({leaves[own].sql} AS VARCHAR) = {literal(self.plan.models[0])}"
        source = f"read_parquet({literal(chunk.path)}, file_row_number = true)"
        name = f"CAST({leaves[path].sql} AS VARCHAR)"
        found = self._connection.execute(unknown_sql(name, known, source, where=where)).fetchall()
        return tuple(name for name, _ in found)

    def texts(self, chunk: Chunk, rows: Sequence[int], records: Records, path: FieldPath) -> tuple[Text, ...]:
        """What some accepted records (numbers in the arrays) of a chunk just decoded hold at a path."""
        leaves = self._leaves_of(chunk.path)
        if not rows or path not in leaves:
            return ()
        rejected = {rejection.offset for rejection in records.rejections}
        numbers = [n for n in range(chunk.offset, chunk.offset + chunk.rows) if n not in rejected]
        wanted = {numbers[place]: row for row, place in zip(rows, records.places(rows), strict=True)}
        found = self._connection.execute(
            f"SELECT file_row_number, CAST({leaves[path].sql} AS VARCHAR) AS text "
            f"FROM read_parquet({literal(chunk.path)}, file_row_number = true) "
            f"WHERE file_row_number IN ({', '.join(map(str, wanted))}) AND text <> ''"
        ).fetchall()
        return tuple(Text(wanted[number], text) for number, text in found)

    def _leaves_of(self, file: str) -> dict[FieldPath, _Leaf]:
        """Which of the plan's paths the file has."""
        status = Path(file).stat()
        state = (file, status.st_ino, status.st_size, status.st_mtime_ns)
        if self._known is not None and self._known[0] == state:
            return self._known[1]
        described = self._connection.execute(
            f"DESCRIBE SELECT * FROM read_parquet({literal(file)})"
        ).fetchall()
        names = {name for (name, *_) in described}
        wanted = [*self.plan.paths(), *self.plan.looked_up]
        # A flat column whose name holds the dots is as good as a nested one.
        reached = {
            path: reach(path) if path[0] in names else quote(".".join(path))
            for path in wanted
            if path[0] in names or ".".join(path) in names
        }
        leaves = self._readable(file, reached)
        self._known = (state, leaves)
        return leaves

    def _readable(self, file: str, reached: dict[FieldPath, str]) -> dict[FieldPath, _Leaf]:
        """Types of what can be reached; a field that a nested column does not have is left out."""
        if not reached:
            return {}
        types = ", ".join(f"typeof({sql})" for sql in reached.values())
        try:
            # One row, also of an empty file.
            (found,) = self._connection.execute(
                f"SELECT {types} FROM (SELECT 1) LEFT JOIN "
                f"(SELECT * FROM read_parquet({literal(file)}) LIMIT 1) ON true"
            ).fetchall()
        except duckdb.BinderException:
            if len(reached) == 1:
                return {}
            items = list(reached.items())
            middle = len(items) // 2
            return self._readable(file, dict(items[:middle])) | self._readable(file, dict(items[middle:]))
        return {path: _Leaf(sql, kind) for (path, sql), kind in zip(reached.items(), found, strict=True)}

    def _sql(self, rows: str, leaves: dict[FieldPath, _Leaf], cast: str, *, flags: bool) -> str:
        def value(path: FieldPath) -> str:
            return leaves[path].sql if path in leaves else "NULL"

        def text(path: FieldPath) -> str:
            return f"CAST({value(path)} AS VARCHAR)"

        def number(path: FieldPath) -> str:
            nested = path in leaves and leaves[path].is_nested
            return f"{cast}({text(path) if nested else value(path)} AS DOUBLE)"

        def vector(path: FieldPath) -> str:
            is_list = path in leaves and leaves[path].kind.endswith("]")
            return leaves[path].sql if is_list else text(path)

        timestamp = None
        when = self.plan.timestamp
        if when is not None and when in leaves and leaves[when].kind.startswith("TIMESTAMP"):
            # As it is; its text would say the same, at some cost.
            own = "TIMESTAMPTZ" if leaves[when].kind == "TIMESTAMP WITH TIME ZONE" else "TIMESTAMP"
            timestamp = f"epoch_us(CAST({leaves[when].sql} AS {own}))".format
        select = select_sql(self.plan, number, text, timestamp)
        if flags:
            select += wrong_number_flags(self.plan, value, number)
        return query_sql(self.plan, select, rows, text, vector)

    def _rejections(
        self, chunk: Chunk, rows: str, leaves: dict[FieldPath, _Leaf], bad: IntArray
    ) -> tuple[Rejection, ...]:
        path = self.plan.timestamp
        absent = "true" if path is None or path not in leaves else f"{leaves[path].sql} IS NULL"
        numbers = ", ".join(str(chunk.offset + row) for row in bad.tolist())
        found = self._connection.execute(
            f"SELECT file_row_number, {absent}, to_json(t)::VARCHAR FROM {rows} AS t "
            f"WHERE file_row_number IN ({numbers}) ORDER BY 1"
        ).fetchall()
        return tuple(
            Rejection(
                chunk.path,
                int(row),
                "timestamp_missing" if missing else "timestamp_unreadable",
                absent_or_unreadable(self.plan.timestamp_format),
                record.encode()[:RAW_LIMIT],
                len(record.encode()),
            )
            for row, missing, record in found
        )
