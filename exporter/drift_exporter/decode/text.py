"""Lines of text, taken apart by a regular expression with named groups (RE2), which DuckDB runs.

A line that the expression does not match anywhere is rejected. A group that took no part, an empty one, and
``-``, NA, null and NULL are missing values. Numbers and timestamps are read as in CSV.
"""

from collections.abc import Iterable, Sequence

import duckdb
import numpy as np

from drift_exporter.database import QUERY_ERRORS, connect
from drift_exporter.decode.derived import query_sql
from drift_exporter.decode.lines import broken_line, gather, line_spans, plain_lines, without_broken
from drift_exporter.decode.patterns import group_of, parse_pattern
from drift_exporter.decode.plan import (
    FieldPath,
    Names,
    Plan,
    check_paths,
    literal,
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
from drift_exporter.errors import ConfigurationError
from drift_exporter.sources.chunk import RAW_LIMIT, Chunk, Rejection
from drift_exporter.sources.memory import MemoryFile

MISSING = ("", "-", "NA", "null", "NULL")
"""Values of groups that stand for none."""

_WHITE = " \t\n\v\f\r"


class TextDecoder:
    """Decodes chunks of lines under one plan and pattern. Not safe to share between threads."""

    def __init__(self, plan: Plan, pattern: str, bounds: Bounds = UNBOUNDED) -> None:
        """Raise ConfigurationError where the pattern cannot be used, or lacks a group that is read."""
        self.plan = plan
        check_paths(plan.paths())
        try:
            self._pattern = parse_pattern(pattern)
        except ValueError as error:
            raise ConfigurationError(f"pattern {pattern!r} cannot be used: {error}") from error
        self._bounds = bounds
        self._connection = connect(bounds.memory)
        self._memory = MemoryFile()
        try:
            check_form(self._connection, plan.timestamp_format)
            self._check_pattern(pattern)
            self._strict, self._lenient = self._query(lenient=False), self._query(lenient=True)
        except ConfigurationError:
            self.close()
            raise

    def close(self) -> None:
        """Close the database and give the memory back."""
        self._connection.close()
        self._memory.close()

    def decode(self, chunk: Chunk) -> Records:
        """Decode whole lines. Those that do not match are rejections, with their offset in the file."""
        body, offset = plain_lines(chunk)
        self._bounds.check(chunk, body.count(b"\n"))
        columns, broken, lenient = self._read(body)
        bad = columns["matched"] != 1
        bad[unreadable_rows(columns)] = True
        keep = None
        rejections: tuple[Rejection, ...] = ()
        if broken or bad.any():
            starts, ends = line_spans(body)
            good = np.ones(len(starts), dtype=bool)
            good[broken] = False
            told = [
                broken_line(chunk.path, offset + start, body[start:end])
                for start, end in zip(starts[broken].tolist(), ends[broken].tolist(), strict=True)
            ]
            starts, ends = starts[good], ends[good]
            for row in np.flatnonzero(bad).tolist():
                reason, detail = self._why(columns, row)
                raw = body[starts[row] : ends[row]]
                place = offset + int(starts[row])
                told.append(Rejection(chunk.path, place, reason, detail, raw[:RAW_LIMIT], len(raw)))
            rejections = tuple(sorted(told, key=lambda rejection: rejection.offset))
            keep = ~bad
        invalid = {}
        if lenient:
            invalid = dict(wrong_numbers(self.plan, columns, ~bad))
        return from_columns(self.plan, columns, keep, invalid, rejections)

    def unknown(self, chunk: Chunk, names: Names) -> tuple[str, ...]:
        """Names in a chunk that are not known yet, most frequent first."""
        if names.path is None:
            return ()
        self._write(plain_lines(chunk)[0])
        paths = [names.path, *(() if names.own is None else (names.own,))]
        where = "true" if names.own is None else f"v1 = {literal(self.plan.models[0])}"
        query = unknown_sql("v0", names.known, f"({self._values(paths)})", where=where)
        return tuple(name for name, _ in self._connection.execute(query).fetchall())

    def texts(self, chunk: Chunk, rows: Sequence[int], records: Records, path: FieldPath) -> tuple[Text, ...]:
        """What some accepted records (numbers in the arrays) of a chunk just decoded hold at a path."""
        if not rows:
            return ()
        body, offset = plain_lines(chunk)
        starts, ends = line_spans(body)
        rejected = [rejection.offset - offset for rejection in records.rejections]
        keep = ~np.isin(starts, rejected)
        places = records.places(rows)
        self._memory.write(gather(body, starts[keep][places], ends[keep][places]))
        found = self._connection.execute(self._values([path])).fetchall()
        return tuple(Text(row, text) for row, (text, _) in zip(rows, found, strict=True) if text)

    def _check_pattern(self, pattern: str) -> None:
        wanted = [*self.plan.paths(), *self.plan.looked_up]
        missing = [path for path in wanted if group_of(path) not in self._pattern.names]
        if missing:
            raise ConfigurationError(
                f"field {'.'.join(missing[0])!r} leads to the group {group_of(missing[0])!r}, which the "
                f"pattern {pattern!r} does not have; it has: {', '.join(self._pattern.names)}"
            )
        try:
            self._connection.execute(f"SELECT {self._extract(literal(''), self._pattern.names)}")
        except QUERY_ERRORS as error:
            why = str(error).splitlines()[0].removeprefix("Binder Error: ")
            raise ConfigurationError(
                f"pattern {pattern!r} cannot be used: {why}; the syntax is that of RE2, "
                "https://github.com/google/re2/wiki/Syntax"
            ) from error

    def _extract(self, line: str, wanted: Sequence[str]) -> str:
        """SQL for a struct of what the groups hold: g0 for the whole, g1 and on for those in order."""
        names = ", ".join(f"'g{i}'" for i in range(len(wanted) + 1))
        return f"regexp_extract({line}, {literal(f'({self._pattern.capturing(wanted)})')}, [{names}])"

    def _values(self, paths: Iterable[FieldPath]) -> str:
        """Query for the values at these paths as v0 and on, and whether a line matched."""
        missing = ", ".join(map(literal, MISSING))
        groups = [group_of(path) for path in paths]
        wanted = [name for name in self._pattern.names if name in groups]
        held = {f"v{i}": f"g.g{wanted.index(name) + 1}" for i, name in enumerate(groups)}
        values = "".join(
            f"CASE WHEN {group} IN ({missing}) THEN NULL ELSE {group} END AS {name}, "
            for name, group in held.items()
        )
        file = literal(self._memory.path)
        lines = f"SELECT unnest(string_split(content, chr(10))) AS l FROM read_text({file})"
        held_in = f"SELECT {self._extract('l', wanted)} AS g FROM ({lines})"
        return (
            f"SELECT {values}(g.g0 <> '')::UTINYINT AS matched "
            f"FROM ({held_in} WHERE trim(l, {literal(_WHITE)}) <> '')"
        )

    def _query(self, *, lenient: bool) -> str:
        paths = tuple(dict.fromkeys(self.plan.paths()))
        names = {path: f"v{i}" for i, path in enumerate(paths)}

        def number(path: FieldPath) -> str:
            text = names[path]
            if not lenient:
                return f"CAST({text} AS DOUBLE)"
            truth = f"CASE lower({text}) WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 END"
            return f"coalesce(TRY_CAST({text} AS DOUBLE), {truth})"

        select = [*select_sql(self.plan, number, names.__getitem__), "matched"]
        if self.plan.timestamp is not None:
            select.append(f"({names[self.plan.timestamp]} IS NULL)::UTINYINT AS no_timestamp")
        if lenient:
            select += wrong_number_flags(self.plan, names.__getitem__, number)
        return query_sql(self.plan, select, f"({self._values(paths)})", names.__getitem__)

    def _read(self, body: bytes) -> tuple[Columns, list[int], bool]:
        """Columns of the lines, numbers of those among them that are not text, and whether leniently."""
        self._memory.write(_without_returns(body))
        try:
            return fetch(self._connection.execute(self._strict), self.plan), [], False
        except QUERY_ERRORS as error:
            if isinstance(error, duckdb.OutOfMemoryException):
                raise
        broken = self._write(body)
        return fetch(self._connection.execute(self._lenient), self.plan), broken, True

    def _write(self, body: bytes) -> list[int]:
        """Have the lines in memory, blanks for those that are not UTF-8; gives the numbers of these."""
        blanked, broken = without_broken(body)
        self._memory.write(_without_returns(blanked))
        return broken

    def _why(self, columns: Columns, row: int) -> tuple[str, str]:
        if columns["matched"][row] != 1:
            return "malformed", "the pattern does not match the line"
        missing = columns["no_timestamp"][row] == 1
        reason = "timestamp_missing" if missing else "timestamp_unreadable"
        return reason, absent_or_unreadable(self.plan.timestamp_format)


def _without_returns(text: bytes) -> bytes:
    """The text without the carriage returns that end lines."""
    return text.replace(b"\r\n", b"\n").removesuffix(b"\r") if b"\r" in text else text
