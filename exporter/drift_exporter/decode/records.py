"""What decoding leaves: arrays, one value per accepted record and field."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.plan import CODE_INVALID, CODE_MISSING, UNREADABLE, CodeArray, Plan, codes_of
from drift_exporter.errors import ChunkTooLargeError
from drift_exporter.reference.model import FloatArray, IntArray, Kind
from drift_exporter.sources.chunk import Chunk, Rejection

Columns = Mapping[str, NDArray[Any]]
"""Columns of a query's result by name."""


@dataclass(frozen=True)
class Trace:
    """A record's trace id with its place in the arrays."""

    row: int
    trace_id: str


@dataclass(frozen=True)
class Records:
    """Accepted records of one chunk, in the order of the file.

    ``timestamps`` are microseconds since the epoch, None where none is configured; ``numeric`` and
    ``categorical`` follow the plan's leaves; ``latency`` is in seconds, NaN where missing; ``error`` is
    0 or 1. Every array has ``rows`` entries. ``invalid`` counts values of the wrong type by (kind, name);
    they are missing in the arrays.
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

    def unknown_versions(self, chunk: Chunk) -> tuple[str, ...]:
        """Versions in a chunk that the plan does not know, most frequent first."""
        ...

    def traces(self, chunk: Chunk, rows: Sequence[int], records: Records) -> tuple[Trace, ...]:
        """Trace ids of some accepted records (numbers in the arrays) of a chunk just decoded."""
        ...

    def close(self) -> None:
        """Give back what the decoder holds."""
        ...


def from_columns(
    plan: Plan,
    columns: Columns,
    keep: NDArray[np.bool_] | None,
    invalid: Mapping[tuple[Kind, str], int],
    rejections: tuple[Rejection, ...],
) -> Records:
    """Make records of a query's columns, named as in ``plan.select_sql``, of the rows in ``keep``."""
    picked = {
        name: np.ma.getdata(values) if keep is None else np.ma.getdata(values)[keep]
        for name, values in columns.items()
    }
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
    return Records(
        rows=len(first),
        timestamps=picked.get("ts"),
        versions=picked.get("version"),
        numeric=tuple(picked[f"n{i}"] for i in range(len(plan.numeric))),
        categorical=tuple(categorical),
        latency=picked.get("latency"),
        error=picked.get("error"),
        invalid=counts,
        rejections=rejections,
    )


def unreadable_rows(columns: Columns) -> IntArray:
    """Rows whose timestamp is absent or cannot be read."""
    if "ts" not in columns:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(columns["ts"] == UNREADABLE)


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
        invalid=dict(invalid),
        rejections=tuple(rejection for part in parts for rejection in part.rejections),
    )


def wrong_numbers(plan: Plan, columns: Columns, keep: NDArray[np.bool_]) -> Mapping[tuple[Kind, str], int]:
    """Count the values flagged as no number (columns w0.., wl for the latency) in the rows to keep."""
    found = {}
    for i, leaf in enumerate(plan.numeric):
        wrong = int(np.count_nonzero((columns[f"w{i}"] == 1) & keep))
        if wrong:
            found[leaf.kind, leaf.name] = wrong
    if "wl" in columns and (wrong := int(np.count_nonzero((columns["wl"] == 1) & keep))):
        found["prediction", "latency"] = wrong
    return found
