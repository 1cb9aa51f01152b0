"""What windows are compared to: all that the methods need of a reference's sample, computed once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from drift_exporter.judge.multivariate.correlation import Correlations, correlations, members_of
from drift_exporter.judge.multivariate.encoding import Encoding, fit_encoding
from drift_exporter.judge.multivariate.mmd import MOST_ROWS
from drift_exporter.judge.multivariate.pca import Pca, fit_pca
from drift_exporter.reference.model import Column, FloatArray, IntArray

_CLASSIFIED = 1_000


@dataclass(frozen=True)
class Baseline:
    """A reference's sample. What the configured methods do not need is None.

    ``points`` (up to 1,000, p) are records as the ``encoding`` has them; ``values`` (rows, C) are records in
    random order.
    """

    columns: tuple[Column, ...]
    encoding: Encoding
    values: FloatArray
    points: FloatArray
    members: tuple[IntArray, IntArray]
    pca: Pca | None
    correlations: Correlations | None


def make_baseline(
    values: FloatArray, columns: Sequence[Column], methods: Collection[str], size: int
) -> Baseline:
    """Prepare a reference's sample (m, C) for windows of up to ``size`` sampled records."""
    values = values[np.random.default_rng(0).permutation(len(values))]
    encoding = fit_encoding(values, columns)
    members = members_of(columns)
    return Baseline(
        columns=tuple(columns),
        encoding=encoding,
        values=values[: max(size, _CLASSIFIED)].copy(),
        points=encoding.encode(values[:MOST_ROWS]),
        members=members,
        pca=fit_pca(encoding.encode(values)) if "pca" in methods else None,
        correlations=correlations(values, columns, members) if "correlation" in methods else None,
    )
