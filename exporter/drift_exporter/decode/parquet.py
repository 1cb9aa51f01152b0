"""Parquet: read by DuckDB from the file itself, a stretch of rows at a time."""

from collections.abc import Sequence

import duckdb
import numpy as np

from drift_exporter.database import connect
from drift_exporter.decode.plan import BAD_TIMESTAMP, FieldPath, Plan, check_paths, literal, quote, select_sql
from drift_exporter.decode.records import Records, Trace, from_columns, unreadable_rows, wrong_numbers
from drift_exporter.reference.model import IntArray
from drift_exporter.sources.chunk import RAW_LIMIT, Chunk, Rejection


class ParquetDecoder:
    """Decodes stretches of rows under one plan. Not safe to share between threads."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        check_paths(dict.fromkeys((*plan.number_paths(), *plan.text_paths()), ""))
        self._connection = connect()
        self._known: tuple[str, dict[FieldPath, str]] | None = None

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def decode(self, chunk: Chunk) -> Records:
        """Decode a stretch of rows. Rows without a usable timestamp are rejections."""
        types = self._types_of(chunk.path)
        rows = (
            f"(SELECT * FROM read_parquet({literal(chunk.path)}, file_row_number = true) WHERE "
            f"file_row_number >= {chunk.offset} AND file_row_number < {chunk.offset + chunk.rows})"
        )
        invalid = {}
        try:
            columns = self._connection.execute(self._sql(rows, types, "CAST", flags=False)).fetchnumpy()
        except duckdb.ConversionException:
            columns = self._connection.execute(self._sql(rows, types, "TRY_CAST", flags=True)).fetchnumpy()
            keep = np.ones(len(next(iter(columns.values()))), dtype=bool)
            keep[unreadable_rows(columns)] = False
            invalid = dict(wrong_numbers(self.plan, columns, keep))
        bad = unreadable_rows(columns)
        if not len(bad):
            return from_columns(self.plan, columns, None, invalid, ())
        keep = np.ones(len(next(iter(columns.values()))), dtype=bool)
        keep[bad] = False
        return from_columns(self.plan, columns, keep, invalid, self._rejections(chunk, rows, types, bad))

    def unknown_versions(self, chunk: Chunk) -> tuple[str, ...]:
        """Versions in a chunk that the plan does not know, most frequent first."""
        types = self._types_of(chunk.path)
        path = self.plan.version
        if path is None or path not in types:
            return ()
        known = ", ".join(map(literal, self.plan.versions)) or "NULL"
        found = self._connection.execute(
            f"SELECT CAST({_reach(path)} AS VARCHAR) AS v, count(*) "
            f"FROM read_parquet({literal(chunk.path)}, file_row_number = true) "
            f"WHERE file_row_number >= {chunk.offset} AND file_row_number < {chunk.offset + chunk.rows} "
            f"AND v IS NOT NULL AND coalesce(v NOT IN ({known}), true) GROUP BY v ORDER BY 2 DESC, 1"
        ).fetchall()
        return tuple(version for version, _ in found)

    def traces(self, chunk: Chunk, rows: Sequence[int], records: Records) -> tuple[Trace, ...]:
        """Trace ids of some accepted records (numbers in the arrays) of a chunk just decoded."""
        path = self.plan.trace_id
        if path is None or not rows or path not in self._types_of(chunk.path):
            return ()
        rejected = {rejection.offset for rejection in records.rejections}
        numbers = [n for n in range(chunk.offset, chunk.offset + chunk.rows) if n not in rejected]
        wanted = {numbers[row]: row for row in rows}
        found = self._connection.execute(
            f"SELECT file_row_number, CAST({_reach(path)} AS VARCHAR) AS trace "
            f"FROM read_parquet({literal(chunk.path)}, file_row_number = true) "
            f"WHERE file_row_number IN ({', '.join(map(str, wanted))}) AND trace <> ''"
        ).fetchall()
        return tuple(Trace(wanted[number], trace) for number, trace in found)

    def _types_of(self, file: str) -> dict[FieldPath, str]:
        """Which of the plan's paths the file has, and their types."""
        if self._known is not None and self._known[0] == file:
            return self._known[1]
        names = {
            name
            for (name, *_) in self._connection.execute(
                f"DESCRIBE SELECT * FROM read_parquet({literal(file)})"
            ).fetchall()
        }
        types = {}
        wanted = [*self.plan.number_paths(), *self.plan.text_paths()]
        if self.plan.trace_id is not None:
            wanted.append(self.plan.trace_id)
        for path in wanted:
            # A flat column whose name holds the dots is as good as a nested one.
            reachable = path if path[0] in names else (".".join(path),)
            if reachable[0] not in names:
                continue
            try:
                found = self._connection.execute(
                    f"SELECT typeof({_reach(reachable)}) FROM read_parquet({literal(file)}) LIMIT 1"
                ).fetchone()
            except duckdb.BinderException:
                continue
            types[path] = found[0] if found else "VARCHAR"
        self._known = (file, types)
        return types

    def _sql(self, rows: str, types: dict[FieldPath, str], cast: str, *, flags: bool) -> str:
        def value(path: FieldPath) -> str:
            return _reach(path) if path in types else "NULL"

        def text(path: FieldPath) -> str:
            return f"CAST({value(path)} AS VARCHAR)"

        def number(path: FieldPath) -> str:
            through = (
                text(path)
                if types.get(path, "").startswith(("STRUCT", "MAP")) or "[" in types.get(path, "")
                else value(path)
            )
            return f"{cast}({through} AS DOUBLE)"

        select = select_sql(self.plan, number, text)
        if flags:
            select += [
                f"({value(leaf.path)} IS NOT NULL AND {number(leaf.path)} IS NULL)::UTINYINT AS w{i}"
                for i, leaf in enumerate(self.plan.numeric)
            ]
        return f"SELECT {', '.join(select)} FROM {rows}"

    def _rejections(
        self, chunk: Chunk, rows: str, types: dict[FieldPath, str], bad: IntArray
    ) -> tuple[Rejection, ...]:
        path = self.plan.timestamp
        absent = "true" if path is None or path not in types else f"{_reach(path)} IS NULL"
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
                BAD_TIMESTAMP,
                record.encode()[:RAW_LIMIT],
                len(record.encode()),
            )
            for row, missing, record in found
        )


def _reach(path: FieldPath) -> str:
    sql = quote(path[0])
    for key in path[1:]:
        sql = f"struct_extract({sql}, {literal(key)})"
    return sql
