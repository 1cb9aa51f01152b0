"""How often the intervals of drift scores hold the true score: the tables of docs/statistics.md.

Each cell: the share of the 95 % intervals that hold the score of the true distributions on the reference's
bins, at the reference size where it is least. References and windows are drawn anew. It takes minutes.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy import optimize, special

from drift_exporter.judge.compared import compare
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
PSIS = (0.0, 0.038, 0.926)
"""Those of a normal column at these shifts."""

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


def coverage(case: Case, m: int, n: int, references: int, windows: int) -> dict[str, float]:
    """Share of the intervals that hold the true score, by method."""
    random = np.random.default_rng([m, n])
    columns = tuple(case.reference(random, m) for _ in range(references))
    reference = Reference("m", m, columns, 0.0, "f")
    truths = [case.truth(column, m, n) for column in columns]
    held: dict[str, list[float]] = {method: [] for method in truths[0]}
    for _ in range(windows):
        contents = [case.window(random, column, n) for column in columns]
        compared = compare(
            reference,
            np.concatenate([counts for counts, _ in contents]),
            np.concatenate([sums for _, sums in contents]),
        )
        found = intervals(compared, np.ones(references))
        for method, shares in held.items():
            true = np.array([truth[method] for truth in truths])
            lower, upper = found[method]
            shares.append(float(((lower < true + 1e-9) & (true < upper + 1e-9)).mean()))
    return {method: float(np.mean(shares)) for method, shares in held.items()}


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


def table(title: str, rows: Mapping[str, list[Case]], references: int, windows: int) -> None:
    """Print a Markdown table of percentages by method; of several cases in a row it is the least."""
    print(f"\n{title}\n")
    header_is_due = True
    for name, cases in rows.items():
        for n in WINDOW_SIZES:
            cells = [coverage(case, m, n, references, windows) for case in cases for m in REFERENCE_SIZES]
            if header_is_due:
                print("| column | n | " + " | ".join(f"`{method}`" for method in cells[0]) + " |")
                print("|---|---:|" + "---:|" * len(cells[0]))
                header_is_due = False
            least = [min(cell[method] for cell in cells) for method in cells[0]]
            print(
                f"| {name} | {n:,} | " + " | ".join(f"{100 * share:.1f} %" for share in least) + " |",
                flush=True,
            )


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--references", type=int, default=1000, help="of each cell")
    parser.add_argument("--windows", type=int, default=2, help="of each reference")
    options = parser.parse_args()
    drawn = options.references, options.windows
    table("A normal column's mean has moved:", {f"{s:g} sd": [normal(s)] for s in SHIFTS}, *drawn)
    rows = {name: [categorical(name, shares, psi) for psi in PSIS] for name, shares in SHARES.items()}
    table("Categories; the least of three shifts, PSI 0, 0.038 and 0.926:", rows, *drawn)


if __name__ == "__main__":
    main()
