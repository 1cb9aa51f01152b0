"""What the models run on: signals and what is expected of them, pods, nodes, a GPU, and the exporter itself.

Names and labels are those of kube-state-metrics, cAdvisor, node_exporter and dcgm-exporter. Values follow the
world's network partition and are drawn from a seed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from drift_exporter.infrastructure.snapshot import (
    QUERY_BOUNDS,
    CorrelationSnapshot,
    GroupSnapshot,
    InfrastructureSnapshot,
    ModelMetricSnapshot,
    QuerySnapshot,
    SignalSnapshot,
    Standing,
)
from preview.world import PARTITION, day, partitioned

SIGNALS = {"network_retransmits": (6.0, 14.0), "packet_drops": (0.8, 25.0), "disk_busy": (0.2, 1.1)}
"""Usual value, and times as much during the partition."""

METRICS = {
    "latency_p95": (0.09, 3.5),
    "throughput": (1.0, 0.8),
    "error_ratio": (0.003, 16.0),
    "false_negative_rate": (0.24, 2.6),
}
"""The same of what is followed of the fraud model."""

HALF_WIDTH = 0.35
PODS = {
    "fraud-7d9c-0": ("fraud", "node-a"),
    "fraud-7d9c-1": ("fraud", "node-b"),
    "delivery-0": ("delivery", "node-b"),
}
NODES = ("node-a", "node-b")


@dataclass
class Cluster:
    """Counters so far, by series."""

    rng: np.random.Generator
    counters: dict[str, float] = field(default_factory=dict)
    queries: int = 0

    def advance(self, now: float, seconds: float) -> dict[str, float]:
        """Series and their values at ``now``, ``seconds`` after the last time."""
        cut = partitioned(now)
        self._count_nodes(cut, seconds)
        self._count_pods(cut, seconds)
        self._count_process(seconds)
        self.queries += 8
        return self.counters | self._steady(now, cut)

    def infrastructure(self, now: float) -> InfrastructureSnapshot:
        """What the exporter would say of it."""
        signals = [SignalSnapshot(name, self._standing(now, *of)) for name, of in SIGNALS.items()]
        odd = [one.standing.score or 0.0 for one in signals]
        durations = np.zeros(len(QUERY_BOUNDS) + 1, dtype=np.int64)
        durations[1:4] = [
            self.queries // 2,
            self.queries // 3,
            self.queries - self.queries // 2 - self.queries // 3,
        ]
        names = [*SIGNALS, *(f"model/{metric}" for metric in METRICS)]
        return InfrastructureSnapshot(
            queries=[QuerySnapshot(name, success=True, failures=0, problem=None) for name in names],
            signals=signals,
            groups=[GroupSnapshot("network", round(max(odd[:2]) / 2, 3), anomalous=max(odd[:2]) > 3)],
            metrics=[self._metric(now, name) for name in METRICS],
            correlations=_correlations(now),
            durations=durations,
            seconds=0.012 * self.queries,
        )

    def _standing(self, now: float, usual: float, times: float) -> Standing:
        expected = usual * float(day(now))
        value = expected * (times if partitioned(now) else 1.0) * float(np.exp(self.rng.normal(0, 0.1)))
        width = HALF_WIDTH * expected
        score = max(0.0, (value - expected) / width)
        fitted = now - now % 21_600
        return Standing(value, now, expected, expected - width, expected + width, score, score > 3, fitted)

    def _metric(self, now: float, name: str) -> ModelMetricSnapshot:
        one = self._standing(now, *METRICS[name])
        return ModelMetricSnapshot(
            "fraud", "7", name, one.score, one.value, one.expected, one.lower, one.upper
        )

    def _add(self, rates: Mapping[str, float], seconds: float, spread: float = 0.1) -> None:
        for series, rate in rates.items():
            step = rate * seconds * float(np.exp(self.rng.normal(0, spread)))
            self.counters[series] = self.counters.get(series, 0.0) + step

    def _count_nodes(self, cut: bool, seconds: float) -> None:  # noqa: FBT001  # what happens
        for node in NODES:
            own = f'job="node",instance="{node}:9100"'
            eth, sda = f'{own},device="eth0"', f'{own},device="nvme0n1"'
            rates = {
                f"node_netstat_Tcp_RetransSegs{{{own}}}": 84.0 if cut else 6.0,
                f"node_netstat_Tcp_OutSegs{{{own}}}": 1500.0,
                f"node_network_receive_drop_total{{{eth}}}": 20.0 if cut else 0.05,
                f"node_network_transmit_drop_total{{{eth}}}": 9.0 if cut else 0.02,
                f"node_network_receive_packets_total{{{eth}}}": 1600.0,
                f"node_network_transmit_packets_total{{{eth}}}": 1500.0,
                f"node_disk_read_time_seconds_total{{{sda}}}": 0.02,
                f"node_disk_write_time_seconds_total{{{sda}}}": 0.06,
                f"node_disk_reads_completed_total{{{sda}}}": 12.0,
                f"node_disk_writes_completed_total{{{sda}}}": 30.0,
            }
            self._add(rates, seconds)

    def _count_pods(self, cut: bool, seconds: float) -> None:  # noqa: FBT001  # what happens
        for pod in PODS:
            container = f'job="kubelet",namespace="ml",pod="{pod}",container="server"'
            self._add(
                {
                    f"container_cpu_cfs_throttled_periods_total{{{container}}}": 4.0 if cut else 0.6,
                    f"container_cpu_cfs_periods_total{{{container}}}": 10.0,
                },
                seconds,
            )
            of_state = f'job="kube-state-metrics",namespace="ml",pod="{pod}",container="server"'
            restarts = f"kube_pod_container_status_restarts_total{{{of_state}}}"
            kills = f"container_oom_events_total{{{container}}}"
            fell = cut and pod == "fraud-7d9c-1" and self.rng.random() < 3 / 39
            for series in (restarts, kills):
                self.counters[series] = self.counters.get(series, 0.0) + float(fell)

    def _count_process(self, seconds: float) -> None:
        self._add({f"process_cpu_seconds_total{{{EXPORTER}}}": 0.06}, seconds)

    def _steady(self, now: float, cut: bool) -> dict[str, float]:  # noqa: FBT001  # what happens
        values: dict[str, float] = {}
        for pod, (model, node) in PODS.items():
            own = f'job="kube-state-metrics",namespace="ml",pod="{pod}"'
            killed = f'{own},container="server",reason="OOMKilled"'
            values |= {
                f'kube_pod_labels{{{own},label_model="{model}"}}': 1,
                f'kube_pod_info{{{own},node="{node}"}}': 1,
                f'kube_pod_status_phase{{{own},phase="Running"}}': 1,
                f'kube_pod_status_ready{{{own},condition="true"}}': float(
                    not (cut and pod == "fraud-7d9c-1")
                ),
                f"kube_pod_container_status_last_terminated_reason{{{killed}}}": 1,
            }
        for place, node in enumerate(NODES):
            own = f'job="node",instance="{node}:9100"'
            disk = f'{own},device="/dev/nvme0n1p1",fstype="ext4",mountpoint="/"'
            values |= {
                f'node_uname_info{{{own},nodename="{node}"}}': 1,
                f"node_filesystem_avail_bytes{{{disk}}}": 4e11 - 1e11 * place - 2e5 * (now % 86_400),
                f"node_filesystem_size_bytes{{{disk}}}": 1e12,
            }
        gpu = 'job="dcgm",namespace="ml",pod="fraud-7d9c-0",container="server",gpu="0"'
        busy = float(np.clip(55 * float(day(now)) + self.rng.normal(0, 6), 0, 100))
        return values | {
            f"DCGM_FI_DEV_GPU_UTIL{{{gpu}}}": busy,
            f"DCGM_FI_DEV_FB_USED{{{gpu}}}": 9_800 + 20 * busy,
            f"DCGM_FI_DEV_FB_FREE{{{gpu}}}": 6_200 - 20 * busy,
            f"DCGM_FI_DEV_XID_ERRORS{{{gpu}}}": 0,
            f"DCGM_FI_DEV_GPU_TEMP{{{gpu}}}": 48 + 0.3 * busy,
            **_exporter(self.rng),
        }


EXPORTER = 'job="drift-exporter",instance="drift-exporter:10101"'


def _exporter(rng: np.random.Generator) -> dict[str, float]:
    """The exporter's process, and what Prometheus says of each scrape."""
    values: dict[str, float] = {
        f"process_resident_memory_bytes{{{EXPORTER}}}": 2.6e8 + 1.5e7 * float(rng.random()),
        f"process_virtual_memory_bytes{{{EXPORTER}}}": 2.9e9,
        f"process_start_time_seconds{{{EXPORTER}}}": PARTITION[0] - 9 * 86_400,
        f"process_open_fds{{{EXPORTER}}}": 31 + float(rng.integers(0, 4)),
        f"process_max_fds{{{EXPORTER}}}": 65_536,
    }
    targets = {EXPORTER: 2_900, **{f'job="node",instance="{node}:9100"': 900 for node in NODES}}
    for target, samples in targets.items():
        values |= {
            f"up{{{target}}}": 1,
            f"scrape_duration_seconds{{{target}}}": 0.012 + 0.006 * float(rng.random()),
            f"scrape_samples_scraped{{{target}}}": samples,
            f"scrape_samples_post_metric_relabeling{{{target}}}": samples,
            f"scrape_series_added{{{target}}}": 0,
        }
    return values


def _correlations(now: float) -> list[CorrelationSnapshot]:
    """Signals that move together with the model from ten minutes of the partition on."""
    if now < PARTITION[0] + 600:
        return []
    found = (("network_retransmits", 0.93, 120.0, 0.998), ("packet_drops", 0.88, 60.0, 0.993))
    return [
        CorrelationSnapshot("fraud", "7", metric, signal, "6h", sign * coefficient, lag, confidence)
        for signal, coefficient, lag, confidence in found
        for metric, sign in (("latency_p95", 1), ("false_negative_rate", 1), ("throughput", -0.8))
    ]
