"""What judging costs: CPU seconds of one evaluation of 1,000 columns in 3 windows.

800 columns are numeric, 200 categorical. All of it is in: scores, intervals, confidence, ranking, snapshot.
The least of several runs; the first one, which also lays out the reference, is told apart.
"""

import argparse
import json
import time

import numpy as np

from drift_exporter.judge.evaluate import Criteria, judge_window
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import Column, FloatArray, IntArray, NumericColumn, Reference

ROWS = 20_000
WINDOWS = (("1h", 2_000), ("24h", 50_000), ("7d", 350_000))


def make_reference(numeric: int, categorical: int, random: np.random.Generator) -> Reference:
    """Numeric columns of several shapes and categorical ones of 2 to 50 categories, in turn."""
    columns: list[Column] = []
    for i in range(numeric):
        values = random.normal(size=ROWS)
        shaped = (values, np.exp(values), np.round(values, 1), np.where(values > 0, values, 0.0))[i % 4]
        columns.append(numeric_column(f"number{i}", "feature", shaped))
    for i in range(categorical):
        shares = 1 / np.arange(1, 3 + i % 49)
        counts = random.multinomial(ROWS, shares / shares.sum())
        names = {f"c{j}": int(count) for j, count in enumerate(counts)}
        columns.append(categorical_column(f"category{i}", "feature", names, 0, 50))
    return Reference("bench", ROWS, tuple(columns), 0.0, "bench")


def make_window(
    reference: Reference, records: int, random: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    """Counts and sums of so many records; every tenth column has drifted a little."""
    counts, sums = [], []
    for i, column in enumerate(reference.columns):
        shares = column.counts + 0.1
        if i % 10 == 0:
            shares = shares * np.linspace(0.7, 1.3, len(shares))
        own = random.multinomial(records, shares / shares.sum()).astype(np.int64)
        counts.append(own)
        if isinstance(column, NumericColumn):
            means = np.divide(
                column.fine_sums,
                column.fine_counts,
                out=np.zeros(column.size - 1),
                where=column.fine_counts > 0,
            )
            sums.append(means * own[:-1])
    return np.concatenate(counts), np.concatenate(sums)


def main() -> None:
    """Print the cost as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--numeric", type=int, default=800)
    parser.add_argument("--categorical", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    reference = make_reference(options.numeric, options.categorical, random)
    windows = [(name, records, make_window(reference, records, random)) for name, records in WINDOWS]
    seconds = []
    for _ in range(1 + options.runs):
        start = time.process_time()
        for name, records, (counts, sums) in windows:
            judge_window(name, 0.0, 1.0, reference, counts, sums, records, Criteria())
        seconds.append(time.process_time() - start)
    first, *others = seconds
    columns = options.numeric + options.categorical
    print(
        json.dumps(
            {
                "judging_columns": columns,
                "judging_windows": len(windows),
                "judging_cpu_seconds": round(min(others), 3),
                "judging_cpu_seconds_first": round(first, 3),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
