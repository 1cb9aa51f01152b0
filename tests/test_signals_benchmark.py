"""The benchmark of bands counts right, keeps its promises, and its tables are in the docs."""

import json
from pathlib import Path

import numpy as np
import pytest

import signal_tables
import signals
from signal_cases import injected
from signal_methods import METHODS

ROOT = Path(__file__).resolve().parents[1]
RESULTS = json.loads((ROOT / "benchmarks" / "signals.json").read_text(encoding="utf-8"))


def test_the_tables_in_the_docs_are_those_of_the_results() -> None:
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    inside = page.split(signal_tables.BEGIN)[1].split(signal_tables.END)[0]
    assert f"\n{signal_tables.section(RESULTS)}\n" == inside


@pytest.mark.parametrize("method", ["seasonal", "seasonal, 1 min", "prophet"])
def test_the_published_bands_have_at_most_one_false_event_a_week(method: str) -> None:
    assert signal_tables.false_events(RESULTS["clean"], method) <= 1
    assert RESULTS["cost"]["hour_s"] < 1


def test_alarms_that_are_near_are_one_event() -> None:
    flags = np.zeros(60, dtype=bool)
    flags[[3, 4, 10, 30, 40, 59]] = True
    assert [(3, 11), (30, 31), (40, 41), (59, 60)] == signals.events(flags)
    assert [] == signals.events(np.zeros(5, dtype=bool))


def test_the_area_under_the_curve_is_average_precision() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(1)
    labels, scores = random.random(500) < 0.1, random.integers(0, 20, 500).astype(np.float64)
    expected = metrics.average_precision_score(labels, scores)
    assert expected == pytest.approx(signals.area(labels, scores))


def test_incidents_are_found_by_seasonal_and_false_events_counted() -> None:
    tally = signals.Tally()
    signals.judge("seasonal", injected("normal", 0), tally)
    row = signals.summary(tally)
    assert (4, 1.0) == (row["incidents"], row["precision"])
    assert row["recall"] >= 0.75
    assert row["area"] > 0.7


@pytest.mark.parametrize("name", ["rules (PromQL)", "3 sigma of all", "3 sigma of a day"])
def test_plain_methods_score_every_value(name: str) -> None:
    case = injected("normal", 0)
    scores = METHODS[name][0](case.times, case.values, case.count, case.step)
    assert len(case.values) - case.count == len(scores)
    assert np.isfinite(scores).all()
