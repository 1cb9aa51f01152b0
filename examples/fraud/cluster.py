"""The cluster that the fraud model runs on: counters as node_exporter has them, of three nodes.

They are made up; names and labels are the real ones. Two weeks of them, with a daily cycle, are written as
OpenMetrics for ``promtool tsdb create-blocks-from``, together with the model's outcomes; from then on they
are scraped. What happens to the cluster is switched on and off.
"""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from fraud.traffic import outcome_shares

NODES = ("node-a:9100", "node-b:9100", "node-c:9100")
RETRANSMITS = "node_netstat_Tcp_RetransSegs"
DROPS = "node_network_receive_drop_total"
DISK = "node_disk_io_time_seconds_total"
HELP = {
    RETRANSMITS: "Statistic TcpRetransSegs.",
    DROPS: "Network device statistic receive_drop.",
    DISK: "Total seconds spent doing I/Os.",
}
TYPES = {RETRANSMITS: "untyped"}
DEVICES = {RETRANSMITS: "", DROPS: ',device="eth0"', DISK: ',device="nvme0n1"'}
USUAL = {RETRANSMITS: 6.0, DROPS: 0.8, DISK: 0.15}
"""Per second and node, in the middle of the day's cycle."""

PARTITIONED = {RETRANSMITS: 25.0, DROPS: 30.0}
"""Times as much, while the network is partitioned."""

BUSY_DISK = 0.9
DAY = 86_400.0
SWING = 0.5
SPREAD = 0.15
NOISE_SECONDS = 30
BACKFILL_STEP = 30
PREDICTIONS_PER_SECOND = 40.0


@dataclass
class Cluster:
    """Counters that go on from ``at`` (seconds since the epoch); thread-safe."""

    at: float
    counters: dict[tuple[str, str], float]
    partitioned: bool = False
    disk_busy: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def advance(self, now: float) -> str:
        """Count up to ``now``; answers what node_exporter would expose."""
        with self._lock:
            lines = []
            for name, text in HELP.items():
                lines += [f"# HELP {name} {text}", f"# TYPE {name} {TYPES.get(name, 'counter')}"]
                for node in NODES:
                    self.counters[name, node] += self._rate(name, node, now) * (now - self.at)
                    lines.append(
                        f'{name}{{instance="{node}"{DEVICES[name]}}} {self.counters[name, node]:.6f}'
                    )
            self.at = now
            return "\n".join(lines) + "\n"

    def _rate(self, name: str, node: str, now: float) -> float:
        if name == DISK and self.disk_busy:
            return BUSY_DISK
        times = PARTITIONED.get(name, 1.0) if self.partitioned else 1.0
        return times * float(_usual_rate(name, node, np.array([now]))[0])


def backfill(path: Path, end: float, days: float) -> Cluster:
    """Write the cluster's counters, and the model's outcomes, of these days before ``end`` as OpenMetrics.

    Answers the cluster as it is at ``end``.
    """
    steps = int(days * DAY) // BACKFILL_STEP
    times = math.floor(end) - BACKFILL_STEP * np.arange(steps)[::-1]
    counters = {}
    with path.open("w", encoding="utf-8") as file:
        for name in HELP:
            # OpenMetrics names a counter's family without its suffix; node_exporter's older names have none.
            suffixed = name.endswith("_total")
            file.write(f"# TYPE {name.removesuffix('_total')} {'counter' if suffixed else 'unknown'}\n")
            for node in NODES:
                values = np.cumsum(_usual_rate(name, node, times) * BACKFILL_STEP)
                labels = f'job="node",instance="{node}"{DEVICES[name]}'
                _write(file.write, f"{name}{{{labels}}}", values.tolist(), times.tolist())
                counters[name, node] = float(values[-1])
        file.write("# TYPE model_outcomes counter\n")
        for labels, counts in _outcomes(steps).items():
            _write(file.write, f"model_outcomes_total{{{labels}}}", counts, times.tolist())
        file.write("# EOF\n")
    return Cluster(end, counters)


def _outcomes(steps: int) -> Mapping[str, list[float]]:
    """The model's outcomes since the beginning, by their labels, as its exporter would have counted them."""
    generator = np.random.default_rng(7)
    shares = outcome_shares()
    counts = generator.multinomial(
        round(PREDICTIONS_PER_SECOND * BACKFILL_STEP), list(shares.values()), size=steps
    ).cumsum(axis=0)
    common = 'job="drift-exporter",instance="before",model="fraud",version="7",segment="",segment_value=""'
    return {
        f'{common},prediction="{prediction}",label="{label}"': counts[:, place].astype(float).tolist()
        for place, (prediction, label) in enumerate(shares)
    }


def _write(
    write: Callable[[str], object], series: str, values: Sequence[float], times: Sequence[float]
) -> None:
    write("".join(f"{series} {value:.6f} {time:.0f}\n" for value, time in zip(values, times, strict=True)))


def _usual_rate(name: str, node: str, times: np.ndarray) -> np.ndarray:
    """Per second at ``times`` when all is well: the day's cycle, and noise that is the same each time."""
    bucket = times.astype(np.int64) // NOISE_SECONDS
    cycle = 1 + SWING * np.cos(2 * math.pi * (bucket * NOISE_SECONDS / DAY - 15 / 24))
    noise = _noise(list(HELP).index(name), NODES.index(node))
    return USUAL[name] * cycle * np.exp(SPREAD * noise[bucket % len(noise)])


@cache
def _noise(*seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(50_021)
