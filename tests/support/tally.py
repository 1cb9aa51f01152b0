"""Made-up prediction records, and an exact tally of them in the form in which the exporter tells it.

The tally is kept with nothing of the exporter's but the bins of its references: what is compared with it was
counted twice, by different code.
"""

import base64
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families

from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import NumericColumn, Reference
from drift_exporter.snapshot import CONFIDENCE_BOUNDS, LATENCY_BOUNDS
from support.records import reference

Key = tuple[str, frozenset[tuple[str, str]]]
Series = dict[Key, float]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MODEL = "fraud"
SOURCE = f"{MODEL}/predictions"
VERSIONS = ("v1", "v2")
LINE_LIMIT = 2048
REASONS = (
    "malformed",
    "invalid_utf8",
    "not_object",
    "too_long",
    "timestamp_missing",
    "timestamp_unreadable",
)
WINDOWS = {"1h": (3_600, 60), "24h": (86_400, 900), "7d": (604_800, 3_600)}
"""Length and length of the slices of each window, in seconds."""

_SECOND = 1_000_000
_MALFORMED_SHARE = 0.01


def references() -> dict[str, Reference]:
    """A reference for each version, with bins of its own."""
    random = np.random.default_rng(1)
    return {
        version: reference(
            numeric_column("amount", "feature", random.lognormal(4 + place, 1, 5000)),
            numeric_column("items", "feature", random.integers(1, 8, 5000).astype(np.float64)),
            categorical_column(
                "country", "feature", {"a": 2000, "b": 1500 - place, "é": 1000, "1": 400}, 100 + place, 50
            ),
            categorical_column("prediction", "prediction", {"yes": 3000, "no": 2000}, 0, 50),
            numeric_column("score", "score", random.beta(2, 3 + place, 5000)),
            model=MODEL,
        )
        for place, version in enumerate(VERSIONS)
    }


def key(name: str, **labels: str) -> Key:
    """A series' name and labels."""
    return name, frozenset(labels.items())


def parse(text: str) -> tuple[Series, set[Key]]:
    """All series of an exposition, and which of them are those of counters and histograms."""
    series: Series = {}
    cumulative: set[Key] = set()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            one = key(sample.name, **sample.labels)
            series[one] = sample.value
            if family.type in {"counter", "histogram"}:
                cumulative.add(one)
    return series, cumulative


@dataclass(frozen=True)
class Batch:
    """Records of one moment: the columns (rows,) they were made of. ``numbers`` have NaN where missing."""

    version: Ints
    time: Ints
    numbers: Mapping[str, Floats]
    texts: Mapping[str, Sequence[str | None]]
    latency: Floats
    error: NDArray[np.bool_]
    wrong: NDArray[np.bool_]

    def lines(self, first: int) -> Iterator[bytes]:
        """The records as lines, numbered from ``first`` on. Where ``wrong``, the amount is a text."""
        for i, version in enumerate(self.version.tolist()):
            amount = "a lot" if self.wrong[i] else _or_none(self.numbers["amount"][i])
            record: dict[str, Any] = {
                "ts": int(self.time[i]),
                "request": first + i,
                "version": VERSIONS[version],
                "prediction": self.texts["prediction"][i],
                "score": _or_none(self.numbers["score"][i]),
                "latency_ms": _or_none(self.latency[i]),
                "features": {
                    "items": _or_none(self.numbers["items"][i]),
                    "country": self.texts["country"][i],
                },
            }
            # Absent, null and not a number are all missing, but not the same to a parser.
            if amount is not None or i % 2:
                record["features"]["amount"] = amount
            if self.error[i]:
                record["error"] = "timeout"
            yield json.dumps(record, ensure_ascii=bool(i % 3)).encode() + b"\n"


