"""Distribution functions of many numeric columns at once, and the scores that compare them.

They are known at the edges of the fine bins. Each score is (k,), one number a column, and NaN where it cannot
be computed.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from drift_exporter.judge.segments import Segments
from drift_exporter.reference.model import FloatArray, IntArray


@dataclass(frozen=True)
class Distributions:
    """Fine counts and sums (F,) of both sides, one column after the other, without the missing values.

    ``edges`` (F,) are the inclusive upper bounds of the bins; what stands for the last bin's, which has none,
    has no part in anything.
    """

    columns: Segments
    edges: FloatArray
    reference: IntArray
    current: IntArray
    reference_sums: FloatArray
    current_sums: FloatArray

    @cached_property
    def rows(self) -> tuple[FloatArray, FloatArray]:
        """Number of values on either side, (k,) and (k,)."""
        return (
            self.columns.sum(self.reference).astype(np.float64),
            self.columns.sum(self.current).astype(np.float64),
        )

    @cached_property
    def functions(self) -> tuple[FloatArray, FloatArray]:
        """Shares of the reference's and the window's values up to each edge, (F,) and (F,)."""
        m, n = self.rows
        with np.errstate(invalid="ignore"):
            return (
                self.columns.running(self.reference) / self.columns.spread(m),
                self.columns.running(self.current) / self.columns.spread(n),
            )

    @cached_property
    def difference(self) -> FloatArray:
        """F_reference - F_current at the edges (F,); 0 at the end of each column."""
        reference, current = self.functions
        return reference - current


def ks(distributions: Distributions) -> FloatArray:
    """Largest absolute difference of the two distribution functions at the fine edges."""
    return distributions.columns.max(np.abs(distributions.difference))


def wasserstein(distributions: Distributions) -> FloatArray:
    """Wasserstein-1 distance in the values' own units; see ``scores.wasserstein`` for how.

    Infinite or NaN where sums are beyond the range of a double.
    """
    columns, difference = distributions.columns, distributions.difference
    m, n = (columns.spread(rows) for rows in distributions.rows)
    with np.errstate(over="ignore", invalid="ignore"):
        centre = columns.spread(columns.sum(distributions.reference_sums) / distributions.rows[0])
        edges = distributions.edges - centre
        reference_means = (distributions.reference_sums - centre * distributions.reference) / m
        current_means = (distributions.current_sums - centre * distributions.current) / n
        boundary = edges * difference
        distance = np.abs(boundary - columns.previous(boundary) - (reference_means - current_means))
        # The difference is 0 at the end of a column, so none is crossed from one column to the next.
        crossed = np.flatnonzero(columns.previous(difference) * difference < 0)
        if len(crossed):
            before = crossed - 1
            distance[crossed] = _three_steps(
                edges[before],
                edges[crossed],
                difference[before],
                difference[crossed],
                ((distributions.reference / m)[crossed], reference_means[crossed]),
                ((distributions.current / n)[crossed], current_means[crossed]),
            )
        return columns.sum(distance)


def _three_steps(  # noqa: PLR0913, PLR0917 - two ends with two values each, two masses
    left: FloatArray,
    right: FloatArray,
    at_left: FloatArray,
    at_right: FloatArray,
    reference: tuple[FloatArray, FloatArray],
    current: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """Integral of |D| from left to right where each side is one atom: its share, and its share x place."""
    place_reference = _place(*reference, left, right)
    place_current = _place(*current, left, right)
    first, last = np.minimum(place_reference, place_current), np.maximum(place_reference, place_current)
    between = np.where(place_reference < place_current, at_left + reference[0], at_left - current[0])
    steps: FloatArray = np.abs(at_left) * (first - left) + np.abs(between) * (last - first)
    return steps + np.abs(at_right) * (right - last)


def _place(share: FloatArray, moment: FloatArray, left: FloatArray, right: FloatArray) -> FloatArray:
    """Mean of the values in a bin, kept inside of it; any place will do where there are none."""
    mean = np.divide(moment, share, out=left.copy(), where=share > 0)
    return np.clip(mean, left, right)
