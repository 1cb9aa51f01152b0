"""The shipped rules as data, for tests."""

import functools
from pathlib import Path
from typing import Any

import yaml

from drift_exporter.expose.catalogue import METRICS
from support.short_rules import seconds

ROOT = Path(__file__).resolve().parents[2]
ALERTING = ROOT / "alerting"
RULES = ALERTING / "rules"
RULE_FILES = sorted(RULES.glob("*.yml"))

# What kubernetes.yml asks of other exporters, as these name it: beginnings of names and what follows.
_OF_CLUSTERS = {
    "kube_pod": ("info", "labels", "status_phase", "status_ready"),
    "kube_pod_container_status": ("last_terminated_reason", "restarts_total"),
    "container": ("cpu_cfs_periods_total", "cpu_cfs_throttled_periods_total", "oom_events_total"),
    "node_disk_read": ("time_seconds_total",),
    "node_disk_reads": ("completed_total",),
    "node_disk_write": ("time_seconds_total",),
    "node_disk_writes": ("completed_total",),
    "node": ("uname_info", "filesystem_avail_bytes", "filesystem_size_bytes"),
    "node_netstat_Tcp": ("OutSegs", "RetransSegs"),
    "node_network_receive": ("drop_total", "packets_total"),
    "node_network_transmit": ("drop_total", "packets_total"),
    "DCGM_FI_DEV": ("FB_FREE", "FB_USED", "GPU_TEMP", "GPU_UTIL", "XID_ERRORS"),
}
CLUSTER_METRICS = frozenset(f"{part}_{name}" for part, names in _OF_CLUSTERS.items() for name in names)


@functools.cache
def rules() -> list[dict[str, Any]]:
    """All rules of all files, in order; not to be changed."""
    files = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULE_FILES)
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def groups_of(path: Path) -> list[dict[str, Any]]:
    """The groups of a rule file, in order."""
    return list(yaml.safe_load(path.read_text(encoding="utf-8"))["groups"])


@functools.cache
def intervals() -> list[tuple[float, dict[str, Any]]]:
    """Seconds between evaluations, a minute where none are named, and rule; not to be changed."""
    return [
        (seconds(group.get("interval", "1m")), rule)
        for path in RULE_FILES
        for group in groups_of(path)
        for rule in group["rules"]
    ]


def alert_names() -> list[str]:
    """Names of all alerts, each once."""
    return sorted({rule["alert"] for rule in rules() if "alert" in rule})


def recorded_names() -> list[str]:
    """Names of all recorded series, each once."""
    return sorted({rule["record"] for rule in rules() if "record" in rule})


def exposed_names() -> set[str]:
    """Names of all series that the exporter may expose: of a histogram those of its parts."""
    names = set()
    for metric in METRICS:
        histogram = metric.type == "histogram"
        names |= {metric.name + s for s in ("_bucket", "_sum", "_count")} if histogram else {metric.name}
    return names
