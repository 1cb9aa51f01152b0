"""How well drift is detected: false alarms, shifts found, delay and cost, beside other programs.

``make bench-detection`` judges real data without and with known shifts, and so do Evidently, NannyML and
alibi-detect at their defaults, each in a virtual environment of its own that is made in build/peers. The
results are written to results.json beside this file, and tables and a plot of them into docs/statistics.md.

``python benchmarks/detection --peers none`` asks the exporter only, and keeps what the others said of the
same windows before. ``--quick`` takes fewer windows. Where results of one are lacking, or are quick ones,
they are written to build/detection and the docs stay as they are. Exits with 1 where a target was
missed.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1]))

from detection.cases import Case, Stream, digest  # found by the line above
from detection.datasets import ROOT, car_loan, employment
from detection.injected import AMOUNTS, QUICK, drifted, injected
from detection.ours import LEVELS, Judge, configure, through_the_exporter, verdicts
from detection.running import MINUTES, run_peer
from detection.steady import steady_cases
from detection.summary import DETECTORS, Result
from detection.tables import insert, section, targets
from detection.venvs import PEERS, PLOTTING, environment
from detection.verdicts import Verdicts, as_documents, found, silence

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
BUILD = ROOT / "build" / "detection"
COMPARED = 3
"""Windows of each stream that are judged by the running exporter too."""


def make_cases(folder: Path, *, quick: bool) -> list[Case]:
    """All cases, in files in ``folder``."""
    people, loans = employment(), car_loan()
    cases = steady_cases(folder, people, loans, quick=quick)
    streams = {case.stream.folder.name: case.stream for case in cases}
    amounts = QUICK if quick else AMOUNTS
    return [
        *cases,
        *injected(people, streams["employment"], amounts),
        *injected(loans, streams["car_loan"], amounts),
        *drifted(loans, streams["car_loan"], (100, 300, 1_000, 10_000)),
    ]


def by_stream(cases: Iterable[Case]) -> dict[Stream, list[Case]]:
    """Cases by their stream."""
    grouped: dict[Stream, list[Case]] = {}
    for case in cases:
        grouped.setdefault(case.stream, []).append(case)
    return grouped


def judge_ours(cases: Sequence[Case]) -> list[tuple[Case, Verdicts]]:
    """Our verdicts on all windows of all cases. Raises where the running exporter does not say the same."""
    judged: list[tuple[Case, Verdicts]] = []
    for stream, own in by_stream(cases).items():
        judge = configure(stream, [case.hours for case in own])
        files = dict.fromkeys(case.windows for case in own)
        for file in files:
            records = judge.read(file)
            for case in (case for case in own if case.windows == file):
                judged += [(case, found) for found in verdicts(judge, case, records)]
        check_equal(judge, own[0])
        print(f"judged {stream.name}", file=sys.stderr, flush=True)
    return judged


def check_equal(judge: Judge, case: Case) -> None:
    """Compare some windows with what the exporter says of them when it reads them from a log."""
    records = judge.read(case.windows)
    windows = np.linspace(0, case.count - 1, min(case.count, COMPARED)).astype(int).tolist()
    for window, direct in zip(windows, judge.judge(case, records, windows), strict=True):
        served = through_the_exporter(judge, case, window)
        expected = {c.column.name: (c.confidence, c.adjusted_confidence) for c in direct.columns}
        if expected != {c.column.name: (c.confidence, c.adjusted_confidence) for c in served.columns}:
            raise RuntimeError(f"{case.name}, window {window}: the exporter judges otherwise")


def judge_peers(
    names: Sequence[str], cases: Sequence[Case], folder: Path, *, share: float, minutes: float
) -> list[tuple[Case, Verdicts]]:
    """The peers' verdicts, two peers at a time."""
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda name: run_peer(name, cases, folder, share=share, minutes=minutes), names)
        return [
            (case, said)
            for answer in answers
            for case, said in zip(cases, answer, strict=True)
            if said is not None
        ]


def collect(judged: Sequence[tuple[Case, Verdicts]], kept: Mapping[str, list[Result]]) -> dict[str, Any]:
    """Results by kind, and among them those that were ``kept``."""
    new = {
        "steady": as_documents(silence(case, said) for case, said in judged if not case.trials),
        "beside": as_documents(silence(case, said) for case, said in judged if case.trials),
        "shifts": as_documents(
            outcome for case, said in judged if case.trials for outcome in found(case, said)
        ),
    }
    rows = {kind: [*own, *kept.get(kind, [])] for kind, own in new.items()}
    return {kind: sorted(own, key=lambda row: DETECTORS.index(row["detector"])) for kind, own in rows.items()}


def known_results(cases_digest: str, without: Collection[str]) -> dict[str, list[Result]]:
    """The results of the last whole run on the same cases, but for those of some detectors."""
    if not RESULTS.exists():
        return {}
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    if results["cases"] != cases_digest:
        return {}
    return {
        kind: [row for row in results[kind] if row["detector"] not in without]
        for kind in ("steady", "beside", "shifts")
    }


def as_text(results: Mapping[str, Any]) -> str:
    """JSON with a line for each result."""
    parts = []
    for key, value in results.items():
        if isinstance(value, list):
            lines = ",\n".join(f"  {json.dumps(row)}" for row in value)
            parts.append(f"{json.dumps(key)}: [\n{lines}\n]")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> int:
    """Run it all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer windows")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="that a peer may take (default 10)")
    parser.add_argument("--peers", default=",".join(PEERS), help="which to run, such as NannyML; or none")
    arguments = parser.parse_args()
    peers = [] if arguments.peers == "none" else arguments.peers.split(",")
    unknown = [name for name in peers if name not in PEERS]
    if unknown:
        parser.error(f"no such peer: {', '.join(unknown)}; there are {', '.join(PEERS)}")

    BUILD.mkdir(parents=True, exist_ok=True)
    cases = make_cases(BUILD, quick=arguments.quick)
    judged = judge_ours(cases)
    share, minutes = (0.2, min(1.0, arguments.minutes)) if arguments.quick else (1.0, arguments.minutes)
    judged += judge_peers(peers, cases, BUILD, share=share, minutes=minutes)
    own_digest = digest(cases)
    rows = collect(judged, known_results(own_digest, {*LEVELS, *peers}))
    there = [name for name in PEERS if any(row["detector"] == name for row in rows["steady"])]
    versions = {"drift_exporter": version("drift-exporter"), **{name: PEERS[name][0] for name in there}}
    results = {
        "generated": "by make bench-detection; do not edit",
        "cases": own_digest,
        "versions": versions,
        **rows,
    }
    whole = not arguments.quick and len(there) == len(PEERS)
    output = RESULTS if whole else BUILD / "results.json"
    output.write_text(as_text(results), encoding="utf-8")
    picture = (ROOT / "docs" if whole else BUILD) / "detection.png"
    subprocess.run([environment("plotting", PLOTTING), HERE / "plot.py", output, picture], check=True)
    if whole:
        insert(ROOT / "docs" / "statistics.md", results)
    print(section(results))
    return 1 if "missed" in targets(results) else 0


if __name__ == "__main__":
    sys.exit(main())
