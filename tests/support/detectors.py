"""Records for detectors of anomalies, with the columns of a reference that holds them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import Column, FloatArray

WIDTH = 4


def numbers(count: int, random: np.random.Generator) -> FloatArray:
    """Records (count, 4) of correlated numbers, skewed, of several scales."""
    mixed = random.normal(size=(count, WIDTH)) @ np.array(
        [[1.0, 0.6, 0.0, 0.3], [0.0, 0.8, 0.0, 0.3], [0.0, 0.0, 1.0, 0.2], [0.0, 0.0, 0.0, 0.8]]
    )
    return np.exp(0.4 * mixed) * np.array([1.0, 1.0, 2.0, 0.5])


def numeric_columns(values: FloatArray) -> tuple[Column, ...]:
    """The columns of a reference whose rows are ``values`` (m, C): ``a``, ``b``, ..."""
    return tuple(
        numeric_column(chr(ord("a") + place), "feature", values[:, place]) for place in range(values.shape[1])
    )


def category(name: str, counts: Mapping[str, int], *, missing: int = 0) -> Column:
    """A categorical feature; categories have bins in the order of their counts."""
    return categorical_column(name, "feature", dict(counts), missing, 50)


def drawn(counts: Sequence[int], random: np.random.Generator) -> FloatArray:
    """So many of the bins 0, 1, ... in random order."""
    return random.permutation(np.repeat(np.arange(len(counts), dtype=np.float64), counts))


def install_detector(folder: Path, name: str, target: str, patch: pytest.MonkeyPatch) -> None:
    """Put a package on the path whose entry point ``name`` is the detector ``target``."""
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[drift_exporter.detectors]\n{name} = {target}\n")
    patch.syspath_prepend(folder)
