"""NDJSON: one JSON object a line, read by DuckDB straight into arrays.

A clean chunk is read in one pass, strictly. DuckDB refuses the whole chunk where a single value is bad, so
a refused chunk is read again leniently (bad lines and bad values become NULL), and only the lines in which
something is NULL are looked at closely, to tell a missing value from a wrong one and a record from garbage.

What DuckDB takes as a number: JSON numbers, NaN and Infinity as Python writes them, numbers in quotes, true
and false as 1 and 0. Where a key stands twice in a line, the first one counts.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from drift_exporter.database import QUERY_ERRORS, connect
from drift_exporter.decode.derived import VECTOR, query_sql
from drift_exporter.decode.lines import gather, line_spans
from drift_exporter.decode.ndjson_sql import inspect_sql, inspections, reader_sql, wrong_values_sql
from drift_exporter.decode.plan import (
    CODE_FIRST,
    UNREADABLE,
    FieldPath,
    Names,
    Plan,
    category_sql,
    codes_of_positions,
    known_values,
    leaf_types,
    literal,
    position_sql,
    reach,
    select_sql,
    unknown_sql,
)
from drift_exporter.decode.records import (
    UNBOUNDED,
    Bounds,
    Columns,
    Records,
    Text,
    concatenate,
    fetch,
    from_columns,
    has_empty_rows,
    not_ours,
    unreadable_rows,
)
from drift_exporter.decode.rejections import reason_of, rejection_of
from drift_exporter.decode.timestamps import check_form
from drift_exporter.reference.model import IntArray, Kind, Subspace
from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.memory import MemoryFile

T = TypeVar("T")

_TYPED_TIMESTAMP = "epoch_us({})".format
_BOM = b"\xef\xbb\xbf"
_NULL_LINE = re.compile(rb"(?:\A|\n)[ \t\r\v\f]*null")
_PIECE = 4 << 20
_STATEMENTS = 20
# Bytes that the JSON reader takes, and each column that looks into lines; and how many of these at the most.
_READER, _COLUMN, _MOST = 48 << 20, 3 << 20, 64
# What is NULL in a line: nothing, something, or all that was looked for in one object (so it may be none).
_INCOMPLETE, _STRANGE = 1, 2


class NdjsonDecoder:
    """Decodes chunks of NDJSON under one plan. Not safe to share between threads."""

    def __init__(self, plan: Plan, line_limit: int = 1 << 20, bounds: Bounds = UNBOUNDED) -> None:
        self.plan = plan
        self._types = leaf_types(plan)
        self._bounds = bounds
        self._connection = connect(bounds.memory)
        check_form(self._connection, plan.timestamp_format)
        self._memory = MemoryFile()
        self._line_limit = line_limit
        self._strict_queries: dict[tuple[str, bool, bool, bool], str] = {}
        # Positions among the known values are found fastest, and tell all as long as there are no others.
        self._known = known_values(plan)
        self._all_known = bool(self._known)
        self._statements: dict[str, str] = {}
        # Timestamps in RFC 3339 are read fastest by the JSON reader itself, which refuses numbers; so are
        # vectors, which it refuses as text. What was refused once is not tried again.
        self._vectors = _vector_paths(plan)
        self._ways = [
            (typed, vectors)
            for vectors in ((True, False) if self._vectors else (False,))
            for typed in ((True, False) if _has_usual_timestamp(plan) else (False,))
        ]
        lenient = reader_sql(self._memory.path, self._types, line_limit, lenient=True)
        self._lenient = self._query(lenient, "TRY_CAST", null_column=True)

    def close(self) -> None:
        """Close the database and give the memory back."""
        self._connection.close()
        self._memory.close()

    def decode(self, chunk: Chunk) -> Records:
        """Decode whole lines. Bad ones are rejections, with their offset in the file."""
        if chunk.data.startswith(_BOM) or (chunk.memory is not None and chunk.memory.starts_with(_BOM)):
            if chunk.offset > 0:
                # The reader would skip it, but only a file may begin with one.
                return self._salvage_all(chunk)
            chunk = _without_mark(chunk)
        columns = self._read_strictly(chunk)
        if columns is None or len(unreadable_rows(columns)) or self._holds_null(columns, chunk):
            # Given back first: what follows needs the memory.
            columns = None
            return self._salvage_all(chunk)
        return from_columns(self.plan, columns, None, {}, ())

    def _read_strictly(self, chunk: Chunk) -> Columns | None:
        """Columns of a chunk in which nothing is wrong, else None."""
        file = self._memory
        if chunk.memory is not None:
            file = chunk.memory
        else:
            file.write(chunk.data)
        for tried, (typed, vectors) in enumerate(self._ways):
            try:
                columns = self._run(self._strict(file.path, typed=typed, vectors=vectors), self.plan)
            except QUERY_ERRORS:
                continue
            self._ways = self._ways[tried:]
            self._bounds.check(chunk, len(next(iter(columns.values()))))
            if not self._all_known:
                return columns
            found = self._codes_of_positions(columns)
            if found is not None:
                return found
            # Where one value was unseen there will be more; that cannot tell them from objects and lists.
            self._all_known = False
            return self._read_strictly(chunk)
        return None

    def _codes_of_positions(self, columns: Columns) -> Columns | None:
        """Columns with codes for positions among the known values, None where there are other values."""
        codes: dict[str, NDArray[Any]] = {}
        for name, known in self._known.items():
            if not columns[name].all():
                return None
            codes[name] = codes_of_positions(columns[name], known)
        return {**columns, **codes}

    def _holds_null(self, columns: Columns, chunk: Chunk) -> bool:
        """Whether a line may be just ``null``, of which the reader makes a record that lacks everything."""
        if self.plan.timestamp is not None and self.plan.model is None:
            # Then it lacks the timestamp.
            return False
        return has_empty_rows(columns) and _NULL_LINE.search(chunk.content) is not None

    def _strict(self, path: str, *, typed: bool, vectors: bool) -> str:
        """Query that reads a file strictly, the timestamp and vectors as such or as text."""
        query = self._strict_queries.get((path, typed, vectors, self._all_known))
        if query is None:
            types = dict(self._types)
            if typed and self.plan.timestamp is not None:
                types[self.plan.timestamp] = "TIMESTAMPTZ"
            if vectors:
                types |= dict.fromkeys(self._vectors, VECTOR)
            reader = reader_sql(path, types, self._line_limit, lenient=False)
            # One more than may be tells that there are more, before there is memory for all.
            limit = "" if self._bounds.rows is None else f" LIMIT {self._bounds.rows + 1}"
            category = position_sql if self._all_known else category_sql
            query = self._query(reader + limit, "CAST", typed=typed, category=category)
            self._strict_queries[path, typed, vectors, self._all_known] = query
        return query

    def unknown(self, chunk: Chunk, names: Names) -> tuple[str, ...]:
        """Names in a chunk that are not known yet, most frequent first."""
        path, known, own = names.path, names.known, names.own
        if path is None:
            return ()
        self._memory.write(_without_mark(chunk).content)
        types = dict.fromkeys((path, *(() if own is None else (own,))), "VARCHAR")
        reader = reader_sql(self._memory.path, types, self._line_limit, lenient=True)
        where = "true" if own is None else f"{reach(own)} = {literal(self.plan.models[0])}"
        rows = self._connection.execute(unknown_sql(reach(path), known, reader, where=where)).fetchall()
        return tuple(name for name, _ in rows)

    def texts(self, chunk: Chunk, rows: Sequence[int], records: Records, path: FieldPath) -> tuple[Text, ...]:
        """What some accepted records (numbers in the arrays) of a chunk just decoded hold at a path."""
        if not rows:
            return ()
        places = records.places(rows)
        data, starts, ends, first = self._last_lines(chunk, records, min(places))
        found = []
        for row, place in zip(rows, places, strict=True):
            try:
                value = json.loads(data[starts[place - first] : ends[place - first]])
                for key in path:
                    value = value[key]
            except (ValueError, KeyError, TypeError, IndexError):
                continue
            if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
                found.append(Text(row, str(value)))
        return tuple(found)

    def _last_lines(self, chunk: Chunk, records: Records, row: int) -> tuple[bytes, IntArray, IntArray, int]:
        """Text and spans of the accepted lines from some line up to ``row`` on, and that line's number."""
        length = 1 << 20
        while True:
            data = chunk.data[-length:] if chunk.memory is None else chunk.memory.tail(length)
            whole = len(data) < length
            cut = 0 if whole else data.find(b"\n") + 1
            starts, ends = line_spans(data[cut:])
            if records.rejections:
                rejected = np.array([rejection.offset for rejection in records.rejections])
                size = len(chunk.data) if chunk.memory is None else chunk.memory.size
                keep = ~np.isin(starts + chunk.offset + size - len(data) + cut, rejected)
                starts, ends = starts[keep], ends[keep]
            first = records.accepted - len(starts)
            if whole or first <= row:
                return data[cut:], starts, ends, first
            length *= 4

    def _query(
        self,
        reader: str,
        cast: str,
        *,
        null_column: bool = False,
        typed: bool = False,
        category: Callable[[str, tuple[str, ...]], str] = category_sql,
    ) -> str:
        aliases = {path: f"l{i}" for i, path in enumerate(self._types)}

        def number(path: FieldPath) -> str:
            alias = aliases[path]
            return alias if self._types[path] == "DOUBLE" else f"{cast}({alias} AS DOUBLE)"

        select = select_sql(
            self.plan,
            number,
            lambda path: aliases[path],
            timestamp=_TYPED_TIMESTAMP if typed else None,
            category=category,
        )
        if null_column:
            suspicion = _suspicion_sql(aliases)
            if self.plan.model is not None:
                # A line that names somebody else is theirs, whatever it lacks.
                name, own = aliases[self.plan.model], literal(self.plan.models[0])
                suspicion = f"(CASE WHEN nullif({name}, '') <> {own} THEN 0 ELSE {suspicion} END)::UTINYINT"
            select.append(f"{suspicion} AS suspicious")
        leaves = [f"{reach(path)} AS {alias}" for path, alias in aliases.items()] or ["1 AS l0"]
        source = f"(SELECT {', '.join(leaves)} FROM {reader})"
        return query_sql(self.plan, select, source, aliases.__getitem__)

    def _salvage_all(self, chunk: Chunk) -> Records:
        """Read a chunk that has something wrong in it, a piece at a time, which bounds the memory for it."""
        self._bounds.check(chunk, chunk.content.count(b"\n"))
        return concatenate([self._salvage(piece) for piece in chunk.pieces(_PIECE)])

    def _salvage(self, chunk: Chunk) -> Records:
        # The blank line keeps a byte order mark from being taken for one.
        self._memory.write(b"\n", chunk.data)
        starts, ends = line_spans(chunk.data)
        columns = self._read_leniently()
        suspicion = columns["suspicious"]
        if len(suspicion) != len(starts):
            return self._split(chunk, starts, ends)
        strange = suspicion == _STRANGE
        strange[unreadable_rows(columns)] = True
        incomplete = np.flatnonzero((suspicion == _INCOMPLETE) & ~strange)
        if "model" in columns:
            incomplete = incomplete[columns["model"][incomplete] == CODE_FIRST]
        invalid = Counter(
            self._wrong_values(columns, chunk, starts[incomplete], ends[incomplete], incomplete)
        )
        records = self._inspected(columns, np.flatnonzero(strange), chunk, (starts, ends))
        invalid.update(records.invalid)
        return replace(records, invalid=dict(invalid))

    def _wrong_values(
        self, columns: Columns, chunk: Chunk, starts: IntArray, ends: IntArray, rows: IntArray
    ) -> dict[tuple[Kind, str], int]:
        """Count the numbers that are none in ``rows``, which are records in which something is missing."""
        names: dict[str, tuple[Kind, str]] = {}
        paths: dict[str, FieldPath] = {}
        for i, leaf in enumerate(self.plan.numeric):
            if np.isnan(columns[f"n{i}"][rows]).any():
                names[f"w{i}"], paths[f"w{i}"] = (leaf.kind, leaf.name), leaf.path
        if self.plan.latency is not None and np.isnan(columns["latency"][rows]).any():
            names["wl"], paths["wl"] = ("prediction", "latency"), self.plan.latency
        if not paths:
            return {}
        self._memory.write(b"\n", gather(chunk.data, starts, ends))
        seen: dict[str, NDArray[Any]] = {}
        for few in self._few(paths):
            seen |= self._run(wrong_values_sql(self._memory.path, few, self._line_limit))
        counted = {names[name]: int(np.count_nonzero(flags)) for name, flags in seen.items()}
        return {key: count for key, count in counted.items() if count}

    def _split(self, chunk: Chunk, starts: IntArray, ends: IntArray) -> Records:
        data = chunk.data
        # The reader and we disagree on what a line is. Halve until the line at fault stands alone.
        if len(starts) <= 1:
            start, end = (int(starts[0]), int(ends[0])) if len(starts) else (0, len(data))
            raw = data[start:end]
            rejection = rejection_of(chunk.path, chunk.offset + start, raw, "malformed")
            empty = {name: values[:0] for name, values in self._no_rows().items()}
            return from_columns(self.plan, empty, None, {}, (rejection,))
        middle = int(starts[len(starts) // 2])
        halves = (
            self._salvage(replace(chunk, data=data[:middle])),
            self._salvage(replace(chunk, offset=chunk.offset + middle, data=data[middle:])),
        )
        return concatenate(halves)

    def _no_rows(self) -> Columns:
        self._memory.write(b"")
        return self._read_leniently()

    def _read_leniently(self) -> Columns:
        """Columns of the file in memory; what is bad is NULL, and ``suspicious`` tells how much of a row."""
        return self._run(self._lenient, self.plan)

    def _run(self, query: str, plan: Plan | None = None) -> Columns:
        """Run a query on the file in memory. Planning one takes as long as reading thousands of records."""
        name = self._statements.get(query)
        if name is None:
            if len(self._statements) >= _STATEMENTS:
                for old in self._statements.values():
                    self._connection.execute(f"DEALLOCATE {old}")
                self._statements.clear()
            name = f"statement{len(self._statements)}"
            self._connection.execute(f"PREPARE {name} AS {query}")
            self._statements[query] = name
        return fetch(self._connection.execute(f"EXECUTE {name}"), plan)

    def _few(self, columns: Mapping[str, T]) -> Iterator[dict[str, T]]:
        """As many columns at a time as there is memory for: each holds its own copy of the parsed lines."""
        memory = self._bounds.memory
        few = _MOST if memory is None else min(_MOST, max(1, (memory - _READER) // _COLUMN))
        items = list(columns.items())
        for start in range(0, len(items), few):
            yield dict(items[start : start + few])

    def _inspected(
        self,
        columns: Columns,
        suspicious: IntArray,
        chunk: Chunk,
        spans: tuple[IntArray, IntArray],
    ) -> Records:
        """Records of ``columns`` after a close look at the suspicious rows."""
        starts, ends = spans[0][suspicious], spans[1][suspicious]
        self._memory.write(b"\n", gather(chunk.data, starts, ends))
        # Only where a number is missing can it be a wrong one.
        doubtful = tuple(
            i for i in range(len(self.plan.numeric)) if np.isnan(columns[f"n{i}"][suspicious]).any()
        )
        seen: dict[str, NDArray[Any]] = {}
        for checks in self._few(inspections(self.plan, doubtful)):
            seen |= self._run(inspect_sql(self._memory.path, checks, self._line_limit))
        malformed, wrong_type = seen["malformed"] == 1, seen["not_object"] == 1
        unreadable = (
            columns["ts"][suspicious] == UNREADABLE if "ts" in columns else np.zeros(len(starts), dtype=bool)
        )
        strangers = not_ours(columns)
        not_counted = np.zeros(len(starts), dtype=bool) if strangers is None else strangers[suspicious]
        rejected = malformed | wrong_type | (unreadable & ~not_counted)
        not_counted |= rejected
        rejections = tuple(
            rejection_of(
                chunk.path,
                chunk.offset + start,
                chunk.data[start:end],
                reason_of(malformed=bool(m), not_object=bool(o), missing=bool(t)),
                self.plan.timestamp_format,
            )
            for start, end, m, o, t in zip(
                starts[rejected].tolist(),
                ends[rejected].tolist(),
                malformed[rejected].tolist(),
                wrong_type[rejected].tolist(),
                seen["no_timestamp"][rejected].tolist(),
                strict=True,
            )
        )
        invalid: dict[tuple[Kind, str], int] = {}
        for i in doubtful:
            wrong = int(np.count_nonzero((seen[f"w{i}"] == 1) & ~not_counted))
            if wrong:
                invalid[self.plan.numeric[i].kind, self.plan.numeric[i].name] = wrong
        if self.plan.latency is not None:
            wrong = int(np.count_nonzero((seen["wl"] == 1) & ~not_counted))
            if wrong:
                invalid["prediction", "latency"] = wrong
        for i, leaf in enumerate((*self.plan.categorical, *(leaf.derivation for leaf in self.plan.derived))):
            # The whole object around the field was not an object.
            wrong = int(np.count_nonzero((seen[f"p{i}"] == 1) & ~not_counted))
            if wrong:
                invalid[leaf.kind, leaf.name] = wrong
        keep = np.ones(len(spans[0]), dtype=bool)
        keep[suspicious[rejected]] = False
        return from_columns(self.plan, columns, keep, invalid, rejections)


def _has_usual_timestamp(plan: Plan) -> bool:
    """Whether the timestamp is in no form of its own, and nothing else stands where it does."""
    return (
        plan.timestamp is not None
        and plan.timestamp_format is None
        and plan.paths().count(plan.timestamp) == 1
    )


def _vector_paths(plan: Plan) -> list[FieldPath]:
    """Where vectors stand that are read as nothing else."""
    paths = plan.paths()
    vectors = [leaf.path for leaf in plan.derived if isinstance(leaf.derivation, Subspace)]
    return [path for path in dict.fromkeys(vectors) if paths.count(path) == vectors.count(path)]


def _suspicion_sql(aliases: Mapping[FieldPath, str]) -> str:
    """SQL for how much of a line is NULL."""
    objects: dict[FieldPath, list[str]] = {}
    for path, alias in aliases.items():
        objects.setdefault(path[:-1], []).append(f"{alias} IS NULL")
    nothing = " OR ".join(f"({' AND '.join(checks)})" for checks in objects.values()) or "true"
    something = " OR ".join(check for checks in objects.values() for check in checks) or "true"
    return f"(CASE WHEN {nothing} THEN {_STRANGE} WHEN {something} THEN {_INCOMPLETE} ELSE 0 END)::UTINYINT"


def _without_mark(chunk: Chunk) -> Chunk:
    """The chunk with spaces for the byte order mark that the file begins with."""
    if chunk.offset > 0 or not chunk.content.startswith(_BOM):
        return chunk
    return replace(chunk, data=b" " * len(_BOM) + chunk.content[len(_BOM) :], memory=None)
