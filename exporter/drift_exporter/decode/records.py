"""What decoding leaves: arrays, one value per accepted record and field."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import duckdb
import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.derived import derive, filled
from drift_exporter.decode.plan import (
    CODE_FIRST,
    CODE_INVALID,
    CODE_MISSING,
    UNREADABLE,
    CodeArray,
    FieldPath,
    Names,
    Plan,
    codes_of,
)
from drift_exporter.errors import ChunkTooLargeError
from drift_exporter.reference.model import FloatArray, IntArray, Kind
from drift_exporter.sources.chunk import Chunk, Rejection

HashArray = NDArray[np.uint64]

Columns = Mapping[str, NDArray[Any]]
"""Columns of a query's result by name."""


@dataclass(frozen=True)
class Text:
    """What a record holds at a path, as text, with the record's place in the arrays; never empty."""

    row: int
    text: str


@dataclass(frozen=True)
class Shared:
    """In a log that models share: how our own records stand among all that are accepted, whosever they are.

    ``accepted`` is the number of all, ``places`` (own records,) the numbers of the own ones among them, and
    ``counts`` (CODE_FIRST + names,) how many there are of each code of a model's name. ``times`` are the
    event times (microseconds) of the first and the last record that has one, None where none has.
    """

    accepted: int
    places: IntArray
    counts: IntArray
    times: tuple[int, int] | None


@dataclass(frozen=True)
class Chosen:
    """Which rows were chosen (chosen rows,), of how many."""

    rows: IntArray
    of: int