def make_batch(random: np.random.Generator, rows: int, newest: int) -> Batch:
    """Records of the two hours before ``newest`` (microseconds)."""
    amount, score = random.lognormal(4.5, 1.2, rows).round(2), random.random(rows).round(3)
    # A latency that is a bucket's bound belongs to that bucket.
    latency = np.where(random.random(rows) < 0.1, 200.0, random.lognormal(4, 1.5, rows).round(1))
    wrong = random.random(rows) < 0.01
    return Batch(
        version=random.integers(len(VERSIONS), size=rows),
        time=newest - (random.beta(1, 5, rows) * 7_200 * _SECOND).astype(np.int64),
        numbers={
            "amount": np.where(wrong | (random.random(rows) < 0.05), np.nan, amount),
            "items": random.integers(0, 10, rows).astype(np.float64),
            "score": np.where(random.random(rows) < 0.02, np.nan, score),
        },
        texts={
            "country": random.choice(np.array(["a", "b", "é", "1", "zz", None], dtype=object), rows).tolist(),
            "prediction": random.choice(["yes", "no"], rows).tolist(),
        },
        latency=np.where(random.random(rows) < 0.05, np.nan, latency),
        error=random.random(rows) < 0.03,
        wrong=wrong,
    )


def make_malformed(reason: str, number: int, time: int) -> bytes:
    """A line that is rejected for ``reason``, like no other one."""
    record: dict[str, Any] = {"ts": time, "request": number, "version": "v1"}
    if reason == "malformed":
        return json.dumps(record).encode()[:-3] + b"\n"
    if reason == "invalid_utf8":
        return json.dumps(record | {"prediction": "@"}).encode().replace(b"@", b"\xff\xfe") + b"\n"
    if reason == "not_object":
        return json.dumps(["ts", time, number]).encode() + b"\n"
    if reason == "too_long":
        return json.dumps(record | {"prediction": "x" * (LINE_LIMIT + number % 1000)}).encode() + b"\n"
    if reason == "timestamp_missing":
        return json.dumps(record | {"ts": None}).encode() + b"\n"
    return json.dumps(record | {"ts": "yesterday"}).encode() + b"\n"


