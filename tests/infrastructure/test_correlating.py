"""What moves together with a model that misbehaves, by queries of a real Prometheus."""

from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from drift_exporter.infrastructure.correlating import finest_lag
from support.backfill import Values, backfilled
from support.servers import Prometheus
from support.signals import DAY, HOUR, MINUTE, NOW, WEEK, Clock, daily, follow, look, section

TIMES = np.concatenate(
    [np.arange(NOW - 4 * WEEK, NOW - DAY, 5 * MINUTE), np.arange(NOW - DAY, NOW + 8 * HOUR, MINUTE)]
)


def during(start: float, minutes: float = 40) -> np.ndarray:
    return (TIMES >= NOW + start * MINUTE) & (TIMES < NOW + (start + minutes) * MINUTE)


SERIES: Mapping[str, Values] = {
    "retransmits": (TIMES, daily(TIMES, seed=1) + 80 * during(-60)),
    "drops": (TIMES, daily(TIMES, seed=2) - 70 * during(-47)),
    "requests": (TIMES, daily(TIMES, seed=3)),
    'latency{model="fraud",version="1"}': (TIMES, daily(TIMES, 0.1, seed=4) + 0.2 * during(-53)),
    'latency{model="fraud",version="2"}': (TIMES, daily(TIMES, 0.1, seed=5)),
    'latency{model="somebody else",version="1"}': (TIMES, daily(TIMES, 0.1, seed=6) + 0.2 * during(-53)),
}
SIGNALS = [{"name": name, "query": name} for name in ("retransmits", "drops", "requests")]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with backfilled(tmp_path_factory.mktemp("prometheus"), SERIES) as server:
        yield server


def test_signals_that_move_with_a_model_are_told_with_what_came_first(prometheus: Prometheus) -> None:
    clock = Clock()
    itself = {"name": "itself", "query": "latency"}
    models = {"built_in": [], "metrics": {"latency_p95": "latency", "broken": "requests"}}
    config = section(prometheus.url, [*SIGNALS, itself], models=models)
    followed = follow(config, clock)
    look(followed, clock)
    found = {one.signal: one for one in followed.snapshot.correlations}

    assert {("fraud", "1", "latency_p95", "6h")} == {
        (one.model, one.version, one.metric, one.window) for one in found.values()
    }
    assert {"retransmits": 7 * MINUTE, "drops": -6 * MINUTE} == {name: one.lag for name, one in found.items()}
    assert found["retransmits"].coefficient > 0.8
    assert found["drops"].coefficient < -0.8
    assert all(0.95 <= one.confidence < 1 for one in found.values())
    # The other model is none of ours.
    assert [("fraud", "1"), ("fraud", "2")] == [(one.model, one.version) for one in followed.snapshot.metrics]
    problems = {query.name: query.problem for query in followed.snapshot.queries if query.problem}
    assert ["itself", "model/broken"] == list(problems)
    assert 'it gives {__name__="requests"}, which has not both labels model and version' in (
        problems["model/broken"] or ""
    )
    # Once the window is past it, nothing is told any more.
    look(followed, clock, NOW + 7 * HOUR)
    assert () == tuple(followed.snapshot.correlations)


def test_without_misbehaviour_nothing_is_compared(prometheus: Prometheus) -> None:
    clock = Clock(NOW - 2 * HOUR)
    models = {"built_in": [], "metrics": {"latency_p95": "latency"}}
    followed = follow(section(prometheus.url, SIGNALS, models=models), clock)
    look(followed, clock)

    assert 2 == len(followed.snapshot.metrics)
    assert () == tuple(followed.snapshot.correlations)


@pytest.mark.parametrize("lag", [-7, 0, 3, 12])
def test_the_finest_lag_is_where_both_are_most_alike(lag: int) -> None:
    rng = np.random.default_rng(0)
    whole = rng.normal(0, 1, 500)
    signal, target = whole[100:400], whole[100 - lag : 400 - lag]

    assert lag == finest_lag(target[-100:], signal, np.arange(-15, 16))
    assert finest_lag(np.full(100, np.nan), signal, np.arange(-15, 16)) is None
