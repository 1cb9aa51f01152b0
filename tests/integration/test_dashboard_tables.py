"""Tables and bars of several queries, and what the demonstration has no data of, of several models."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drift_exporter.reference.model import NumericColumn
from support.dashboard_feed import NOT_IN_THE_DEMONSTRATION, advancing_target, hasty_rules, snapshot_after
from support.dashboards import (
    ANYTHING,
    DASHBOARDS,
    REPOSITORY,
    annotation_queries,
    ask,
    finite,
    panel_targets,
    panels,
    unanswered,
)
from support.servers import prometheus, prometheus_config, until

# The overview shows several models at once: this is what Grafana makes of them.
VALUES = {
    "models_overview": ANYTHING | {"model": "(fraud|ranker)"},
    "model_detail": ANYTHING,
    "column": ANYTHING | {"version": "2.1.0", "column": "amount"},
    "exporter_health": ANYTHING | {"model": ".*"},
}
# Columns of numbers know no unseen categories.
COUNTRY = VALUES["column"] | {"column": "country"}
QUARTILES = {"lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75}

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


def marks(path: Path) -> list[tuple[str, Json]]:
    """Name and query of each annotation."""
    return [(name, {"expr": expr, "instant": False}) for name, expr in annotation_queries(path)]


@pytest.mark.parametrize("stem", ["models_overview", "model_detail"])
def test_pages_and_other_alerts_and_new_versions_are_marked(fed_prometheus: str, stem: str) -> None:
    path = next(path for path in DASHBOARDS if path.stem == stem)
    assert unanswered(fed_prometheus, marks(path), VALUES[stem]) == []


@pytest.mark.parametrize("stem", NOT_IN_THE_DEMONSTRATION)
def test_what_the_demonstration_lacks_has_an_answer_here(fed_prometheus: str, stem: str) -> None:
    path = next(path for path in DASHBOARDS if path.stem == stem)
    parts = NOT_IN_THE_DEMONSTRATION[stem]
    pages = [mark for mark in marks(path) if mark[0] == "Pages"]
    asked = [
        (title, target)
        for title, target in [*panel_targets(path), *pages]
        if any(part in target["expr"] for part in parts)
    ]
    assert [part for part in parts if not any(part in target["expr"] for _, target in asked)] == []
    categories = [(t, q) for t, q in asked if 'bin="other"' in q["expr"] and stem == "column"]
    others = [(t, q) for t, q in asked if (t, q) not in categories]
    assert unanswered(fed_prometheus, others, VALUES[stem]) == []
    assert unanswered(fed_prometheus, categories, COUNTRY) == []


def test_quartiles_are_interpolated_between_the_bounds_of_bins(fed_prometheus: str) -> None:
    path = next(path for path in DASHBOARDS if path.stem == "column")
    targets = [(t, q) for t, q in panel_targets(path) if t == "Quartiles and the reference's"]
    assert unanswered(fed_prometheus, targets, VALUES["column"]) == []
    amount = next(c for c in snapshot_after(1).models[0].versions[1].columns if c.column.name == "amount")
    assert isinstance(amount.column, NumericColumn)
    for prefix, counts in (("", amount.counts), ("reference ", amount.column.export(amount.column.counts))):
        cumulated = np.cumsum(counts[:-1]) / counts[:-1].sum()
        for name, q in QUARTILES.items():
            (target,) = (t for _, t in targets if t["legendFormat"] == prefix + name)
            (series,) = ask(fed_prometheus, target, VALUES["column"])
            expected = np.interp(q, cumulated[:-1], amount.column.edges)
            assert expected == pytest.approx(float(series["values"][-1][1]))


# The others need labels: test_performance_dashboards.py.
@pytest.mark.parametrize("path", [p for p in DASHBOARDS if p.stem in VALUES], ids=lambda p: p.stem)
def test_queries_of_a_table_join_to_one_line_each(fed_prometheus: str, path: Path) -> None:
    """Grafana merges lines that agree in the labels that all queries have: none may be there twice."""
    values = VALUES[path.stem]
    for panel in panels(path):
        targets = panel.get("targets", [])
        if panel["type"] not in {"table", "barchart"} or len(targets) == 1:
            continue
        answers = until(lambda: answered(fed_prometheus, targets, values), what=panel["title"])  # noqa: B023
        common = set.intersection(*({k for s in answer for k in s["metric"]} for answer in answers))
        assert common & {"version", "bin"}, panel["title"]
        for target, answer in zip(targets, answers, strict=True):
            keys = [key_of(series, common) for series in answer]
            assert len(keys) == len(set(keys)), (panel["title"], target["expr"])
