"""Windows with shifts whose beginning and size are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from detection.cases import Case, Event, Stream, Trial, write_windows
from detection.datasets import Dataset
from detection.rows import MISSING, IntArray, Rows, join
from detection.shifts import CAR_LOAN, EMPLOYMENT, LASTING, Shift, steady_rows
from drift_exporter.judge.scores import psi
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.model import Column

MEASURED_ROWS = 50_000
"""Rows by which a shift's true PSI is measured."""

GRADUAL = tuple((i + 1) / 10 for i in range(10))
RECURRING = (1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
"""Share of shifted records in each window."""


@dataclass(frozen=True)
class Amount:
    """How many events of a size are made: of each shift, abruptly, in a window each.

    ``every`` takes each so manieth shift only; ``lasting`` is how often gradual and recurring shifts come.
    """

    events: int
    every: int = 1
    lasting: int = 0


AMOUNTS = {
    100: Amount(40, lasting=5),
    300: Amount(20, lasting=3),
    1_000: Amount(16, lasting=3),
    10_000: Amount(2, lasting=1),
    100_000: Amount(1, every=5),
}
QUICK = {100: Amount(5, lasting=1), 1_000: Amount(2, every=2, lasting=1), 10_000: Amount(1, every=4)}


@dataclass
class Windows:
    """Windows in the making."""

    rows: list[Rows] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def add(self, shift: Shift, pattern: str, shares: Sequence[float], true: Mapping[float, float]) -> int:
        """Add an event with so many windows; ``true`` is the column's PSI by share of shifted records."""
        event = len(self.events)
        self.events.append(Event(pattern, shift.kind, shift.column, shift.amount))
        for position, share in enumerate(shares):
            shifted = {shift.column: true[share]} if share else {}
            touched = (
                frozenset() if not share else frozenset([shift.column]) if shift.only else frozenset(["*"])
            )
            self.trials.append(Trial(event, position, shifted, touched))
        return event


def injected(data: Dataset, stream: Stream, amounts: Mapping[int, Amount], seed: int = 3) -> list[Case]:
    """The data set's shifts at each size, drawn from its steady rows."""
    shifts = EMPLOYMENT if data.name == "employment" else CAR_LOAN
    lasting = LASTING if data.name == "employment" else ()
    return [
        _case(data, stream, size, amount, shifts[:: amount.every], lasting if amount.lasting else (), seed)
        for size, amount in amounts.items()
    ]


def _case(  # noqa: PLR0913, PLR0917 - what a case is made of
    data: Dataset,
    stream: Stream,
    size: int,
    amount: Amount,
    shifts: Sequence[Shift],
    lasting: Sequence[Shift],
    seed: int,
) -> Case:
    random = np.random.default_rng([seed, size])
    windows = Windows()
    for shift in shifts:
        true = true_psi(data, shift, (1.0,))
        for _ in range(amount.events):
            windows.add(shift, "abrupt", [1.0], true)
            windows.rows.append(shift.draw(data.steady, size, random))
    for shift in lasting:
        true = true_psi(data, shift, GRADUAL)
        for _ in range(amount.lasting):
            for pattern, shares in (("gradual", GRADUAL), ("recurring", RECURRING)):
                windows.add(shift, pattern, shares, true)
                windows.rows += [mixture(data.steady, shift, size, share, random) for share in shares]
    path, digest = write_windows(stream, f"injected-{size}", join(windows.rows))
    trials, events = tuple(windows.trials), tuple(windows.events)
    return Case(stream, path, size, len(trials), digest, trials, events)


def mixture(rows: Rows, shift: Shift, size: int, share: float, random: np.random.Generator) -> Rows:
    """So many rows, of which each has shifted with probability ``share``."""
    count = int(random.binomial(size, share))
    parts = [shift.draw(rows, count, random), steady_rows(rows, size - count, random)]
    return join(parts).take(random.permutation(size))


def drifted(data: Dataset, stream: Stream, sizes: Sequence[int]) -> list[Case]:
    """The rows that have really drifted, in their order; each window is an event of its own."""
    if data.drifted is None:
        raise ValueError(f"{data.name} has no rows that drifted")
    path, digest = write_windows(stream, "drifted", data.drifted)
    true = {name: _psi(data.reference, data.drifted, name) for name in data.moved}
    cases = []
    for size in sizes:
        count = len(data.drifted) // size
        trials = tuple(Trial(event, 0, true, frozenset(data.moved)) for event in range(count))
        events = tuple(Event("real", "real", "", "") for _ in range(count))
        cases.append(Case(stream, path, size, count, digest, trials, events))
    return cases


def true_psi(data: Dataset, shift: Shift, shares: Sequence[float]) -> dict[float, float]:
    """PSI of the shifted column between reference and 50,000 rows, by share of shifted rows among them.

    On the exported bins that the product lays.
    """
    random = np.random.default_rng(4)
    return {
        share: _psi(data.reference, mixture(data.steady, shift, MEASURED_ROWS, share, random), shift.column)
        for share in shares
    }


def _psi(reference: Rows, current: Rows, name: str) -> float:
    if name in reference.numeric:
        column: Column = numeric_column(name, "feature", reference.numeric[name])
        counts = _numeric_counts(column.edges, current.numeric[name])
        return psi(column.exported_counts, counts)
    known = len(reference.categories[name])
    return psi(*(_category_counts(rows.codes[name], known) for rows in (reference, current)))


def _numeric_counts(edges: np.ndarray, values: np.ndarray) -> IntArray:
    there = values[~np.isnan(values)]
    found = np.bincount(np.searchsorted(edges, there), minlength=len(edges) + 1)
    return np.append(found, len(values) - len(there))


def _category_counts(codes: np.ndarray, known: int) -> IntArray:
    return np.bincount(np.where(codes == MISSING, known, codes), minlength=known + 1)
