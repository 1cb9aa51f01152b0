"""A bounded sample of the reference's rows, kept as Parquet beside the JSON file: written and read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from drift_exporter.database import QUERY_ERRORS, connect
from drift_exporter.decode.plan import literal, quote
from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.model import Column, FloatArray, Kind, NumericColumn, Reference

SAMPLE_ROWS = 10_000
LEAST_ROWS = 50
"""Rows of a sample with fewer of which nothing is compared."""

TIMESTAMP = "timestamp"


def sample_path(output: Path) -> Path:
    """Where the sample of a reference file is: ``fraud.json`` has ``fraud.sample.parquet``."""
    name = output.name.removesuffix(".json") if output.name.lower().endswith(".json") else output.name
    return output.with_name(f"{name}.sample.parquet")


def sample_names(columns: Sequence[tuple[Kind, str]]) -> Mapping[tuple[Kind, str], str]:
    """Names of the columns in the sample: their own, or ``feature.score`` where a role is called like it."""
    roles = {kind for kind, _ in columns if kind != "feature"} | {TIMESTAMP}
    return {
        (kind, name): f"feature.{name}" if kind == "feature" and name.lower() in roles else name
        for kind, name in columns
    }


def write_sample(columns: Mapping[str, NDArray[np.generic]], path: Path) -> None:
    """Write columns (rows,) by name; NaN and None are missing. The file is replaced at once.

    ``timestamp``, microseconds since the epoch, becomes a time. Raises ReferenceFileError where it cannot be
    written.
    """
    temporary = path.with_name(f".{path.name}.new")
    select = ", ".join(
        f"make_timestamptz({quote(name)}) AS {quote(name)}"
        if name == TIMESTAMP
        else f"{quote(name)}::{'DOUBLE' if values.dtype.kind == 'f' else 'VARCHAR'} AS {quote(name)}"
        for name, values in columns.items()
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with connect() as connection:
            connection.register("sampled", dict(columns))
            connection.execute(
                f"COPY (SELECT {select} FROM sampled) TO {literal(str(temporary))} (FORMAT parquet)"  # noqa: S608
            )
        temporary.replace(path)
    except (OSError, duckdb.IOException) as error:
        reason = (
            error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        )
        raise ReferenceFileError(f"{path}: cannot be written: {reason}") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_sample(path: Path, reference: Reference) -> FloatArray:
    """The sample of a reference (rows, columns): its ``sampled`` columns, categories as their bins.

    Numbers that are missing or infinite are NaN. Raises ReferenceFileError, with what to do, where there is
    none or it is not of this reference.
    """
    if not path.is_file():
        raise ReferenceFileError(
            f"{path}: there is no such file; drift.multivariate compares to the sample that reference build "
            "writes beside a reference: put it there, build the reference anew, or leave the methods out"
        )
    columns = reference.sampled
    names = sample_names([(column.kind, column.name) for column in reference.columns])
    select = ", ".join(
        f"{quote(names[column.kind, column.name])}::"
        f"{'DOUBLE' if isinstance(column, NumericColumn) else 'VARCHAR'} AS c{place}"
        for place, column in enumerate(columns)
    )
    try:
        with connect() as connection:
            connection.execute(f"SELECT {select or '1'} FROM read_parquet({literal(str(path))})")  # noqa: S608
            found = connection.fetchnumpy()
    except QUERY_ERRORS as error:
        raise ReferenceFileError(
            f"{path}: is no sample of this reference: {str(error).splitlines()[0]}; build the reference anew"
        ) from error
    values = [_sampled(column, np.ma.asarray(found[f"c{place}"])) for place, column in enumerate(columns)]
    rows = len(values[0]) if values else 0
    if rows < LEAST_ROWS:
        raise ReferenceFileError(
            f"{path}: {rows} rows are too few to compare all columns together; build the reference from more "
            f"records (at least {LEAST_ROWS}), or leave drift.multivariate out"
        )
    return np.column_stack(values)


def _sampled(column: Column, values: np.ma.MaskedArray[tuple[int], np.dtype[np.generic]]) -> FloatArray:
    missing = np.ma.getmaskarray(values)
    if isinstance(column, NumericColumn):
        numbers = np.where(missing, np.nan, values.filled(np.nan).astype(np.float64))
        return np.where(np.isfinite(numbers), numbers, np.nan)
    bins = {category: float(place) for place, category in enumerate(column.categories)}
    other, absent = float(column.size - 2), float(column.size - 1)
    # A value that is masked becomes None.
    texts = values.tolist()
    return np.array([absent if text is None else bins.get(text, other) for text in texts], dtype=np.float64)
