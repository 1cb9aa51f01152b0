"""Odd records from logs to what is told of them: counted, bounded, kept, isolated."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drift_exporter.anomalies.model import ModelAnomalies
from drift_exporter.judge.anomaly.model import AnomalyModel
from drift_exporter.once import run_once
from drift_exporter.reference.model import FloatArray
from drift_exporter.runtime import ModelRuntime
from drift_exporter.snapshot import ANOMALY_BOUNDS
from drift_exporter.state.store import Store
from support.anomalies import Odd, found_in, rows, windows_of
from support.records import NOW
from support.states import run

ODD = [100, 501, 900]


def anomalies_of(model: ModelRuntime) -> ModelAnomalies:
    assert model.ingest.anomalies is not None
    return model.ingest.anomalies


def test_records_are_counted_by_how_odd_they_are(tmp_path: Path) -> None:
    setup = Odd(tmp_path)
    setup.log(*rows(1_000, 2, odd=ODD))
    snapshot = setup.evaluated()
    found = found_in(snapshot)["ecod"]
    assert snapshot.problem is None
    assert (1_000, 0, 0.01, 0.02) == (found.scored, found.skipped, found.expected, found.tolerated)
    # Of records like the reference's half are in the lower half, within three deviations.
    assert 0.45 < found.scores.counts[0] / 1_000 < 0.55
    assert 0.45 < found.scores.total / 1_000 < 0.55
    assert found.anomalies == int(found.scores.counts[ANOMALY_BOUNDS.index(0.99) + 1 :].sum())
    windows = windows_of(found)
    assert {"1h", "24h"} == set(windows)
    for window in windows.values():
        assert (1_000, found.anomalies) == (window.scored, window.anomalies)
        assert found.scores.counts.tolist() == window.counts.tolist()
        assert found.anomalies / 1_000 == window.ratio
        assert window.confidence is not None
        assert window.confidence < 0.9


def test_a_burst_of_odd_records_is_found(tmp_path: Path) -> None:
    setup = Odd(tmp_path)
    setup.log(*rows(1_000, 2, odd=range(700, 800)))
    windows = windows_of(found_in(setup.evaluated())["ecod"])
    assert windows["1h"].ratio is not None
    assert windows["1h"].ratio > 0.1
    assert windows["1h"].confidence is not None
    assert windows["1h"].confidence > 0.99


def test_the_oddest_records_are_told_with_why(tmp_path: Path) -> None:
    setup = Odd(tmp_path, examples=3, show=["amount", "shop"])
    records = rows(1_000, 2, odd=ODD)
    setup.log(*records)
    found = found_in(setup.evaluated())["ecod"]
    assert [records[number]["id"] for number in reversed(ODD)] == [one.id for one in found.records]
    assert [None, "trace-2-501", None] == [one.trace_id for one in found.records]
    assert [NOW - 999 + number for number in reversed(ODD)] == [one.time for one in found.records]
    # As odd as each other to this detector, so the newest come first.
    (percentile,) = {one.percentile for one in found.records}
    assert percentile > 0.999
    for number, one in zip(reversed(ODD), found.records, strict=True):
        features: Any = records[number]["features"]
        shown = {column.name: column for column in one.columns}
        assert {"amount", "weight"} == {column.name for column in one.columns[:2]}
        assert shown["amount"].share + shown["weight"].share > 0.7
        assert (f"{features['amount']:.6g}", None) == (shown["amount"].value, shown["weight"].value)
        assert {features["shop"]} >= {column.value for name, column in shown.items() if name == "shop"}


def test_values_are_hidden_unless_they_may_be_shown(tmp_path: Path) -> None:
    setup = Odd(tmp_path)
    setup.log(*rows(300, 2, odd=[10, 20]))
    model = run(setup)
    kept = [one for own in anomalies_of(model).tallied["v1", "ecod"].examples.spans.values() for one in own]
    assert len(kept) >= 2
    assert {None} == {column.value for one in kept for column in one.columns}


def test_what_may_be_shown_is_asked_again_when_it_is_told(tmp_path: Path) -> None:
    setup = Odd(tmp_path, show="all")
    setup.log(*rows(300, 2, odd=[10, 20]))
    run(setup)
    setup.anomaly |= {"show": "none"}
    setup.write()
    with closing(Store(setup.config.state_dir)) as store:
        model = setup.model(store=store)
        model.restore()
        (version,) = model.evaluate()[0].versions
        model.close()
    assert version.anomalies[0].records
    assert {None} == {column.value for one in version.anomalies[0].records for column in one.columns}


def test_missing_values_and_new_categories_are_shown_as_such(tmp_path: Path) -> None:
    setup = Odd(tmp_path, show="all", examples=2)
    records = rows(60, 2)
    records[3]["features"] = {"amount": None, "weight": 0.0, "shop": "a"}
    records[4]["features"] = {"amount": 0.0, "weight": 9.0, "shop": "new"}
    setup.log(*records)
    found = found_in(setup.evaluated())["ecod"]
    values = {one.id: {column.name: column.value for column in one.columns} for one in found.records}
    assert "missing" == values["id-2-3"]["amount"]
    assert "other" == values["id-2-4"]["shop"]


def test_long_ids_are_cut_and_numbers_are_ids(tmp_path: Path) -> None:
    setup = Odd(tmp_path)
    records = rows(100, 2, odd=[98, 99])
    records[98]["id"], records[99]["id"] = "é" * 300, 4711
    setup.log(*records)
    found = found_in(setup.evaluated())["ecod"]
    assert {"é" * 128, "4711"} <= {one.id for one in found.records}


def test_without_id_and_trace_records_are_told_without(tmp_path: Path) -> None:
    setup = Odd(tmp_path)
    setup.options["fields"] = {"timestamp": "ts", "version": "version", "features": "features.*"}
    setup.options["fields"] |= {"prediction": "prediction"}
    setup.write()
    setup.log(*rows(100, 2, odd=[98, 99]))
    found = found_in(setup.evaluated())["ecod"]
    assert len(found.records) >= 2
    assert {(None, None)} == {(one.id, one.trace_id) for one in found.records}
    assert {} == found.scores.exemplars


def test_exemplars_are_the_newest_anomalies_by_trace_else_by_id(tmp_path: Path) -> None:
    setup = Odd(tmp_path, examples=0)
    records = rows(1_000, 2, odd=[500, 997, 998])
    setup.log(*records)
    found = found_in(setup.evaluated())["ecod"]
    assert () == found.records
    exemplars = found.scores.exemplars
    assert set(exemplars) <= set(range(ANOMALY_BOUNDS.index(0.99) + 1, len(ANOMALY_BOUNDS)))
    last = exemplars[max(exemplars)]
    assert ("id", "id-2-998", NOW - 1) == (last.label, last.trace_id, last.timestamp)
    records[998]["features"], records[998]["trace"] = records[997]["features"], "t998"
    (setup.logs / "a.ndjson").unlink()
    setup.log(*records)
    exemplars = found_in(setup.evaluated())["ecod"].scores.exemplars
    last = exemplars[max(exemplars)]
    assert ("trace_id", "t998", NOW - 1) == (last.label, last.trace_id, last.timestamp)


def test_detectors_side_by_side_and_versions_apart(tmp_path: Path) -> None:
    setup = Odd(tmp_path)
    setup.anomaly = [{"detector": "ecod"}, {"detector": "copod", "contamination": 0.05, "rate": 1}]
    setup.write()
    records = [one | {"version": f"v{i % 2}"} for i, one in enumerate(rows(200, 2))]
    setup.log(*(one | {"ts": NOW} for one in records))
    snapshot = setup.evaluated()
    for version in ("v0", "v1"):
        found = found_in(snapshot, version)
        assert ["ecod", "copod"] == list(found)
        assert (100, 0) == (found["ecod"].scored, found["ecod"].skipped)
        assert 100 == found["copod"].scored + found["copod"].skipped
    both = [found_in(snapshot, version)["copod"] for version in ("v0", "v1")]
    # A minute's worth, of all versions together.
    assert 60 == sum(found.scored for found in both)
    assert all(15 < found.scored < 45 for found in both)


def test_a_version_without_reference_has_no_series(tmp_path: Path) -> None:
    setup = Odd(tmp_path)
    setup.options["reference"] = {"v1": "reference.json"}
    setup.write()
    records = [one | {"version": f"v{1 + i % 2}"} for i, one in enumerate(rows(200, 2))]
    setup.log(*records)
    snapshot = setup.evaluated()
    assert 100 == found_in(snapshot)["ecod"].scored
    assert {} == found_in(snapshot, "v2")


def test_late_and_future_records_count_and_are_in_no_window(tmp_path: Path) -> None:
    setup = Odd(tmp_path, windows=["1h"])
    usual = rows(10, 2)
    times = [NOW + 86_400, *[NOW - i for i in range(7)], NOW - 3_600, NOW + 86_400]
    setup.log(*(one | {"ts": time} for one, time in zip(usual, times, strict=True)))
    found = found_in(setup.evaluated())["ecod"]
    assert 10 == found.scored
    assert 7 == windows_of(found)["1h"].scored


def test_only_future_records(tmp_path: Path) -> None:
    setup = Odd(tmp_path)
    setup.log(*(one | {"ts": NOW + 86_400} for one in rows(10, 2, odd=[3])))
    found = found_in(setup.evaluated())["ecod"]
    assert (10, (), ()) == (found.scored, found.windows, found.records)


def test_few_scored_records_have_no_ratio(tmp_path: Path) -> None:
    setup = Odd(tmp_path)
    setup.log(*rows(49, 2))
    window = windows_of(found_in(setup.evaluated())["ecod"])["1h"]
    assert (49, None, None) == (window.scored, window.ratio, window.confidence)
    setup.log(*rows(1, 3))
    window = windows_of(found_in(setup.evaluated())["ecod"])["1h"]
    assert window.ratio is not None


def test_records_that_come_twice_are_scored_once(tmp_path: Path) -> None:
    setup = Odd(tmp_path)
    setup.log(*rows(100, 2, odd=[99]), *rows(100, 2, odd=[99]))
    config = setup.config
    predictions = config.models[0].predictions.model_copy(update={"deduplicate": 3_600.0})
    again = config.models[0].model_copy(update={"predictions": predictions})
    from drift_exporter.setting_up import make_model  # noqa: PLC0415

    model = make_model(again, config, final=True, clock=lambda: NOW)
    model.read()
    (version,) = model.evaluate()[0].versions
    model.close()
    assert 100 == version.anomalies[0].scored
    assert "id-2-99" in {one.id for one in version.anomalies[0].records}


def test_a_failing_detector_is_told_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    setup = Odd(tmp_path)
    setup.anomaly = [{"detector": "ecod"}, {"detector": "copod"}]
    setup.write()
    scored = AnomalyModel.percentiles

    def failing(model: AnomalyModel, values: FloatArray) -> FloatArray:
        if model.settings.detector == "ecod":
            raise ZeroDivisionError("no luck")
        return scored(model, values)

    model = setup.model()
    with monkeypatch.context() as patch:
        patch.setattr(AnomalyModel, "percentiles", failing)
        for seed in (2, 3):
            setup.log(*rows(100, seed))
            model.read()
        snapshot, _ = model.evaluate()
    assert "detector ecod, version v1: ZeroDivisionError: no luck" == snapshot.problem
    assert 1 == caplog.text.count("detector ecod failed")
    (version,) = snapshot.versions
    assert (200, ["copod"]) == (version.predictions, [one.detector for one in version.anomalies])
    assert all(window.columns for window in version.windows)
    # It is well again: from now on it counts.
    setup.log(*rows(100, 4))
    model.read()
    snapshot, _ = model.evaluate()
    model.close()
    assert snapshot.problem is None
    assert {"ecod": 100, "copod": 300} == {name: one.scored for name, one in found_in(snapshot).items()}


def test_scores_that_are_no_numbers_are_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = Odd(tmp_path)
    setup.log(*rows(100, 2))

    def unknown(_: AnomalyModel, values: FloatArray) -> FloatArray:
        return np.where(np.arange(len(values)) < 3, np.nan, 0.5)

    monkeypatch.setattr(AnomalyModel, "percentiles", unknown)
    metrics, problems = run_once(setup.config_path)
    (problem,) = problems
    assert "ValueError: 3 of 100 records have a score that is no number" in problem
    text = metrics.decode()
    assert 'drift_exporter_evaluation_success{model="fraud"} 0.0' in text
    assert 'model_predictions_total{model="fraud",version="v1"} 100.0' in text
    assert "model_anomal" not in text


def test_a_reload_keeps_what_the_same_detector_counted(tmp_path: Path) -> None:
    setup = Odd(tmp_path, rate=1)
    setup.log(*(one | {"ts": NOW} for one in rows(100, 2, odd=[10])))
    old = setup.model()
    old.read()
    setup.anomaly = [{"detector": "ecod", "rate": 2, "tolerance": 3, "show": "all"}, {"detector": "copod"}]
    setup.write()
    new = setup.model()
    assert not new.continues(old)
    new.adopt(old)
    setup.log(*(one | {"ts": NOW} for one in rows(100, 3)))
    new.read()
    found = found_in(new.evaluate()[0])
    assert (60, 140, 0.04) == (found["ecod"].scored, found["ecod"].skipped, found["ecod"].tolerated)
    assert 100 == found["copod"].scored
    assert 60 == windows_of(found["ecod"])["1h"].scored
    other = setup.anomaly[0] | {"contamination": 0.1}
    setup.anomaly = [other]
    setup.write()
    other_model = setup.model()
    other_model.adopt(new)
    assert {} == found_in(other_model.evaluate()[0])
    for model in (old, new, other_model):
        model.close()


def test_a_week_of_event_time_takes_no_more_than_a_day(tmp_path: Path) -> None:
    setup = Odd(tmp_path, windows=["1h", "24h"], examples=4)
    model = setup.model(now=NOW + 8 * 86_400)
    sizes = []
    for day in range(7):
        odd = range(0, 1_440, 7)
        setup.log(*rows(1_440, day, odd=odd, every=60, end=NOW + day * 86_400))
        model.read()
        model.evaluate()
        tallied = anomalies_of(model).tallied["v1", "ecod"]
        sizes.append(
            (
                [len(slices) for slices in tallied.ring.slices],
                sum(map(len, tallied.examples.spans.values())),
                len(tallied.exemplars),
                len(tallied.ring.changed),
            )
        )
    model.close()
    assert 7 * 1_440 == int(tallied.totals[:11].sum())
    first, *later = sizes[1:]
    assert first[1] <= 4 * 8
    assert all(size[0] == first[0] and size[1] == first[1] and size[2] <= 5 for size in later)


def test_the_parts_of_a_snapshot_do_not_change_afterwards(tmp_path: Path) -> None:
    setup = Odd(tmp_path)
    setup.log(*rows(100, 2, odd=[5]))
    model = setup.model()
    model.read()
    before = found_in(model.evaluate()[0])["ecod"]
    known = replace(before, scores=replace(before.scores, counts=before.scores.counts.copy()))
    setup.log(*rows(100, 3, odd=[5]))
    model.read()
    after = found_in(model.evaluate()[0])["ecod"]
    model.close()
    assert (100, 200) == (before.scored, after.scored)
    assert known.scores.counts.tolist() == before.scores.counts.tolist()
