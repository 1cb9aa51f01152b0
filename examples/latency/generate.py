"""Make logs/predictions.ndjson anew, from a fixed seed: python examples/latency/generate.py."""

import json
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HEALTHY_SECONDS, SLOW_SECONDS = 1200.0, 600.0
PER_SECOND = 1.5
HEALTHY_MEDIAN_MS, SLOW_MEDIAN_MS, SPREAD = 90.0, 150.0, 0.35
CLASSES = ("scratch", "dent", "crack", "none")
ERROR_SHARE = 0.005


def lines() -> list[bytes]:
    """The log in order of time. Arrivals are a Poisson process, latencies log-normal."""
    # Not for secrets: the same log each time is the point.
    rng = random.Random(20260302)  # noqa: S311
    made, seconds = [], 0.0
    while (seconds := seconds + rng.expovariate(PER_SECOND)) < HEALTHY_SECONDS + SLOW_SECONDS:
        median = HEALTHY_MEDIAN_MS if seconds < HEALTHY_SECONDS else SLOW_MEDIAN_MS
        failed = rng.random() < ERROR_SHARE
        record = {
            "time": (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds"),
            "request": {"id": f"v{len(made):05}", "trace_id": f"{rng.getrandbits(128):032x}"},
            "model": {"name": "vision", "version": "3.4.0"},
            "latency_ms": round(rng.lognormvariate(math.log(median), SPREAD), 1),
        }
        if failed:
            record["error"] = "out of memory"
        else:
            found = rng.choices(CLASSES, weights=(3, 2, 1, 14))[0]
            record["result"] = {"class": found, "confidence": round(rng.betavariate(8, 1.5), 4)}
        made.append(json.dumps(record, separators=(",", ":")).encode() + b"\n")
    return made


def is_slow(line: bytes) -> bool:
    """Whether this line is of the slow part."""
    return datetime.fromisoformat(json.loads(line)["time"]) >= START + timedelta(seconds=HEALTHY_SECONDS)


def generate(folder: Path) -> None:
    """Write the log into ``folder``."""
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    (folder / "logs" / "predictions.ndjson").write_bytes(b"".join(lines()))


if __name__ == "__main__":
    generate(HERE)
