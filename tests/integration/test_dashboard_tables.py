"""Tables of several queries, on a Prometheus that knows several models and versions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.dashboard_feed import advancing_target, hasty_rules
from support.dashboards import ANYTHING, DASHBOARDS, REPOSITORY, ask, finite, panels
from support.servers import prometheus, prometheus_config, until

# The overview shows several models at once: this is what Grafana makes of them.
VALUES = {
    "models_overview": ANYTHING | {"model": "(fraud|ranker)"},
    "model_detail": ANYTHING,
}

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("dashboards")]

Json = dict[str, Any]


@pytest.fixture(scope="module")
def fed_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a Prometheus that scrapes an exporter's metrics and evaluates the rules."""
    folder = tmp_path_factory.mktemp("dashboards")
    rules = hasty_rules(REPOSITORY / "alerting" / "rules", folder / "rules")
    with (
        advancing_target() as target,
        prometheus(
            folder / "prometheus", prometheus_config({"drift-exporter": [target.address]}), rules=rules
        ) as server,
    ):
        yield server.url


def key_of(series: Json, labels: set[str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, v) for k, v in series["metric"].items() if k in labels))


def answered(url: str, targets: list[Json], values: dict[str, str]) -> list[list[Json]]:
    """The answers to all queries; nothing where one has no number to show."""
    answers = [ask(url, target, values) for target in targets]
    return answers if all(any(map(finite, answer)) for answer in answers) else []


# The others need labels: test_performance_dashboards.py.
@pytest.mark.parametrize("path", [p for p in DASHBOARDS if p.stem in VALUES], ids=lambda p: p.stem)
def test_queries_of_a_table_join_to_one_line_each(fed_prometheus: str, path: Path) -> None:
    """Grafana merges lines that agree in the labels that all queries have: none may be there twice."""
    values = VALUES[path.stem]
    for panel in panels(path):
        targets = panel.get("targets", [])
        if panel["type"] != "table" or len(targets) == 1:
            continue
        answers = until(lambda: answered(fed_prometheus, targets, values), what=panel["title"])  # noqa: B023
        common = set.intersection(*({k for s in answer for k in s["metric"]} for answer in answers))
        assert common >= {"version"}, panel["title"]
        for target, answer in zip(targets, answers, strict=True):
            keys = [key_of(series, common) for series in answer]
            assert len(keys) == len(set(keys)), (panel["title"], target["expr"])
