"""What a reference's file says: JSON for people and programs, and what must hold in it."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from drift_exporter.reference.derivations import read_derivation, write_derivation
from drift_exporter.reference.labelled import Unfit, read_outcomes, write_outcomes
from drift_exporter.reference.model import (
    CategoricalColumn,
    Column,
    Derivation,
    FloatArray,
    IntArray,
    Kind,
    NumericColumn,
    Reference,
    WindowCalibration,
)
from drift_exporter.reference.outcomes import ReferenceOutcomes

FORMAT = "drift-exporter-reference"
VERSION = 1
_KINDS: Mapping[str, Kind] = {
    "feature": "feature",
    "prediction": "prediction",
    "score": "score",
    "label": "label",
}


class Flaw(Exception):  # noqa: N818 - a finding; the reader makes an error of it that names the file
    """What is wrong within a document."""


def fingerprint(columns: Sequence[Column], derivations: Sequence[Derivation] = ()) -> str:
    """SHA-256 over the bins of all columns, in their order: names, kinds, edges, categories.

    And over what columns are derived by, where there is any.
    """
    bins: list[object] = [
        [column.kind, column.name, "numeric", column.edges.tolist(), column.fine_edges.tolist()]
        if isinstance(column, NumericColumn)
        else [column.kind, column.name, "categorical", list(column.categories)]
        for column in columns
    ]
    bins += [derivation.digest for derivation in derivations]
    return hashlib.sha256(json.dumps(bins, separators=(",", ":")).encode()).hexdigest()


def to_document(reference: Reference) -> dict[str, Any]:
    """A reference as JSON values. ``*_utc`` and ``above`` are for people: nothing reads them back."""
    derived = [write_derivation(derivation) for derivation in reference.derivations]
    return {
        "format": FORMAT,
        "version": VERSION,
        "model": reference.model,
        "rows": reference.rows,
        "created": _number(reference.created),
        "created_utc": _utc(reference.created),
        "start": _number(reference.start),
        "start_utc": _utc(reference.start),
        "end": _number(reference.end),
        "end_utc": _utc(reference.end),
        "performance": {name: _number(value) for name, value in reference.performance.items()},
        "notes": list(reference.notes),
        "sample": reference.sample,
        "seed": reference.seed,
        "fingerprint": reference.fingerprint,
        **_calibration(reference),
        "columns": [
            _numeric(column) if isinstance(column, NumericColumn) else _categorical(column)
            for column in reference.columns
        ],
        **({"derived": derived} if derived else {}),
        **({} if reference.outcomes is None else {"outcomes": write_outcomes(reference.outcomes)}),
    }


def _calibration(reference: Reference) -> dict[str, Any]:
    """How much windows vary, where that is known; the values of columns in the columns' order."""
    if not reference.calibration:
        return {}
    windows = [
        {
            "seconds": _number(one.length),
            "windows": one.windows,
            "records": _number(one.records),
            "from_blocks": one.blocks,
            "design_effects": one.design_effects.tolist(),
            "judged": one.judged,
            "alarms": one.alarms.tolist(),
            "alarms_uncalibrated": one.plain_alarms.tolist(),
        }
        for one in reference.calibration
    ]
    return {"calibration": windows}


def _numeric(column: NumericColumn) -> dict[str, Any]:
    counts = column.exported_counts
    bounds = [_number(float(bound)) for bound in column.edges] + [None]
    return {
        "name": column.name,
        "kind": column.kind,
        "type": "numeric",
        "mean": _number(column.mean),
        "standard_deviation": _number(column.standard_deviation),
        "minimum": _number(column.minimum),
        "maximum": _number(column.maximum),
        "missing": column.missing,
        "bins": [
            {"bin": name, "above": low, "up_to": high, "count": count}
            for name, low, high, count in zip(
                column.bins[:-1], [None, *bounds[:-1]], bounds, counts[:-1].tolist(), strict=True
            )
        ],
        "fine": {
            "edges": [_number(value) for value in column.fine_edges.tolist()],
            "counts": column.fine_counts.tolist(),
            "sums": [_number(value) for value in column.fine_sums.tolist()],
        },
    }


def _categorical(column: CategoricalColumn) -> dict[str, Any]:
    return {
        "name": column.name,
        "kind": column.kind,
        "type": "categorical",
        "missing": column.missing,
        "other": column.other,
        "categories": [
            {"category": category, "count": count}
            for category, count in zip(column.categories, column.category_counts.tolist(), strict=True)
        ],
    }


def _number(value: float | None) -> float | str | None:
    """JSON has no infinity and no NaN; they are written as text."""
    return value if value is None or math.isfinite(value) else str(value)


def _utc(seconds: float | None) -> str | None:
    """Time for people beside the exact number; None where the calendar does not reach."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return None


def layout(value: object, indent: str = "") -> str:
    """JSON with one line for each object or array of plain values, and an indented block for others."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not any(isinstance(child, dict | list) for child in children):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(key, ensure_ascii=False)}: {layout(child, inner)}" for key, child in value.items()
        ]
        opening, closing = "{}"
    else:
        parts = [layout(child, inner) for child in children]
        opening, closing = "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closing}"


