"""What is exposed of the infrastructure, as of one moment. What is not known is None."""

from collections.abc import Sequence
from dataclasses import dataclass

from drift_exporter.reference.model import IntArray

QUERY_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Inclusive upper bounds in seconds of the query duration's buckets."""


@dataclass(frozen=True)
class Standing:
    """What is known of a series as of one moment; None where it is not."""

    value: float | None
    timestamp: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    score: float | None
    anomalous: bool | None
    fitted: float | None


@dataclass(frozen=True)
class QuerySnapshot:
    """A query by the name of its signal, or ``model/`` and a metric; ``success`` is None before the first."""

    name: str
    success: bool | None
    failures: int
    problem: str | None


@dataclass(frozen=True)
class SignalSnapshot:
    """One signal."""

    name: str
    standing: Standing


@dataclass(frozen=True)
class GroupSnapshot:
    """Signals together: how odd they are, and whether that is an anomaly."""

    name: str
    score: float
    anomalous: bool


@dataclass(frozen=True)
class ModelMetricSnapshot:
    """A metric of one version of a model, with what is expected of it and how far it is from that."""

    model: str
    version: str
    metric: str
    score: float | None
    value: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class CorrelationSnapshot:
    """A signal that moves together with a model's metric; with ``lag`` (seconds) above 0 it moves first."""

    model: str
    version: str
    metric: str
    signal: str
    window: str
    coefficient: float
    lag: float
    confidence: float


@dataclass(frozen=True)
class InfrastructureSnapshot:
    """All of it. ``durations`` counts requests by how long they took (QUERY_BOUNDS), in all ``seconds``."""

    queries: Sequence[QuerySnapshot]
    signals: Sequence[SignalSnapshot]
    groups: Sequence[GroupSnapshot]
    metrics: Sequence[ModelMetricSnapshot]
    correlations: Sequence[CorrelationSnapshot]
    durations: IntArray
    seconds: float
