"""How often drift confidence alarms without drift, at the tolerated drift, and with drift.

Run it: python benchmarks/false_alarms.py [--windows 1000] [--write]. It prints tables, and with --write puts
them into docs/statistics.md. It takes two minutes.

Every cell judges windows of n records against references of m = 1,000, 10,000 and 100,000 records, ten
windows each, and says in how many of them confidence reaches 0.95. A window's counts are drawn by the true
probabilities of the reference's bins, which is what counting n independent records gives.
"""

import argparse
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from drift_exporter.judge.confidence import drift_statistic, p_values
from drift_exporter.judge.evaluate import DEFAULT_TOLERANCE, DRIFTED_CONFIDENCE
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import Column, FloatArray, IntArray, NumericColumn
from page import replace_table

REFERENCE_SIZES = (1_000, 10_000, 100_000)
WINDOW_SIZES = (50, 100, 300, 1_000, 10_000, 100_000, 1_000_000)
TOLERANCES = (0.0, 0.01, 0.05)
WINDOWS_PER_REFERENCE = 10
# PSI of a shifted normal distribution on its ten deciles.
DECILES = special.ndtri(np.arange(1, 10) / 10)

Generator = np.random.Generator


@dataclass(frozen=True)
class Shape:
    """A kind of column: how to draw a reference, and the true probabilities now of that reference's bins."""

    name: str
    reference: Callable[[Generator, int], Column]
    current: Callable[[Column], FloatArray]


def normal(name: str, missing: float = 0.0, shift: float = 0.0) -> Shape:
    """A numeric column with a share of missing values, with its mean now ``shift`` deviations off."""

    def reference(random: Generator, size: int) -> Column:
        values = random.normal(size=size)
        values[random.random(size) < missing] = np.nan
        return numeric_column(name, "feature", values)

    def current(column: Column) -> FloatArray:
        return numeric_probabilities(special.ndtr(edges_of(column) - shift), missing)

    return Shape(name, reference, current)


def zero_inflated(name: str, zeros: float) -> Shape:
    """A numeric column of zeros and, else, exponential values."""

    def reference(random: Generator, size: int) -> Column:
        values = np.where(random.random(size) < zeros, 0.0, random.exponential(size=size))
        return numeric_column(name, "feature", values)

    def current(column: Column) -> FloatArray:
        edges = edges_of(column)
        positive = -np.expm1(-np.maximum(edges, 0.0))
        return numeric_probabilities(np.where(edges < 0, 0.0, zeros + (1 - zeros) * positive), 0.0)

    return Shape(name, reference, current)


def categorical(name: str, weights: FloatArray, missing: float = 0.0) -> Shape:
    """A categorical column with a share of missing values."""
    shares = np.append(weights / weights.sum() * (1 - missing), missing)
    categories = [f"c{i}" for i in range(len(weights))]

    def reference(random: Generator, size: int) -> Column:
        *seen, absent = random.multinomial(size, shares).tolist()
        return categorical_column(name, "feature", dict(zip(categories, seen, strict=True)), absent, 50)

    def current(column: Column) -> FloatArray:
        share_of = dict(zip(categories, shares, strict=False))
        known = np.array([share_of[category] for category in column.bins[:-2]])
        unseen = max(1 - missing - float(known.sum()), 0.0)
        return np.append(known, [unseen, missing])

    return Shape(name, reference, current)


def edges_of(column: Column) -> FloatArray:
    """Exported edges (B-1,) of a numeric column."""
    if not isinstance(column, NumericColumn):
        raise TypeError(f"{column.name} has no edges")
    return column.edges


def numeric_probabilities(below: FloatArray, missing: float) -> FloatArray:
    """Probabilities (B+1,) of the bins and missing from the distribution function (B-1,) at the edges."""
    return np.append(np.diff(below, prepend=0.0, append=1.0) * (1 - missing), missing)


def zipf(categories: int, exponent: float) -> FloatArray:
    """Unnormalised weights (categories,)."""
    return 1 / np.arange(1, categories + 1) ** exponent


SHAPES = (
    normal("numeric, 10 bins"),
    normal("numeric, 0.1 % missing", missing=0.001),
    zero_inflated("numeric, 60 % zeros", zeros=0.6),
    categorical("2 categories, even", np.array([1.0, 1.0])),
    categorical("2 categories, 99:1", np.array([99.0, 1.0])),
    categorical("2 categories, 999:1", np.array([999.0, 1.0])),
    categorical("5 categories", zipf(5, 1.5)),
    categorical("5 categories, 0.5 % missing", zipf(5, 1.5), missing=0.005),
    categorical("50 categories, skewed", zipf(50, 1.0)),
    categorical("50 categories, very skewed", zipf(50, 3.0)),
)


@functools.cache
def references(shape: Shape, size: int, number: int) -> list[Column]:
    """So many references of ``size`` records."""
    random = np.random.default_rng([size, number])
    return [shape.reference(random, size) for _ in range(number)]


