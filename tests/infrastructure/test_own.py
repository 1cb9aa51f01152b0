"""The built-in queries, of a real Prometheus that has the metrics of exporters."""

from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from drift_exporter.infrastructure.own import ModelFacts, built_in
from support.backfill import Values, backfilled
from support.servers import Prometheus
from support.signals import FRAUD, HOUR, NOW

TIMES = np.arange(NOW - HOUR, NOW + 1, 15.0)
CLICKS = ModelFacts("clicks", latency=False, errors=False, outcomes=True, positive='a "b"', anomalies=False)
PRICES = ModelFacts("a.b", latency=False, errors=False, outcomes=False, positive=None, anomalies=False)
FIVE = 300.0


def counter(per_second: float) -> Values:
    return TIMES, (TIMES - TIMES[0]) * per_second


def replicas(name: str, labels: str, per_second: float) -> Mapping[str, Values]:
    """A counter that two replicas share, one with a third of it."""
    return {
        f'{name}{{{labels},instance="{instance}"}}': counter(share * per_second)
        for instance, share in (("1", 1 / 3), ("2", 2 / 3))
    }


def outcomes(model: str, prediction: str, label: str, per_second: float) -> Mapping[str, Values]:
    return {
        f'model_outcomes_total{{model="{model}",version="1",prediction="{prediction}",label="{label}",'
        f'segment="{segment}",segment_value="{segment}"}}': counter(per_second)
        for segment in ("", "country")
    }


V1 = 'model="fraud",version="1"'
SERIES: Mapping[str, Values] = {
    **replicas("model_predictions_total", V1, 30),
    **replicas("model_predictions_total", 'model="other",version="1"', 30),
    **replicas("model_predictions_total", 'model="axb",version="1"', 30),
    **replicas("model_predictions_total", 'model="a.b",version="1"', 6),
    **replicas("model_prediction_errors_total", V1, 3),
    **replicas("model_prediction_latency_seconds_bucket", V1 + ',le="0.1"', 24),
    **replicas("model_prediction_latency_seconds_bucket", V1 + ',le="0.2"', 30),
    **replicas("model_prediction_latency_seconds_bucket", V1 + ',le="+Inf"', 30),
    **replicas("model_anomalies_total", V1 + ',detector="hbos"', 0.3),
    **replicas("model_anomaly_scored_records_total", V1 + ',detector="hbos"', 30),
    **replicas("model_anomalies_total", V1 + ',detector="ecod"', 0.9),
    **replicas("model_anomaly_scored_records_total", V1 + ',detector="ecod"', 30),
    **outcomes("fraud", "1", "1", 1.5),
    **outcomes("fraud", "0", "1", 0.5),
    **outcomes("fraud", "0", "0", 7),
    **outcomes("fraud", "1", "0", 1),
    **outcomes("fraud", "0", "other", 10),
    **outcomes("clicks", r"a \"b\"", r"a \"b\"", 2),
    **outcomes("clicks", "no", "no", 2),
    **outcomes("third", "0", "1", 2),
}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with backfilled(tmp_path_factory.mktemp("prometheus"), SERIES) as server:
        yield server


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("latency_p95", {"fraud": 0.175}),
        ("throughput", {"fraud": 30.0, "a.b": 6.0}),
        ("error_ratio", {"fraud": 0.1}),
        ("false_negative_rate", {"fraud": 0.25, "clicks": 0.0}),
        ("accuracy", {"fraud": 8.5 / 20, "clicks": 1.0}),
        ("anomaly_ratio", {"fraud": 0.03}),
    ],
)
def test_over_all_replicas_and_of_these_models_only(
    prometheus: Prometheus, metric: str, expected: Mapping[str, float]
) -> None:
    query = built_in(metric, [FRAUD, CLICKS, PRICES], 60.0)
    assert query is not None
    found = prometheus.query(query, NOW)

    assert [{"model", "version"}] * len(expected) == [set(one.labels) for one in found]
    assert expected == pytest.approx({one.labels["model"]: one.value for one in found})


def test_what_no_model_has_is_not_asked_for() -> None:
    metrics = ("latency_p95", "error_ratio", "false_negative_rate", "accuracy", "anomaly_ratio")
    assert [None] * 5 == [built_in(metric, [PRICES], 60.0) for metric in metrics]


def test_ranges_hold_several_values_however_long_the_step() -> None:
    queries = [built_in("throughput", [FRAUD], step) for step in (15.0, 60.0, 120.0, 3600.0)]
    assert ["[5m]", "[5m]", "[10m]", "[5h]"] == [
        query[query.index("[") : query.index("]") + 1] for query in queries if query is not None
    ]
