"""How much each column contributes, and how sure one may be of a difference beyond a tolerance."""

from collections.abc import Sequence

import numpy as np
from scipy import special

from drift_exporter.reference.model import Column, FloatArray, IntArray


def by_column(contributions: FloatArray, owner: IntArray, columns: int) -> FloatArray:
    """Shares (columns,) of what the coordinates (p,) contribute; negative ones are none. All 0 if none is."""
    added = np.zeros(columns)
    np.add.at(added, owner, np.maximum(contributions, 0.0))
    total = float(added.sum())
    return added / total if total > 0 else added


def beyond(difference: float, tolerance: float, error: float) -> float:
    """How sure one may be that a true difference is larger than tolerated, either way, in [0, 1].

    1 - p of "it is at most ``tolerance``" where the ``difference`` that was seen has a normal ``error``: the
    tail on both sides at the edge of what is tolerated. At tolerance 0 this is the usual two-sided test.
    """
    if error <= 0:
        return float(abs(difference) > tolerance)
    size = abs(difference)
    return float(special.ndtr((size - tolerance) / error) - special.ndtr(-(size + tolerance) / error))


def excess_psi(columns: Sequence[Column], excess: FloatArray) -> float:
    """PSI of all columns together by which calm windows are farther off than independent records would be.

    Of B bins whose shares vary by ``excess`` (C,) more, which see ``judge_sample``, it is B - 1 times that.
    """
    bins = np.array([np.count_nonzero(column.exported_counts) for column in columns])
    return float(np.maximum(bins - 1, 0) @ excess)
