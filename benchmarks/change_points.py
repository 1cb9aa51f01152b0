"""How well the time is found at which a shift began: the table of docs/statistics.md.

Streams are drawn in slices, with a shift that begins within one of them, anywhere, and looked at where the
window is likely off (confidence of 0.9 or more), as the exporter does. References are drawn anew each time.
Errors are in slices, from the true time. It takes a minute.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy import special

from drift_exporter.judge.change_point import Part, change_point
from drift_exporter.judge.confidence import drift_confidence
from drift_exporter.judge.onset import LIKELY_CONFIDENCE, onset_of
from drift_exporter.outcomes.dating import tolerated_psi
from drift_exporter.reference.model import FloatArray, IntArray

REFERENCE = 10_000
SECOND = 1_000_000
EDGES = special.ndtri(np.arange(1, 10) / 10)
RANKS = 1 / np.arange(1, 51)


def numeric(shift: float) -> FloatArray:
    """Shares of ten bins at quantiles of a normal column, moved by ``shift`` deviations; 1 % is missing."""
    return np.append(0.99 * np.diff(np.concatenate([[0], special.ndtr(EDGES - shift), [1]])), 0.01)


def categories(shift: float) -> FloatArray:
    """Shares of 50 categories by Zipf's law, half of which become rarer; 1 % is other, 1 % missing."""
    shares = RANKS * np.exp(shift * np.cos(np.arange(50) * 1.3))
    return np.concatenate([0.98 * shares / shares.sum(), [0.01, 0.01]])


def labels(shift: float) -> FloatArray:
    """Labels of which half are positive, and the share ``shift`` of those turns negative."""
    return np.array([0.5 * (1 + shift), 0.5 * (1 - shift)])


@dataclass(frozen=True)
class Case:
    """A stream of ``slices`` with ``records`` each, and a ``shift`` from the share ``at`` of them on.

    ``before`` is the shift there is already, ``ramp`` over how many slices it grows, ``cycle`` the amplitude
    of a daily one of ``day`` slices, ``together`` how many records are alike (of one user).
    """

    name: str
    slices: int = 96
    records: float = 200.0
    at: float = 0.6
    shift: float = 1.0
    before: float = 0.0
    ramp: float = 0.0
    cycle: float = 0.0
    day: int = 96
    together: int = 1
    shares: Callable[[float], FloatArray] = numeric
    tolerance: float = 0.05


LOSS = tolerated_psi(0.5, 0.05)

CASES = (
    Case("200 records a slice"),
    Case("20 records a slice", records=20),
    Case("5 records a slice", records=5),
    Case("0.4 deviations from a tenth on, 200 records a slice", shift=0.4, at=0.1),
    Case("0.4 deviations from a tenth on, 20 records a slice", shift=0.4, at=0.1, records=20),
    Case("1.5 deviations in the last fifth", shift=1.5, at=0.8),
    Case("before what is kept", at=-0.1, shift=0.5),
    Case("before what is kept, 5 records a slice", at=-0.1, shift=0.5, records=5),
    Case("0.15 deviations the other way before it", before=-0.15),
    Case("50 categories, 20 records a slice", shares=categories, shift=1.5, records=20),
    Case("50 categories, 5 records a slice", shares=categories, shift=1.5, records=5),
    Case("grows over 20 slices", ramp=20),
    Case("a daily cycle of 0.2 deviations, a week of hours", slices=168, day=24, cycle=0.2),
    Case("a daily cycle of 0.2 deviations, a day", cycle=0.2),
    Case("a daily cycle of 0.4 deviations, a week of hours", slices=168, day=24, cycle=0.4),
    Case("a daily cycle of 0.4 deviations, a day", cycle=0.4),
    Case("labels, a third fewer positive, 100 a slice", 96, 100, 0.6, 0.33, 0, shares=labels, tolerance=LOSS),
    Case("the same, 20 a slice", 96, 20, 0.6, 0.33, 0, shares=labels, tolerance=LOSS),
    Case("five records of each user, 40 records a slice", together=5, records=40),
)


def drawn(case: Case, random: Generator) -> tuple[IntArray, IntArray, float]:
    """Counts (slices, B) with a record in each slice, those of a reference (B,), and the true time."""
    began = case.at * case.slices + random.random()
    phase = 2 * np.pi * random.random()
    # Ten parts of each slice have one shift each.
    times = (np.arange(10 * case.slices) + 0.5) / 10
    grown = np.clip((times - began) / max(case.ramp, 1e-9), 0, 1)
    cycle = case.cycle * np.sin(2 * np.pi * times / case.day + phase)
    rows = random.poisson(case.records / 10 / case.together, len(times))
    shifts = case.before + (case.shift - case.before) * grown + cycle
    counts = np.array([random.multinomial(n, case.shares(one)) for n, one in zip(rows, shifts, strict=True)])
    counts = case.together * np.add.reduceat(counts, np.arange(0, len(times), 10))
    usual = np.mean([case.shares(case.cycle * np.sin(one)) for one in np.linspace(0, 2 * np.pi, 48)], axis=0)
    return counts, random.multinomial(REFERENCE, usual).astype(np.int64), began


def row(case: Case, runs: int, seed: int) -> str:
    """A line of the table."""
    random = np.random.default_rng(seed)
    errors, widths, held, earlier, likely = [], [], [], [], 0
    for _ in range(runs):
        counts, reference, began = drawn(case, random)
        confidence = drift_confidence(
            reference, counts.sum(axis=0), case.tolerance, case.together, quantiles=case.shares is numeric
        )
        if confidence < LIKELY_CONFIDENCE:
            continue
        likely += 1
        some = np.flatnonzero(counts.sum(axis=1))
        change = change_point([Part(counts[some], reference, case.tolerance)], case.together)
        found = onset_of(some * SECOND, SECOND, case.slices * SECOND, change)
        earliest = 0.0 if found.earliest is None else found.earliest
        latest = found.time if found.latest is None else found.latest
        held.append(found.earliest is None if began < 0 else (earliest <= began <= latest))
        errors.append(abs(found.time - max(began, 0.0)))
        widths.append(latest - earliest)
        earlier.append(found.before)
    if not likely:
        return f"| {case.name} | 0.00 |"
    median, most = np.quantile(errors, [0.5, 0.9])
    numbers = f"{likely / runs:.2f} | {median:.1f} | {most:.1f} | {np.mean(earlier):.2f}"
    return f"| {case.name} | {numbers} | {np.mean(held):.2f} | {np.median(widths):.1f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=400)
    options = parser.parse_args()
    print("| stream | likely | median error | 90 % within | or earlier | holds it | median width |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for seed, case in enumerate(CASES):
        print(row(case, options.runs, seed), flush=True)


if __name__ == "__main__":
    main()
