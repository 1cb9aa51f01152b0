"""How often the intervals of drift scores hold the true score: the tables of docs/statistics.md.

Each cell: so many references and windows of each, drawn anew; the share of the 95 % intervals that hold the
score of the true distributions on the reference's bins, and on which side the others miss.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy import optimize, special

from drift_exporter.judge.compared import Compared, compare
from drift_exporter.judge.intervals import intervals
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import (
    CategoricalColumn,
    Column,
    FloatArray,
    IntArray,
    NumericColumn,
    Reference,
)

REFERENCE_SIZES = (1_000, 10_000)
WINDOW_SIZES = (100, 1_000, 10_000)
SHIFTS = (0.0, 0.2, 1.0)
Content = tuple[IntArray, FloatArray]


@dataclass(frozen=True)
class Case:
    """How a reference column is drawn, what a window of n records counts, the true scores for (m, n)."""

    name: str
    reference: Callable[[Generator, int], Column]
    window: Callable[[Generator, Column, int], Content]
    truth: Callable[[Column, int, int], Mapping[str, float]]


def true_scores(p: FloatArray, q: FloatArray, m: int, n: int) -> dict[str, float]:
    """Scores of true shares (B,) and (B,) of the exported bins; ``chi2`` depends on m and n, too."""
    used = (p > 0) | (q > 0)
    p, q = p[used], q[used]
    weight = n / (m + n)
    middle, pooled = (p + q) / 2, (1 - weight) * p + weight * q
    bits = (special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum() / (2 * np.log(2))
    return {
        "psi": float((special.rel_entr(q, p) + special.rel_entr(p, q)).sum()),
        "jensenshannon": float(np.sqrt(bits)),
        "hellinger": float(np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2)),
        "chi2": float(np.sqrt(weight * (1 - weight) * ((q - p) ** 2 / pooled).sum())),
        "linf": float(np.abs(q - p).max()),
    }


def normal(shift: float) -> Case:
    """A normal column whose mean has moved by so many standard deviations."""

    def window(random: Generator, column: Column, records: int) -> Content:
        values = random.normal(shift, 1, records)
        edges = _numeric(column).fine_edges
        fine = np.searchsorted(edges, values, side="left")
        counts = np.bincount(fine, minlength=len(edges) + 2).astype(np.int64)
        return counts, np.bincount(fine, weights=values, minlength=len(edges) + 1)

    def truth(column: Column, m: int, n: int) -> Mapping[str, float]:
        numeric = _numeric(column)
        p, q = (
            np.diff(special.ndtr(numeric.edges - moved), prepend=0.0, append=1.0) for moved in (0.0, shift)
        )
        scores = true_scores(p, q, m, n)
        apart = special.ndtr(numeric.fine_edges) - special.ndtr(numeric.fine_edges - shift)
        return {
            **{method: scores[method] for method in ("psi", "jensenshannon", "hellinger")},
            "ks": float(np.abs(apart).max()),
            "wasserstein": abs(shift) / numeric.standard_deviation,
        }

    return Case(
        f"normal, {shift:g} sd",
        lambda random, rows: numeric_column("x", "feature", random.normal(size=rows)),
        window,
        truth,
    )


def categorical(name: str, shares: FloatArray, psi: float) -> Case:
    """Categories of which some become more and others less frequent, so that the PSI is this one."""
    moved = tilted(shares, psi)

    def reference(random: Generator, rows: int) -> Column:
        counts = random.multinomial(rows, shares).tolist()
        return categorical_column("x", "feature", {str(i): c for i, c in enumerate(counts)}, 0, len(shares))

    def on_bins(column: Column, of: FloatArray) -> FloatArray:
        known = [int(category) for category in _categorical(column).categories]
        return np.concatenate([of[known], [np.delete(of, known).sum(), 0.0]])

    def window(random: Generator, column: Column, records: int) -> Content:
        of = on_bins(column, moved)
        return random.multinomial(records, of / of.sum()).astype(np.int64), np.empty(0)

    def truth(column: Column, m: int, n: int) -> Mapping[str, float]:
        return true_scores(on_bins(column, shares), on_bins(column, moved), m, n)

    return Case(f"{name}, PSI {psi:.3f}", reference, window, truth)


def tilted(shares: FloatArray, psi: float) -> FloatArray:
    """Shares (B,) times the exponentials of fixed random numbers, scaled until the PSI is this one."""
    directions = np.random.default_rng(5).normal(size=len(shares))
    # The rarest becomes more frequent: becoming rarer yet would be no large shift.
    directions[-1] = np.abs(directions).max()

    def moved(by: float) -> FloatArray:
        weights: FloatArray = shares * np.exp(by * directions)
        return weights / weights.sum()

    def beyond(by: float) -> float:
        return float(((moved(by) - shares) * np.log(moved(by) / shares)).sum()) - psi

    return shares if psi == 0 else moved(float(optimize.brentq(beyond, 0.0, 20.0)))


def coverage(case: Case, m: int, n: int, references: int, windows: int) -> dict[str, tuple[float, float]]:
    """Shares of the intervals that lie above and below the true score, by method."""
    random = np.random.default_rng([m, n])
    columns = tuple(case.reference(random, m) for _ in range(references))
    reference = Reference("m", m, columns, 0.0, "f")
    truths = [case.truth(column, m, n) for column in columns]
    missed: dict[str, list[tuple[float, float]]] = {method: [] for method in truths[0]}
    for _ in range(windows):
        contents = [case.window(random, column, n) for column in columns]
        compared: Compared = compare(
            reference,
            np.concatenate([counts for counts, _ in contents]),
            np.concatenate([sums for _, sums in contents]),
        )
        found = intervals(compared, np.ones(references))
        for method, misses in missed.items():
            true = np.array([truth[method] for truth in truths])
            lower, upper = found[method]
            misses.append((float((lower > true + 1e-9).mean()), float((upper < true - 1e-9).mean())))
    return {
        method: (
            float(np.mean([above for above, _ in misses])),
            float(np.mean([below for _, below in misses])),
        )
        for method, misses in missed.items()
    }


def _numeric(column: Column) -> NumericColumn:
    if not isinstance(column, NumericColumn):
        raise TypeError(f"{column.name} is not numeric")
    return column


def _categorical(column: Column) -> CategoricalColumn:
    if not isinstance(column, CategoricalColumn):
        raise TypeError(f"{column.name} is not categorical")
    return column


def zipf(categories: int, exponent: float) -> FloatArray:
    """Shares (categories,)."""
    weights = 1 / np.arange(1, categories + 1) ** exponent
    return weights / weights.sum()


SHARES: Mapping[str, FloatArray] = {
    "2 categories, even": np.array([0.5, 0.5]),
    "2 categories, 99:1": np.array([0.99, 0.01]),
    "5 categories": zipf(5, 1.5),
    "20 categories, skewed": zipf(20, 1.0),
    "50 categories, skewed": zipf(50, 1.0),
    "50 categories, more skewed": zipf(50, 1.5),
}


def table(cases: list[Case], references: int, windows: int) -> None:
    """Print a Markdown table: coverage, and in brackets the shares that lie above and below the truth."""
    for m in REFERENCE_SIZES:
        header_is_due = True
        for case in cases:
            for n in WINDOW_SIZES:
                found = coverage(case, m, n, references, windows)
                if header_is_due:
                    print(f"\nReference of {m:,} records\n")
                    print("| column | n | " + " | ".join(f"`{method}`" for method in found) + " |")
                    print("|---|---:|" + "---:|" * len(found))
                    header_is_due = False
                cells = [
                    f"{100 * (1 - above - below):.1f} ({100 * above:.1f}, {100 * below:.1f})"
                    for above, below in found.values()
                ]
                print(f"| {case.name} | {n:,} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--references", type=int, default=500, help="of each cell")
    parser.add_argument("--windows", type=int, default=4, help="of each reference")
    options = parser.parse_args()
    table([normal(shift) for shift in SHIFTS], options.references, options.windows)
    cases = [categorical(name, shares, psi) for name, shares in SHARES.items() for psi in (0.0, 0.038, 0.926)]
    table(cases, options.references, options.windows)


if __name__ == "__main__":
    main()