@dataclass
class Tally:
    """What was written so far, counted from the columns and never from the lines."""

    references: Mapping[str, Reference] = field(default_factory=references)
    records: int = 0
    size: int = 0
    malformed: list[tuple[str, bytes]] = field(default_factory=list)
    counts: Counter[Key] = field(default_factory=Counter)
    sums: Counter[Key] = field(default_factory=Counter)
    times: dict[str, list[Ints]] = field(default_factory=lambda: {version: [] for version in VERSIONS})

    def write(self, random: np.random.Generator, rows: int, newest: int) -> bytes:
        """New records, some of them malformed, as they go to the log; they are in the tally now."""
        batch = make_batch(random, rows, newest)
        lines = list(batch.lines(self.records + len(self.malformed)))
        for place in np.flatnonzero(random.random(rows) < _MALFORMED_SHARE)[::-1].tolist():
            reason = str(random.choice(REASONS))
            line = make_malformed(reason, self.records + len(self.malformed), newest)
            self.malformed.append((reason, line[:-1]))
            lines.insert(place, line)
            if place % 4 == 0:
                lines.insert(place, b"\n")
        data = b"".join(lines)
        self._add(batch)
        self.size += len(data)
        return data

    def repeat(self, times: int) -> None:
        """All that was written is in the log this many times."""
        self.records, self.size, self.malformed = (
            self.records * times,
            self.size * times,
            self.malformed * times,
        )
        for counter in (self.counts, self.sums):
            for one in counter:
                counter[one] *= times
        self.times = {version: parts * times for version, parts in self.times.items()}

    def _add(self, batch: Batch) -> None:
        for number, version in enumerate(VERSIONS):
            mine = batch.version == number
            if mine.any():
                self._add_version(batch, version, mine)
        if wrong := int(batch.wrong.sum()):
            self.counts[key("drift_exporter_invalid_values_total", model=MODEL, column="amount")] += wrong
        self.records += len(batch.version)

    def _add_version(self, batch: Batch, version: str, mine: NDArray[np.bool_]) -> None:
        labels = {"model": MODEL, "version": version}
        self.times[version].append(batch.time[mine])
        self.counts[key("model_predictions_total", **labels)] += int(mine.sum())
        self.counts[key("model_prediction_errors_total", **labels)] += int((batch.error & mine).sum())
        latency = batch.latency[mine] * 1e-3
        self._add_histogram("model_prediction_latency_seconds", labels, latency, LATENCY_BOUNDS)
        score = batch.numbers["score"][mine]
        self._add_histogram("model_prediction_confidence", labels, score, CONFIDENCE_BOUNDS)
        for column in self.references[version].columns:
            if isinstance(column, NumericColumn):
                values = batch.numbers[column.name][mine]
                place = np.searchsorted(column.edges, values)
                place[np.isnan(values)] = len(column.edges) + 1
                names = [*(str(i) for i in range(len(column.edges) + 1)), "missing"]
            else:
                names = [*column.categories, "other", "missing"]
                texts = [batch.texts[column.name][i] for i in np.flatnonzero(mine)]
                place = np.array(
                    [names.index("missing" if t is None else t if t in names else "other") for t in texts]
                )
            for name, count in zip(names, np.bincount(place, minlength=len(names)), strict=True):
                bin_labels = {"column": column.name, "kind": column.kind, "bin": name}
                self.counts[key("model_column_bin_total", **labels, **bin_labels)] += int(count)

    def _add_histogram(
        self, name: str, labels: Mapping[str, str], values: Floats, bounds: Sequence[float]
    ) -> None:
        values = values[~np.isnan(values)]
        for bound in bounds:
            count = int(np.count_nonzero(values <= bound))
            self.counts[key(f"{name}_bucket", **labels, le=str(float(bound)))] += count
        self.counts[key(f"{name}_bucket", **labels, le="+Inf")] += len(values)
        self.counts[key(f"{name}_count", **labels)] += len(values)
        self.sums[key(f"{name}_sum", **labels)] += float(values.sum())

    def exact(self) -> Series:
        """All series that must be equal to what was written."""
        series: Series = dict(self.counts)
        series[key("drift_exporter_source_records_total", source=SOURCE)] = self.records
        series[key("drift_exporter_source_bytes_total", source=SOURCE)] = self.size
        rejected = Counter(reason for reason, _ in self.malformed)
        for reason in REASONS:
            name = "drift_exporter_source_rejected_total"
            series[key(name, source=SOURCE, reason=reason)] = rejected[reason]
        for reason in ("late", "future"):
            series[key("drift_exporter_late_records_total", model=MODEL, reason=reason)] = 0
        return series | self._windows()

    def _windows(self) -> Series:
        """Records in each window, whose first slice is the first that lies in it as a whole."""
        times = {version: np.concatenate(parts) for version, parts in self.times.items() if parts}
        newest = max(int(own.max()) for own in times.values())
        series: Series = {
            key("drift_exporter_source_watermark_timestamp_seconds", source=SOURCE): newest / _SECOND
        }
        for version, own in times.items():
            labels = {"model": MODEL, "version": version}
            last = int(own.max()) / _SECOND
            series[key("model_last_prediction_timestamp_seconds", **labels)] = last
            for window, (length, slice_length) in WINDOWS.items():
                begin = -((length * _SECOND - newest - 1) // (slice_length * _SECOND))
                inside = np.count_nonzero(own >= begin * slice_length * _SECOND)
                series[key("model_window_samples", **labels, window=window)] = int(inside)
        return series


def differences(tally: Tally, series: Series) -> Mapping[str, tuple[float | None, float | None]]:
    """Series that are not as they should be, each with what was written and what is exposed."""
    expected = tally.exact()
    names = {name for name, _ in expected} - {"drift_exporter_invalid_values_total"}
    actual = {one: value for one, value in series.items() if one[0] in names or one in expected}
    found = {
        show(one): (expected.get(one), actual.get(one))
        for one in expected.keys() | actual.keys()
        if expected.get(one) != actual.get(one)
    }
    for one, total in tally.sums.items():
        # Adding in another order gives another last digit.
        if not math.isclose(series.get(one, math.nan), total, rel_tol=1e-9):
            found[show(one)] = (total, series.get(one))
    return found


def dead_letters(folder: Path) -> Counter[tuple[str, bytes]]:
    """Reason and line of what is in the model's dead-letter files."""
    found: Counter[tuple[str, bytes]] = Counter()
    for path in folder.glob(f"{MODEL}.predictions*"):
        for line in path.read_bytes().splitlines():
            entry = json.loads(line)
            raw = base64.b64decode(entry["raw_base64"]) if "raw_base64" in entry else entry["raw"].encode()
            found[entry["reason"], raw] += 1
    return found


def show(one: Key) -> str:
    """A series as people write it."""
    return one[0] + "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(one[1])) + "}"


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
