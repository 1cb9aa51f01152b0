"""Panels of "Model and infrastructure" about Kubernetes: what kubernetes.yml of the alert rules records."""

from grafanalib import core

from panels import query, timeseries
from queries import threshold

SIZE = (6, 7)
BY_RULES = "By the recording rules that come with the exporter."


def pod_panels(model: str) -> list[core.Panel]:
    """The pods that serve the model."""
    return [
        timeseries(
            "Pods",
            f"Pods that serve the model, and how many of them are not ready. {BY_RULES}",
            query(f"max(model:pods:count{{{model}}})", "pods"),
            query(f"max(model:pods_not_ready:count{{{model}}})", "not ready"),
            unit="short",
            size=SIZE,
        ),
        _by(
            "Restarts",
            "Of each pod's containers in an hour.",
            f"model:pod_restarts:increase1h{{{model}}}",
            by="pod",
            unit="short",
            limit="pod_restarts",
        ),
        _by(
            "Killed for their memory",
            "Containers and processes of each pod in 15 minutes.",
            f"model:pod_oom_kills:increase15m{{{model}}}",
            by="pod",
            unit="short",
        ),
        _by(
            "Throttled",
            "Share of the scheduler's periods in which each pod had to wait for its CPU limit.",
            f"model:pod_cpu_throttled:ratio_increase5m{{{model}}}",
            by="pod",
            unit="percentunit",
            limit="pod_throttled_ratio",
        ),
    ]


def node_panels(model: str) -> list[core.Panel]:
    """The nodes that these pods are on."""
    return [
        _by(
            "TCP segments sent again",
            "Share of those that each node sends.",
            f"model:node_tcp_retransmitted:ratio_rate5m{{{model}}}",
            by="node",
            unit="percentunit",
            limit="node_retransmitted_ratio",
        ),
        _by(
            "Packets dropped",
            "Share of those that each node receives and sends.",
            f"model:node_packets_dropped:ratio_rate5m{{{model}}}",
            by="node",
            unit="percentunit",
            limit="node_dropped_ratio",
        ),
        _by(
            "Disk latency",
            "What a read or write takes on the slowest disk of each node.",
            f"model:node_disk_seconds:max_rate5m{{{model}}}",
            by="node",
            unit="s",
            limit="node_disk_seconds",
        ),
        _by(
            "Disk used",
            "Of the fullest file system of each node.",
            f"model:node_filesystem_used:max_ratio{{{model}}}",
            by="node",
            unit="percentunit",
            limit="node_filled_ratio",
        ),
    ]


def gpu_panels(model: str) -> list[core.Panel]:
    """The GPUs that these pods have."""
    return [
        _by(
            "GPU busy",
            "Share of the last half an hour, the busiest GPU of each pod.",
            f"model:gpu_busy:ratio_avg30m{{{model}}}",
            by="pod",
            unit="percentunit",
            limit="gpu_busy_ratio",
        ),
        _by(
            "GPU memory used",
            "Of the fullest GPU of each pod.",
            f"model:gpu_memory_used:ratio{{{model}}}",
            by="pod",
            unit="percentunit",
            limit="gpu_memory_ratio",
        ),
        _by(
            "GPU temperature",
            "Of the hottest GPU of each pod.",
            f"model:gpu_celsius:max{{{model}}}",
            by="pod",
            unit="celsius",
            limit="gpu_celsius",
        ),
        _by(
            "GPU errors",
            "Number of the last error as NVIDIA counts them (XID); 0 without one.",
            f"model:gpu_xid_error:max{{{model}}}",
            by="pod",
            unit="none",
        ),
    ]


def _by(  # noqa: PLR0913
    title: str, description: str, series: str, *, by: str, unit: str, limit: str | None = None
) -> core.TimeSeries:
    """A line for each pod or node of ``series``; dashed is from where on the rules alert."""
    queries = [query(f"max by ({by}) ({series})", f"{{{{{by}}}}}")]
    if limit:
        queries.append(query(threshold(limit), "alert above"))
    return timeseries(
        title,
        f"{description} {BY_RULES}",
        *queries,
        unit=unit,
        dashed="alert above" if limit else None,
        size=SIZE,
    )
