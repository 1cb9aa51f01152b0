"""A window beside its reference: all columns' counts on both sides, and every score at once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from drift_exporter.judge import distributions, shares
from drift_exporter.judge.distributions import Distributions
from drift_exporter.judge.segments import Segments
from drift_exporter.judge.shares import Shares
from drift_exporter.reference.model import FloatArray, IntArray, Reference
from drift_exporter.reference.stacked import Stacked

EXPORTED_SCORES = {
    "psi": shares.psi,
    "jensenshannon": shares.jensenshannon,
    "hellinger": shares.hellinger,
    "chi2": shares.chi2,
    "linf": shares.linf,
}


@dataclass(frozen=True)
class Compared:
    """What a window counted of the ``stacked`` columns of its reference: ``counts`` and ``sums`` (F,)."""

    stacked: Stacked
    counts: IntArray
    sums: FloatArray

    @cached_property
    def shares(self) -> Shares:
        """Of the exported bins of all columns (k)."""
        stacked = self.stacked
        exported = np.add.reduceat(self.counts, stacked.exported_starts)
        return Shares(Segments(stacked.exported_sizes), stacked.exported_counts, exported)

    @cached_property
    def distributions(self) -> Distributions:
        """Of the values of the numeric columns (j)."""
        stacked = self.stacked
        return Distributions(
            Segments(stacked.fine_sizes),
            stacked.fine_edges,
            stacked.fine_counts,
            self.counts[stacked.fine_places],
            stacked.fine_sums,
            self.sums,
        )

    @cached_property
    def scores(self) -> dict[str, FloatArray]:
        """Every score by method, (k,) each, NaN where it does not apply or cannot be computed.

        ``wasserstein`` is divided by the reference's standard deviation.
        """
        found = {method: score(self.shares) for method, score in EXPORTED_SCORES.items()}
        for method in ("chi2", "linf"):
            found[method][self.stacked.numeric] = np.nan
        found["ks"] = self.of_numeric(distributions.ks(self.distributions))
        deviations = self.stacked.deviations
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            normalised = distributions.wasserstein(self.distributions) / deviations
        found["wasserstein"] = self.of_numeric(np.where(np.isfinite(normalised), normalised, np.nan))
        return found

    def of_numeric(self, values: FloatArray) -> FloatArray:
        """Values (j,) of the numeric columns as those of all columns (k,), NaN for the others."""
        spread = np.full(len(self.stacked.exported_sizes), np.nan)
        spread[self.stacked.numeric] = values
        return spread

    def means(self) -> FloatArray:
        """Means of the window's values (k,), NaN where there is no value or no finite mean."""
        columns = self.distributions.columns
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            means = columns.sum(self.sums) / self.distributions.rows[1]
        return self.of_numeric(np.where(np.isfinite(means), means, np.nan))


def compare(reference: Reference, counts: IntArray, sums: FloatArray) -> Compared:
    """Put what a window counted beside its reference. Raises ValueError where it does not fit it."""
    stacked = reference.stacked
    if len(counts) != stacked.size or len(sums) != len(stacked.fine_sums):
        raise ValueError(
            f"{len(counts)} counts and {len(sums)} sums do not fit the reference's columns, "
            f"which have {stacked.size} and {len(stacked.fine_sums)}"
        )
    return Compared(stacked, counts, sums)
