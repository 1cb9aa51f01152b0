"""What is told of signals as series, and that what is not known has none."""

from dataclasses import replace

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

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
from support.snapshots import NOW, model, snapshot, version

NOTHING = Standing(None, None, None, None, None, None, None, None)
ALL = InfrastructureSnapshot(
    queries=(
        QuerySnapshot("drops", success=True, failures=2, problem=None),
        QuerySnapshot("model/latency_p95", success=None, failures=0, problem=None),
    ),
    signals=(
        SignalSnapshot("drops", Standing(5.0, NOW, 2.0, 0.0, 4.0, 1.5, anomalous=True, fitted=NOW - 60)),
        SignalSnapshot("new", NOTHING),
    ),
    groups=(GroupSnapshot("network", 1.25, anomalous=False),),
    metrics=(
        ModelMetricSnapshot("fraud", "1", "latency_p95", 3.5),
        ModelMetricSnapshot("gone", "1", "latency_p95", 1.0),
    ),
    correlations=(CorrelationSnapshot("fraud", "1", "latency_p95", "drops", "6h", 0.9, 120.0, 0.99),),
    durations=np.array([3, *[0] * (len(QUERY_BOUNDS) - 1), 1]),
    seconds=31.5,
)


def told(limit: int = 10_000) -> dict[str, float]:
    made = replace(snapshot([model("fraud", [version("1")])]), infrastructure=ALL)
    text = render(made, series_limit=limit, process=False).body("text").decode()
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "infra_" in sample.name
    }


def test_what_is_known_is_told() -> None:
    found = {name: value for name, value in told().items() if "_bucket" not in name and "_sum" not in name}

    labels = " latency_p95 fraud drops 1 6h"
    assert {
        "model_infra_metric_anomaly_score latency_p95 fraud 1": 3.5,
        f"model_infra_correlation{labels}": 0.9,
        f"model_infra_correlation_lag_seconds{labels}": 120.0,
        f"model_infra_correlation_confidence{labels}": 0.99,
        "infra_signal drops": 5.0,
        "infra_signal_expected drops": 2.0,
        "infra_signal_lower drops": 0.0,
        "infra_signal_upper drops": 4.0,
        "infra_signal_anomaly_score drops": 1.5,
        "infra_signal_anomalous drops": 1.0,
        "infra_signal_timestamp_seconds drops": NOW,
        "infra_forecast_fit_timestamp_seconds drops": NOW - 60,
        "infra_group_anomaly_score network": 1.25,
        "infra_group_anomalous network": 0.0,
        "infra_query_success drops": 1.0,
        "infra_query_failures_total drops": 2.0,
        "infra_query_failures_total model/latency_p95": 0.0,
        "infra_query_duration_seconds_count": 4.0,
    } == {" ".join([name.split()[0], *_ordered(name)]): value for name, value in found.items()}


def _ordered(name: str) -> list[str]:
    """Label values in one order, whatever the text's is."""
    order = ["latency_p95", "fraud", "drops", "network", "model/latency_p95", "1", "6h"]
    return sorted(name.split()[1:], key=order.index)


def test_the_limit_of_series_is_of_models_only() -> None:
    found = told(limit=0)

    assert not [name for name in found if name.startswith("model_")]
    assert 5.0 == found["infra_signal drops"]