@dataclass(frozen=True)
class Records:
    """Accepted records of one chunk, in the order of the file; in a log that models share, our own ones.

    ``timestamps`` are microseconds since the epoch, None where none is configured; ``numeric`` (the plan's
    measures last) and ``categorical`` follow the plan's leaves; ``latency`` is in seconds, NaN where missing;
    ``error`` is 0 or 1. Every array has ``rows`` entries. ``invalid`` counts values of the wrong type by
    (kind, name); they are missing in the arrays. ``shared`` is there where the plan has a ``model``, ``ids``
    where it has an ``id``: the low and high halves of the ids' hashes, both 0 where a record has none.
    ``wrong`` and ``positive`` are there as far as the plan's ``truth`` asks for them: 0, 1 or UNKNOWN.
    """

    rows: int
    timestamps: IntArray | None = None
    versions: CodeArray | None = None
    numeric: tuple[FloatArray, ...] = ()
    categorical: tuple[CodeArray, ...] = ()
    latency: FloatArray | None = None
    error: NDArray[np.uint8] | None = None
    invalid: Mapping[tuple[Kind, str], int] = field(default_factory=dict)
    rejections: tuple[Rejection, ...] = ()
    shared: Shared | None = None
    ids: tuple[HashArray, HashArray] | None = None
    chosen: Chosen | None = None
    wrong: NDArray[np.uint8] | None = None
    positive: NDArray[np.uint8] | None = None

    @property
    def accepted(self) -> int:
        """Number of all accepted records, whosever they are."""
        if self.shared is not None:
            return self.shared.accepted
        return self.rows if self.chosen is None else self.chosen.of

    def places(self, rows: Sequence[int]) -> list[int]:
        """Numbers among all accepted records of some records (numbers in the arrays)."""
        places = np.asarray(rows, dtype=np.int64)
        if self.chosen is not None:
            places = self.chosen.rows[places]
        if self.shared is not None:
            places = self.shared.places[places]
        found: list[int] = places.tolist()
        return found

    def choose(self, keep: NDArray[np.bool_]) -> "Records":
        """Only the records to ``keep`` (rows,); not to be chosen from again."""

        def picked(array: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if array is None else array[keep]

        return replace(
            self,
            rows=int(np.count_nonzero(keep)),
            timestamps=picked(self.timestamps),
            versions=picked(self.versions),
            numeric=tuple(values[keep] for values in self.numeric),
            categorical=tuple(codes[keep] for codes in self.categorical),
            latency=picked(self.latency),
            error=picked(self.error),
            wrong=picked(self.wrong),
            positive=picked(self.positive),
            ids=None if self.ids is None else (self.ids[0][keep], self.ids[1][keep]),
            chosen=Chosen(np.flatnonzero(keep), self.rows),
        )

    @property
    def last_time(self) -> int | None:
        """Event time (microseconds) of the last accepted record, whosever it is; None where there is none."""
        if self.shared is not None:
            return None if self.shared.times is None else self.shared.times[1]
        return None if self.timestamps is None or not self.rows else int(self.timestamps[-1])


@dataclass(frozen=True)
class Bounds:
    """What a decoder may use: records of one chunk, and bytes of its reader; None is as much as there is."""

    rows: int | None = None
    memory: int | None = None

    def check(self, chunk: Chunk, rows: int) -> None:
        """Raise ChunkTooLargeError where ``rows`` are too many and the chunk could have been smaller."""
        if self.rows is not None and rows > self.rows and chunk.divisible:
            raise ChunkTooLargeError(f"{chunk.path}: more than {self.rows} records in {chunk.size} bytes")


UNBOUNDED = Bounds()


class Decoder(Protocol):
    """Reads chunks of one format under one plan."""

    def decode(self, chunk: Chunk) -> Records:
        """Decode a chunk; bad records become rejections.

        Raises DecodeError where the whole file is wrong, ChunkTooLargeError where there are too many records.
        """
        ...

    def unknown(self, chunk: Chunk, names: Names) -> tuple[str, ...]:
        """Names in a chunk that are not known yet, most frequent first."""
        ...

    def texts(self, chunk: Chunk, rows: Sequence[int], records: Records, path: FieldPath) -> tuple[Text, ...]:
        """What some accepted records (numbers in the arrays) of a chunk just decoded hold at a path.

        The path is one of ``Plan.looked_up``. Records that hold nothing there are left out.
        """
        ...

    def close(self) -> None:
        """Give back what the decoder holds."""
        ...


def fetch(result: duckdb.DuckDBPyConnection, plan: Plan | None = None) -> Columns:
    """Columns of a query as plan.select_sql makes it; a number that is NULL becomes NaN.

    With a plan those of a query of derived.query_sql.
    """
    columns = result.fetchnumpy()
    if plan is not None and plan.derived:
        return derive(plan, {name: values[0] for name, values in columns.items()})
    return {name: filled(values) for name, values in columns.items()}


def from_columns(
    plan: Plan,
    columns: Columns,
    keep: NDArray[np.bool_] | None,
    invalid: Mapping[tuple[Kind, str], int],
    rejections: tuple[Rejection, ...],
) -> Records:
    """Make records of a query's columns, named as in ``plan.select_sql``, of the rows in ``keep``."""
    shared = None
    if plan.model is not None:
        keep, shared = _own_rows(plan, columns, keep)
    picked = {name: values if keep is None else values[keep] for name, values in columns.items()}
    first = next(iter(picked.values()))
    counts = dict(invalid)
    categorical = []
    for i, leaf in enumerate(plan.categorical):
        codes = codes_of(picked[f"k{i}"], leaf.categories)
        wrong = codes == CODE_INVALID
        found = int(np.count_nonzero(wrong))
        if found:
            codes = np.where(wrong, np.uint16(CODE_MISSING), codes)
            counts[leaf.kind, leaf.name] = counts.get((leaf.kind, leaf.name), 0) + found
        categorical.append(codes)
    for i, derived in enumerate(plan.derived):
        found = int(np.count_nonzero(picked[f"x{i}"]))
        if found:
            key = (derived.derivation.kind, derived.derivation.name)
            counts[key] = counts.get(key, 0) + found
    numbers = [f"n{i}" for i in range(len(plan.numeric))] + [f"d{i}" for i in range(len(plan.measures))]
    return Records(
        rows=len(first),
        timestamps=picked.get("ts"),
        versions=picked.get("version"),
        numeric=tuple(picked[name] for name in numbers),
        categorical=tuple(categorical),
        latency=picked.get("latency"),
        error=picked.get("error"),
        wrong=picked.get("wrong"),
        positive=picked.get("positive"),
        invalid=counts,
        rejections=rejections,
        shared=shared,
        ids=None if plan.id is None else (picked["low"], picked["high"]),
    )


def _own_rows(
    plan: Plan, columns: Columns, keep: NDArray[np.bool_] | None
) -> tuple[NDArray[np.bool_] | None, Shared]:
    """Which of the rows to keep (None: all) are our own (None: all), and how they stand among them."""
    picked = {
        name: columns[name] if keep is None else columns[name][keep]
        for name in ("model", "ts")
        if name in columns
    }
    codes = picked["model"]
    own = codes == CODE_FIRST
    times = None
    if "ts" in picked:
        # Those of others were not rejected where they cannot be read.
        readable = np.flatnonzero(picked["ts"] != UNREADABLE)
        if len(readable):
            times = int(picked["ts"][readable[0]]), int(picked["ts"][readable[-1]])
    counts = np.bincount(codes, minlength=CODE_FIRST + len(plan.models))
    shared = Shared(len(codes), np.flatnonzero(own), counts, times)
    if own.all():
        return keep, shared
    if keep is not None:
        rows = np.zeros(len(keep), dtype=bool)
        rows[np.flatnonzero(keep)[shared.places]] = True
        return rows, shared
    return own, shared


def not_ours(columns: Columns) -> NDArray[np.bool_] | None:
    """Which rows name another model than ours, or none; None where the log is ours alone."""
    return columns["model"] != CODE_FIRST if "model" in columns else None


def has_empty_rows(columns: Columns) -> bool:
    """Whether there may be a row in which every value is missing."""
    empty: NDArray[np.bool_] | None = None
    for name, values in columns.items():
        if name in {"error", "nothing", "wrong", "positive"}:
            continue
        if name == "ts":
            missing = values == UNREADABLE
        else:
            missing = np.isnan(values) if values.dtype.kind == "f" else values == CODE_MISSING
        empty = missing if empty is None else empty & missing
        if not empty.any():
            return False
    return True


def unreadable_rows(columns: Columns) -> IntArray:
    """Rows of our own whose timestamp is absent or cannot be read."""
    if "ts" not in columns:
        return np.empty(0, dtype=np.int64)
    rows = np.flatnonzero(columns["ts"] == UNREADABLE)
    return rows if "model" not in columns else rows[columns["model"][rows] == CODE_FIRST]


def concatenate(parts: Sequence[Records]) -> Records:
    """Put records of consecutive pieces of a chunk together."""
    invalid: Counter[tuple[Kind, str]] = Counter()
    for part in parts:
        invalid.update(part.invalid)

    def joined(arrays: list[NDArray[Any] | None]) -> NDArray[Any] | None:
        present = [array for array in arrays if array is not None]
        return np.concatenate(present) if present else None

    first = parts[0]
    return Records(
        rows=sum(part.rows for part in parts),
        timestamps=joined([part.timestamps for part in parts]),
        versions=joined([part.versions for part in parts]),
        numeric=tuple(np.concatenate([p.numeric[i] for p in parts]) for i in range(len(first.numeric))),
        categorical=tuple(
            np.concatenate([p.categorical[i] for p in parts]) for i in range(len(first.categorical))
        ),
        latency=joined([part.latency for part in parts]),
        error=joined([part.error for part in parts]),
        wrong=joined([part.wrong for part in parts]),
        positive=joined([part.positive for part in parts]),
        invalid=dict(invalid),
        rejections=tuple(rejection for part in parts for rejection in part.rejections),
        shared=_joined([part.shared for part in parts if part.shared is not None]),
        ids=_joined_ids([part.ids for part in parts if part.ids is not None]),
    )


def _joined_ids(parts: Sequence[tuple[HashArray, HashArray]]) -> tuple[HashArray, HashArray] | None:
    if not parts:
        return None
    return np.concatenate([low for low, _ in parts]), np.concatenate([high for _, high in parts])


def _joined(parts: Sequence[Shared]) -> Shared | None:
    if not parts:
        return None
    before = np.cumsum([0, *(part.accepted for part in parts)])
    times = [part.times for part in parts if part.times is not None]
    return Shared(
        accepted=int(before[-1]),
        places=np.concatenate([part.places + start for part, start in zip(parts, before[:-1], strict=True)]),
        counts=np.sum([part.counts for part in parts], axis=0),
        times=(times[0][0], times[-1][1]) if times else None,
    )


def wrong_numbers(plan: Plan, columns: Columns, keep: NDArray[np.bool_]) -> Mapping[tuple[Kind, str], int]:
    """Count the values flagged as no number (columns w0.., wl for the latency) in our own rows to keep."""
    strangers = not_ours(columns)
    if strangers is not None:
        keep = keep & ~strangers
    found = {}
    for i, leaf in enumerate(plan.numeric):
        wrong = int(np.count_nonzero((columns[f"w{i}"] == 1) & keep))
        if wrong:
            found[leaf.kind, leaf.name] = wrong
    if "wl" in columns and (wrong := int(np.count_nonzero((columns["wl"] == 1) & keep))):
        found["prediction", "latency"] = wrong
    return found
