"""Whether confidence is what it says: how often it is reached by a shift exactly as large as is tolerated.

Run it: python benchmarks/tolerated_shift.py [--runs 10000] [--write]. It prints a table, and with --write
puts it into docs/statistics.md. It takes two minutes.

Every cell judges so many windows of n records, one in ten with a reference of its own, whose true PSI to the
reference's population is the tolerance. Of windows at confidence c at most 1 - c may be there.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from drift_exporter.judge.evaluate import DEFAULT_TOLERANCE
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import Column, FloatArray, NumericColumn
from false_alarms import confidences, edges_of, numeric_probabilities, shift_of, zipf
from page import replace_table

REFERENCE_SIZES = (1_000, 10_000, 100_000)
WINDOW_SIZES = (100, 1_000, 10_000, 100_000)
CONFIDENCES = (0.9, 0.95, 0.99)
PER_REFERENCE = 10
RUNS = 10_000

Generator = np.random.Generator


@dataclass(frozen=True)
class Shift:
    """A kind of column whose distribution is now as far from the reference's as is tolerated."""

    name: str
    reference: Callable[[Generator, int], Column]
    current: Callable[[Column], FloatArray]


def moved(name: str) -> Shift:
    """The mean of a normal column has moved."""
    shift = shift_of(DEFAULT_TOLERANCE)

    def current(column: Column) -> FloatArray:
        return numeric_probabilities(special.ndtr(edges_of(column) - shift), 0.0)

    return Shift(
        name, lambda random, size: numeric_column(name, "feature", random.normal(size=size)), current
    )


def mixed(name: str, weights: FloatArray) -> Shift:
    """Part of the records have the categories' shares the other way round."""
    before = weights / weights.sum()

    def after(part: float) -> FloatArray:
        shares: FloatArray = (1 - part) * before + part * before[::-1]
        return shares

    def excess(part: float) -> float:
        now = after(part)
        return float(np.dot(now - before, np.log(now / before))) - DEFAULT_TOLERANCE

    now = after(float(optimize.brentq(excess, 0.0, 1.0)))
    categories = [f"c{i}" for i in range(len(weights))]

    def reference(random: Generator, size: int) -> Column:
        seen = random.multinomial(size, before).tolist()
        return categorical_column(name, "feature", dict(zip(categories, seen, strict=True)), 0, 50)

    def current(column: Column) -> FloatArray:
        share_of = dict(zip(categories, now, strict=True))
        known = np.array([share_of[category] for category in column.bins[:-2]])
        return np.append(known, [max(1 - float(known.sum()), 0.0), 0.0])

    return Shift(name, reference, current)


def turned_missing(name: str, weights: FloatArray, share: float) -> Shift:
    """Some records have lost their value, of a column in which a ``share`` of them had none before."""
    before = np.append(weights / weights.sum() * (1 - share), share)

    def after(part: float) -> FloatArray:
        return (1 - part) * before + part * np.eye(len(before))[-1]

    def excess(part: float) -> float:
        now = after(part)
        return float(np.dot(now - before, np.log(now / before))) - DEFAULT_TOLERANCE

    now = after(float(optimize.brentq(excess, 0.0, 0.9)))
    categories = [f"c{i}" for i in range(len(weights))]

    def reference(random: Generator, size: int) -> Column:
        *seen, missing = random.multinomial(size, before).tolist()
        return categorical_column(name, "feature", dict(zip(categories, seen, strict=True)), missing, 50)

    def current(column: Column) -> FloatArray:
        share_of = dict(zip(categories, now[:-1], strict=True))
        known = np.array([share_of[category] for category in column.bins[:-2]])
        return np.append(known, [0.0, now[-1]])

    return Shift(name, reference, current)


SHIFTS = (
    moved("numeric, mean moved"),
    mixed("2 categories, 70:30", np.array([70.0, 30.0])),
    mixed("2 categories, 95:5", np.array([95.0, 5.0])),
    mixed("5 categories, skewed", zipf(5, 1.5)),
    mixed("30 categories, skewed", zipf(30, 1.0)),
    turned_missing("2 categories, 1 % missing is more", np.array([70.0, 30.0]), 0.01),
    turned_missing("2 categories, 0.05 % missing is more", np.array([70.0, 30.0]), 0.0005),
)


def reached(shift: Shift, m: int, n: int, runs: int, levels: Sequence[float] = CONFIDENCES) -> FloatArray:
    """Share of windows that reach each level of confidence (k,)."""
    random = np.random.default_rng([m, n, runs])
    judged = []
    for _ in range(max(1, runs // PER_REFERENCE)):
        column = shift.reference(random, m)
        probabilities = shift.current(column)
        counts = random.multinomial(n, probabilities / probabilities.sum(), PER_REFERENCE)
        quantiles = isinstance(column, NumericColumn)
        judged += [(column.exported_counts, own, quantiles) for own in counts]
    found = confidences(judged, DEFAULT_TOLERANCE)
    return np.array([np.mean(found >= level) for level in levels])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=RUNS, help=f"windows a cell (default {RUNS})")
    parser.add_argument("--write", action="store_true", help="put the table into docs/statistics.md")
    options = parser.parse_args()
    names = [f"n = {n:,}" for n in WINDOW_SIZES]
    lines = [f"| column | m | {' | '.join(names)} |", f"|---|---:|{'---|' * len(names)}"]
    for shift in SHIFTS:
        for m in REFERENCE_SIZES:
            shares = [reached(shift, m, n, options.runs) for n in WINDOW_SIZES]
            cells = [", ".join(f"{100 * share:.1f}" for share in cell) for cell in shares]
            lines.append(f"| {shift.name} | {m:,} | {' | '.join(cells)} |")
    text = "\n".join(lines)
    print(text)
    if options.write:
        replace_table("benchmarks/tolerated_shift.py", text)


if __name__ == "__main__":
    main()