def alarms(
    shape: Shape, sizes: tuple[int, int], windows: int, tolerances: tuple[float, ...], turned: float = 0.0
) -> FloatArray:
    """Share of windows with confidence of at least 0.95, for each tolerance (k,).

    ``sizes`` are the numbers of records of the reference and the window; ``turned`` is the share of records
    whose value is now missing.
    """
    random = np.random.default_rng([*sizes, windows])
    judged = []
    for column in references(shape, sizes[0], max(1, windows // WINDOWS_PER_REFERENCE)):
        reference = column.export(column.counts)
        probabilities = shape.current(column) * (1 - turned)
        probabilities[-1] += turned
        counts = random.multinomial(sizes[1], probabilities / probabilities.sum(), WINDOWS_PER_REFERENCE)
        quantiles = isinstance(column, NumericColumn)
        judged += [(reference, own, quantiles) for own in counts]
    found = [confidences(judged, tolerance) for tolerance in tolerances]
    return np.array([np.mean(confidence >= DRIFTED_CONFIDENCE) for confidence in found])


def confidences(judged: Sequence[tuple[IntArray, IntArray, bool]], tolerance: float) -> FloatArray:
    """Confidence (k,) for each of k reference counts, window counts, and whether bins are quantiles."""
    statistics = [
        drift_statistic(reference, own, quantiles=quantiles, tolerance=tolerance)
        for reference, own, quantiles in judged
    ]
    return 1 - p_values(statistics, [tolerance] * len(statistics))


def shifted_psi(shift: float) -> float:
    """PSI of a normal distribution shifted by so many standard deviations, on ten deciles."""
    moved = np.diff(special.ndtr(DECILES - shift), prepend=0.0, append=1.0)
    return float(np.sum((moved - 0.1) * np.log(moved / 0.1)))


def shift_of(psi: float) -> float:
    """The shift that has this PSI."""
    return float(optimize.brentq(lambda shift: shifted_psi(shift) - psi, 0.0, 5.0))


def table(title: str, first: str, rows: list[tuple[str, list[float]]]) -> str:
    """A Markdown table of percentages by window size, with its title before it."""
    lines = [
        f"{title}:\n",
        f"| {first} | " + " | ".join(f"n = {size:,}" for size in WINDOW_SIZES) + " |",
        "|---|" + "---:|" * len(WINDOW_SIZES),
    ]
    lines += [
        f"| {name} | " + " | ".join(f"{100 * share:.1f} %" for share in shares) + " |"
        for name, shares in rows
    ]
    return "\n".join(lines)


def without_drift(windows: int) -> list[str]:
    """Tables by tolerance of what alarms without drift."""
    silent = {
        shape.name: [
            np.max([alarms(shape, (m, n), windows, TOLERANCES) for m in REFERENCE_SIZES], axis=0)
            for n in WINDOW_SIZES
        ]
        for shape in SHAPES
    }
    tables = []
    for i, tolerance in reversed(list(enumerate(TOLERANCES))):
        rows = [(name, [float(cell[i]) for cell in cells]) for name, cells in silent.items()]
        tables.append(
            table(
                f"No drift, tolerance {tolerance:g}, the highest share of the three references",
                "column",
                rows,
            )
        )
    return tables


def moved_means(windows: int) -> list[str]:
    """Tables by size of the reference of what is found when the mean moves."""
    tables = []
    for m in REFERENCE_SIZES:
        rows = []
        for shift in (0.1, 0.2, shift_of(DEFAULT_TOLERANCE), 0.3, 0.5, 1.0):
            shape = normal(f"{shift:.3g} sd: PSI {shifted_psi(shift):.3f}", shift=shift)
            cells = [float(alarms(shape, (m, n), windows, (DEFAULT_TOLERANCE,))[0]) for n in WINDOW_SIZES]
            rows.append((shape.name, cells))
        title = f"A normal column's mean has moved, tolerance {DEFAULT_TOLERANCE}, m = {m:,}"
        tables.append(table(title, "shift", rows))
    return tables


def turned_missing(windows: int) -> str:
    """A table of what is found when values turn missing."""
    rows = []
    for shape in (SHAPES[0], SHAPES[4], SHAPES[8]):
        for turned in (0.02, 0.05, 0.3):
            shares = [
                [alarms(shape, (m, n), windows, (DEFAULT_TOLERANCE,), turned)[0] for m in REFERENCE_SIZES]
                for n in WINDOW_SIZES
            ]
            rows.append((f"{shape.name}: {turned:.0%}", [float(min(cell)) for cell in shares]))
    title = (
        "Values are missing in a column that never had any missing, "
        f"tolerance {DEFAULT_TOLERANCE}, the lowest share of the three references"
    )
    return table(title, "column", rows)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--windows", type=int, default=1000, help="windows a cell (default 1000)")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/statistics.md")
    options = parser.parse_args()
    windows = options.windows
    text = "\n\n".join([*without_drift(windows), *moved_means(windows), turned_missing(windows)])
    print(text)
    if options.write:
        replace_table("benchmarks/false_alarms.py", text)


if __name__ == "__main__":
    main()
