"""What a reference's file says of what numbers are derived by."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from drift_exporter.reference.model import Derivation, FloatArray, Kind, Subspace, Vocabulary


def write_derivation(derivation: Derivation) -> dict[str, Any]:
    """By what numbers are derived, as JSON values."""
    found: dict[str, Any] = {"name": derivation.name, "kind": derivation.kind, "type": derivation.type}
    if isinstance(derivation, Vocabulary):
        return {**found, "words": list(derivation.words)}
    return {
        **found,
        "centroid": derivation.centroid.tolist(),
        "components": derivation.components.tolist(),
    }


def read_derivation(item: Mapping[str, Any], name: str, kind: Kind) -> Derivation:
    """The same from JSON values. Raises ValueError, KeyError or TypeError where they do not add up."""
    if item["type"] == "text":
        wrong = [word for word in item["words"] if not isinstance(word, str)]
        if wrong:
            raise ValueError(f"a word of column {name!r} is {wrong[0]!r}, not a text")
        return Vocabulary(name, kind, tuple(item["words"]))
    if item["type"] != "embedding":
        raise ValueError(f"column {name!r} is of type {item['type']!r}")
    centroid = _vector(item["centroid"])
    components = [_vector(row) for row in item["components"]]
    if any(len(component) != len(centroid) for component in components):
        raise ValueError(f"a component of column {name!r} has another dimension than the centroid")
    if not len(centroid) or not all(np.isfinite(vector).all() for vector in (centroid, *components)):
        raise ValueError(f"the centroid and components of column {name!r} are no vectors of finite numbers")
    return Subspace(name, kind, centroid, np.array(components).reshape(-1, len(centroid)))


def _vector(values: list[Any]) -> FloatArray:
    return np.array([float(value) for value in values], dtype=np.float64)
