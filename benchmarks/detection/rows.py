"""Rows of a data set as arrays, read from Parquet and CSV and written to Parquet by DuckDB."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.plan import literal, quote

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NEW = "never seen before"
"""The category that no data set has; it is the last of every column's categories."""

MISSING = -1


@dataclass(frozen=True)
class Rows:
    """Values by column. ``numeric`` (rows,) has NaN where one is missing.

    ``codes`` (rows,) are places in the column's ``categories``, ``MISSING`` where one is missing.
    """

    numeric: Mapping[str, FloatArray]
    codes: Mapping[str, NDArray[np.int16]]
    categories: Mapping[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(next(iter((*self.numeric.values(), *self.codes.values()))))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns, the numeric ones first."""
        return (*self.numeric, *self.codes)

    @property
    def digest(self) -> str:
        """Tells these rows from others."""
        found = hashlib.sha256(repr((list(self.numeric), self.categories)).encode())
        for values in (*self.numeric.values(), *self.codes.values()):
            found.update(np.ascontiguousarray(values).tobytes())
        return found.hexdigest()

    def take(self, index: IntArray | slice) -> "Rows":
        """The rows at ``index``, in its order."""
        return replace(
            self,
            numeric={name: values[index] for name, values in self.numeric.items()},
            codes={name: codes[index] for name, codes in self.codes.items()},
        )

    def with_numbers(self, name: str, values: FloatArray) -> "Rows":
        """The same rows with other numbers in one column."""
        return replace(self, numeric={**self.numeric, name: values})

    def with_codes(self, name: str, codes: NDArray[np.int16]) -> "Rows":
        """The same rows with other categories in one column."""
        return replace(self, codes={**self.codes, name: codes})


def join(parts: Sequence[Rows]) -> Rows:
    """Rows of several parts, which have the same columns and categories, one after the other."""
    first = parts[0]
    return replace(
        first,
        numeric={name: np.concatenate([part.numeric[name] for part in parts]) for name in first.numeric},
        codes={name: np.concatenate([part.codes[name] for part in parts]) for name in first.codes},
    )


def read(query: str, numeric: Sequence[str], categorical: Mapping[str, tuple[str, ...]]) -> Rows:
    """Rows of a query, with these numeric columns and the categorical ones with their categories."""
    numbers = [f"CAST({quote(name)} AS DOUBLE) AS {quote(name)}" for name in numeric]
    texts = [
        f"coalesce(list_position({_list(known)}, CAST({quote(name)} AS VARCHAR)) - 1, {MISSING}) "
        f"AS {quote(name)}"
        for name, known in categorical.items()
    ]
    found = duckdb.sql(f"SELECT {', '.join([*numbers, *texts])} FROM ({query})").fetchnumpy()
    return Rows(
        numeric={name: np.ma.filled(found[name], np.nan).astype(np.float64) for name in numeric},
        codes={name: np.ma.filled(found[name], MISSING).astype(np.int16) for name in categorical},
        categories=dict(categorical),
    )


def categories(query: str, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Each column's categories in a query's rows, in order of their text, with ``NEW`` at the end."""
    known = {}
    for name in names:
        found = duckdb.sql(
            f"SELECT DISTINCT CAST({quote(name)} AS VARCHAR) AS c FROM ({query}) "
            "WHERE c IS NOT NULL ORDER BY c"
        ).fetchall()
        known[name] = (*(text for (text,) in found), NEW)
    return known


def write(rows: Rows, path: Path, first: float, step: float) -> None:
    """Write rows to Parquet, with their times in ``ts``: from ``first`` (seconds), ``step`` seconds apart."""
    times = np.round((first + step * np.arange(len(rows))) * 1e6).astype(np.int64)
    select = [
        "make_timestamp(ts) AS ts",
        *(f"CASE WHEN NOT isnan({quote(n)}) THEN {quote(n)} END AS {quote(n)}" for n in rows.numeric),
        # The list's elements are numbered from 1, and number 0 is NULL.
        *(f"({_list(rows.categories[n])})[{quote(n)} + 1] AS {quote(n)}" for n in rows.codes),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with duckdb.connect() as connection:
        connection.register("written", {"ts": times, **rows.numeric, **rows.codes})
        query = f"SELECT {', '.join(select)} FROM written"
        connection.execute(f"COPY ({query}) TO {literal(str(new))} (FORMAT parquet)")
    new.replace(path)


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(literal, texts))}]"
