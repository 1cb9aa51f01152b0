"""How well drift is detected: false alarms, shifts found, delay and cost, beside other programs.

``make bench-detection`` judges real data without and with known shifts, and so do Evidently, NannyML and
alibi-detect at their defaults, each in a virtual environment of its own that is made in build/peers. The
results are written to results.json beside this file, and tables and a plot of them into docs/statistics.md.

``python benchmarks/detection --quick`` takes fewer windows and writes to build/detection only, and so it
does unless all peers are asked. Exits with 1 where what is to be reached was missed.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1]))

from detection.cases import Case, Stream  # found by the line above
from detection.datasets import ROOT, car_loan, employment
from detection.injected import AMOUNTS, QUICK, drifted, injected
from detection.ours import Judge, configure, through_the_exporter, verdicts
from detection.running import run_peer
from detection.steady import steady_cases
from detection.tables import insert, section, targets
from detection.venvs import PEERS, PLOTTING, environment
from detection.verdicts import Verdicts, as_documents, found, silence

HERE = Path(__file__).resolve().parent
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
    names: Sequence[str], cases: Sequence[Case], folder: Path, share: float
) -> list[tuple[Case, Verdicts]]:
    """The peers' verdicts, two peers at a time."""
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda name: run_peer(name, cases, folder, share=share), names)
        return [
            (case, said)
            for answer in answers
            for case, said in zip(cases, answer, strict=True)
            if said is not None
        ]


def collect(judged: Sequence[tuple[Case, Verdicts]], peers: Sequence[str]) -> dict[str, object]:
    """The results as a document."""
    return {
        "generated": "by make bench-detection; do not edit",
        "versions": {"drift_exporter": version("drift-exporter"), **{n: PEERS[n][0] for n in peers}},
        "steady": as_documents(silence(case, said) for case, said in judged if not case.trials),
        "beside": as_documents(silence(case, said) for case, said in judged if case.trials),
        "shifts": as_documents(
            outcome for case, said in judged if case.trials for outcome in found(case, said)
        ),
    }


def as_text(results: dict[str, object]) -> str:
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
    parser.add_argument("--peers", default=",".join(PEERS), help="which to run, such as NannyML; or none")
    arguments = parser.parse_args()
    peers = [] if arguments.peers == "none" else arguments.peers.split(",")
    unknown = [name for name in peers if name not in PEERS]
    if unknown:
        parser.error(f"no such peer: {', '.join(unknown)}; there are {', '.join(PEERS)}")

    BUILD.mkdir(parents=True, exist_ok=True)
    cases = make_cases(BUILD, quick=arguments.quick)
    judged = judge_ours(cases) + judge_peers(peers, cases, BUILD, 0.2 if arguments.quick else 1.0)
    results = collect(judged, peers)
    whole = not arguments.quick and set(peers) == set(PEERS)
    output = HERE / "results.json" if whole else BUILD / "results.json"
    output.write_text(as_text(results), encoding="utf-8")
    picture = ROOT / "docs" / "detection.png" if whole else BUILD / "detection.png"
    if peers:
        plotting = environment("plotting", PLOTTING)
        subprocess.run([plotting, HERE / "plot.py", output, picture], check=True)
    if whole:
        insert(ROOT / "docs" / "statistics.md", results)
    print(section(results))
    return 1 if "missed" in targets(results) else 0


if __name__ == "__main__":
    sys.exit(main())
