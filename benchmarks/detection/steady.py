"""Streams in which nothing shifts that is worth an alarm."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detection.cases import Case, Stream, write_stream, write_windows
from detection.datasets import Dataset, employment, pressure
from detection.rows import Rows, join
from detection.shifts import mix

RATE = 100
"""Records an hour, where a stream's name says nothing else."""

GROUP_QUARTERS = "RELP IN ('16', '17')"
WEEK = 7 * 24
OLDER, OLDER_THAN = 0.24, 60.0
"""Share of the employment data's people above this age."""


@dataclass(frozen=True)
class Cycle:
    """Records an hour, weeks of reference (and as many after it), and the sizes of windows."""

    rate: int
    weeks: int
    sizes: tuple[int, ...]


CYCLES = (Cycle(100, 4, (100, 300, 1_000, 2_400)), Cycle(1_000, 2, (1_000, 24_000)))
QUICK_CYCLES = (Cycle(100, 4, (100, 2_400)),)


def in_order(name: str, data: Dataset, folder: Path, sizes: tuple[int, ...]) -> list[Case]:
    """The rows of a data set as they come."""
    stream = write_stream(name, folder, data.task, data.reference, RATE)
    return _cases(stream, data.steady, sizes)


def daily(data: Dataset, folder: Path, cycle: Cycle) -> list[Case]:
    """Real rows in a constructed cycle: so many weeks of reference, and as many that follow it.

    Who asks depends on the hour: the share of people over 60 goes up and down between 8 % and 40 % each
    working day, and between 16 % and 32 % on Saturdays and Sundays. All weeks are alike.
    """
    name = f"daily cycle, {cycle.rate:,} an hour"
    reference = _cycle(data.reference, cycle, seed=1)
    stream = write_stream(name, folder / f"daily-{cycle.rate}", data.task, reference, cycle.rate)
    return _cases(stream, _cycle(data.steady, cycle, seed=2), cycle.sizes)


def _cycle(rows: Rows, cycle: Cycle, seed: int) -> Rows:
    random = np.random.default_rng(seed)
    hour = np.arange(cycle.weeks * WEEK)
    swing = np.where(hour // 24 % 7 < 5, 0.16, 0.08)
    share = OLDER + swing * np.cos(2 * np.pi * (hour % 24 - 10) / 24)
    return join([mix("AGEP", OLDER_THAN, s).draw(rows, cycle.rate, random) for s in share.tolist()])


def _cases(stream: Stream, rows: Rows, sizes: tuple[int, ...]) -> list[Case]:
    path, digest = write_windows(stream, "steady", rows)
    return [Case(stream, path, size, len(rows) // size, digest) for size in sizes if len(rows) >= size]


def steady_cases(folder: Path, people: Dataset, loans: Dataset, *, quick: bool) -> list[Case]:
    """All of them, in files in ``folder``, from the employment data and car_loan."""
    sizes = (100, 1_000, 10_000) if quick else (100, 300, 1_000, 10_000, 100_000)
    cycles = QUICK_CYCLES if quick else CYCLES
    survey = employment("survey", GROUP_QUARTERS)
    return [
        *in_order("employment, shuffled", people, folder / "employment", sizes),
        *in_order("employment, as surveyed", survey, folder / "survey", sizes[:4]),
        *in_order("car_loan, before its drift", loans, folder / "car_loan", sizes[:4]),
        *in_order("blood pressure, beats", pressure(), folder / "pressure", (100, 300, 1_000)),
        *(case for cycle in cycles for case in daily(people, folder, cycle)),
    ]
