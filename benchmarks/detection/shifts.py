"""Shifts that are injected into steady rows, in several sizes each.

A shift draws rows: real ones, and but for ``mix`` with one column of them changed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from detection.rows import MISSING, NEW, Rows

Generator = np.random.Generator
Draw = Callable[[Rows, int, Generator], Rows]


@dataclass(frozen=True)
class Shift:
    """``draw`` takes so many rows from steady ones, shifted; ``amount`` says by how much.

    ``only`` says that no other column than ``column`` is touched.
    """

    kind: str
    column: str
    amount: str
    draw: Draw
    only: bool = True


def steady_rows(rows: Rows, size: int, random: Generator) -> Rows:
    """So many rows as they are, drawn with replacement."""
    return rows.take(random.integers(len(rows), size=size))


def mean(column: str, deviations: float) -> Shift:
    """The values move by so many standard deviations."""

    def draw(rows: Rows, size: int, random: Generator) -> Rows:
        drawn = steady_rows(rows, size, random)
        step = deviations * float(np.nanstd(rows.numeric[column]))
        return drawn.with_numbers(column, drawn.numeric[column] + step)

    return Shift("mean", column, f"{deviations:+g} sd", draw)


def unit(column: str, factor: float) -> Shift:
    """The values come in another unit."""

    def draw(rows: Rows, size: int, random: Generator) -> Rows:
        drawn = steady_rows(rows, size, random)
        return drawn.with_numbers(column, drawn.numeric[column] * factor)

    return Shift("unit", column, f"x {factor:g}", draw)


def missing(column: str, share: float) -> Shift:
    """A share of the values is missing."""

    def draw(rows: Rows, size: int, random: Generator) -> Rows:
        drawn = steady_rows(rows, size, random)
        gone = random.random(size) < share
        if column in drawn.numeric:
            return drawn.with_numbers(column, np.where(gone, np.nan, drawn.numeric[column]))
        return drawn.with_codes(column, np.where(gone, np.int16(MISSING), drawn.codes[column]))

    return Shift("missing", column, f"{share:.0%}", draw)


def new(column: str, share: float) -> Shift:
    """A share of the values is a category that was never seen."""

    def draw(rows: Rows, size: int, random: Generator) -> Rows:
        drawn = steady_rows(rows, size, random)
        unseen = np.int16(rows.categories[column].index(NEW))
        return drawn.with_codes(column, np.where(random.random(size) < share, unseen, drawn.codes[column]))

    return Shift("new category", column, f"{share:.0%}", draw)


def swap(column: str, share: float, rank: int = 2) -> Shift:
    """The most frequent category and that of a rank change names in a share of the records."""

    def draw(rows: Rows, size: int, random: Generator) -> Rows:
        drawn = steady_rows(rows, size, random)
        codes = rows.codes[column]
        frequent = np.argsort(-np.bincount(codes[codes >= 0]), kind="stable")
        one, two = frequent[0], frequent[rank - 1]
        names = np.arange(len(rows.categories[column]) + 1, dtype=np.int16)
        names[-1] = MISSING  # what the code of a missing value, -1, finds
        names[[one, two]] = names[[two, one]]
        swapped = random.random(size) < share
        return drawn.with_codes(column, np.where(swapped, names[drawn.codes[column]], drawn.codes[column]))

    return Shift("swap", column, f"{share:.0%}", draw)


def mix(column: str, above: float, share: float) -> Shift:
    """Real rows in another mix: those with values above a number are now this share."""

    def draw(rows: Rows, size: int, random: Generator) -> Rows:
        high = rows.numeric[column] > above
        count = random.binomial(size, share)
        chosen = np.concatenate(
            [
                random.choice(np.flatnonzero(high), count),
                random.choice(np.flatnonzero(~high), size - count),
            ]
        )
        return rows.take(random.permutation(chosen))

    return Shift("mix", column, f"{share:.0%} above {above:g}", draw, only=False)


EMPLOYMENT = (
    *(mean("AGEP", amount) for amount in (0.2, 0.3, 0.4, 0.6, 1.0)),
    *(mean("score", amount) for amount in (0.01, 0.1)),
    *(unit("AGEP", factor) for factor in (1.1, 12.0)),
    *(missing("AGEP", share) for share in (0.02, 0.05, 0.1, 0.3)),
    *(missing("MAR", share) for share in (0.05, 0.1, 0.3)),
    *(swap("NATIVITY", share) for share in (0.1, 0.2, 0.3, 0.5)),
    *(swap("MAR", share, 3) for share in (0.1, 0.3, 1.0)),
    *(new("SCHL", share) for share in (0.02, 0.05, 0.1, 0.2)),
    *(mix("AGEP", 60.0, share) for share in (0.35, 0.45, 0.5, 0.6)),
)
CAR_LOAN = (
    *(mean("debt_to_income_ratio", amount) for amount in (0.05, 0.1, 0.15, 0.6)),
    *(mean("driver_tenure", amount) for amount in (-0.05, -0.1, -0.3)),
    *(unit("car_value", factor) for factor in (1.1, 1.15, 1.2, 1000.0)),
    *(mix("car_value", 30_000.0, share) for share in (0.5, 0.6, 0.7)),
    *(missing("salary_range", share) for share in (0.05, 0.1, 0.3)),
    *(swap("salary_range", share, rank) for share, rank in ((0.5, 2), (1.0, 2), (0.5, 4), (1.0, 4))),
    *(swap("repaid_loan_on_prev_car", share) for share in (0.5, 1.0)),
    *(new("size_of_downpayment", share) for share in (0.05, 0.1, 0.2)),
)
"""The shifts of each data set, by which its abrupt events are made."""

LASTING = (mean("AGEP", 1.0), missing("MAR", 0.3), mix("AGEP", 60.0, 0.6))
"""Shifts that also come gradually, and that come and go; of employment."""
