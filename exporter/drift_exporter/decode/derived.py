"""Texts and vectors of a chunk as flat arrays, and the numbers that are derived of them.

A text, or a vector, of each record would be a Python object of each record. So where a plan has any, its
query gives one row: of each plain column the list of its values, all texts end to end, and all vectors.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_exporter.decode.plan import FieldPath, Plan, literal
from drift_exporter.decode.texts import text_measures
from drift_exporter.decode.vectors import embedding_measures
from drift_exporter.reference.model import FloatArray, IntArray, Vocabulary

VECTOR = "DOUBLE[]"


def query_sql(
    plan: Plan,
    select: Sequence[str],
    source: str,
    text: Callable[[FieldPath], str],
    vector: Callable[[FieldPath], str] | None = None,
) -> str:
    """Query for the items of ``select``, each named by AS, and for what the plan's derived columns need.

    ``text`` gives the SQL that reaches a path as VARCHAR, ``vector`` that which reaches it as a list, or as
    the text of one.
    """
    if not plan.derived:
        return f"SELECT {', '.join(select)} FROM {source}"
    names = [item.rpartition(" AS ")[2] for item in select]
    gathered = [f"coalesce(list({name}), []) AS {name}" for name in names]
    derived = []

    def own(value: str) -> str:
        # What is in the records of others is not measured.
        name = None if plan.model is None else text(plan.model)
        return value if name is None else f"CASE WHEN {name} = {literal(plan.models[0])} THEN {value} END"

    for i, leaf in enumerate(plan.derived):
        if isinstance(leaf.derivation, Vocabulary):
            derived.append(f"{own(text(leaf.path))} AS t{i}")
            gathered += texts_sql(f"t{i}", i)
        else:
            derived.append(f"{own((vector or text)(leaf.path))} AS e{i}")
            gathered += vectors_sql(f"e{i}", i)
    return f"SELECT {', '.join(gathered)} FROM (SELECT {', '.join([*select, *derived])} FROM {source})"


def texts_sql(text: str, number: int) -> list[str]:
    """Select list that gathers the texts of all rows: ``text``, ``size``, ``length``, with the number."""
    return [
        f"encode(coalesce(string_agg(coalesce({text}, '') || chr(10), ''), '')) AS text{number}",
        f"coalesce(list(coalesce(strlen({text}), 0)), []) AS size{number}",
        f"coalesce(list(coalesce(length({text}), -1)), []) AS length{number}",
    ]


def vectors_sql(value: str, number: int) -> list[str]:
    """Select list that gathers all rows' vectors: ``vector``, ``length`` and ``given``, with the number."""
    vector = f"TRY_CAST({value} AS {VECTOR})"
    return [
        f"coalesce(flatten(list(coalesce({vector}, []))), []) AS vector{number}",
        f"coalesce(list(coalesce(len({vector}), 0)), []) AS length{number}",
        f"coalesce(list(({value} IS NOT NULL)::UTINYINT), []) AS given{number}",
    ]


def texts_of(row: Mapping[str, Any], number: int) -> tuple[bytes, IntArray, IntArray]:
    """What ``texts_sql`` gathered, as ``texts.text_measures`` takes it."""
    return bytes(row[f"text{number}"]), _whole(row[f"size{number}"]), _whole(row[f"length{number}"])


def vectors_of(row: Mapping[str, Any], number: int) -> tuple[FloatArray, IntArray, NDArray[np.uint8]]:
    """What ``vectors_sql`` gathered, as ``vectors.embedding_measures`` takes it."""
    return (
        np.asarray(filled(row[f"vector{number}"]), dtype=np.float64),
        _whole(row[f"length{number}"]),
        np.asarray(row[f"given{number}"], dtype=np.uint8),
    )


def derive(plan: Plan, row: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Columns (rows,) by name from the one row of ``query_sql``.

    Beside the plain ones, ``d0`` and on are the plan's measures in their order, and ``x0`` and on tell of
    each derived column where a value is invalid.
    """
    columns: dict[str, NDArray[Any]] = {
        name: filled(values)
        for name, values in row.items()
        if not name.startswith(("text", "vector", "size", "length", "given"))
    }
    measures: list[FloatArray] = []
    for i, leaf in enumerate(plan.derived):
        if isinstance(leaf.derivation, Vocabulary):
            found = text_measures(leaf.derivation, *texts_of(row, i))
            columns[f"x{i}"] = np.zeros(len(found[0]), dtype=np.uint8)
        else:
            found, columns[f"x{i}"] = embedding_measures(leaf.derivation, *vectors_of(row, i))
        measures += found
    return columns | {f"d{i}": values for i, values in enumerate(measures)}


def filled(values: NDArray[Any]) -> NDArray[Any]:
    """The values with NaN, or 0, where one is NULL."""
    if isinstance(values, np.ma.MaskedArray):
        return values.filled(np.nan if values.dtype.kind == "f" else 0)
    return values


def _whole(values: NDArray[Any]) -> IntArray:
    return np.asarray(values, dtype=np.int64)
