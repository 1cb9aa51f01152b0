"""How well bands find incidents of metric series, how often they are wrong, and what they cost.

``make bench-detection`` writes the results to signals.json beside this file and the tables into
docs/statistics.md. ``--only clean`` (injected, real, cost) does a part and keeps the others, ``--methods
seasonal,prophet`` asks these methods and keeps what the others said.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from drift_exporter.judge.infrastructure.band import confirmed
from drift_exporter.judge.infrastructure.seasonal import SeasonalFit, fit_seasonal
from signal_cases import INJECTED, Case, clean, injected, real
from signal_methods import METHODS, Scorer
from signal_series import CLEAN
from signal_tables import insert

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "signals.json"
DOCS = HERE.parent / "docs" / "statistics.md"
NEAR = 6
"""Alarms at most so many values apart are one event."""
AFTER = 12
"""An event that begins so many values after an incident is still of it."""
SEEDS: Mapping[str, int] = {"seasonal": 5, "rules (PromQL)": 5, "prophet": 1}
"""Weeks of each kind of clean signal; of methods not named here 2."""
BoolArray = npt.NDArray[np.bool_]


@dataclass
class Tally:
    """What a method said of some cases."""

    events: int = 0
    right: int = 0
    incidents: int = 0
    found: int = 0
    judged: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.delays: list[int] = []
        self.areas: list[float] = []


def events(flags: BoolArray) -> list[tuple[int, int]]:
    """First places of events, and the ones behind their last, of flags (n,)."""
    places = np.flatnonzero(flags)
    if not len(places):
        return []
    parts = np.split(places, np.flatnonzero(np.diff(places) > NEAR) + 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]


def area(labels: BoolArray, scores: npt.NDArray[np.float64]) -> float:
    """Average precision of scores (n,), the area under the precision-recall curve, value by value."""
    order = np.argsort(-scores, kind="stable")
    ordered, right = scores[order], np.cumsum(labels[order])
    last = np.flatnonzero(np.diff(ordered, append=-np.inf))
    precision, recall = right[last] / (last + 1), right[last] / max(right[-1], 1)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def spent() -> float:
    """CPU seconds of this process and of those it ran."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def judge(name: str, case: Case, tally: Tally) -> None:
    """Add what a method says of a case to its tally."""
    score, decide = METHODS[name]
    before = spent()
    scores = score(case.times, case.values, case.count, case.step)
    tally.seconds += spent() - before
    found = events(decide(scores))
    incidents = [(start - case.count, end - case.count) for start, end in case.incidents]
    tally.judged += int(np.isfinite(scores).sum())
    tally.events += len(found)
    tally.incidents += len(incidents)
    tally.right += sum(any(a < q and p < b + AFTER for a, b in incidents) for p, q in found)
    labels = np.zeros(len(scores), dtype=bool)
    for start, end in incidents:
        labels[start:end] = True
        own = [max(p - start, 0) for p, q in found if start < q and p < end]
        if own:
            tally.found += 1
            tally.delays.append(min(own))
    if incidents:
        tally.areas.append(area(labels, np.minimum(np.nan_to_num(scores), 1e9)))


def summary(tally: Tally) -> dict[str, Any]:
    """A row of the tables."""
    return {
        "events": tally.events,
        "precision": tally.right / tally.events if tally.events else None,
        "recall": tally.found / tally.incidents,
        "incidents": tally.incidents,
        "judged": tally.judged,
        "delay": float(np.median(tally.delays)) if tally.delays else None,
        "area": float(np.mean(tally.areas)),
        "seconds": tally.seconds,
    }


def of_cases(cases: Iterable[Case], methods: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What each method says of all cases."""
    tallies = {name: Tally() for name in methods}
    for case in cases:
        for name, tally in tallies.items():
            judge(name, case, tally)
        print(f"judged {case.name}", file=sys.stderr, flush=True)
    return {name: summary(tally) for name, tally in tallies.items()}


def false_events(kind: str, methods: Sequence[str]) -> dict[str, dict[str, float]]:
    """Events a week of a clean kind of signal, by method, at five minutes, and of ours at one minute."""
    found: dict[str, dict[str, float]] = {}
    for name in methods:
        score, decide = METHODS[name]
        weeks = SEEDS.get(name, 2)
        counts = [len(events(decide(_scored(score, clean(kind, seed))))) for seed in range(weeks)]
        found[name] = {"weeks": weeks, "mean": float(np.mean(counts)), "most": max(counts)}
    print(f"judged {kind}", file=sys.stderr, flush=True)
    if "seasonal" not in methods:
        return found
    score, weeks = METHODS["seasonal"][0], SEEDS["seasonal"]
    scores = [_scored(score, clean(kind, seed, step=60.0)) for seed in range(weeks)]
    counts = [len(events(confirmed(one))) for one in scores]
    found["seasonal, 1 min"] = {"weeks": weeks, "mean": float(np.mean(counts)), "most": max(counts)}
    return found


def _scored(score: Scorer, case: Case) -> npt.NDArray[np.float64]:
    return score(case.times, case.values, case.count, case.step)


def cost() -> dict[str, float]:
    """CPU milliseconds of a fit of 8,064 values and of a prediction: the least of some repetitions."""
    fits, predictions = [], []
    for kind in ("normal", "office", "hours_alike", "lognormal"):
        case = clean(kind, 0)
        known = case.times[: case.count], case.values[: case.count]
        own = []
        for _ in range(20):
            before = time.process_time()
            fit = fit_seasonal(*known, step=60.0)
            own.append(time.process_time() - before)
        fits.append(min(own))
        assert isinstance(fit, SeasonalFit)  # noqa: S101 - four weeks are enough
        now, own = known[0][-1:] + 60, []
        for _ in range(20):
            before = time.process_time()
            for _ in range(100):
                fit.predict(now)
            own.append((time.process_time() - before) / 100)
        predictions.append(min(own))
    fit_s, predict_s = float(np.mean(fits)), float(np.mean(predictions))
    return {
        "fit_ms": 1e3 * fit_s,
        "predict_ms": 1e3 * predict_s,
        "hour_s": 100 * (fit_s + 60 * predict_s),
    }


def merged(known: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What was found, and of what was not asked for what is known."""
    both = {**known, **found}
    return {
        key: merged(known[key], value) if isinstance(value, Mapping) and key in known else value
        for key, value in both.items()
    }


def main() -> int:
    """Run it all, or a part."""
    parts = {
        "clean": lambda: {kind: false_events(kind, methods) for kind in CLEAN},
        "injected": lambda: of_cases((injected(n, seed) for n in INJECTED for seed in range(2)), methods),
        "real": lambda: {case.name: of_cases([case], methods) for case in real()},
        "cost": cost,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=parts, help="do this part alone")
    parser.add_argument("--methods", default=",".join(METHODS), help="which to ask, by commas", metavar="M")
    arguments = parser.parse_args()
    only = arguments.only
    methods = [name for name in METHODS if name in arguments.methods]
    for part in [only] if only else parts:
        found = parts[part]()
        results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        results[part] = merged(results.get(part, {}), found)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if set(results) >= set(parts):
        insert(DOCS, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
