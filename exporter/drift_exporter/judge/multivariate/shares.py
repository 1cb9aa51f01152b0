"""How much each column contributes, and how sure one may be of a difference beyond a tolerance."""

import numpy as np
from scipy import special

from drift_exporter.reference.model import FloatArray, IntArray


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
