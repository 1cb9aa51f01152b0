"""What kinds of references make of traffic with a daily cycle, without drift and with it.

Run it: python benchmarks/reference_kinds.py [--days 28] [--write]. It prints the table of docs/statistics.md.

A normal column of deviation 1 whose mean goes up and down by an amplitude once a day, and at weekends by half
as much again; 1,000 records an hour, unless the row says otherwise. Its bins are the deciles of a whole week.
A 1h and a 24h window are judged every hour, by the code that judges when serving: slices, history, choice of
the reference, confidence. Half of the days are judged without drift; then the mean moves by half a deviation
for the rest.
"""

import argparse
import math
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from drift_exporter.config.schema import Config
from drift_exporter.evaluation import Durations, capture, judge_model
from drift_exporter.ingest import ModelIngest
from drift_exporter.judge.evaluate import DRIFTED_CONFIDENCE
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.document import fingerprint
from drift_exporter.reference.model import FloatArray, NumericColumn, Reference
from drift_exporter.snapshot import EVALUATION_BOUNDS
from drift_exporter.window.ring import Ring
from drift_exporter.window.slices import MICROSECONDS
from drift_exporter.window.totals import Totals
from page import replace_table

HOUR, DAY = 3600, 86_400
MONDAY = 1_767_571_200
"""2026-01-05 00:00:00 UTC, seconds since the epoch."""

STEP = 1800
KINDS: dict[str, Any] = {
    "fixed": None,
    "rolling": {"rolling": "7d", "offset": "1d"},
    "rolling, seasonal: day": {"rolling": "7d", "offset": "1d", "seasonal": "day"},
    "rolling, seasonal: week": {"rolling": "28d", "offset": "1d", "seasonal": "week"},
    "version": {"version": "stable"},
}


def mean(time: float, amplitude: float) -> float:
    """Mean of the column at a time (seconds since the epoch)."""
    weekend = (time - MONDAY) // DAY % 7 >= 5
    return amplitude * (1.5 if weekend else 1.0) * math.sin(2 * math.pi * time / DAY)


def week_column(generator: np.random.Generator, amplitude: float) -> NumericColumn:
    """The column with the bins and counts of a whole week."""
    times = MONDAY + generator.uniform(0, 7 * DAY, 20_000)
    values = np.array([mean(time, amplitude) for time in times]) + generator.standard_normal(len(times))
    return numeric_column("value", "feature", values)


def make_ingest(kind: str, column: NumericColumn) -> ModelIngest:
    """A model without a source, of two versions, with this kind of reference."""
    with TemporaryDirectory() as folder:
        config = Config.model_validate(
            {
                "windows": ["1h", "24h"],
                "models": [
                    {
                        "name": "simulated",
                        "task": "binary",
                        "reference": KINDS[kind] or "none.json",
                        "predictions": {
                            "source": {"type": "file", "path": "*.ndjson"},
                            "fields": {"timestamp": "ts", "version": "v", "features": "features.*"},
                        },
                    }
                ],
            },
            context={"folder": Path(folder)},
        )
    columns = (column,)
    bins = Reference("simulated", int(column.counts.sum()), columns, 0.0, fingerprint(columns))
    return ModelIngest(config.models[0], config, {None: bins})


def count(ingest: ModelIngest, version: str, time: int, values: FloatArray) -> None:
    """Count values of half an hour, as the way from the source does."""
    layout = ingest.layout(version)
    if layout is None:
        raise ValueError("the bins are missing")
    if version not in ingest.totals:
        ingest.totals[version] = Totals(np.zeros(layout.size, dtype=np.int64))
        ingest.rings[version] = Ring(ingest.levels, layout.size, layout.sums_size)
    places = layout.numeric[0].binner.bin(values)
    counts = np.bincount(places, minlength=layout.size)
    sums = np.bincount(places, weights=values, minlength=layout.sums_size)
    ingest.rings[version].add(0, time * MICROSECONDS, counts, sums, len(values))


def judged(
    kind: str, amplitude: float, records: int, days: int, history: int = 30
) -> Iterable[tuple[bool, str, bool]]:
    """For each window: whether there is drift, the window's name and whether it alarms.

    ``history`` are the days of traffic before those that are judged.
    """
    generator = np.random.default_rng(1)
    ingest = make_ingest(kind, week_column(generator, amplitude))
    begin = MONDAY - history * DAY
    for time in range(begin, MONDAY + days * DAY, STEP):
        drifted = time >= MONDAY + days * DAY // 2
        for version in ("canary", "stable") if kind == "version" else ("canary",):
            moved = 0.5 if drifted and version == "canary" else 0.0
            size = generator.poisson(records * STEP / HOUR)
            values = mean(time + STEP / 2, amplitude) + moved + generator.standard_normal(size)
            count(ingest, version, time, values)
        ingest.watermark = (time + STEP) * MICROSECONDS - 1
        for ring in ingest.rings.values():
            ring.evict(ingest.watermark)
        if time < MONDAY or (time + STEP) % HOUR:
            continue
        model = judge_model(ingest, capture(ingest, Durations(EVALUATION_BOUNDS)))
        canary = next(version for version in model.versions if version.version == "canary")
        # A window of 24 hours is all of one kind only a day later, and the drift becomes a rolling reference.
        settled = not drifted or MONDAY + days * DAY // 2 + DAY <= time < MONDAY + days * DAY // 2 + 2 * DAY
        for window in canary.windows:
            if window.columns and settled:
                yield drifted, window.name, window.columns[0].confidence >= DRIFTED_CONFIDENCE


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=28, help="days to judge (default 28)")
    parser.add_argument("--write", action="store_true", help="put the table into docs/statistics.md")
    options = parser.parse_args()
    lines = [
        "| reference | amplitude | records an hour | false alarms, 1h | 24h | found, 1h | 24h |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for amplitude, records in ((0.0, 1000), (0.5, 1000), (1.0, 1000), (2.0, 1000), (1.0, 200)):
        for kind in KINDS:
            found = list(judged(kind, amplitude, records, options.days))
            shares = [
                np.mean([alarm for is_drift, name, alarm in found if is_drift == drifted and name == window])
                for drifted in (False, True)
                for window in ("1h", "24h")
            ]
            told = " | ".join(f"{100 * share:.1f} %" for share in shares)
            lines.append(f"| {kind} | {amplitude:g} sd | {records:,} | {told} |")
    text = "\n".join(lines)
    print(text)
    if options.write:
        replace_table("benchmarks/reference_kinds.py", text)


if __name__ == "__main__":
    main()
