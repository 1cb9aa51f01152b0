"""How often the intervals of performance and fairness hold the true value: tables of docs/statistics.md.

Each cell is the share of the 95 % intervals that hold the value of a sample without end. It takes a minute or
two.
"""

import argparse
from collections.abc import Callable, Mapping

import numpy as np
from numpy.random import Generator
from scipy import special

from drift_exporter.count.moments import moments_of_binary, moments_of_ranking, moments_of_regression
from drift_exporter.judge.fairness.comparison import below_ratio, largest_difference, smallest_ratio
from drift_exporter.judge.performance.calibration import expected_calibration_error
from drift_exporter.judge.performance.confusion import accuracy, macro, of_class
from drift_exporter.judge.performance.curves import LabelledScores, average_precision, roc_auc
from drift_exporter.judge.performance.estimates import Estimates
from drift_exporter.judge.performance.intervals import mean_of_positive, mean_of_share, proportion
from drift_exporter.judge.performance.ranking import ranking
from drift_exporter.judge.performance.regression import regression
from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.reference.outcomes import score_edges

SIZES = (100, 1_000)
ENDLESS = 2_000_000
EDGES = score_edges(None)

Found = Mapping[str, Estimates]
Draw = Callable[[Generator, int, int], Found]
"""Metrics of so many windows of so many records."""


def in_bins(score: FloatArray, label: IntArray) -> LabelledScores:
    """Scores and labels (windows, rows) in bins."""
    windows, bins = len(score), len(EDGES) + 1
    place = np.searchsorted(EDGES, score) + bins * np.arange(windows)[:, None]
    tables = []
    for weights in (np.ones_like(score), score):
        for side in (0, 1):
            held = label == side
            counted = np.bincount(place[held], weights[held], minlength=windows * bins)
            tables.append(counted.reshape(windows, bins))
    return LabelledScores(EDGES, *tables)


def scores(mean: float, deviation: float, slope: float, threshold: float) -> Draw:
    """Scores with normal log odds z, labels positive with log odds ``slope`` z, answers by ``threshold``."""

    def draw(random: Generator, windows: int, rows: int) -> Found:
        odds = random.normal(mean, deviation, (windows, rows))
        score = special.expit(odds)
        label = (random.random(odds.shape) < special.expit(slope * odds)).astype(np.int64)
        held = in_bins(score, label)
        sums = moments_of_binary(score.ravel(), label.ravel() * 1.0).reshape(windows, rows, -1).sum(axis=1).T
        place = 2 * (score > threshold) + label + 4 * np.arange(windows)[:, None]
        confusion = np.bincount(place.ravel(), minlength=4 * windows).reshape(windows, 2, 2)
        padded = np.pad(confusion, ((0, 0), (0, 1), (0, 1)))
        return {
            "accuracy": accuracy(padded),
            **of_class(padded, 1),
            "false_positive_rate": proportion(confusion[:, 1, 0], confusion[:, :, 0].sum(axis=1)),
            "roc_auc": roc_auc(held),
            "average_precision": average_precision(held),
            "log_loss": mean_of_positive(*sums[:3]),
            "brier": mean_of_share(sums[0], sums[3], sums[4]),
            "expected_calibration_error": expected_calibration_error(held),
        }

    return draw


def classes(shares: FloatArray) -> Draw:
    """Answers and labels with these ``shares`` (K, K)."""

    def draw(random: Generator, windows: int, rows: int) -> Found:
        counts = random.multinomial(rows, (shares / shares.sum()).ravel(), windows)
        return macro(np.pad(counts.reshape(windows, *shares.shape), ((0, 0), (0, 1), (0, 1))))

    return draw


def errors(deviate: Callable[[Generator, tuple[int, int]], FloatArray]) -> Draw:
    """Labels of a gamma distribution with mean 8, and errors drawn by ``deviate``."""

    def draw(random: Generator, windows: int, rows: int) -> Found:
        label = random.gamma(4, 2, (windows, rows))
        prediction = label + deviate(random, label.shape)
        terms = moments_of_regression(prediction.ravel(), label.ravel())
        found = dict(regression(terms.reshape(windows, rows, -1).sum(axis=1)))
        del found["mean_absolute_percentage_error"]
        return found

    return draw


