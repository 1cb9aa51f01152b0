"""Pooling bins that are too empty for a chi-square test.

A bin is sparse where fewer than ``enough`` reference records are in it, which is where fewer than 5 records
are to be expected in it on the smaller side: Cochran (1954), Some methods for strengthening the common
chi-square tests, Biometrics 10(4). Sparse bins are pooled with each other only, so no well filled bin can
hide one. What cannot be filled is the *rest* bin, for which the test has to be another one.

Which bins are pooled is decided by the reference alone: to look at the current counts as well would sort the
bins by how much they happen to have drifted.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import FloatArray

WELL_FILLED = 5.0


class Pooled(NamedTuple):
    """Reference and current counts (B,) of the pooled bins; ``rest`` says that the last is the rest bin."""

    reference: FloatArray
    current: FloatArray
    rest: bool


def pool(
    reference: NDArray[np.integer], current: NDArray[np.integer], *, design_effect: float, quantiles: bool
) -> Pooled:
    """Pool the sparse bins of counts (B,) and (B,); bins that neither side has seen are left out.

    With ``quantiles`` the bins were laid so as to hold a given share of the reference, and neighbours are
    pooled. Else they are categories, frequent ones first; see ``_pool_categories`` for these.
    """
    m, n = int(reference.sum()), int(current.sum())
    enough = WELL_FILLED * design_effect * m / min(m, n)
    seen = (reference + current) > 0
    sparse = seen & (reference < enough)
    kept = seen & ~sparse
    if not sparse.any():
        return Pooled(reference[kept].astype(np.float64), current[kept].astype(np.float64), rest=False)
    pooling = _pool_neighbours if quantiles else _pool_categories
    pooled = pooling(reference[sparse], current[sparse], enough, window_is_smaller=n < m)
    return Pooled(
        np.concatenate([reference[kept], pooled.reference]),
        np.concatenate([current[kept], pooled.current]),
        pooled.rest,
    )


def _pool_neighbours(
    reference: NDArray[np.integer],
    current: NDArray[np.integer],
    enough: float,
    *,
    window_is_smaller: bool,  # noqa: ARG001 - of no consequence here
) -> Pooled:
    """Neighbouring sparse bins together until there are enough, again and again."""
    starts = [0]
    filled = 0
    for position, records in enumerate(reference.tolist(), start=1):
        filled += records
        if filled >= enough:
            starts.append(position)
            filled = 0
    rest = starts[-1] < len(reference)
    if not rest:
        starts.pop()
    return Pooled(
        np.add.reduceat(reference, starts).astype(np.float64),
        np.add.reduceat(current, starts).astype(np.float64),
        rest,
    )


def _pool_categories(
    reference: NDArray[np.integer], current: NDArray[np.integer], enough: float, *, window_is_smaller: bool
) -> Pooled:
    """All sparse bins in one, in a small window but for those that the reference has never seen.

    Rare categories must not be sorted by how often the reference saw them: those it saw often it saw too
    often, and those it never saw are not impossible. In a small window, where the rare ones together can be a
    large share, the never seen ones are kept apart, as the rest bin, so that a new value is not lost among
    them; as many are to be expected as there were categories seen once: Good (1953), The population
    frequencies of species and the estimation of population parameters, Biometrika 40.
    """
    known, total = int(reference.sum()), float(current.sum())
    if known < enough or not window_is_smaller:
        return Pooled(np.array([float(known)]), np.array([total]), rest=known < enough)
    seen_once = float((reference == 1).sum())
    new = float(current[reference == 0].sum())
    if not seen_once and not new:
        return Pooled(np.array([float(known)]), np.array([total]), rest=False)
    return Pooled(np.array([known - seen_once, seen_once]), np.array([total - new, new]), rest=True)
