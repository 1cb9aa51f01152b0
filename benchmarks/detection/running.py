"""Runs a peer in its own environment on prepared files, and reads its verdicts."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from detection.cases import Case
from detection.venvs import PEERS, environment
from detection.verdicts import Verdicts, chosen

SCRIPTS = Path(__file__).resolve().parent / "peers"
LIMITS: Mapping[str, tuple[int, int]] = {
    "Evidently": (30, 60),
    "NannyML": (400, 400),
    "alibi-detect": (60, 120),
}
"""Windows that a peer judges of each case: without shifts, and with."""

RECORDS = 600_000
"""Records that a peer judges of each case, at most."""


def run_peer(name: str, cases: Sequence[Case], folder: Path, *, share: float) -> list[Verdicts | None]:
    """A peer's verdicts on some windows of each case; None where it has none to give.

    ``share`` is the part of the usual number of windows that it judges. Raises where the peer fails.
    """
    python = environment(name, PEERS[name])
    job, output = folder / f"{name}.job.json", folder / f"{name}.verdicts.json"
    output.unlink(missing_ok=True)
    job.write_text(
        json.dumps({"cases": [_job(name, case, share) for case in cases], "output": str(output)}),
        encoding="utf-8",
    )
    script = SCRIPTS / f"run_{name.lower().replace('-', '_')}.py"
    with (folder / f"{name}.log").open("w", encoding="utf-8") as log:
        ended = subprocess.run(
            [python, "-W", "ignore", script, job],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"},
            check=False,
        )
    if ended.returncode:
        raise RuntimeError(f"{name} failed; see {log.name}")
    answers = json.loads(output.read_text(encoding="utf-8"))
    return [_verdicts(name, answer) for answer in answers]


def _job(name: str, case: Case, share: float) -> dict[str, object]:
    limit = round(LIMITS[name][bool(case.trials)] * share)
    return {
        "name": f"{case.stream.name}, {case.name}",
        "reference": str(case.stream.reference),
        "windows": str(case.windows),
        "size": case.size,
        "chosen": chosen(case, max(2, min(limit, RECORDS // case.size))),
        "numeric": case.stream.numeric,
        "categorical": case.stream.categorical,
    }


def _verdicts(name: str, answer: Mapping[str, list[object]] | None) -> Verdicts | None:
    if answer is None:
        return None
    return Verdicts(
        detector=name,
        columns=tuple(map(str, answer["columns"])),
        windows=tuple(int(str(window)) for window in answer["windows"]),
        alarms=np.array(answer["alarms"], dtype=bool),
        cpu=float(str(answer["cpu"])),
    )
