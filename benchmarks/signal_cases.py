"""Signals with known incidents: made-up ones with incidents put in, and real ones that people have marked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from signal_series import CLEAN, DAY, WEEK

FloatArray = npt.NDArray[np.float64]
Incident = tuple[int, int]
"""The first place of an incident, and the one behind its last."""

START = 1_699_999_200.0
STEP = 300.0
PAST = round(4 * WEEK / STEP)
DATA = Path(__file__).resolve().parent / "signals_data"
INJECTED = (
    "normal", "growing_noise", "lognormal", "gamma", "counts", "rate", "ratio", "minutes_alike", "office",
    "trend",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A signal (n,) whose first ``count`` values are the past; incidents are among the others."""

    name: str
    times: FloatArray
    values: FloatArray
    count: int
    step: float
    incidents: tuple[Incident, ...] = ()


def clean(name: str, seed: int, *, step: float = STEP) -> Case:
    """Four weeks of a made-up signal, and one more; a value a ``step``."""
    random = np.random.default_rng([seed, sum(map(ord, name))])
    minutes = START + random.integers(168) * 3600 + np.arange(round(5 * WEEK / 60)) * 60.0
    every = round(step / 60)
    times, values = minutes[::every], CLEAN[name](minutes, random)[::every]
    return Case(name, times, values, round(4 * WEEK / step), step)


def injected(name: str, seed: int) -> Case:
    """The same with a spike, a shift of the level, a ramp and a drop in the last week.

    Sizes are 6 to 12 standard deviations of what is left after the median of each hour of the week; a drop
    leaves a fifth of the value.
    """
    case = clean(name, seed)
    random = np.random.default_rng([seed, 7])
    values = case.values.copy()
    by_hour = values.reshape(5, 168, -1)
    spread = 1.4826 * float(np.median(np.abs(by_hour - np.median(by_hour, axis=(0, 2))[:, None])))
    incidents = []
    for number, (kind, length) in enumerate({"spike": 4, "shift": 72, "ramp": 48, "drop": 12}.items()):
        start = PAST + round((0.5 + 1.6 * number + random.uniform(0, 0.9)) * DAY / STEP)
        part = slice(start, start + length)
        size = spread * random.uniform(6, 12)
        if kind == "drop":
            values[part] *= 0.2
        elif kind == "ramp":
            values[part] += size * np.linspace(0, 1, length)
        else:
            values[part] += size * (1 if kind == "spike" or random.random() < 0.5 else -1)
        incidents.append((start, start + length))
    return Case(name, case.times, values, case.count, STEP, tuple(incidents))


def heartbeat() -> Case:
    """UCR InternalBleeding16: a blood pressure of 183 values a beat, one minute each here; 12 odd ones."""
    known = np.genfromtxt(DATA / "135_UCR_Anomaly_InternalBleeding16_TEST.csv", delimiter=",", skip_header=1)
    odd = np.flatnonzero(known[:, 2])
    times = START + np.arange(len(known)) * 60.0
    return Case("UCR heartbeat", times, known[:, 1], 1200, 60.0, ((int(odd[0]), int(odd[-1]) + 1),))


def occupancy() -> Case:
    """The CO2 of a room every 16 minutes; two people of three mark rows 238 and 416 as changes."""
    lines = (DATA / "occupancy.csv").read_text(encoding="utf-8").splitlines()[1:]
    values = np.array([float(line.split(",")[4]) for line in lines])
    first = datetime.fromisoformat(lines[0].split(",")[0]).replace(tzinfo=UTC).timestamp()
    times = first + np.arange(len(values)) * 960.0
    return Case("occupancy", times, values, 200, 960.0, ((234, 250), (414, 428)))


def brent() -> Case:
    """The daily price of oil; two people mark five changes, at every sixteenth row."""
    lines = (DATA / "brent_crude_oil.csv").read_text(encoding="utf-8").splitlines()[1:]
    parts = [line.split(",") for line in lines]
    times = np.array([datetime.strptime(p[0], "%m/%d/%Y").replace(tzinfo=UTC).timestamp() for p in parts])
    values = np.array([float(p[1]) for p in parts])
    changes = [16 * row for row in (219, 227, 288, 381)]
    return Case("brent", times, values, 1600, DAY, tuple((row - 16, row + 48) for row in changes))


def real() -> Iterator[Case]:
    """The real ones."""
    yield heartbeat()
    yield occupancy()
    yield brent()
