"""Two weeks of a recommender's predictions and their late labels as logs, from real rows.

The rows, predictions, probabilities and outcomes are those of real people and of a real model (README.md
beside this file names the source); that a person is employed plays the click. What is made up is what a
census has not: when each prediction was made, how long its label took, and the fall of the click-through
rate. All of it follows from hashes of the rows' ids, so that it is the same each time. The order of the rows
is random, since the file's own order is that of the survey.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

HERE = Path(__file__).resolve().parent
PEOPLE = HERE.parent / "employment" / "data"
FEATURES = ("AGEP", "SCHL", "MAR", "RELP", "DIS", "CIT", "MIG", "SEX")

DAY, WEEK = 86_400.0, 7 * 86_400.0
DAYS = 14
PER_DAY = 3_000
"""Predictions a day of the demo."""

FALL = 0.15
"""Share of the clicks that are missing in the second week; it grows over the first day."""

SOONEST, MEAN_DELAY = 600.0, 4 * 3_600.0
"""Seconds that a label takes at the least, and on average beyond that: exponentially distributed."""

NEVER = 0.01
"""Share of the predictions whose label never comes."""

BUSIEST, SWING = 15 / 24, 0.6
"""Time of the day with the most predictions, and how far the rate goes above and below its mean."""


@dataclass(frozen=True)
class Event:
    """A line of a log and when it is written, in seconds since the epoch."""

    time: float
    line: bytes


@dataclass(frozen=True)
class Traffic:
    """Events in order of time: ``predictions``, and the labels of each model by its name.

    ``start`` and ``end`` are in seconds since the epoch; the second week begins at ``turn``.
    """

    predictions: list[Event]
    labels: dict[str, list[Event]]
    start: float
    turn: float
    end: float


@dataclass(frozen=True)
class _Shown:
    """A real row as what was shown to a user; the last three are its uniform random values."""

    id: int
    features: dict[str, Any]
    prediction: int
    score: float
    clicked: int
    delay: float
    never: float
    turned: float


def reference_lines() -> list[bytes]:
    """All rows of 2015 in three weeks and two days to 2016-01-01, as log lines that hold their labels."""
    shown = _rows("2015", f"SELECT * FROM read_parquet('{PEOPLE / '2015.parquet'}')")
    times = _times(datetime(2016, 1, 1, tzinfo=UTC).timestamp() - len(shown) / PER_DAY * DAY, len(shown))
    return [
        _dump(_prediction(row, time) | {"clicked": row.clicked})
        for row, time in zip(shown, times, strict=True)
    ]


def traffic(end: float, per_day: int = PER_DAY, *, fall: float = FALL) -> Traffic:
    """Two weeks to ``end`` (seconds since the epoch): rows of 2016, ``per_day`` a day.

    ``clicks`` and ``clicks_control`` have the same predictions and the same labels, except that in the second
    week each click of ``clicks`` is missing with a probability that grows to ``fall`` over the first day.
    Labels that come after ``end`` are left out.
    """
    count = DAYS * per_day
    shown = _production()[:count]
    start, turn = end - 2 * WEEK, end - WEEK
    times = _times(start, count, per_day)
    predictions, control, fallen = [], [], []
    for row, time in zip(shown, times, strict=True):
        predictions.append(Event(time, _dump(_prediction(row, time))))
        came = time + SOONEST - MEAN_DELAY * math.log1p(-row.delay)
        if row.never < NEVER or came > end:
            continue
        turned = row.turned < fall * min(max((time - turn) / DAY, 0.0), 1.0)
        control.append(_label(row, row.clicked, came))
        fallen.append(_label(row, 0 if turned else row.clicked, came))
    labels = {"clicks": _in_order(fallen), "clicks_control": _in_order(control)}
    return Traffic(predictions, labels, start, turn, end)


def write(events: Sequence[Event], path: Path) -> None:
    """Write the lines of a log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(event.line for event in events))


@cache
def _production() -> list[_Shown]:
    return _rows(
        "2016",
        f"""SELECT people.*, employed FROM read_parquet('{PEOPLE / "2016-2018.parquet"}') AS people
            JOIN read_parquet('{HERE / "data" / "2016_employed.parquet"}') USING (id) WHERE year = 2016""",
    )


def _rows(salt: str, query: str) -> list[_Shown]:
    uniform = ", ".join(
        f"md5_number_lower(id || '{salt} {what}') % 1000003 / 1000003.0"
        for what in ("delay", "never", "turned")
    )
    found = duckdb.sql(
        f"""SELECT id, {", ".join(FEATURES)}, prediction, round(predicted_probability, 6), employed, {uniform}
            FROM ({query}) ORDER BY md5(id || '{salt} order')"""
    ).fetchall()
    n = 1 + len(FEATURES)
    return [_Shown(row[0], dict(zip(FEATURES, row[1:n], strict=True)), *row[n:]) for row in found]


def _times(start: float, count: int, per_day: int = PER_DAY) -> list[float]:
    """Times of ``count`` predictions from ``start`` on: evenly but for the daily cycle (UTC)."""
    begin = start % DAY / DAY
    cycle = np.linspace(0, 1, 1_441)
    turns = 2 * math.pi
    # The integral of 1 + SWING * cos(2 pi (time of day - BUSIEST)), from the time of day at which it begins.
    passed = cycle + SWING / turns * (
        np.sin(turns * (begin + cycle - BUSIEST)) - math.sin(turns * (begin - BUSIEST))
    )
    due = (np.arange(count) + 0.5) / per_day
    whole = np.floor(due)
    return [float(t) for t in start + DAY * (whole + np.interp(due - whole, passed, cycle))]


def _prediction(row: _Shown, time: float) -> dict[str, Any]:
    return {
        "ts": _text(time),
        "request_id": f"r{row.id}",
        "model_version": "2015.1",
        "prediction": row.prediction,
        "score": row.score,
        "features": row.features,
    }


def _label(row: _Shown, clicked: int, time: float) -> Event:
    return Event(time, _dump({"ts": _text(time), "request_id": f"r{row.id}", "clicked": clicked}))


def _in_order(events: Sequence[Event]) -> list[Event]:
    return sorted(events, key=lambda event: event.time)


def _text(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _dump(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"
