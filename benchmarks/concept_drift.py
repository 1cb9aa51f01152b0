"""How often concept drift is told where there is none, and where there is.

Run it: python benchmarks/concept_drift.py [--runs 10000] [--write]. It prints a table, and with --write puts
it into docs/statistics.md. It takes some minutes.

A model's scores have normal log-odds; labels are drawn from them. Every fifth window has a new reference of
10,000 labels. Windows have 1,000 and 5,000 labels, and about 10, 25 and 50 % of the labels are positive.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from drift_exporter.judge.estimation.concept import concept_drift_confidence
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.model import FloatArray
from drift_exporter.reference.outcomes import ReferenceOutcomes, count_outcomes
from page import replace_table

REFERENCE = 10_000
PER_REFERENCE = 5
SURE = 0.99
SIZES = (1_000, 5_000)
MIDDLES = {"10 %": -2.6, "25 %": -1.3, "50 %": 0.0}
"""Means of the log-odds by the share of positive labels."""

Rate = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Case:
    """What a window has that its reference has not."""

    name: str
    moved: float = 0.0
    factor: float = 1.0
    rate: Rate = lambda scores: scores


def _off(scores: FloatArray) -> FloatArray:
    """Labels that the reference's scores tell wrongly, in the reference as in the window."""
    return 0.05 + 0.6 * scores**1.5


CASES = (
    Case("no change"),
    Case("scores moved up by 1 sd: data drift", moved=1.0),
    Case("scores moved down by 1 sd", moved=-1.0),
    Case("scores that are off in the reference, too", rate=_off),
    Case("the same, moved up by 1 sd", moved=1.0, rate=_off),
    Case("labels 5 % fewer at each score: tolerated", factor=0.95),
    Case("labels 5 % more at each score: tolerated", factor=1.05),
    Case("labels 15 % fewer at each score", factor=0.85),
    Case("the same, scores moved up by 0.5 sd", moved=0.5, factor=0.85),
    Case("labels 30 % fewer at each score", factor=0.7),
)


def draw(random: np.random.Generator, rows: int, middle: float) -> FloatArray:
    """Scores (rows,)."""
    scores: FloatArray = expit(middle + random.normal(size=rows))
    return scores


def reference(random: np.random.Generator, middle: float, rate: Rate) -> ReferenceOutcomes:
    """What a reference's labels come to."""
    scores = draw(random, REFERENCE, middle)
    labels = (random.random(REFERENCE) < rate(scores)).astype(np.float64)
    column = numeric_column("score", "score", scores)
    return count_outcomes(("0", "1"), np.zeros(REFERENCE), labels, (1,), (scores,), (column,))


def sure(
    random: np.random.Generator, outcomes: ReferenceOutcomes, case: Case, size: int, middle: float
) -> bool:
    """Whether one window is sure of concept drift."""
    scores = draw(random, size, middle + case.moved)
    labels = random.random(size) < np.minimum(case.factor * case.rate(scores), 1.0)
    bins = outcomes.cells.shape[-1]
    place = np.searchsorted(outcomes.edges[0], scores)
    cells = np.zeros((1, 2, 3, bins), dtype=np.int64)
    sums = np.zeros(cells.shape)
    for label in (0, 1):
        own = labels == label
        cells[0, 0, label] = np.bincount(place[own], minlength=bins)
        sums[0, 0, label] = np.bincount(place[own], scores[own], bins)
    confidence = concept_drift_confidence(outcomes, cells, sums, np.zeros((3, 3), dtype=np.int64))
    return confidence is not None and confidence >= SURE


def share(case: Case, size: int, middle: float, runs: int) -> float:
    """Share of windows that are sure."""
    random = np.random.default_rng(2024)
    found = 0
    for run in range(runs):
        if run % PER_REFERENCE == 0:
            outcomes = reference(random, middle, case.rate)
        found += sure(random, outcomes, case, size, middle)
    return found / runs


def table(runs: int) -> str:
    """Shares of windows by case, positive share and size."""
    head = "".join(f" {share_of}, {size:,} |" for share_of in MIDDLES for size in SIZES)
    lines = [f"| window |{head}", "|---|" + "---:|" * (len(MIDDLES) * len(SIZES))]
    for case in CASES:
        cells = [
            f"{100 * share(case, size, middle, runs):.1f} %" for middle in MIDDLES.values() for size in SIZES
        ]
        lines.append(f"| {case.name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="windows of each cell")
    parser.add_argument("--write", action="store_true", help="put the table into docs/statistics.md")
    options = parser.parse_args()
    text = table(options.runs)
    print(text)
    if options.write:
        replace_table("benchmarks/concept_drift.py", text)


if __name__ == "__main__":
    main()
