"""A bounded sample of the reference's rows, kept as Parquet beside the JSON file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from drift_exporter.database import connect
from drift_exporter.decode.plan import literal, quote
from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.model import Kind

SAMPLE_ROWS = 10_000
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
