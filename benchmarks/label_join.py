"""What it costs to join late labels to pending predictions (``make bench``).

Predictions of a binary model (version, prediction, score and one segment beside id and time) are kept in a
state on the disk until ten million wait for their label; then come one million labels for any of them, and
at last labels live, a thousand for each save. Everything is done as ``serve`` does it: what a batch means is
found out, taken and saved, each save being one transaction that is on the disk when it returns. Ids are
random, as hashes are.

Shown: labels joined per CPU second (of all threads, saves included), peak memory of the process with Python,
numpy and SQLite, bytes of state for each pending prediction, CPU for a thousand labels live, and the longest
save. Everything is written to build/label_join, and removed.
"""

import argparse
import json
import resource
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from drift_exporter.join.engine import LabelJoin
from drift_exporter.join.rows import Rows, id_fields
from drift_exporter.state.counters import counters_anew
from drift_exporter.state.rows import Changes, ModelState
from drift_exporter.state.store import Store

BUILD = Path(__file__).resolve().parents[1] / "build" / "label_join"
PREDICTION = id_fields(("version", "<u2"), ("prediction", "<u2"), ("score", "<f8"), ("country", "<u2"))
LABEL = id_fields(("value", "<f8"))
SECOND = 1_000_000
DAY = 86_400 * SECOND
BEGIN = 1_767_225_600 * SECOND
TARGETS = {
    "label_joins_per_cpu_second": "at least 100,000",
    "label_join_memory_mib": "under 400",
    "label_join_bytes_a_prediction": "under 60",
}


@dataclass
class Subject:
    """A join on a store, and how long its saves took."""

    store: Store
    join: LabelJoin
    saves: list[float] = field(default_factory=list)

    def save(self) -> None:
        """Save all that was taken."""
        begin = time.perf_counter()
        merges = self.join.merges()
        counters = {**counters_anew({"dead_letter": None}), "join": self.join.document()}
        self.store.save("bench", Changes(ModelState(counters), merges=merges))
        self.join.saved(merges)
        self.saves.append(time.perf_counter() - begin)


def hashes(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of a hash of each number (SplitMix64, Steele and others, 2014), so that ids need no room."""
    found = []
    for seed in (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03):
        mixed = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(seed)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        found.append(mixed ^ (mixed >> np.uint64(31)))
    return found[0], found[1]


def predictions(start: int, end: int, spacing: int, random: np.random.Generator) -> Rows:
    """Predictions by number, one each ``spacing`` microseconds."""
    numbers = np.arange(start, end)
    rows = np.zeros(end - start, dtype=PREDICTION)
    rows["low"], rows["high"] = hashes(numbers)
    rows["time"] = BEGIN + numbers * spacing
    rows["score"] = random.random(end - start)
    rows["prediction"] = rows["score"] > 0.5
    return rows


def labels(numbers: np.ndarray, spacing: int, random: np.random.Generator) -> Rows:
    """Labels of predictions by number, up to a day later."""
    rows = np.zeros(len(numbers), dtype=LABEL)
    rows["low"], rows["high"] = hashes(numbers)
    rows["time"] = BEGIN + numbers * spacing + random.integers(0, DAY, len(numbers))
    rows["value"] = random.integers(0, 2, len(numbers))
    return rows


def parts(size: int, part: int) -> Iterator[tuple[int, int]]:
    """From 0 to ``size`` in parts."""
    for start in range(0, size, part):
        yield start, min(size, start + part)


def measure(subject: Subject, options: argparse.Namespace) -> dict[str, float]:
    """All figures."""
    random = np.random.default_rng(0)
    spacing = 13 * DAY // options.predictions
    join = subject.join
    begin = time.process_time()
    for start, end in parts(options.predictions, options.batch):
        join.take(join.match_predictions(predictions(start, end, spacing, random), 1 << 62))
        subject.save()
    kept = time.process_time() - begin
    size = sum(path.stat().st_size for path in BUILD.iterdir())
    chosen = random.permutation(options.predictions)[: options.labels + options.live * 1000]
    joined = 0
    begin = time.process_time()
    for start, end in parts(options.labels, options.label_batch):
        matched = join.match_labels(labels(chosen[start:end], spacing, random), 1 << 62)
        join.take(matched)
        joined += matched.counts["joined"]
        subject.save()
    cpu = time.process_time() - begin
    live = []
    for start, end in parts(options.live * 1000, 1000):
        begin = time.process_time()
        rows = labels(chosen[options.labels + start : options.labels + end], spacing, random)
        matched = join.match_labels(rows, 1 << 62)
        join.take(matched)
        joined += matched.counts["joined"]
        subject.save()
        live.append(time.process_time() - begin)
    if joined != len(chosen):
        raise RuntimeError(f"{joined:,} labels of {len(chosen):,} were joined")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "label_join_predictions": options.predictions,
        "label_join_labels": options.labels,
        "label_joins_per_cpu_second": round(options.labels / cpu),
        "label_join_memory_mib": round(memory),
        "label_join_bytes_a_prediction": round(size / options.predictions, 1),
        "label_join_live_cpu_ms_a_thousand": round(1000 * float(np.median(live)), 1),
        "label_join_longest_save_seconds": round(max(subject.saves), 2),
        "label_join_kept_per_cpu_second": round(options.predictions / kept),
    }


def main() -> None:
    """Print the figures as JSON, and those with a target as a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--predictions", type=int, default=10_000_000)
    parser.add_argument("--labels", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=200_000, help="predictions of a batch and save")
    parser.add_argument("--label-batch", type=int, default=200_000, help="labels of a batch and save")
    parser.add_argument("--live", type=int, default=20, help="saves with a thousand labels each")
    options = parser.parse_args()
    shutil.rmtree(BUILD, ignore_errors=True)
    store = Store(BUILD)
    try:
        join = LabelJoin(PREDICTION, np.dtype("<f8"), 14 * DAY, fetch=store.fetcher("bench"))
        found = measure(Subject(store, join), options)
    finally:
        store.close()
        shutil.rmtree(BUILD)
    print(json.dumps(found, indent=2))
    print(f"\n{'':34}{'measured':>12}  target")
    for name, target in TARGETS.items():
        print(f"{name:34}{found[name]:>12,}  {target}")


if __name__ == "__main__":
    main()
