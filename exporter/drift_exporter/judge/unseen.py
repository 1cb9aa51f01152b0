"""Categories that the reference has not seen, and those that it has seen too rarely to tell how rare.

Of the categories that the reference has seen once or twice, most are less frequent than that looks, for those
like them that it did not see are not among its categories: a window counts these as ``other``, of which
the reference has none. Good (1953), The population frequencies of species and the estimation of population
parameters, Biometrika 40. How frequent all of them are together is known well.
"""

import numpy as np

from drift_exporter.judge.segments import Segments
from drift_exporter.judge.shares import Shares
from drift_exporter.reference.model import IntArray

RARE = 10


def with_rare_together(shares: Shares, categorical: IntArray) -> tuple[IntArray, Shares]:
    """Shares of those of the columns ``categorical`` in which ``other`` is about rare categories.

    Gives which columns these are (i,), and their shares with all categories of fewer than 10 reference
    records in ``other``. Two distributions are never farther apart by bins that were put together.
    """
    other = shares.columns.lasts[categorical] - 1
    concerned = (shares.reference[other] < RARE) & shares.seen[other]
    found = categorical[concerned]
    inside = np.zeros(len(shares.columns.sizes), dtype=np.int64)
    inside[found] = 1
    mask = shares.columns.spread(inside) == 1
    columns = Segments(shares.columns.sizes[found])
    reference, current = shares.reference[mask], shares.current[mask]
    rare = reference < RARE
    # The last one is missing, which is no category.
    rare[columns.lasts] = False

    def together(counts: IntArray) -> IntArray:
        kept = np.where(rare, 0, counts)
        kept[columns.lasts - 1] += columns.sum(np.where(rare, counts, 0))
        return kept

    return found, Shares(columns, together(reference), together(current))