def lists(share: float) -> Draw:
    """Ranked lists, of which a ``share`` has a click; the first item and the clicked one stand for a list."""

    def draw(random: Generator, windows: int, rows: int) -> Found:
        clicked = random.random((windows, rows)) < share
        place = np.minimum(random.geometric(0.35, clicked.shape), 10)
        position = np.stack([np.ones(clicked.shape), np.where(place > 1, place, 2)], axis=-1)
        clicks = np.stack([clicked & (place == 1), clicked & (place > 1)], axis=-1) * 1.0
        terms = moments_of_ranking(position.ravel(), clicks.ravel()).reshape(windows, rows * 2, -1)
        found = dict(ranking(terms.sum(axis=1)))
        del found["click_through_rate"]
        return found

    return draw


SCENARIOS: Mapping[str, tuple[str, Draw]] = {
    "scores": ("calibrated, half positive", scores(0.0, 1.5, 1.0, 0.5)),
    "scores of rare positives": ("calibrated, one in ten positive", scores(-3.0, 1.5, 1.0, 0.2)),
    "overconfident scores": ("log odds twice as large as they should be", scores(0.0, 1.5, 0.5, 0.5)),
    "classes": ("three even ones", classes(np.eye(3) * 0.8 + 0.2 / 3)),
    "uneven classes": (
        "79 %, 13 % and 8 %",
        classes(np.array([[0.75, 0.03, 0.01], [0.05, 0.07, 0.01], [0.02, 0.02, 0.04]])),
    ),
    "errors": ("normal", errors(lambda random, shape: random.normal(0.2, 1, shape))),
    "long-tailed errors": (
        "Student's, 5 degrees of freedom",
        errors(lambda random, shape: random.standard_t(5, shape)),
    ),
    "lists": ("three in ten clicked", lists(0.3)),
    "lists of few clicks": ("one in twenty clicked", lists(0.05)),
}
GROUPS: Mapping[str, tuple[float, ...]] = {
    "0.5, 0.5": (0.5, 0.5),
    "0.5, 0.4": (0.5, 0.4),
    "0.1, 0.08": (0.1, 0.08),
    "0.5, 0.2": (0.5, 0.2),
    "five of 0.5": (0.5,) * 5,
    "0.4 and nineteen of 0.5": (0.4, *(0.5,) * 19),
}


def performance_table(windows: int) -> None:
    """Print how often the interval of each metric holds."""
    print("| what | metric |" + "".join(f" n = {size:,} |" for size in SIZES))
    print("|---|---|" + "---:|" * len(SIZES))
    for name, (what, draw) in SCENARIOS.items():
        true = draw(np.random.default_rng(1), 1, ENDLESS)
        cells: dict[str, list[str]] = {metric: [] for metric in true}
        for size in SIZES:
            found = draw(np.random.default_rng(size), windows, size)
            for metric, own in found.items():
                known, value = np.isfinite(own.lower), float(true[metric].value[0])
                held = (own.lower <= value) & (value <= own.upper)
                cells[metric].append(f"{100 * held[known].mean():.1f} %")
        for place, (metric, shares) in enumerate(cells.items()):
            print(f"| {'' if place else f'{name} ({what})'} | {metric} | " + " | ".join(shares) + " |")


def fairness_table(windows: int) -> None:
    """Print the same of the comparisons of groups, and how often four fifths are called broken."""
    print("| rates | records each | difference | ratio | called broken at 0.95 | at 0.99 |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, shares in GROUPS.items():
        true = np.array(shares)
        apart, ratio = true.max() - true.min(), true.min() / true.max()
        for size in SIZES:
            held = np.zeros(4)
            trials = np.full(len(true), size)
            for counts in np.random.default_rng(size).binomial(size, true, (windows, len(true))):

                def rates(z: float, counts: IntArray = counts, trials: IntArray = trials) -> Estimates:
                    return proportion(counts, trials, z=z)

                difference, quotient = largest_difference(rates), smallest_ratio(rates)
                sure = below_ratio(counts * 1.0, trials * 1.0)
                if difference is None or quotient is None or sure is None:
                    continue
                ends = (difference.lower or 0.0, difference.upper or 0.0)
                bounds = (quotient.lower or 0.0, quotient.upper or 0.0)
                held += [
                    ends[0] - 1e-12 <= apart <= ends[1] + 1e-12,
                    bounds[0] - 1e-12 <= ratio <= bounds[1] + 1e-12,
                    sure >= 0.95,
                    sure >= 0.99,
                ]
            cells = " | ".join(f"{100 * share:.1f} %" for share in held / windows)
            print(f"| {name} | {size:,} | {cells} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--windows", type=int, default=4000, help="windows a cell (%(default)s)")
    arguments = parser.parse_args()
    performance_table(arguments.windows)
    print()
    fairness_table(arguments.windows)


if __name__ == "__main__":
    main()
