"""Pooling bins that are too empty for a chi-square test.

A bin is sparse where fewer than ``enough`` reference records are in it, which is where fewer than 5 records
are to be expected in it on the smaller side: Cochran (1954), Some methods for strengthening the common
chi-square tests, Biometrics 10(4). Sparse bins are pooled with each other only, so no well filled bin can
hide one. What cannot be filled are *rest* bins, for which the test has to be another one.

Which bins are pooled is decided by the reference alone: to look at the current counts as well would sort the
bins by how much they happen to have drifted.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drift_exporter.reference.model import FloatArray

WELL_FILLED = 5.0


class Pooled(NamedTuple):
    """Reference and current counts (B,) of the pooled bins; the last ``rests`` of them are rest bins."""

    reference: FloatArray
    current: FloatArray
    rests: int


def pool(
    reference: NDArray[np.integer], current: NDArray[np.integer], *, design_effect: float, quantiles: bool
) -> Pooled:
    """Pool the sparse bins of counts (B,) and (B,); bins that neither side has seen are left out.

    With ``quantiles`` the bins were laid so as to hold a given share of the reference, and neighbours are
    pooled. Else they are categories, with ``missing`` last; see ``_pool_categories`` for these.
    """
    m, n = int(reference.sum()), int(current.sum())
    enough = WELL_FILLED * design_effect * m / min(m, n)
    seen = (reference + current) > 0
    sparse = seen & (reference < enough)
    kept = seen & ~sparse
    if not sparse.any():
        return Pooled(reference[kept].astype(np.float64), current[kept].astype(np.float64), rests=0)
    if quantiles:
        pooled = _pool_neighbours(reference[sparse], current[sparse], enough)
    else:
        apart = (reference == 0) & (n < m)
        apart[-1] = True
        seen_once = int((reference[:-1] == 1).sum()) if n < m else 0
        pooled = _pool_categories(reference[sparse], current[sparse], apart[sparse], seen_once, enough)
    return Pooled(
        np.concatenate([reference[kept], pooled.reference]),
        np.concatenate([current[kept], pooled.current]),
        pooled.rests,
    )


def _pool_neighbours(reference: NDArray[np.integer], current: NDArray[np.integer], enough: float) -> Pooled:
    """Neighbouring sparse bins together until there are enough, again and again."""
    starts = [0]
    filled = 0
    for position, records in enumerate(reference.tolist(), start=1):
        filled += records
        if filled >= enough:
            starts.append(position)
            filled = 0
    rests = int(starts[-1] < len(reference))
    if not rests:
        starts.pop()
    return Pooled(
        np.add.reduceat(reference, starts).astype(np.float64),
        np.add.reduceat(current, starts).astype(np.float64),
        rests,
    )


def _pool_categories(
    reference: NDArray[np.integer],
    current: NDArray[np.integer],
    apart: NDArray[np.bool_],
    seen_once: int,
    enough: float,
) -> Pooled:
    """All sparse bins in one, but for those ``apart``, which are a rest bin.

    Rare categories must not be sorted by how often the reference saw them: those it saw often it saw too
    often, and those it never saw are not impossible. But together they can be a large share of a small
    window, so there the never seen ones are apart, lest a new value be lost among them. As many of these are
    to be expected as there were categories ``seen_once``: Good (1953), The population frequencies of species
    and the estimation of population parameters, Biometrika 40. ``missing`` is no category and always apart.
    Where the others cannot be filled they are a rest bin too; where most of them were seen once, they tell
    nothing apart from what was never seen, and there is one rest bin for all.
    """
    known, now = float(reference[~apart].sum()), float(current[~apart].sum())
    rest_known, rest_now = float(reference[apart].sum()), float(current[apart].sum())
    filled = known >= enough
    if not (rest_known + rest_now + seen_once):
        return Pooled(np.array([known]), np.array([now]), rests=int(not filled))
    if not known + now or (not filled and 2 * seen_once > known):
        return Pooled(np.array([known + rest_known]), np.array([now + rest_now]), rests=1)
    return Pooled(
        np.array([known - seen_once, rest_known + seen_once]),
        np.array([now, rest_now]),
        rests=1 if filled else 2,
    )
