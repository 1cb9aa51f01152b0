"""Runs a peer in its own environment on prepared files, and reads its verdicts."""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detection.cases import Case
from detection.venvs import PEERS, environment
from detection.verdicts import Verdicts, chosen

SCRIPTS = Path(__file__).resolve().parent / "peers"


@dataclass(frozen=True)
class Limit:
    """So many windows, and so many ``records``, those of the reference added to each window's.

    ``records`` is for peers that go through the reference each time.
    """

    windows: int
    records: int | None = None


LIMITS: Mapping[str, tuple[Limit, Limit]] = {
    "Evidently": (Limit(20, 300_000), Limit(40, 2_100_000)),
    "NannyML": (Limit(200), Limit(200)),
    "alibi-detect": (Limit(60, 6_000_000), Limit(120, 8_000_000)),
}
"""What a peer judges of each case, without shifts and with."""

RECORDS = 600_000
"""Records of a case at most, whoever judges them."""

MINUTES = 10.0
"""After so much time a peer begins no other case; those that it did not reach have no results."""

FIRST = (1_000, 100, 10_000, 300)
"""Sizes of windows in the order in which cases are judged; the others follow."""


def run_peer(
    name: str, cases: Sequence[Case], folder: Path, *, share: float = 1.0, minutes: float = MINUTES
) -> list[Verdicts | None]:
    """A peer's verdicts on some windows of each case, None for those that it had no time for.

    ``share`` is the part of the usual number of windows that it judges. What it said of the same windows when
    it was last run stays in ``folder`` and is not asked again. Raises where the peer fails.
    """
    python = environment(name, PEERS[name])
    known = folder / f"{name}.verdicts.ndjson"
    jobs = [_job(name, case, share) for case in cases]
    (folder / f"{name}.job.json").write_text(
        json.dumps({"cases": sorted(jobs, key=_turn), "output": str(known), "seconds": 60 * minutes}),
        encoding="utf-8",
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
    return [_verdicts(name, answers[job["key"]]) if job["key"] in answers else None for job in jobs]


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
    windows = min(limit.windows, RECORDS // case.size)
    if limit.records is not None:
        windows = min(windows, limit.records // (case.stream.records + case.size))
    return windows


def _turn(job: Mapping[str, Any]) -> int:
    return FIRST.index(job["size"]) if job["size"] in FIRST else len(FIRST)


def _verdicts(name: str, answer: Mapping[str, Any]) -> Verdicts:
    return Verdicts(
        detector=name,
        columns=tuple(answer["columns"]),
        windows=tuple(answer["windows"]),
        alarms=np.array(answer["alarms"], dtype=bool),
        cpu=answer["cpu"],
    )
