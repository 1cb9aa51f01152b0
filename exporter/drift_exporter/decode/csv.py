"""CSV as RFC 4180 has it, with a header; the separator is a comma, semicolon, tab or bar.

Empty fields, NA, null and NULL are missing values. Numbers and timestamps are read as in NDJSON. A clean
chunk is read in one pass; where something is wrong, its records are told apart (``sources.csvrecords``).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from drift_exporter.database import QUERY_ERRORS, connect
from drift_exporter.decode.derived import query_sql
from drift_exporter.decode.lines import gather
from drift_exporter.decode.plan import (
    FieldPath,
    Names,
    Plan,
    check_paths,
    literal,
    quote,
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
from drift_exporter.errors import DecodeError
from drift_exporter.reference.model import IntArray
from drift_exporter.sources.chunk import RAW_LIMIT, Chunk, Rejection
from drift_exporter.sources.csvrecords import Shape, fields_of, shape_of
from drift_exporter.sources.memory import MemoryFile
from drift_exporter.sources.text import may_hold_long_lines, too_long

_REJECTS = "rejected_records"


class CsvDecoder:
    """Decodes chunks of CSV under one plan. Not safe to share between threads."""

    def __init__(self, plan: Plan, line_limit: int = 1 << 20, bounds: Bounds = UNBOUNDED) -> None:
        self.plan = plan
        check_paths(plan.paths())
        self._bounds = bounds
        self._connection = connect(bounds.memory)
        check_form(self._connection, plan.timestamp_format)
        self._memory = MemoryFile()
        self._line_limit = line_limit
        self._header: bytes | None = None
        self._shape = Shape(",", (), line_limit)
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
        self._bounds.check(chunk, chunk.data.count(b"\n"))
        if may_hold_long_lines(chunk.data, self._line_limit):
            return self._salvage(chunk)
        self._memory.write(self._header_like(chunk.data), chunk.data)
        try:
            columns = fetch(self._connection.execute(self._query), self.plan)
        except QUERY_ERRORS:
            return self._salvage(chunk)
        bad = unreadable_rows(columns)
        if not len(bad):
            return from_columns(self.plan, columns, None, {}, ())
        starts, ends, wrong = self._shape.spans(chunk.data)
        if wrong.any() or len(starts) != len(next(iter(columns.values()))):
            return self._salvage(chunk)
        rejections = tuple(self._timestamp(chunk, starts[row], ends[row]) for row in bad.tolist())
        keep = np.ones(len(starts), dtype=bool)
        keep[bad] = False
        return from_columns(self.plan, columns, keep, {}, rejections)

    def unknown(self, chunk: Chunk, names: Names) -> tuple[str, ...]:
        """Names in a chunk that are not known yet, most frequent first."""
        path, known, own = names.path, names.known, names.own
        if chunk.header != self._header:
            self._learn(chunk.path, chunk.header)
        if path is None or not {".".join(path), ".".join(own or path)} <= set(self._names):
            return ()
        self._memory.write(*self._good(chunk))
        where = "true" if own is None else f"{quote('.'.join(own))} = {literal(self.plan.models[0])}"
        query = unknown_sql(quote(".".join(path)), known, self._reader(lenient=True), where=where)
        try:
            rows = self._connection.execute(query).fetchall()
        except QUERY_ERRORS:
            # One record too bad for the reader: look at half of them, and half of them.
            starts, _, bad = self._shape.spans(chunk.data)
            half = int(np.count_nonzero(~bad)) // 2
            if not half:
                return ()
            middle = int(starts[~bad][half])
            halves = (chunk.data[:middle], chunk.data[middle:])
            found = [self.unknown(replace(chunk, data=half), names) for half in halves]
            return tuple(dict.fromkeys(name for names in found for name in names))
        finally:
            self._forget_rejects()
        return tuple(name for name, _ in rows)

    def texts(self, chunk: Chunk, rows: Sequence[int], records: Records, path: FieldPath) -> tuple[Text, ...]:
        """What some accepted records (numbers in the arrays) of a chunk just decoded hold at a path."""
        if not rows or ".".join(path) not in self._names:
            return ()
        starts, ends, _ = self._shape.spans(chunk.data)
        rejected = [rejection.offset for rejection in records.rejections]
        keep = ~np.isin(starts + chunk.offset, rejected)
        starts, ends = starts[keep], ends[keep]
        if len(starts) != records.accepted:
            return ()
        column = self._names.index(".".join(path))
        found = []
        for row, place in zip(rows, records.places(rows), strict=True):
            # What is in fields that nobody reads may be anything.
            record = chunk.data[starts[place] : ends[place]].decode(errors="replace")
            fields = fields_of(record, self._separator)
            if column < len(fields) and fields[column]:
                found.append(Text(row, fields[column]))
        return tuple(found)

    def _learn(self, path: str, header: bytes) -> None:
        try:
            text = header.decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DecodeError(
                f"{path}: the CSV header is not UTF-8 ({error.reason} at byte {error.start})"
            ) from error
        self._shape = shape_of(header, self._line_limit)
        self._separator, self._names = self._shape.separator, list(self._shape.names)
        if not text.strip():
            raise DecodeError(f"{path}: the CSV header is empty; the first line must name the columns")
        if not self._names:
            raise DecodeError(
                f"{path}: the CSV header holds a carriage return outside quotes; "
                "end lines with a newline, or a carriage return and a newline"
            )
        # The reader would take all that follows for a part of the header.
        if not self._shape.is_record(text.encode()):
            raise DecodeError(
                f"{path}: in the CSV header a quote is not closed, or not where the name ends; "
                "close it in the same line, or leave the quotes out"
            )
        folded = [name.lower() for name in self._names]
        twice = sorted({name for name in folded if folded.count(name) > 1})
        if twice or not all(folded):
            what = f"names {twice[0]!r} twice" if twice else "has a column without a name"
            raise DecodeError(f"{path}: the CSV header {what}; each column needs a name of its own")
        self._query = self._sql(self._reader(lenient=False), flags=False)
        self._lenient = self._sql(self._reader(lenient=True), flags=True)
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

    def _sql(self, reader: str, *, flags: bool) -> str:
        names = set(self._names)

        def text(path: FieldPath) -> str:
            name = ".".join(path)
            return quote(name) if name in names else "NULL::VARCHAR"

        def number(path: FieldPath) -> str:
            if not flags:
                return f"CAST({text(path)} AS DOUBLE)"
            truth = f"CASE lower({text(path)}) WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 END"
            return f"coalesce(TRY_CAST({text(path)} AS DOUBLE), {truth})"

        select = select_sql(self.plan, number, text)
        if flags:
            select += wrong_number_flags(self.plan, text, number)
        return query_sql(self.plan, select, reader, text)

    def _salvage(self, chunk: Chunk) -> Records:
        """Read a chunk that has something wrong in it."""
        starts, ends, bad = self._shape.spans(chunk.data)
        rejections = [self._bad_line(chunk, start, end) for start, end in _pairs(starts[bad], ends[bad])]
        starts, ends = starts[~bad], ends[~bad]
        columns, wrong = self._read_leniently(chunk.data, starts, ends)
        rejections += [
            self._rejection(chunk, starts[row], ends[row], "malformed", message)
            for row, message in wrong.items()
        ]
        left = np.ones(len(starts), dtype=bool)
        left[list(wrong)] = False
        starts, ends = starts[left], ends[left]
        rows = unreadable_rows(columns)
        rejections += [self._timestamp(chunk, *pair) for pair in _pairs(starts[rows], ends[rows])]
        rejections.sort(key=lambda rejection: rejection.offset)
        keep = np.ones(len(starts), dtype=bool)
        keep[rows] = False
        return from_columns(
            self.plan, columns, keep, wrong_numbers(self.plan, columns, keep), tuple(rejections)
        )

    def _read_leniently(
        self, data: bytes, starts: IntArray, ends: IntArray
    ) -> tuple[Columns, dict[int, str]]:
        """Columns of the records that can be read, and why not for the others, by number."""
        header = self._header_like(b"")
        self._memory.write(header, gather(data, starts, ends))
        try:
            columns: Columns = fetch(self._connection.execute(self._lenient), self.plan)
            rejected = self._rejects()
        except QUERY_ERRORS as error:
            columns, rejected = {}, [(0, str(error).splitlines()[0])]
        finally:
            self._forget_rejects()
        lengths = ends - starts + 1
        place = np.cumsum(lengths) - lengths + len(header)
        wrong: dict[int, str] = {}
        for position, message in rejected:
            # The record that holds the byte where reading it failed.
            wrong.setdefault(int(np.searchsorted(place, position, side="right")) - 1, message)
        if columns and len(next(iter(columns.values()))) == len(starts) - len(wrong) and -1 not in wrong:
            return columns, wrong
        if len(starts) <= 1:
            # Whatever the reader made of a record that is wrong, it does not count.
            empty = self._read_leniently(b"", starts[:0], ends[:0])[0] if len(starts) else columns
            message = rejected[0][1] if rejected else "the record cannot be told from the next"
            return empty, dict.fromkeys(range(len(starts)), message)
        # The reader and we disagree on what a record is. Halve until the one at fault stands alone.
        half = len(starts) // 2
        first, wrong = self._read_leniently(data, starts[:half], ends[:half])
        second, more = self._read_leniently(data, starts[half:], ends[half:])
        wrong |= {half + row: message for row, message in more.items()}
        return {name: np.concatenate([first[name], second[name]]) for name in first}, wrong

    def _header_like(self, data: bytes) -> bytes:
        """The header with the line ending of ``data``; the reader takes one kind only."""
        end = data.find(b"\n")
        header = (self._header or b"").rstrip(b"\r\n")
        return header + (b"\r\n" if end > 0 and data[end - 1 : end] == b"\r" else b"\n")

    def _good(self, chunk: Chunk) -> tuple[bytes, bytes]:
        """Header and records of a chunk, those left out that are no records."""
        starts, ends, bad = self._shape.spans(chunk.data)
        return self._header_like(b""), gather(chunk.data, starts[~bad], ends[~bad])

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
            fields = fields_of(record.decode("utf-8", "replace"), self._separator)
            by_name = dict(zip(self._names, fields, strict=False))
            if fields and by_name.get(".".join(path), "") in {"", "NA", "null", "NULL"}:
                reason = "timestamp_missing"
        return self._rejection(chunk, start, end, reason, absent_or_unreadable(self.plan.timestamp_format))

    def _bad_line(self, chunk: Chunk, start: int, end: int) -> Rejection:
        if end - start > self._line_limit:
            raw = chunk.data[start : min(end, start + RAW_LIMIT)]
            return too_long(chunk.path, chunk.offset + start, raw, end - start, self._line_limit)
        text = "a quote is not closed, or not where the field ends"
        return self._rejection(chunk, start, end, "malformed", text)

    def _rejection(self, chunk: Chunk, start: int, end: int, reason: str, detail: str) -> Rejection:
        raw = chunk.data[start:end]
        if reason == "malformed":
            try:
                raw.decode()
            except UnicodeDecodeError as error:
                reason, detail = "invalid_utf8", f"invalid UTF-8 at byte {error.start} of the record"
        return Rejection(chunk.path, chunk.offset + int(start), reason, detail, raw[:RAW_LIMIT], len(raw))


def _pairs(starts: IntArray, ends: IntArray) -> list[tuple[int, int]]:
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
