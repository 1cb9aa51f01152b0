"""The employment model's traffic as a log, from real rows.

The rows, predictions and probabilities are real (README.md beside this file names the source). What is made up is
what a census has not: the time of each request, its latency, its errors and its trace id, all from a fixed
seed. The order of the rows is random within a year, since the file's own order is that of the survey.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

DATA = Path(__file__).parent / "data"
FEATURES = ("AGEP SCHL MAR RELP DIS ESP CIT MIG MIL ANC NATIVITY DEAR DEYE DREM SEX RAC1P").split()
OLDER_THAN, OLDER_SHARE = 60, 0.6
RATE = 12 / 60
"""Requests a second of the replayed time."""


@dataclass(frozen=True)
class Traffic:
    """Lines of a log in order of time: ``stable`` first, then those after the mix has shifted."""

    stable: list[bytes]
    shifted: list[bytes]


def reference_lines() -> list[bytes]:
    """The rows of 2015, a minute apart through that year's second half, as log lines."""
    return _lines(f"SELECT * FROM read_parquet('{DATA / '2015.parquet'}')", 1435708800.0, 1 / 230)


def traffic(end: float) -> Traffic:
    """Traffic that ends at ``end`` (seconds since the epoch): 2016 and 2017 as they were, then 2018 shifted.

    The shift: people over 60 are 60 % of the requests instead of 24 %, as when a partner's older
    customers arrive. The rows are real ones of 2018, all over 60 and as many of the younger as fit.
    """
    production = f"SELECT * FROM read_parquet('{DATA / '2016-2018.parquet'}')"
    older = f"SELECT * FROM ({production}) WHERE year = 2018 AND AGEP > {OLDER_THAN}"
    older_rows = _count(older)
    younger_rows = round(older_rows * (1 - OLDER_SHARE) / OLDER_SHARE)
    younger = (
        f"SELECT * FROM ({production}) WHERE year = 2018 AND AGEP <= {OLDER_THAN} "
        f"ORDER BY md5(id || 'drawn') LIMIT {younger_rows}"
    )
    stable = f"SELECT * FROM ({production}) WHERE year < 2018"
    start_shifted = end - (older_rows + younger_rows) / RATE
    start_stable = start_shifted - _count(stable) / RATE
    return Traffic(
        _lines(stable, start_stable, RATE),
        _lines(f"({older}) UNION ALL ({younger})", start_shifted, RATE, "2018"),
    )


def _count(query: str) -> int:
    ((count,),) = duckdb.sql(f"SELECT count(*) FROM ({query})").fetchall()
    return int(count)


def _lines(query: str, start: float, rate: float, order: str = "year") -> list[bytes]:
    features = ", ".join(f"{name} := {name}" for name in FEATURES)
    rows = duckdb.sql(
        f"""
        WITH ordered AS (
            SELECT *, row_number() OVER (ORDER BY {order}, md5(id || 'order')) - 1 AS n,
                   md5_number_lower(id || 'latency') % 100003 / 100003.0 AS u
            FROM ({query})
        )
        SELECT to_json(struct_pack(
            ts := strftime(make_timestamp(({start} * 1e6 + n * 1e6 / {rate})::BIGINT), '%Y-%m-%dT%H:%M:%S.%gZ'),
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