def from_document(document: Mapping[str, Any]) -> Reference:
    """Make a reference of JSON values.

    Raises Flaw, KeyError, TypeError, ValueError, AttributeError or OverflowError where they do not add up.
    """
    rows = _count(document["rows"], "rows")
    columns = tuple(_column(item, rows) for item in document["columns"])
    keys = [(column.kind, column.name) for column in columns]
    if len(set(keys)) != len(keys):
        raise Flaw("a column stands in it twice")
    derivations = tuple(read_derivation(item, *_name_and_kind(item)) for item in document.get("derived", ()))
    if len({(derivation.kind, derivation.name) for derivation in derivations}) != len(derivations):
        raise Flaw("what columns are derived of stands in it twice")
    return Reference(
        model=_text(document["model"], "model"),
        rows=rows,
        columns=columns,
        created=float(document["created"]),
        fingerprint=_text(document["fingerprint"], "fingerprint"),
        start=_optional(document["start"]),
        end=_optional(document["end"]),
        performance={str(name): float(value) for name, value in document["performance"].items()},
        notes=tuple(_text(note, "a note") for note in document["notes"]),
        derivations=derivations,
        sample=None if document["sample"] is None else _text(document["sample"], "sample"),
        seed=int(document["seed"]),
        calibration=tuple(_read_calibration(item, len(columns)) for item in document.get("calibration", ())),
        outcomes=_read_outcomes(document.get("outcomes")),
    )


def _read_outcomes(item: Mapping[str, Any] | None) -> ReferenceOutcomes | None:
    try:
        return None if item is None else read_outcomes(item)
    except Unfit as error:
        raise Flaw(str(error)) from error


def _read_calibration(item: Mapping[str, Any], columns: int) -> WindowCalibration:
    length = float(item["seconds"])
    found = WindowCalibration(
        length=length,
        windows=_count(item["windows"], "a number of windows"),
        records=float(item["records"]),
        blocks=bool(item["from_blocks"]),
        design_effects=_floats(item["design_effects"]),
        judged=_count(item["judged"], "a number of windows"),
        alarms=_counts(item["alarms"], "calibration"),
        plain_alarms=_counts(item["alarms_uncalibrated"], "calibration"),
    )
    if not {columns} == {len(found.design_effects), len(found.alarms), len(found.plain_alarms)}:
        raise Flaw(f"the calibration of windows of {length:g} seconds is not of {columns} columns")
    if not (length > 0 and found.records > 0 and (found.design_effects >= 1).all()):
        raise Flaw(f"the calibration of windows of {length:g} seconds has values that cannot be")
    return found


def _column(item: Mapping[str, Any], rows: int) -> Column:
    name, kind = _name_and_kind(item)
    column: Column
    if item["type"] == "numeric":
        column = _read_numeric(item, name, kind)
    elif item["type"] == "categorical":
        column = _read_categorical(item, name, kind)
    else:
        raise Flaw(f"column {name!r} is of type {item['type']!r}")
    if int(column.counts.sum()) != rows:
        raise Flaw(
            f"the counts of column {name!r} add up to {column.counts.sum()}, and there are {rows} rows"
        )
    return column


def _name_and_kind(item: Mapping[str, Any]) -> tuple[str, Kind]:
    name = _text(item["name"], "a column's name")
    if item["kind"] not in _KINDS:
        raise Flaw(f"column {name!r} is of kind {item['kind']!r}")
    return name, _KINDS[item["kind"]]


def _read_numeric(item: Mapping[str, Any], name: str, kind: Kind) -> NumericColumn:
    fine = item["fine"]
    edges = _floats([entry["up_to"] for entry in item["bins"][:-1]])
    fine_edges = _floats(fine["edges"])
    counts = _counts(fine["counts"], name)
    sums = _floats(fine["sums"])
    for values in (edges, fine_edges):
        if not np.isfinite(values).all() or (np.diff(values) <= 0).any():
            raise Flaw(f"the edges of column {name!r} do not ascend")
    if not np.isin(edges, fine_edges).all():
        raise Flaw(f"an edge of column {name!r} is not among its fine edges")
    if not len(counts) == len(sums) == len(fine_edges) + 1:
        raise Flaw(
            f"column {name!r} has {len(fine_edges)} fine edges, {len(counts)} counts and {len(sums)} sums"
        )
    column = NumericColumn(
        name=name,
        kind=kind,
        edges=edges,
        fine_edges=fine_edges,
        fine_counts=counts,
        fine_sums=sums,
        missing=_count(item["missing"], f"missing of column {name!r}"),
        mean=float(item["mean"]),
        standard_deviation=float(item["standard_deviation"]),
        minimum=float(item["minimum"]),
        maximum=float(item["maximum"]),
    )
    exported = column.exported_counts[:-1].tolist()
    if [entry["count"] for entry in item["bins"]] != exported:
        raise Flaw(f"the bins of column {name!r} do not add up from its fine bins")
    return column


def _read_categorical(item: Mapping[str, Any], name: str, kind: Kind) -> CategoricalColumn:
    categories = tuple(_text(entry["category"], f"a category of {name!r}") for entry in item["categories"])
    if len(set(categories)) != len(categories):
        raise Flaw(f"a category of column {name!r} stands in it twice")
    return CategoricalColumn(
        name=name,
        kind=kind,
        categories=categories,
        category_counts=_counts([entry["count"] for entry in item["categories"]], name),
        other=_count(item["other"], f"other of column {name!r}"),
        missing=_count(item["missing"], f"missing of column {name!r}"),
    )


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise Flaw(f"{what} is {value!r}, not a text")
    return value


def _count(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise Flaw(f"{what} is {value!r}, not a count")
    return value


def _counts(values: Sequence[object], name: str) -> IntArray:
    return np.array([_count(value, f"a count of column {name!r}") for value in values], dtype=np.int64)


def _floats(values: Sequence[Any]) -> FloatArray:
    return np.array([float(value) for value in values], dtype=np.float64)


def _optional(value: Any) -> float | None:  # noqa: ANN401 - what JSON holds
    return None if value is None else float(value)
