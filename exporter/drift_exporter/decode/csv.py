"""CSV as RFC 4180 has it, with a header; the separator is a comma, semicolon, tab or bar.

Empty fields, NA, null and NULL are missing values. Numbers and timestamps are read as in NDJSON.
"""

import csv as standard_csv
from collections.abc import Sequence

import duckdb
import numpy as np

from drift_exporter.database import connect
from drift_exporter.decode.lines import record_spans
from drift_exporter.decode.plan import BAD_TIMESTAMP, FieldPath, Plan, leaf_types, literal, quote, select_sql
from drift_exporter.decode.records import Records, Trace, from_columns, unreadable_rows, wrong_numbers
from drift_exporter.errors import DecodeError
from drift_exporter.sources.chunk import RAW_LIMIT, Chunk, Rejection
from drift_exporter.sources.memory import MemoryFile

_SEPARATORS = (",", ";", "\t", "|")
_REJECTS = "rejected_records"


class CsvDecoder:
    """Decodes chunks of CSV under one plan. Not safe to share between threads."""

    def __init__(self, plan: Plan, line_limit: int = 1 << 20) -> None:
        self.plan = plan
        self._types = leaf_types(plan)
        self._connection = connect()
        self._memory = MemoryFile()
        self._line_limit = line_limit
        self._header: bytes | None = None
        self._query = ""
        self._lenient = ""

    def close(self) -> None:
        """Close the database and give the memory back."""
        self._connection.close()
        self._memory.close()

    def decode(self, chunk: Chunk) -> Records:
        """Decode whole records. Bad ones are rejections, with their offset in the file."""
        if chunk.header != self._header:
            self._learn(chunk.path, chunk.header)
        self._memory.write(chunk.header, chunk.data)
        try:
            columns = self._connection.execute(self._query).fetchnumpy()
        except duckdb.Error:
            return self._salvage(chunk)
        bad = unreadable_rows(columns)
        if not len(bad):
            return from_columns(self.plan, columns, None, {}, ())
        starts, ends = record_spans(chunk.data)
        if len(starts) != len(next(iter(columns.values()))):
            return self._salvage(chunk)
        rejections = tuple(self._timestamp(chunk, starts[row], ends[row]) for row in bad.tolist())
        keep = np.ones(len(starts), dtype=bool)
        keep[bad] = False
        return from_columns(self.plan, columns, keep, {}, rejections)

    def unknown_versions(self, chunk: Chunk) -> tuple[str, ...]:
        """Versions in a chunk that the plan does not know, most frequent first."""
        names = {name: i for i, name in enumerate(self._names)}
        if self.plan.version is None or ".".join(self.plan.version) not in names:
            return ()
        self._memory.write(chunk.header, chunk.data)
        value = quote(".".join(self.plan.version))
        known = ", ".join(map(literal, self.plan.versions)) or "NULL"
        rows = self._connection.execute(
            f"SELECT {value} AS v, count(*) FROM {self._reader(lenient=True)} "
            f"WHERE v IS NOT NULL AND coalesce(v NOT IN ({known}), true) GROUP BY v ORDER BY 2 DESC, 1"
        ).fetchall()
        self._forget_rejects()
        return tuple(version for version, _ in rows)

    def traces(self, chunk: Chunk, rows: Sequence[int], records: Records) -> tuple[Trace, ...]:
        """Trace ids of some accepted records (numbers in the arrays) of a chunk just decoded."""
        path = self.plan.trace_id
        if path is None or not rows or ".".join(path) not in self._names:
            return ()
        starts, ends = record_spans(chunk.data)
        if records.rejections:
            rejected = [rejection.offset for rejection in records.rejections]
            keep = ~np.isin(starts + chunk.offset, rejected)
            starts, ends = starts[keep], ends[keep]
        column = self._names.index(".".join(path))
        found = []
        for row in rows:
            record = chunk.data[starts[row] : ends[row]].decode()
            fields = next(standard_csv.reader([record], delimiter=self._separator))
            if fields[column]:
                found.append(Trace(row, fields[column]))
        return tuple(found)

    def _learn(self, path: str, header: bytes) -> None:
        try:
            text = header.decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DecodeError(
                f"{path}: the CSV header is not UTF-8 ({error.reason} at byte {error.start})"
            ) from error
        self._separator = max(_SEPARATORS, key=text.count)
        self._names = next(standard_csv.reader([text], delimiter=self._separator), [])
        folded = [name.lower() for name in self._names]
        twice = sorted({name for name in folded if folded.count(name) > 1})
        if twice or not all(folded):
            what = f"names {twice[0]!r} twice" if twice else "has a column without a name"
            raise DecodeError(f"{path}: the CSV header {what}; each column needs a name of its own")
        self._query = self._sql(self._reader(lenient=False), "CAST", flags=False)
        self._lenient = self._sql(self._reader(lenient=True), "TRY_CAST", flags=True)
        self._header = header

    def _reader(self, *, lenient: bool) -> str:
        columns = ", ".join(f"{quote(name)}: 'VARCHAR'" for name in self._names)
        rejects = f", store_rejects = true, rejects_table = '{_REJECTS}', rejects_scan = '{_REJECTS}_scan'"
        return (
            f"read_csv({literal(self._memory.path)}, header = true, auto_detect = false, "
            f"delim = {literal(self._separator)}, quote = '\"', escape = '\"', columns = {{{columns}}}, "
            f"nullstr = ['', 'NA', 'null', 'NULL'], max_line_size = {max(self._line_limit, 1 << 20) + 2}"
            f"{rejects if lenient else ''})"
        )

    def _sql(self, reader: str, cast: str, *, flags: bool) -> str:
        names = set(self._names)

        def text(path: FieldPath) -> str:
            name = ".".join(path)
            return quote(name) if name in names else "NULL::VARCHAR"

        def number(path: FieldPath) -> str:
            return f"{cast}({text(path)} AS DOUBLE)"

        select = select_sql(self.plan, number, text)
        if flags:
            select += [
                f"({text(leaf.path)} IS NOT NULL AND {number(leaf.path)} IS NULL)::UTINYINT AS w{i}"
                for i, leaf in enumerate(self.plan.numeric)
            ]
        return f"SELECT {', '.join(select)} FROM {reader}"

    def _salvage(self, chunk: Chunk) -> Records:
        self._memory.write(chunk.header, chunk.data)
        try:
            columns = self._connection.execute(self._lenient).fetchnumpy()
            rejected = self._rejects()
        finally:
            self._forget_rejects()
        starts, ends = record_spans(chunk.data)
        wrong = np.zeros(len(starts), dtype=bool)
        rejections = []
        for position, message in rejected:
            # The record that holds the byte where reading it failed.
            row = int(np.searchsorted(starts, position - len(chunk.header), side="right")) - 1
            if row >= 0 and not wrong[row]:
                wrong[row] = True
                rejections.append(self._rejection(chunk, starts[row], ends[row], "malformed", message))
        left = np.flatnonzero(~wrong)
        rows = len(next(iter(columns.values())))
        bad = unreadable_rows(columns)
        if len(left) == rows:
            rejections += [self._timestamp(chunk, starts[left[row]], ends[left[row]]) for row in bad.tolist()]
        elif len(bad) or rows + len(rejections) < len(starts):
            raise DecodeError(
                f"{chunk.path}: the CSV records from byte {chunk.offset} on cannot be told apart; "
                "is a quote left open?"
            )
        keep = np.ones(rows, dtype=bool)
        keep[bad] = False
        return from_columns(
            self.plan, columns, keep, wrong_numbers(self.plan, columns, keep), tuple(rejections)
        )

    def _rejects(self) -> list[tuple[int, str]]:
        found = self._connection.execute(
            f"SELECT line_byte_position, first(error_message ORDER BY error_message) FROM {_REJECTS} "
            "GROUP BY line_byte_position ORDER BY 1"
        ).fetchall()
        return [(int(position) - 1, str(message).splitlines()[0]) for position, message in found]

    def _forget_rejects(self) -> None:
        self._connection.execute(f"DROP TABLE IF EXISTS {_REJECTS}; DROP TABLE IF EXISTS {_REJECTS}_scan")

    def _timestamp(self, chunk: Chunk, start: int, end: int) -> Rejection:
        record = chunk.data[start:end]
        path = self.plan.timestamp
        reason = "timestamp_unreadable"
        if path is not None:
            fields = next(
                standard_csv.reader([record.decode("utf-8", "replace")], delimiter=self._separator), []
            )
            by_name = dict(zip(self._names, fields, strict=False))
            if by_name.get(".".join(path), "") in {"", "NA", "null", "NULL"}:
                reason = "timestamp_missing"
        return self._rejection(chunk, start, end, reason, BAD_TIMESTAMP)

    def _rejection(self, chunk: Chunk, start: int, end: int, reason: str, detail: str) -> Rejection:
        raw = chunk.data[start:end]
        return Rejection(chunk.path, chunk.offset + int(start), reason, detail, raw[:RAW_LIMIT], len(raw))
