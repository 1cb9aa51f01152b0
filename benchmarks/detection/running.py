"""Runs a peer in its own environment on prepared files, and reads its verdicts."""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detection.cases import Case
from detection.venvs import PEERS, environment
from detection.verdicts import Verdicts, chosen

SCRIPTS = Path(__file__).resolve().parent / "peers"
LIMITS: Mapping[str, tuple[int, int]] = {
    "Evidently": (300_000, 2_100_000),
    "NannyML": (200, 200),
    "alibi-detect": (6_000_000, 8_000_000),
}
"""What a peer judges of each case, without shifts and with: so many windows, or windows of so many records.

To the records of a window those of the reference count too where the peer goes through them each time.
"""

WINDOWS, RECORDS = 200, 600_000
"""Windows and records of a case at most, whoever judges them."""


def run_peer(name: str, cases: Sequence[Case], folder: Path, *, share: float) -> list[Verdicts]:
    """A peer's verdicts on some windows of each case.

    ``share`` is the part of the usual number of windows that it judges. What it said of the same windows when
    it was last run stays in ``folder`` and is not asked again. Raises where the peer fails.
    """
    python = environment(name, PEERS[name])
    known = folder / f"{name}.verdicts.ndjson"
    jobs = [_job(name, case, share) for case in cases]
    (folder / f"{name}.job.json").write_text(
        json.dumps({"cases": jobs, "output": str(known)}), encoding="utf-8"
    )
    script = SCRIPTS / f"run_{name.lower().replace('-', '_')}.py"
    with (folder / f"{name}.log").open("w", encoding="utf-8") as log:
        ended = subprocess.run(
            [python, "-W", "ignore", script, folder / f"{name}.job.json"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"},
            check=False,
        )
    if ended.returncode:
        raise RuntimeError(f"{name} failed; see {log.name}")
    with known.open(encoding="utf-8") as lines:
        answers = {answer["key"]: answer for answer in map(json.loads, lines)}
    return [_verdicts(name, answers[job["key"]]) for job in jobs]


def _job(name: str, case: Case, share: float) -> dict[str, Any]:
    windows = chosen(case, max(2, round(_limit(name, case) * share)))
    key = (PEERS[name], case.stream.digest, case.digest, case.size, windows)
    return {
        "key": hashlib.sha256(repr(key).encode()).hexdigest(),
        "name": f"{case.stream.name}, {case.name}",
        "reference": str(case.stream.reference),
        "windows": str(case.windows),
        "size": case.size,
        "chosen": windows,
        "numeric": case.stream.numeric,
        "categorical": case.stream.categorical,
    }


def _limit(name: str, case: Case) -> int:
    limit = LIMITS[name][bool(case.trials)]
    if limit > WINDOWS:
        limit //= case.stream.records + case.size
    return min(limit, WINDOWS, RECORDS // case.size)


def _verdicts(name: str, answer: Mapping[str, Any]) -> Verdicts:
    return Verdicts(
        detector=name,
        columns=tuple(answer["columns"]),
        windows=tuple(answer["windows"]),
        alarms=np.array(answer["alarms"], dtype=bool),
        cpu=answer["cpu"],
    )
