"""Labels of a reference as JSON values, written and read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from drift_exporter.reference.model import FloatArray
from drift_exporter.reference.outcomes import ReferenceOutcomes

_SIDES = tuple((answer, label) for answer in (0, 1) for label in (0, 1))


class Unfit(ValueError):  # noqa: N818 - a finding; the reader makes an error of it that names the file
    """What is wrong with the labels of a document."""


def write_outcomes(outcomes: ReferenceOutcomes) -> dict[str, Any]:
    """Labels as JSON values. Bins without a record are not written."""
    scores = [
        _write_scored(outcomes.classes[number], outcomes.edges[place], outcomes, place)
        for place, number in enumerate(outcomes.scored)
    ]
    return {
        "rows": outcomes.rows,
        "classes": list(outcomes.classes),
        "confusion": outcomes.confusion.tolist(),
        # Sums depend on the order of adding them; what is stored does not.
        "errors": {name: _short(value) for name, value in outcomes.errors.items()},
        "scores": scores,
    }


def _write_scored(name: str, edges: FloatArray, outcomes: ReferenceOutcomes, place: int) -> dict[str, Any]:
    cells, sums = outcomes.cells[place], outcomes.cell_sums[place]
    sides = []
    for answer, label in _SIDES:
        bins = np.flatnonzero(cells[answer, label])
        sides.append(
            {
                "predicted": bool(answer),
                "true": bool(label),
                "bins": bins.tolist(),
                "counts": cells[answer, label, bins].tolist(),
                "sums": [_short(value) for value in sums[answer, label, bins].tolist()],
            }
        )
    return {"class": name, "edges": edges[np.isfinite(edges)].tolist(), "cells": sides}


def read_outcomes(item: Mapping[str, Any]) -> ReferenceOutcomes:
    """Labels of JSON values. Raises Unfit, or KeyError, TypeError, ValueError, where they do not add up."""
    classes = tuple(str(name) for name in item["classes"])
    rows = int(item["rows"])
    size = len(classes)
    confusion = _counts(item["confusion"]) if size else np.zeros((0, 0), dtype=np.int64)
    if confusion.shape != (size, size) or len(set(classes)) != size:
        raise Unfit("the confusion matrix is not of its classes")
    scored = tuple(classes.index(one["class"]) for one in item["scores"])
    edges = [np.array(one["edges"], dtype=np.float64) for one in item["scores"]]
    if any((np.diff(own) <= 0).any() or not np.isfinite(own).all() for own in edges):
        raise Unfit("the edges of the labels' bins do not ascend")
    bins = max((len(own) + 1 for own in edges), default=1)
    cells = np.zeros((len(scored), 2, 2, bins), dtype=np.int64)
    sums = np.zeros(cells.shape)
    for place, one in enumerate(item["scores"]):
        _read_sides(one["cells"], cells[place], sums[place], len(edges[place]) + 1)
    if rows < 0 or (size and (int(confusion.sum()) != rows or (cells.sum(axis=(1, 2, 3)) > rows).any())):
        raise Unfit(f"the labels' counts do not add up to {rows} rows")
    return ReferenceOutcomes(
        rows=rows,
        classes=classes,
        scored=scored,
        edges=tuple(np.append(own, np.full(bins - 1 - len(own), np.inf)) for own in edges),
        cells=cells,
        cell_sums=sums,
        confusion=confusion,
        errors={str(name): float(value) for name, value in item["errors"].items()},
    )


def _read_sides(
    sides: Sequence[Mapping[str, Any]], cells: np.ndarray[Any, Any], sums: FloatArray, bins: int
) -> None:
    for side in sides:
        place = np.array(side["bins"], dtype=np.int64)
        if len(place) and (place.min() < 0 or place.max() >= bins):
            raise Unfit("a label's bin is none of the score's")
        at = int(bool(side["predicted"])), int(bool(side["true"]))
        cells[(*at, place)] = _counts(side["counts"])
        sums[(*at, place)] = np.array(side["sums"], dtype=np.float64)


def _counts(values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    found = np.array(values)
    if found.size and (found.dtype.kind != "i" or found.min() < 0):
        raise Unfit("a label's count is none")
    return found.astype(np.int64)


def _short(value: float) -> float:
    return float(f"{value:.12g}")
