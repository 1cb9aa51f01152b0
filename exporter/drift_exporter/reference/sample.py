"""A bounded sample of the reference's rows, kept as Parquet beside the JSON file: written and read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from drift_exporter.database import QUERY_ERRORS, connect
from drift_exporter.decode.plan import literal, quote
from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.model import Column, FloatArray, IntArray, Kind, NumericColumn, Reference

SAMPLE_ROWS = 10_000
LEARNED_ROWS = 60_000
"""Rows of a sample from which is learned where a regression's errors are large, or what an anomaly is."""
_MOST_VALUES = 8_000_000
LEAST_ROWS = 50
"""Rows of a sample with fewer of which nothing is compared."""

TIMESTAMP = "timestamp"
LABEL_KEY: tuple[Kind, str] = ("label", "label")


def sample_rows(width: int, *, learned: bool) -> int:
    """Rows to keep of so many fields; more to have something ``learned`` of them, as far as memory allows."""
    return max(SAMPLE_ROWS, min(LEARNED_ROWS, _MOST_VALUES // max(width, 1))) if learned else SAMPLE_ROWS


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
    found = _read(path, reference, reference.sampled)
    values = _values(found, reference.sampled)
    rows = len(values[0]) if values else 0
    if rows < LEAST_ROWS:
        raise ReferenceFileError(
            f"{path}: {rows} rows are too few to compare all columns together; build the reference from more "
            f"records (at least {LEAST_ROWS}), or leave drift.multivariate out"
        )
    some = np.linspace(0, rows, min(rows, SAMPLE_ROWS), endpoint=False).astype(np.int64)
    return np.column_stack([own[some] for own in values])


def label_name(reference: Reference) -> str:
    """Name of the labels in the sample of a reference of which they are no column."""
    names = sample_names([(column.kind, column.name) for column in reference.columns]).values()
    return "label" if "label" not in {name.lower() for name in names} else "label.label"


def read_labelled(path: Path, reference: Reference) -> tuple[FloatArray, FloatArray]:
    """All rows of a regression's sample as ``read_sample`` has them, and their labels (rows,).

    Raises ReferenceFileError where there is none, or none with labels.
    """
    names = sample_names([(column.kind, column.name) for column in reference.columns])
    label = names.get(LABEL_KEY, label_name(reference))
    found = _read(path, reference, reference.sampled, f"{quote(label)}::DOUBLE AS label")
    labels = _sampled(None, np.ma.asarray(found["label"]))
    return np.column_stack(_values(found, reference.sampled)), labels


def read_timed(path: Path, reference: Reference) -> tuple[FloatArray, IntArray | None]:
    """All rows of a sample as ``read_sample`` has them, and their times (rows,) in microseconds.

    Times are None where the reference has none. Raises ReferenceFileError where there is no such sample.
    """
    timed = [] if reference.start is None else [f"epoch_us({quote(TIMESTAMP)}) AS time"]
    found = _read(path, reference, reference.sampled, *timed)
    values = _values(found, reference.sampled)
    return np.column_stack(values), found["time"].astype(np.int64) if timed else None


def _read(
    path: Path, reference: Reference, columns: Sequence[Column], *more: str
) -> Mapping[str, NDArray[np.generic]]:
    """Columns of a sample as c0, c1, ..., and what ``more`` selects."""
    if not path.is_file():
        raise ReferenceFileError(
            f"{path}: there is no such file; it is the sample that reference build writes beside a "
            "reference: put it there, build the reference anew, or leave out what needs it "
            "(anomaly, drift.multivariate, estimated performance of a regression)"
        )
    names = sample_names([(column.kind, column.name) for column in reference.columns])
    select = ", ".join(
        [
            f"{quote(names[column.kind, column.name])}::"
            f"{'DOUBLE' if isinstance(column, NumericColumn) else 'VARCHAR'} AS c{place}"
            for place, column in enumerate(columns)
        ]
        + list(more)
    )
    try:
        with connect() as connection:
            connection.execute(f"SELECT {select or '1'} FROM read_parquet({literal(str(path))})")  # noqa: S608
            return dict(connection.fetchnumpy())
    except QUERY_ERRORS as error:
        raise ReferenceFileError(
            f"{path}: is no sample of this reference: {str(error).splitlines()[0]}; build the reference anew"
        ) from error


def _values(found: Mapping[str, NDArray[np.generic]], columns: Sequence[Column]) -> list[FloatArray]:
    return [_sampled(column, np.ma.asarray(found[f"c{place}"])) for place, column in enumerate(columns)]


def _sampled(
    column: Column | None, values: np.ma.MaskedArray[tuple[int], np.dtype[np.generic]]
) -> FloatArray:
    missing = np.ma.getmaskarray(values)
    if column is None or isinstance(column, NumericColumn):
        numbers = np.where(missing, np.nan, values.filled(np.nan).astype(np.float64))
        return np.where(np.isfinite(numbers), numbers, np.nan)
    bins = {category: float(place) for place, category in enumerate(column.categories)}
    other, absent = float(column.size - 2), float(column.size - 1)
    # A value that is masked becomes None.
    texts = values.tolist()
    return np.array([absent if text is None else bins.get(text, other) for text in texts], dtype=np.float64)
