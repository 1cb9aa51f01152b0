"""Which detectors work, how fast they are, and how many fresh records they call anomalies.

Each is measured in a process of its own: python benchmarks/anomaly/detectors.py NAME.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from drift_exporter.errors import ConfigurationError
from drift_exporter.judge.anomaly.fit import fit_anomaly
from drift_exporter.judge.anomaly.registry import detector_names
from drift_exporter.judge.anomaly.settings import AnomalySettings
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.model import FloatArray

WIDTH, ROWS, CONTAMINATION = 10, 5_000, 0.05
MOST_CPU = 90
"""CPU seconds that a detector may take in all."""

SCORED = 100_000
"""Records that are scored, as far as that takes no more than two seconds."""

_PIECE = 10_000
HEAD = f"""\
| detector | records per CPU s | CPU s to fit {ROWS:,} rows | peak MiB | anomalous at c = 5 % | |
|---|---:|---:|---:|---:|---|"""


def all_detectors() -> str:
    """The table: those that work by speed, then the others with what is in the way."""
    found = {name: _apart(name) for name in detector_names()}
    working = [name for name in found if "speed" in found[name]]
    working.sort(key=lambda name: -found[name]["speed"])
    lines = [HEAD]
    for name in working:
        one = found[name]
        fitted = "" if one["rows"] == ROWS else f"fitted on {one['rows']:,} rows"
        speed = float(f"{one['speed']:.2g}")
        lines.append(
            f"| `{name}` | {speed:,.0f} | {one['fit']:.1f} | {one['memory']:.0f} | "
            f"{100 * one['ratio']:.1f} % | {fitted} |"
        )
    reasons: dict[str, list[str]] = {}
    for name in sorted(set(found) - set(working)):
        reasons.setdefault(found[name]["refused"], []).append(f"`{name}`")
    refused = [f"| {', '.join(names)} | {reason} |" for reason, names in sorted(reasons.items())]
    return "\n".join([*lines, "", "| not usable | why |", "|---|---|", *refused])


def _apart(name: str) -> dict[str, Any]:
    result = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, name], capture_output=True, text=True, check=False
    )
    last = result.stdout.strip().splitlines()[-1:] if result.returncode == 0 else []
    answer: dict[str, Any] = (
        json.loads(last[0]) if last else {"refused": f"takes more than {MOST_CPU} CPU seconds"}
    )
    print(name, answer, flush=True)
    return answer


def measure(name: str) -> dict[str, Any]:
    """What is to be told of one detector."""
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU, MOST_CPU))
    random = np.random.default_rng(0)
    mix = np.eye(WIDTH) + 0.4 * random.normal(size=(WIDTH, WIDTH))

    def draw(count: int) -> FloatArray:
        return np.exp(0.3 * random.normal(size=(count, WIDTH)) @ mix)

    rows, fresh = draw(ROWS), draw(SCORED)
    columns = [numeric_column(str(place), "feature", rows[:, place]) for place in range(WIDTH)]
    start = time.process_time()
    try:
        model = fit_anomaly(rows, columns, None, AnomalySettings(name, contamination=CONTAMINATION))
    except ConfigurationError as error:
        return {"refused": _short(str(error))}
    fitted = time.process_time()
    found: list[FloatArray] = []
    scored = 0
    while scored < SCORED and time.process_time() < fitted + 2:
        found.append(model.percentiles(fresh[scored : scored + _PIECE]))
        scored += _PIECE
    return {
        "rows": model.rows,
        "fit": fitted - start,
        "speed": scored / (time.process_time() - fitted),
        "ratio": float(model.anomalous(np.concatenate(found)).mean()),
        "memory": _peak(),
    }


def _peak() -> float:
    """MiB that this program has held at most; what getrusage says may be of the one that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _short(error: str) -> str:
    reasons = {
        "another score each time": "scores the same record otherwise each time",
        "beside other records": "scores a record otherwise beside other records",
        "not one alone": "cannot score records that it was not fitted on, or not one alone",
        "univariate": "for one column only",
        "detector_list": "needs other detectors as a parameter",
        "torch": "needs the package torch, not tried",
        "PyTorch": "needs the package torch, not tried",
        "combo": "needs the package combo, not tried",
        "xgboost": "needs the package xgboost, not tried",
    }
    return next((text for part, text in reasons.items() if part in error), error)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
