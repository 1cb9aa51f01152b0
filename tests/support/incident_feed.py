"""What a Prometheus scrapes during an incident: a model with odd records, signals, and the cluster below."""

import dataclasses

import numpy as np

from drift_exporter.expose.render import render
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
from drift_exporter.snapshot import AnomalySnapshot, Snapshot
from support.builders import NOW
from support.performance_feed import labelled_snapshot
from support.snapshots import anomalies

METRIC = ("fraud", "1", "false_negative_rate")
SIGNALS = {"network_retransmits": 260.0, "packet_drops": 11.0}


def exposition(n: int) -> str:
    """The metrics of the exporter and of the cluster as text, counters ``n`` times what they begin with."""
    return render(_snapshot(n), series_limit=50_000, process=False).body("text").decode() + _cluster(n)


def _snapshot(n: int) -> Snapshot:
    plain = labelled_snapshot(n)
    (model,) = plain.models
    (version,) = model.versions
    odd = tuple(_anomalies(detector, n) for detector in ("hbos", "iforest"))
    own = dataclasses.replace(model, versions=(dataclasses.replace(version, anomalies=odd),))
    return dataclasses.replace(plain, models=(own,), infrastructure=_infrastructure(n))


def _anomalies(detector: str, n: int) -> AnomalySnapshot:
    one = anomalies(detector, confidence=0.995)
    scores = dataclasses.replace(one.scores, counts=one.scores.counts * n, total=one.scores.total * n)
    return dataclasses.replace(one, scores=scores, anomalies=one.anomalies * n, skipped=one.skipped * n)


def _infrastructure(n: int) -> InfrastructureSnapshot:
    durations = np.zeros(len(QUERY_BOUNDS) + 1, dtype=np.int64)
    durations[2] = 5 * n
    return InfrastructureSnapshot(
        queries=[QuerySnapshot(name, success=True, failures=n, problem=None) for name in SIGNALS],
        signals=[SignalSnapshot(name, _standing(value)) for name, value in SIGNALS.items()],
        groups=[GroupSnapshot("network", 1.5, anomalous=True)],
        metrics=[ModelMetricSnapshot(*METRIC, 4.0, 0.31, 0.31 / 3, 0.31 / 6, 0.31 / 2)],
        correlations=[
            CorrelationSnapshot(*METRIC, name, "6h", coefficient, lag, 0.991)
            for name, coefficient, lag in (("network_retransmits", 0.93, 300.0), ("packet_drops", -0.81, 0.0))
        ],
        durations=durations,
        seconds=0.02 * 5 * n,
    )


def _standing(value: float) -> Standing:
    """Of a series that is at three times what is expected of it."""
    expected = value / 3
    return Standing(value, NOW, expected, 0.5 * expected, 1.5 * expected, 4.0, True, NOW - 3600)  # noqa: FBT003


def _cluster(n: int) -> str:
    pod = 'namespace="ml",pod="fraud-0"'
    container = f'{pod},container="server"'
    gpu = f'{container},gpu="0"'
    counted = {
        f"kube_pod_container_status_restarts_total{{{container}}}": n,
        f"container_cpu_cfs_throttled_periods_total{{{container}}}": 4 * n,
        f"container_cpu_cfs_periods_total{{{container}}}": 10 * n,
        f"container_oom_events_total{{{container}}}": n,
        "node_netstat_Tcp_RetransSegs": 5 * n,
        "node_netstat_Tcp_OutSegs": 100 * n,
        'node_network_receive_drop_total{device="eth0"}': 3 * n,
        'node_network_transmit_drop_total{device="eth0"}': n,
        'node_network_receive_packets_total{device="eth0"}': 100 * n,
        'node_network_transmit_packets_total{device="eth0"}': 100 * n,
        'node_disk_read_time_seconds_total{device="sda"}': 0.5 * n,
        'node_disk_write_time_seconds_total{device="sda"}': 0.5 * n,
        'node_disk_reads_completed_total{device="sda"}': 2 * n,
        'node_disk_writes_completed_total{device="sda"}': 2 * n,
    }
    steady = {
        f'kube_pod_labels{{{pod},label_model="fraud"}}': 1,
        f'kube_pod_info{{{pod},node="node-7"}}': 1,
        f'kube_pod_status_phase{{{pod},phase="Running"}}': 1,
        f'kube_pod_status_ready{{{pod},condition="true"}}': 0,
        f'kube_pod_container_status_last_terminated_reason{{{container},reason="OOMKilled"}}': 1,
        'node_uname_info{nodename="node-7"}': 1,
        'node_filesystem_avail_bytes{device="/dev/sda1",fstype="ext4",mountpoint="/"}': 5,
        'node_filesystem_size_bytes{device="/dev/sda1",fstype="ext4",mountpoint="/"}': 100,
        f"DCGM_FI_DEV_GPU_UTIL{{{gpu}}}": 99,
        f"DCGM_FI_DEV_FB_USED{{{gpu}}}": 15_600,
        f"DCGM_FI_DEV_FB_FREE{{{gpu}}}": 400,
        f"DCGM_FI_DEV_XID_ERRORS{{{gpu}}}": 79,
        f"DCGM_FI_DEV_GPU_TEMP{{{gpu}}}": 91,
    }
    return "".join(f"{series} {value}\n" for series, value in (counted | steady).items())
