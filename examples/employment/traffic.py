"""The employment model's traffic as a log, from real rows.

The rows, predictions and probabilities are real (README.md beside this file names the source). What is made
up is what a census has not: the time of each request, its latency, its errors and its trace id, all from a
fixed seed. The order of the rows is random within a year, since the file's own order is that of the survey.
"""

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

DATA = Path(__file__).parent / "data"
FEATURES = [
    *("AGEP", "SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL"),
    *("ANC", "NATIVITY", "DEAR", "DEYE", "DREM", "SEX", "RAC1P"),
]
OLDER_THAN, OLDER_SHARE = 60, 0.6
RATE = 20 / 60
"""Requests a second of the replayed time: all of it is within seven days."""

FLAW_EVERY = 10_000
"""Records from one flaw of each kind to the next."""

_PRODUCTION = f"SELECT * FROM read_parquet('{DATA / '2016-2018.parquet'}')"
_STABLE = f"SELECT * FROM ({_PRODUCTION}) WHERE year < 2018"
_DAY = 86_400.0


@dataclass(frozen=True)
class Traffic:
    """Lines of a log in order of time: ``stable`` first, then those after the mix has shifted.

    ``flaws`` more lines are among the stable ones, ``unreadable`` of them no JSON.
    """

    stable: list[bytes] = field(repr=False)
    shifted: list[bytes] = field(repr=False)
    flaws: int
    unreadable: int


def reference_lines() -> list[bytes]:
    """The rows of 2015, four minutes apart from July of that year on, as log lines."""
    return _lines(f"SELECT * FROM read_parquet('{DATA / '2015.parquet'}')", 1435708800.0, 1 / 230)


def traffic(end: float, *, shift: bool = True) -> Traffic:
    """Traffic that ends at ``end`` (seconds since the epoch): 2016 and 2017 as they were, then 2018 shifted.

    The shift: people over 60 are 60 % of the requests instead of 24 %, as when a partner's older
    customers arrive. The rows are real ones of 2018, all over 60 and as many of the younger as fit.
    Without ``shift`` as many rows of 2018 come as they were.
    """
    shifted_rows = _shifted() if shift else _as_it_was()
    start_shifted = end - _count(shifted_rows) / RATE
    stable = _lines(_STABLE, start_shifted - _count(_STABLE) / RATE, RATE)
    flaws = _flaws(stable)
    for n, (place, line) in enumerate(flaws):
        stable.insert(place + n, line)
    shifted = _lines(shifted_rows, start_shifted, RATE, "2018")
    return Traffic(stable, shifted, len(flaws), sum(not _is_json(line) for _, line in flaws))


def sample_log(end: float) -> list[bytes]:
    """A small log of eight days to ``end``: 2,400 records of 2016, then in a day 600 of the shifted mix."""
    first = f"SELECT * FROM ({_STABLE}) WHERE year = 2016 ORDER BY md5(id || 'few') LIMIT 2400"
    last = f"SELECT * FROM ({_shifted()}) ORDER BY md5(id || 'few') LIMIT 600"
    return [
        *_lines(first, end - 8 * _DAY, 2400 / (7 * _DAY)),
        *_lines(last, end - _DAY, 600 / _DAY, "2018"),
    ]


@contextlib.contextmanager
def live(lines: Sequence[bytes], log: Path, per_second: int = 5) -> Iterator[None]:
    """Go on to the end of the context: the requests of ``lines`` again and again, each at its own time."""
    ended = threading.Event()

    def write() -> None:
        n = 0
        with log.open("ab") as file:
            while not ended.wait(1.0):
                for _ in range(per_second):
                    file.write(_now(lines[n % len(lines)], n))
                    n += 1
                file.flush()

    thread = threading.Thread(target=write, name="live traffic", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=10)


def _now(line: bytes, n: int) -> bytes:
    record = json.loads(line)
    record["ts"] = datetime.now(UTC).isoformat(timespec="milliseconds")
    record["request_id"] += f"-{n}"
    return _dump(record)


def _shifted() -> str:
    older = f"SELECT * FROM ({_PRODUCTION}) WHERE year = 2018 AND AGEP > {OLDER_THAN}"
    younger_rows = round(_count(older) * (1 - OLDER_SHARE) / OLDER_SHARE)
    younger = (
        f"SELECT * FROM ({_PRODUCTION}) WHERE year = 2018 AND AGEP <= {OLDER_THAN} "
        f"ORDER BY md5(id || 'drawn') LIMIT {younger_rows}"
    )
    return f"({older}) UNION ALL ({younger})"


def _as_it_was() -> str:
    rows = _count(_shifted())
    return f"SELECT * FROM ({_PRODUCTION}) WHERE year = 2018 ORDER BY md5(id || 'drawn') LIMIT {rows}"


def _flaws(lines: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """What goes wrong in any log now and then, with places: a cut line, a wrong type, an old record."""
    found = []
    for place in range(100, len(lines), FLAW_EVERY):
        record = json.loads(lines[place])
        long_ago = datetime.fromisoformat(record["ts"]) - timedelta(days=60)
        wrong = record | {"features": record["features"] | {"AGEP": "unknown"}}
        late = record | {"ts": long_ago.isoformat(timespec="milliseconds")}
        found += [(place, lines[place][:100] + b"\n"), (place, _dump(wrong)), (place, _dump(late))]
    return found


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _dump(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _count(query: str) -> int:
    ((count,),) = duckdb.sql(f"SELECT count(*) FROM ({query})").fetchall()
    return int(count)


def _lines(query: str, start: float, rate: float, order: str = "year") -> list[bytes]:
    features = ", ".join(f"{name} := {name}" for name in FEATURES)
    time = f"make_timestamp(({start} * 1e6 + n * 1e6 / {rate})::BIGINT)"
    rows = duckdb.sql(
        f"""
        WITH ordered AS (
            SELECT *, row_number() OVER (ORDER BY {order}, md5(id || 'order')) - 1 AS n,
                   md5_number_lower(id || 'latency') % 100003 / 100003.0 AS u
            FROM ({query})
        )
        SELECT to_json(struct_pack(
            ts := strftime({time}, '%Y-%m-%dT%H:%M:%S.%gZ'),
            request_id := 'r' || id,
            model_version := '2015.1',
            latency_ms := round(20 - 25 * ln(1 - u), 2),
            error := CASE WHEN md5_number_lower(id || 'error') % 1000 = 0 THEN 'timeout' END,
            trace_id := substr(md5(id || 'trace'), 1, 32),
            features := struct_pack({features}),
            prediction := prediction,
            score := round(predicted_probability, 6)
        ))::VARCHAR || chr(10) FROM ordered ORDER BY n
        """
    ).fetchall()
    return [line.encode() for (line,) in rows]
