"""What the values of a record's fields are: how many, of which type, and which texts.

Every format is first brought into one shape, a table of one chunk's records in which each field has its text
(as the decoders read it) and its class. Memory: one chunk, plus 10,000 texts and 2,048 hashes per column.
"""

# ruff: noqa: S608 - the SQL is built of numbers and our own letters

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.patterns import group_of
from drift_exporter.decode.plan import FieldPath, check_paths
from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.deriving import Learner
from drift_exporter.reference.fields import ChunkTable, Which
from drift_exporter.reference.tables import make_table
from drift_exporter.sources.chunk import Chunk

TEXTS = 10_000
_HASHES = 2_048
FIELDS = 2_000
_CLASSES = "nqsbo"


@dataclass
class Texts:
    """How often each text of a column was seen.

    Exact up to 10,000 distinct texts. Beyond that (Misra and Gries, 1982) a text that makes up more than one
    in 10,000 values is still in ``counts``, short by at most that share. ``distinct`` is then estimated from
    the smallest of the texts' hashes (Bar-Yossef and others, 2002), to about 2 %.
    """

    counts: dict[str, int] = field(default_factory=dict)
    exact: bool = True
    _smallest: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, dtype=np.uint64))

    def add(self, texts: Sequence[str], hashes: Sequence[int], counts: Sequence[int]) -> None:
        """Add distinct texts of one chunk."""
        for text, count in zip(texts, counts, strict=True):
            self.counts[text] = self.counts.get(text, 0) + count
        joined = np.concatenate([self._smallest, np.array(hashes, dtype=np.uint64)])
        self._smallest = np.unique(joined)[:_HASHES]
        if len(self.counts) > TEXTS:
            self.exact = False
            reduce = sorted(self.counts.values(), reverse=True)[TEXTS]
            self.counts = {text: count - reduce for text, count in self.counts.items() if count > reduce}

    @property
    def distinct(self) -> int:
        """How many distinct texts there were."""
        if self.exact:
            return len(self.counts)
        if len(self._smallest) < _HASHES:
            return len(self._smallest)
        return round((_HASHES - 1) * 2.0**64 / float(self._smallest[-1]))


@dataclass
class Found:
    """What one field held: how many values of each class, and the first text that is no number.

    ``numbers`` are JSON numbers, numeric columns of Parquet, and all text of CSV that reads as a number;
    ``quoted`` numbers written as text; ``texts`` other text; ``booleans``; ``containers`` objects and arrays.
    ``example`` is (text, file, offset) of the first text or container. ``values`` counts the texts,
    where they matter; ``uncounted`` values came before it was known that they do.
    """

    numbers: int = 0
    quoted: int = 0
    texts: int = 0
    booleans: int = 0
    containers: int = 0
    example: tuple[str, str, int] | None = None
    values: Texts | None = None
    uncounted: int = 0

    @property
    def present(self) -> int:
        """All values that are not missing."""
        return self.numbers + self.quoted + self.texts + self.booleans + self.containers


class Survey:
    """Looks at chunks of any format, field by field.

    ``wanted`` tells of a path whether it is to be numeric or categorical, None where its values decide. Texts
    are counted of the fields that are categorical so far. ``line_pattern`` takes lines of text apart.
    ``learners`` look at the values of their fields.
    """

    def __init__(
        self,
        line_limit: int,
        which: Which,
        wanted: Callable[[FieldPath], str | None],
        line_pattern: str | None = None,
        learners: Mapping[FieldPath, Learner] | None = None,
    ) -> None:
        self.rows = 0
        self.found: dict[FieldPath, Found] = {}
        self._line_limit, self._line_pattern = line_limit, line_pattern
        self._which = which
        self._wanted = wanted
        self._learners = learners or {}
        self._tables: dict[str, ChunkTable] = {}

    def close(self) -> None:
        """Give back what the tables hold."""
        for table in self._tables.values():
            table.close()

    def add(
        self,
        chunk: Chunk,
        paths: Iterable[FieldPath],
        pattern: FieldPath | None = None,
        roles: Collection[FieldPath] = (),
    ) -> None:
        """Look at the fields at ``paths``, and at those of the object at ``pattern`` that lead to no role.

        Raises ReferenceFileError where the object has more than 2,000 fields.
        """
        if not chunk.data and not chunk.rows:
            return
        table = self._tables.get(chunk.format)
        if table is None:
            table = make_table(chunk.format, self._line_limit, self._line_pattern)
            self._tables[chunk.format] = table
        for path in paths:
            self.found.setdefault(path, Found())
        if pattern is not None:
            for key in table.keys(chunk, pattern, self._which):
                path = (*pattern, key)
                # A flat column may spell a whole path.
                whole = any(_name(chunk.format, role) == _name(chunk.format, path) for role in roles)
                if not whole and not any(role[: len(path)] == path for role in roles):
                    self.found.setdefault(path, Found())
            if len(self.found) > FIELDS:
                raise ReferenceFileError(
                    f"{chunk.path}: {'.'.join(pattern)}.* leads to more than {FIELDS} fields; "
                    "name those that are columns in a map: predictions.fields.features: {name: field}"
                )
        check_paths(dict.fromkeys(self.found, ""))
        table.load(chunk, list(self.found), self._which)
        self._count(table, chunk)

    def _count(self, table: ChunkTable, chunk: Chunk) -> None:
        select = "".join(
            f", count(*) FILTER (c{i} = '{letter}')" for i in range(len(self.found)) for letter in _CLASSES
        )
        row = table.connection.execute(f"SELECT count(*){select} FROM records").fetchone()
        assert row is not None  # noqa: S101 - an aggregate without groups has one row
        self.rows += int(row[0])
        for i, (path, found) in enumerate(self.found.items()):
            numbers, quoted, texts, booleans, containers = row[1 + 5 * i : 6 + 5 * i]
            before = found.present
            found.numbers += numbers
            found.quoted += quoted
            found.texts += texts
            found.booleans += booleans
            found.containers += containers
            if found.example is None and texts + containers:
                found.example = _example(table, chunk, i)
            if path in self._learners:
                self._learners[path].add(table.connection, table.text(i))
            wanted = self._wanted(path)
            if wanted == "categorical" or (wanted is None and found.present > found.numbers):
                if found.values is None:
                    found.values, found.uncounted = Texts(), before
                _count_texts(table, i, found.values)


def _example(table: ChunkTable, chunk: Chunk, i: int) -> tuple[str, str, int] | None:
    found = table.connection.execute(
        f"SELECT {table.text(i)}, r FROM records WHERE c{i} IN ('s', 'o') ORDER BY r LIMIT 1"
    ).fetchone()
    if found is None:
        return None
    offset = table.offset(chunk, int(found[1]))
    return (str(found[0]), *(chunk.locate(offset) if chunk.locate is not None else (chunk.path, offset)))


def _name(kind: str, path: FieldPath) -> FieldPath | str:
    """What a path is called in a format: where fields are not nested, several may be the same."""
    if kind in {"ndjson", "json"}:
        return path
    return group_of(path) if kind == "text" else ".".join(path)


def _count_texts(table: ChunkTable, i: int, texts: Texts) -> None:
    rows = table.connection.execute(
        f"SELECT {table.text(i)} AS t, hash(t), count(*) FROM records WHERE c{i} <> 'o' GROUP BY t"
    ).fetchall()
    texts.add([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])
