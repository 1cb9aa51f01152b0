"""The detection benchmark keeps its promises at one size, and its tables are in the docs."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

# At the end: benchmarks has modules that are called like packages.
sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

from detection import cases, datasets, injected, ours, steady, summary, tables, verdicts

ROOT = Path(__file__).resolve().parents[1]
RESULTS = json.loads((ROOT / "benchmarks" / "detection" / "results.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
LARGE = (summary.LARGE, float("inf"))


def test_the_tables_in_the_docs_are_those_of_the_results() -> None:
    inside = PAGE.split(tables.BEGIN)[1].split(tables.END)[0]
    assert f"\n{tables.section(RESULTS)}\n" == inside


def test_the_docs_name_the_versions_that_were_compared() -> None:
    versions = {name: wanted.split("==")[-1] for name, wanted in RESULTS["versions"].items()}
    for name in set(versions) - {"drift_exporter"}:
        assert f"| {name} {versions[name]} |" in PAGE
    assert {"drift_exporter", "Evidently", "NannyML", "alibi-detect"} == set(versions)


def test_the_published_results_reach_what_is_to_be_reached() -> None:
    assert 1000 * summary.false_alarms(RESULTS["steady"], "drift_exporter").share <= summary.FALSE_ALARMS
    for peer in ("Evidently", "NannyML"):
        own, theirs = summary.beside_peer(RESULTS, "drift_exporter", peer)
        assert own.share <= summary.PEER_SHARE * theirs.share
    assert summary.large_found(RESULTS, "drift_exporter").share >= summary.FOUND


@pytest.fixture(scope="module")
def loans() -> datasets.Dataset:
    return datasets.car_loan()


def test_windows_without_a_shift_are_silent_and_large_shifts_are_found_at_once(
    loans: datasets.Dataset, tmp_path: Path
) -> None:
    (still,) = steady.in_order("car_loan", loans, tmp_path, (1_000,))
    (moved,) = injected.injected(loans, still.stream, {1_000: injected.Amount(events=2)})
    judge = ours.configure(still.stream, [still.hours])
    page, _ = ours.verdicts(judge, still, judge.read(still.windows))
    silence = verdicts.silence(still, page)
    assert (25, 225, 0) == (silence.windows, silence.column_windows, silence.alarms)

    records = judge.read(moved.windows)
    page, _ = ours.verdicts(judge, moved, records)
    outcomes = verdicts.as_documents(verdicts.found(moved, page))
    large = summary.at_once(outcomes, "drift_exporter", LARGE)
    assert large.total >= 20
    assert large.share >= summary.FOUND
    tolerated = summary.at_once(outcomes, "drift_exporter", (0.0, 0.04))
    assert tolerated.total >= 4
    assert 0 == tolerated.hits

    # What the windows' counts say is what the exporter says that reads them from a log.
    (direct,) = judge.judge(moved, records, [moved.count - 1])
    served = ours.through_the_exporter(judge, moved, moved.count - 1)
    assert moved.size == served.samples
    assert [(c.column.name, c.confidence, c.adjusted_confidence) for c in direct.columns] == [
        (c.column.name, c.confidence, c.adjusted_confidence) for c in served.columns
    ]


def test_what_counts_as_found_late_and_false() -> None:
    """A shift of ``a`` that comes in the second window of its event and goes in the third."""
    stream = cases.Stream("s", Path(), "binary", ("a", "b"), (), 100, 100, 0.0, "")
    moved = cases.Trial(0, 1, {"a": 0.3}, frozenset({"a"}))
    trials = (cases.Trial(0, 0, {"a": 0.1}, frozenset({"a"})), moved, cases.Trial(0, 2))
    case = cases.Case(
        stream, Path("w.parquet"), 100, 3, "", trials, (cases.Event("gradual", "mean", "a", "+1"),)
    )
    alarms = np.array([[False, False], [True, True], [True, False]])
    said = verdicts.Verdicts("drift_exporter", ("a", "b"), (0, 1, 2), alarms, 0.001)

    (found,) = verdicts.found(case, said)
    assert (1, 0, 1, 2.0, 0.3) == (found.events, found.at_once, found.found, found.delay, found.psi)
    silence = verdicts.silence(case, said)
    assert (4, 2, {"a": 1, "b": 1}) == (silence.column_windows, silence.alarms, silence.by_column)


def test_an_event_is_judged_whole_or_not_at_all() -> None:
    stream = cases.Stream("s", Path(), "binary", ("a",), (), 100, 100, 0.0, "")
    events = tuple(cases.Event("abrupt", "mean", "a", amount) for amount in ("1", "1", "2", "2"))
    trials = tuple(cases.Trial(event, position) for event in range(4) for position in range(2))
    case = cases.Case(stream, Path("w.parquet"), 100, 8, "", trials, events)
    assert (0, 1, 4, 5) == verdicts.chosen(case, 5)
    assert tuple(range(8)) == verdicts.chosen(case, 8)
