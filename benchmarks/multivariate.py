"""How the methods that look at all columns together do: false alarms, what they find, what they cost.

Run it: python benchmarks/multivariate.py [--runs 40] [--write]. It prints tables, and with --write puts them
into docs/statistics.md. It takes ten minutes.

Records have 20 columns: 16 normal numbers in pairs of correlation 0.8, 0.5, 0.3 and 0, one lognormal number,
one with 5 % missing, and two categories, one of which depends on the first number. Every run draws a window;
every tenth a new reference of 10,000 records.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from drift_exporter.count.counting import count_columns
from drift_exporter.count.layout import make_layout
from drift_exporter.decode.plan import NumericLeaf, Plan
from drift_exporter.decode.records import Records
from drift_exporter.judge.evaluate import DRIFTED_CONFIDENCE
from drift_exporter.judge.multivariate.baseline import make_baseline
from drift_exporter.judge.multivariate.evaluate import judge_sample
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import Column, FloatArray, Reference
from drift_exporter.window.draw import draw as draw_kept
from drift_exporter.window.ring import Ring
from drift_exporter.window.sample import slice_size
from drift_exporter.window.slices import assign, make_windows
from page import replace_table

METHODS = ("pca", "domain_classifier", "mmd", "correlation")
SIZES = (100, 500, 2_000)
REFERENCE = 10_000
RUNS_PER_REFERENCE = 10
CHUNK = 100_000
RUNS = 40
CORRELATIONS = (0.8, 0.8, 0.5, 0.5, 0.3, 0.3, 0.0, 0.0)

Generator = np.random.Generator


@dataclass(frozen=True)
class Shift:
    """How a window differs from the reference; ``tied`` is the share of records with three columns tied."""

    name: str
    correlations: Sequence[float] = CORRELATIONS
    means: Sequence[float] = (0.0,) * 16
    tied: float = 0.0


def draw(random: Generator, records: int, shift: Shift) -> FloatArray:
    """Records (n, 20)."""
    first = random.normal(size=(records, 8))
    noise = random.normal(size=(records, 8))
    pairs = np.asarray(shift.correlations)
    second = pairs * first + np.sqrt(1 - pairs**2) * noise
    # The sign of one number is the product of those of two others: any two of the three stay independent.
    tied = random.random(records) < shift.tied
    signs = np.sign(first[:, 5] * first[:, 6])
    first[tied, 7] = np.abs(first[tied, 7]) * signs[tied]
    numbers = np.column_stack([first, second]) + np.asarray(shift.means)
    amount = random.lognormal(3, 1.2, records)
    gaps = np.where(random.random(records) < 0.05, np.nan, random.exponential(size=records))
    country = random.choice(5, records, p=[0.5, 0.25, 0.15, 0.07, 0.03])
    device = (first[:, 0] + random.normal(size=records) > 0.5).astype(float)
    return np.column_stack([numbers, amount, gaps, country, device])


def columns_of(values: FloatArray) -> tuple[Column, ...]:
    """Columns of such records."""
    numbers = [numeric_column(f"x{i}", "feature", values[:, i]) for i in range(18)]
    categories = [
        categorical_column(
            name,
            "feature",
            {str(code): int(np.count_nonzero(values[:, place] == code)) for code in range(count)},
            0,
            50,
        )
        for name, place, count in (("country", 18, 5), ("device", 19, 2))
    ]
    return (*numbers, *categories)


STEADY = Shift("no shift")
SHIFTS = (
    STEADY,
    Shift("all 16 means moved by 0.05 sd", means=(0.05,) * 16),
    Shift("all 16 means moved by 0.1 sd", means=(0.1,) * 16),
    Shift("all 16 means moved by 0.2 sd", means=(0.2,) * 16),
    Shift("one mean moved by 0.2 sd", means=(0.2, *(0.0,) * 15)),
    Shift("one mean moved by 0.5 sd", means=(0.5, *(0.0,) * 15)),
    Shift("one mean moved by 1 sd", means=(1.0, *(0.0,) * 15)),
    Shift("a correlation of 0.8 is 0.75", correlations=(0.75, *CORRELATIONS[1:])),
    Shift("a correlation of 0.8 is 0.5", correlations=(0.5, *CORRELATIONS[1:])),
    Shift("a correlation of 0.8 is 0", correlations=(0.0, *CORRELATIONS[1:])),
    Shift("a correlation of 0.8 is -0.8", correlations=(-0.8, *CORRELATIONS[1:])),
    Shift("a correlation of 0 is 0.5", correlations=(*CORRELATIONS[:-1], 0.5)),
    Shift("all correlations are 0", correlations=(0.0,) * 8),
    Shift("three columns tied, no two of them", tied=1.0),
)


def alarms(shift: Shift, size: int, runs: int, seed: int, methods: Sequence[str]) -> dict[str, float]:
    """Share of the windows with confidence of at least 0.95, by method."""
    random = np.random.default_rng(seed)
    found = dict.fromkeys(methods, 0)
    for run in range(runs):
        if run % RUNS_PER_REFERENCE == 0:
            reference = draw(random, REFERENCE, STEADY)
            baseline = make_baseline(reference, columns_of(reference), methods, 2_000)
        for drift in judge_sample(baseline, draw(random, size, shift), methods):
            found[drift.method] += drift.confidence >= DRIFTED_CONFIDENCE
    return {method: count / runs for method, count in found.items()}


def alarm_table(runs: int) -> str:
    """A row for each shift, a column for each method with its shares by size, in a hundred."""
    lines = ["| what has changed | " + " | ".join(f"`{method}`" for method in METHODS) + " |"]
    lines.append("|---|" + "---|" * len(METHODS))
    for number, shift in enumerate(SHIFTS):
        drawn = 5 * runs if shift is STEADY else runs
        by_size = [alarms(shift, size, drawn, 100 * number + size, METHODS) for size in SIZES]
        cells = [", ".join(f"{100 * found[method]:.3g}" for found in by_size) for method in METHODS]
        lines.append(f"| {shift.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cost_table() -> str:
    """CPU milliseconds of each method for a window of 2,000 records, by number of columns."""
    random = np.random.default_rng(0)
    lines = ["| columns | reference, once | " + " | ".join(f"`{method}`" for method in METHODS) + " |"]
    lines.append("|---:|---:|" + "---:|" * len(METHODS))
    for copies in (1, 5):
        values, current = (
            np.column_stack([draw(random, records, STEADY) for _ in range(copies)])
            for records in (REFERENCE, 2_000)
        )
        columns = [column for i in range(copies) for column in columns_of(values[:, 20 * i : 20 * i + 20])]
        once = cpu(make_baseline, values, columns, METHODS, 2_000)
        baseline = make_baseline(values, columns, METHODS, 2_000)
        costs = [cpu(judge_sample, baseline, current, [method]) for method in METHODS]
        cells = " | ".join(f"{1000 * cost:.0f}" for cost in costs)
        lines.append(f"| {len(columns)} | {1000 * once:.0f} | {cells} |")
    return "\n".join(lines)


def cost_of_keeping() -> str:
    """What keeping records costs beside counting them: 20 numbers a record, 1,000 records a second."""
    random = np.random.default_rng(0)
    columns = tuple(numeric_column(f"x{i}", "feature", random.normal(size=10_000)) for i in range(20))
    plan = Plan(numeric=tuple(NumericLeaf((one.name,), one.name, one.kind) for one in columns))
    layout = make_layout(Reference("m", 10_000, columns, 0.0, ""), plan)
    windows = make_windows({"1h": 3_600.0, "24h": 86_400.0, "7d": 604_800.0})
    ring, watermark, size = Ring(windows, layout.size, layout.sums_size), None, slice_size(2_000)
    keeping = counting = 0.0
    for chunk in range(20):
        records = Records(CHUNK, numeric=tuple(random.normal(size=CHUNK) for _ in columns))
        times = (chunk * CHUNK + np.arange(CHUNK)) * 1_000
        found = assign(times, watermark, 2**62, windows)
        watermark = found.watermark
        start = time.process_time()
        drawn = draw_kept(records, found, chunk * CHUNK, {"": (None, layout, ring)}, size)
        middle = time.process_time()
        counts = count_columns(layout, records.numeric, (), found.key, len(found.level))
        for place, level in enumerate(found.level.tolist()):
            own = counts.counts[place], counts.sums[place], int(counts.rows[place])
            ring.add(level, int(found.start[place]), *own)
        end = time.process_time()
        for _, kept in drawn:
            for one in kept:
                ring.keep(*one, size)
        keeping += middle - start + time.process_time() - end
        counting += end - middle
    each = 1e9 / (20 * CHUNK)
    return f"Keeping takes {keeping * each:.0f} ns a record, and counting {counting * each:.0f} ns."


def cpu(work: Callable[..., object], *arguments: object) -> float:
    """CPU seconds of a call, the least of three times."""
    times = []
    for _ in range(3):
        start = time.process_time()
        work(*arguments)
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=RUNS, help=f"windows a cell (default {RUNS})")
    parser.add_argument("--costs", action="store_true", help="only what it costs")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/statistics.md")
    options = parser.parse_args()
    costs = f"{cost_table()}\n\n{cost_of_keeping()}"
    print(costs)
    if options.costs:
        return
    text = alarm_table(options.runs)
    print(f"\n{text}")
    if options.write:
        replace_table("benchmarks/multivariate.py", f"{text}\n\n{costs}")


if __name__ == "__main__":
    main()
