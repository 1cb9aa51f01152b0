"""A fraud model's predictions and the verdicts on them, from rows of synthetic car loans.

Rows, scores and outcomes are those of the data (README.md beside this file names the source); that a loan is
not repaid plays the fraud. What is made up is what the data has not: when each prediction was made, how long
it and its verdict took, and what happens while the model cannot look features up. All of it follows from the
number of the record, so that it is the same each time. The order of the rows is random.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

DATA = Path(__file__).resolve().parent / "data"
LOOKED_UP = ("salary_range", "repaid_loan_on_prev_car")
"""Features that come from another service, over the network."""

FAILED = 0.5
"""Share of the look-ups that fail while the network is partitioned."""

FALLBACK = 0.1
"""What the model answers without what it looks up: that nothing is wrong."""

THRESHOLD = 0.5
LATENCY, TIMEOUT = 0.04, 0.12
"""Seconds that a prediction takes in the middle, and that a look-up which fails adds."""

SOONEST, LATEST = 1.0, 4.0
"""Seconds that a verdict takes."""

_UNIFORM = 49_999
"""Rows of random numbers; no multiple of the rows of the data, so that they come together anew each time."""


@dataclass(frozen=True)
class Event:
    """A line of a log and when it is written, in seconds since the epoch."""

    time: float
    line: bytes


@dataclass(frozen=True)
class _Loan:
    """A row of the data as a request: its features, the score of the model, and what came true."""

    features: dict[str, Any]
    score: float
    fraud: int


def reference_lines() -> list[bytes]:
    """10,000 known good records with their verdicts as log lines, to 2018-03-02 as in the data."""
    start, step = datetime(2018, 1, 1, tzinfo=UTC).timestamp(), 523.152
    return [
        _dump(_prediction(number, loan, start + number * step, failed=False) | {"fraud": loan.fraud})
        for number, loan in enumerate(_loans("reference"))
    ]


def events(number: int, time: float, *, partitioned: bool) -> tuple[Event, Event]:
    """Prediction number ``number``, made at ``time``, and its verdict."""
    loans = _loans("production")
    loan = loans[number % len(loans)]
    failed = partitioned and bool(_uniform()[number % _UNIFORM, 0] < FAILED)
    came = time + SOONEST + (LATEST - SOONEST) * float(_uniform()[number % _UNIFORM, 1])
    verdict = {"ts": _text(came), "request_id": f"r{number}", "fraud": loan.fraud}
    prediction = _prediction(number, loan, time, failed=failed)
    return Event(time, _dump(prediction)), Event(came, _dump(verdict))


def outcome_shares() -> dict[tuple[str, str], float]:
    """Share of (prediction, verdict) among the records when all is well."""
    pairs = [(str(int(loan.score >= THRESHOLD)), str(loan.fraud)) for loan in _loans("production")]
    return {pair: pairs.count(pair) / len(pairs) for pair in sorted(set(pairs))}


def _prediction(number: int, loan: _Loan, time: float, *, failed: bool) -> dict[str, Any]:
    score = FALLBACK if failed else loan.score
    seconds = LATENCY * (0.5 + float(_uniform()[number % _UNIFORM, 2])) + (TIMEOUT if failed else 0.0)
    return {
        "ts": _text(time),
        "request_id": f"r{number}",
        "model_version": "7",
        "prediction": int(score >= THRESHOLD),
        "score": score,
        "latency_ms": round(1000 * seconds, 1),
        "features": loan.features | (dict.fromkeys(LOOKED_UP) if failed else {}),
    }


@cache
def _loans(name: str) -> list[_Loan]:
    path = DATA / f"{name}.parquet"
    found = duckdb.sql(
        f"""SELECT car_value, salary_range, debt_to_income_ratio, loan_length, repaid_loan_on_prev_car,
                size_of_downpayment, driver_tenure, round(1 - y_pred_proba, 6), 1 - repaid::INTEGER
            FROM read_parquet('{path}') ORDER BY md5(id || 'order')"""
    )
    names = found.columns[:7]
    return [_Loan(dict(zip(names, row[:7], strict=True)), row[7], row[8]) for row in found.fetchall()]


@cache
def _uniform() -> np.ndarray:
    return np.random.default_rng(3).random((_UNIFORM, 3))


def _text(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _dump(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"
