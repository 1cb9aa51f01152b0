"""Rolling, seasonal and canary references, from the log to the scores."""

import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drift_exporter.config import load_config
from drift_exporter.errors import ConfigurationError, ReferenceFileError
from drift_exporter.expose.report.page import report_page
from drift_exporter.once import run_once
from drift_exporter.reference import learning
from drift_exporter.reference.model import WindowCalibration
from drift_exporter.reference.store import load_reference, save_reference
from drift_exporter.runtime import ModelRuntime
from drift_exporter.serve import Exporter
from drift_exporter.setting_up import make_model
from drift_exporter.snapshot import ModelSnapshot, VersionSnapshot, WindowSnapshot
from drift_exporter.state.check import check_state
from drift_exporter.state.references import layouts_in_use
from drift_exporter.state.show import show_state
from drift_exporter.state.store import Store
from drift_exporter.state.summary import summarize
from support.logs import make_rows, write_log
from support.records import NOW, Setup, bins, model_config, ndjson, record, usual_reference, write_config

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import reference_kinds  # found by the line above

HOUR, DAY = 3600.0, 86_400.0
END = NOW - NOW % DAY
"""Midnight."""


def setup(folder: Path, reference: Mapping[str, Any], **options: Any) -> Setup:  # noqa: ANN401
    """A model with this kind of reference, whose bins are those of the usual one."""
    save_reference(usual_reference(), folder / "reference.json")
    options = {"windows": ["1h", "24h"]} | options
    return Setup(folder, references=None, reference={"bins": "reference.json", **reference}, **options)


def traffic(first: float, last: float, step: float = 600, **fields: Any) -> list[dict[str, object]]:  # noqa: ANN401
    """Records from ``first`` to before ``last`` (days before END), ten at a time, amounts 0 to 90."""
    return [
        record(time, **({"features": {"amount": amount, "country": "a"}} | fields))
        for time in np.arange(END - first * DAY, END - last * DAY, step)
        for amount in range(0, 100, 10)
    ]


def evaluated(setup: Setup, *records: Iterable[object]) -> ModelSnapshot:
    for number, part in enumerate(records):
        (setup.logs / f"{number}.ndjson").write_bytes(ndjson(*part))
    model = setup.model(final=True)
    model.read()
    found, _ = model.evaluate()
    model.close()
    assert (None, None) == (model.problem, found.problem)
    return found


def version(model: ModelSnapshot, name: str = "v1") -> VersionSnapshot:
    return next(one for one in model.versions if one.version == name)


def windows(model: ModelSnapshot, name: str = "v1") -> dict[str, WindowSnapshot]:
    return {window.name: window for window in version(model, name).windows}


def drifted(window: WindowSnapshot) -> set[str]:
    return {column.column.name for column in window.columns if column.drifted}


MOVED = {"features": {"amount": 5, "country": "a"}}


def test_a_window_is_compared_with_the_past_of_its_version(tmp_path: Path) -> None:
    own = setup(tmp_path, {"rolling": "2d", "offset": "1d"})
    found = evaluated(
        own,
        traffic(5, 1 / 24),
        traffic(1 / 24, 0, **MOVED),
        # Of another version, which has no past.
        traffic(1 / 24, 0, version="v2"),
    )

    hour, day = windows(found)["1h"], windows(found)["24h"]
    newest = END - 600
    assert hour.reference is not None
    assert day.reference is not None
    # Slices of an hour: the reference ends with the last whole one a day before the newest record.
    assert (newest - DAY - 3000 - 2 * DAY, newest - DAY - 3000) == (hour.reference.start, hour.reference.end)
    assert 2 * 24 * 60 == hour.reference.rows
    assert {"amount"} == drifted(hour)
    assert set() == drifted(day)
    # A day's window begins where its reference ends.
    assert day.reference.end <= day.start
    assert day.start - day.reference.end <= HOUR
    assert 2 * 24 * 60 == day.reference.rows
    expected = {str(i): 1 / 10 for i in range(10)}
    amount = next(c.column for c in hour.columns if c.column.name == "amount")
    told = dict(zip(amount.bins, amount.exported_counts / hour.reference.rows, strict=True))
    assert expected == {name: share for name, share in told.items() if share}
    assert 45.0 == amount.mean  # type: ignore[union-attr]

    assert {None} == {window.reference for window in windows(found, "v2").values()}
    text = "the version's history reaches back over 0s of the reference, and at least 1d are needed"
    assert {text} == {window.absent for window in windows(found, "v2").values()}
    assert (None, text) == (version(found, "v2").reference, version(found, "v2").absent)
    assert "rolling 2d, offset 1d" == found.reference


def test_a_reference_needs_half_of_its_length_and_records_enough(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    short = evaluated(setup(tmp_path / "a", {"rolling": "4d", "offset": "0s"}), traffic(2.5, 0))
    assert windows(short)["1h"].reference is not None
    assert windows(short)["24h"].absent == (
        "the version's history reaches back over 1d12h of the reference, and at least 2d are needed"
    )
    (tmp_path / "b").mkdir()
    few = evaluated(
        setup(tmp_path / "b", {"rolling": "2d", "offset": "0s"}),
        [record(END - 3 * DAY), record(END - DAY)],
        traffic(1 / 24, 0),
    )
    assert (
        "the reference holds 1 records at that time, and at least 50 are needed" == windows(few)["24h"].absent
    )


def test_metrics_tell_of_the_reference_in_use(tmp_path: Path) -> None:
    own = setup(tmp_path, {"rolling": "2d", "offset": "1d"})
    (own.logs / "a.ndjson").write_bytes(
        ndjson(*traffic(3, 1), *traffic(1, 0, features={"amount": 5, "country": "b"}))
    )
    body, problems = run_once(own.config_path)

    assert [] == problems
    lines = body.decode().splitlines()
    assert 'model_reference_samples{model="fraud",version="v1"} 2820.0' in lines
    ratio = (
        'model_column_reference_ratio{bin="%s",column="country",kind="feature",model="fraud",version="v1"} %s'
    )
    assert ratio % ("a", "1.0") in lines
    assert ratio % ("b", "0.0") in lines
    info = (
        'model_info{impact="low",model="fraud",reference="rolling 2d, offset 1d",task="binary",team="",'
        'version="v1"} 1.0'
    )
    assert info in lines
    (own.logs / "a.ndjson").write_bytes(ndjson(*traffic(1, 0)))
    bare, _ = run_once(own.config_path)
    assert b"model_reference_samples{" not in bare
    assert b"model_column_reference_ratio{" not in bare
    assert b'model_column_bin_total{bin="a",column="country"' in bare


def history(model: ModelRuntime) -> dict[int, tuple[int, list[int]]]:
    level = model.ingest.past
    assert level is not None
    slices = model.ingest.rings["v1"].slices[level]
    return {start: (part.rows, part.counts.tolist()) for start, part in slices.items()}


def made(own: Setup, store: Store) -> ModelRuntime:
    return make_model(own.config.models[0], own.config, clock=lambda: END, store=store)


def test_the_history_outlives_a_restart_and_a_reload(tmp_path: Path) -> None:
    own = setup(tmp_path, {"rolling": "2d", "offset": "1d"})
    log = own.logs / "a.ndjson"
    log.write_bytes(ndjson(*traffic(6, 3)))
    with closing(Store(own.config.state_dir)) as store:
        model = made(own, store)
        model.restore()
        model.read()
        model.evaluate()
        model.close()
    with log.open("ab") as file:
        file.write(ndjson(*traffic(3, 0)))
    with closing(Store(own.config.state_dir)) as store:
        model = made(own, store)
        model.restore()
        assert len(history(model)) >= 72
        model.read()
        restarted, _ = model.evaluate()
        expected = history(model)

        # Twice as long: what there is of the past stays.
        again = setup(tmp_path, {"rolling": "4d", "offset": "1d"})
        anew = made(again, store)
        assert not anew.continues(model)
        anew.adopt(model)
        reloaded, _ = anew.evaluate()
        assert expected == history(anew)
        model.close()
        anew.close()
    (tmp_path / "once").mkdir()
    once = evaluated(setup(tmp_path / "once", {"rolling": "2d", "offset": "1d"}), traffic(6, 0))
    whole = windows(once)["1h"].reference
    assert whole is not None
    same = windows(restarted)["1h"].reference
    assert same is not None
    assert (whole.start, whole.end, whole.rows) == (same.start, same.end, same.rows)
    assert [c.counts.tolist() for c in whole.columns] == [c.counts.tolist() for c in same.columns]
    longer = windows(reloaded)["1h"].reference
    assert longer is not None
    assert (longer.end, longer.start) == (same.end, same.end - longer.rows / 60 * HOUR)
    assert longer.rows > same.rows

    findings = check_state(again.config.state_dir, layouts_in_use(again.config))
    assert [] == findings.problems
    assert "history (1h) " in show_state(summarize(again.config.state_dir))


def test_slices_beyond_the_history_are_dropped_from_the_state_too(tmp_path: Path) -> None:
    own = setup(tmp_path, {"rolling": "1d", "offset": "0s"})
    log = own.logs / "a.ndjson"
    log.write_bytes(ndjson(*traffic(9, 6)))
    with closing(Store(own.config.state_dir)) as store:
        model = made(own, store)
        model.restore()
        model.read()
        model.evaluate()
        with log.open("ab") as file:
            file.write(ndjson(*traffic(1, 0)))
        model.read()
        model.evaluate()
        saved = store.load("fraud")
        assert saved is not None
        starts = {part.start for part in saved.slices if part.window < 0}
        assert set(history(model)) == starts
        assert min(starts) == (END - DAY) * 1_000_000
        model.close()


def test_versions_are_compared_with_another_one_at_the_same_time(tmp_path: Path) -> None:
    own = setup(tmp_path, {"version": "stable"})
    found = evaluated(
        own,
        traffic(2, 0, version="stable"),
        traffic(2, 1 / 24, version="canary"),
        traffic(1 / 24, 0, version="canary", **MOVED),
        [record(END - 600, version="new")] * 49,
    )

    hour, day = windows(found, "canary")["1h"], windows(found, "canary")["24h"]
    stable = windows(found, "stable")
    assert {"amount"} == drifted(hour)
    assert set() == drifted(day)
    for window in (hour, day):
        assert window.reference is not None
        same = stable[window.name]
        assert (same.start, same.end, same.samples) == (
            window.start,
            window.end,
            window.reference.rows,
        )
        assert (window.start, window.end) == (window.reference.start, window.reference.end)
    assert {"it is the version that the others are compared with"} == {
        window.absent for window in stable.values()
    }
    assert [(), ()] == [window.columns for window in stable.values()]
    assert [49, 49] == [window.samples for window in windows(found, "new").values()]
    assert [(), ()] == [window.columns for window in windows(found, "new").values()]
    told = version(found, "canary").reference
    assert told is not None
    assert stable["24h"].samples == told.rows
    assert (None, "version stable") == (version(found, "stable").reference, found.reference)


def test_a_stable_version_of_few_records_or_none_is_no_reference(tmp_path: Path) -> None:
    own = setup(tmp_path, {"version": "stable"})
    few = evaluated(own, traffic(2, 0), [record(END - 600, version="stable")] * 49)
    assert {"the reference holds 49 records at that time, and at least 50 are needed"} == {
        window.absent for window in windows(few).values()
    }
    (own.logs / "1.ndjson").unlink()
    none = evaluated(own, traffic(2, 0))
    assert {"there is no record of version 'stable'"} == {window.absent for window in windows(none).values()}
    assert 0 == sum(len(window.columns) for window in windows(none).values())


def learned(folder: Path, **reference: Any) -> Setup:  # noqa: ANN401
    return Setup(folder, references=None, reference={"rolling": "1d", **reference}, windows=["1h"])


def test_bins_are_laid_from_the_first_records_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "ENOUGH", 1000)
    own = learned(tmp_path)
    first = [record(END - 3 * DAY + i, features={"amount": i, "country": "ab"[i % 2]}, prediction=i % 7)
             for i in range(900)]  # fmt: skip
    rest = [record(END - 3 * DAY + i, features={"amount": i, "country": "ab"[i % 2]}, prediction=i % 7)
            for i in range(900, 1200)]  # fmt: skip
    log = own.logs / "a.ndjson"
    log.write_bytes(ndjson(*first))
    file = own.config.state_dir / "references" / "fraud.json"
    with closing(Store(own.config.state_dir)) as store:
        model = made(own, store)
        model.restore()
        model.read()
        before, _ = model.evaluate()
        assert (900, None, ()) == (
            before.versions[0].predictions,
            before.versions[0].reference,
            before.versions[0].windows,
        )
        assert "its bins are not laid yet: that takes the first 10,000 records that are read" == (
            before.versions[0].absent
        )
        assert not file.exists()
        with log.open("ab") as opened:
            opened.write(ndjson(*rest))
        model.read()
        model.evaluate()
        model.close()
        reference = load_reference(file)
        assert (1000, None) == (reference.rows, reference.sample)
        assert ["prediction", "score", "amount", "country"] == [c.name for c in reference.columns]
        # The chunk with which there were enough is counted by them.
        assert (1200, {"a": 150, "b": 150}) == (model.ingest.records, bins(model, "country"))
    with closing(Store(own.config.state_dir)) as store:
        again = made(own, store)
        again.restore()
        assert again.learner is None
        assert {"a": 150, "b": 150} == bins(again, "country")
        assert [] == check_state(own.config.state_dir, layouts_in_use(own.config)).problems
        again.close()


@pytest.mark.parametrize("learned_when", ["before", "while"])
def test_bins_that_were_laid_are_kept_by_a_reload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, learned_when: str
) -> None:
    monkeypatch.setattr(learning, "ENOUGH", 100)
    own = learned(tmp_path)
    with closing(Store(own.config.state_dir)) as store:
        old = made(own, store)
        old.restore()
        write_config(
            tmp_path,
            [model_config(reference={"rolling": "2d"}, team="new")],
            windows=["1h"],
        )
        new = made(own, store) if learned_when == "while" else None
        (own.logs / "a.ndjson").write_bytes(ndjson(*traffic(1, 0.9)))
        old.read()
        old.evaluate()
        new = new or made(own, store)
        new.adopt(old)
        found, _ = new.evaluate()
        assert new.learner is None
        assert old.ingest.records == sum(bins(new, "country").values()) > 100
        assert 1 == len(found.versions)
        old.close()
        new.close()


def test_bins_are_laid_anew_where_their_file_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "ENOUGH", 100)
    own = learned(tmp_path)
    with closing(Store(own.config.state_dir)) as store:
        old = made(own, store)
        old.restore()
        (own.logs / "a.ndjson").write_bytes(ndjson(*traffic(1, 0.9)))
        old.read()
        old.evaluate()
        (own.config.state_dir / "references" / "fraud.json").unlink()
        new = made(own, store)
        assert not new.continues(old)
        new.adopt(old)
        (own.logs / "b.ndjson").write_bytes(
            ndjson(*traffic(0.9, 0.8, features={"amount": 7, "country": "new"}))
        )
        new.read()
        new.evaluate()
        assert old.ingest.records < new.ingest.records
        assert {"new"} == set(bins(new, "country"))
        old.close()
        new.close()


def test_bins_that_do_not_fit_a_new_configuration_are_laid_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "ENOUGH", 100)
    own = learned(tmp_path)
    with closing(Store(own.config.state_dir)) as store:
        old = made(own, store)
        old.restore()
        fields = {"timestamp": "ts", "version": "version", "prediction": "prediction"}
        write_config(tmp_path, [model_config(reference={"rolling": "1d"}, fields=fields)], windows=["1h"])
        # The other bins are laid only now.
        new = made(own, store)
        (own.logs / "a.ndjson").write_bytes(ndjson(*traffic(1, 0.9)))
        old.read()
        old.evaluate()
        new.adopt(old)
        (own.logs / "b.ndjson").write_bytes(ndjson(*traffic(0.9, 0.8)))
        new.read()
        found, _ = new.evaluate()
        assert (None, None) == (new.problem, found.problem)
        assert new.ingest.records > old.ingest.records
        assert [{"yes"}, {"prediction"}] == [
            set(bins(new, "prediction")),
            {column.name for column in new.ingest.references[None].columns},
        ]
        old.close()
        new.close()


def test_streams_are_measured_by_the_performance_of_the_first_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "ENOUGH", 100)
    fields = {"timestamp": "ts", "version": "version", "prediction": "prediction", "label": "label"}
    own = Setup(
        tmp_path,
        references=None,
        reference={"rolling": "1d"},
        task="regression",
        fields=fields,
        concept_drift={"streams": [{"stream": "wrong", "detector": "adwin"}]},
    )

    def rows(first: float, last: float) -> list[dict[str, object]]:
        plain = traffic(first, last, prediction=5)
        return [row | {"label": i % 7} for i, row in enumerate(plain)]

    (own.logs / "a.ndjson").write_bytes(ndjson(*({**row, "label": 5} for row in rows(1, 0.9))))
    store = Store(own.config.state_dir)
    model = made(own, store)
    model.restore()
    model.read()
    exact, _ = model.evaluate()
    assert exact.problem is not None
    assert "which this reference does not have" in exact.problem
    assert model.ingest.references == {}
    assert [] == list((own.config.state_dir / "references").iterdir())
    # A pause of as many records again, before it is tried with others.
    (own.logs / "b.ndjson").write_bytes(ndjson(*rows(0.9, 0.8)))
    model.read()
    (own.logs / "c.ndjson").write_bytes(ndjson(*rows(0.8, 0.7)))
    model.read()
    found, _ = model.evaluate()
    model.close()
    store.close()

    assert None is found.problem
    assert ["wrong"] == [stream.stream for stream in found.versions[0].streams]
    assert found.versions[0].streams[0].values == 150
    assert model.ingest.references[None].performance["mean_absolute_error"] > 0


@pytest.mark.fault("bins that cannot be laid from the records")
def test_bins_that_cannot_be_laid_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "ENOUGH", 100)
    own = learned(tmp_path)
    (own.logs / "a.ndjson").write_bytes(ndjson(*[record(score=None, features={}, prediction=None)] * 150))
    model = own.model(final=True)
    model.read()
    found, (source,) = model.evaluate()
    model.close()

    assert (150, None) == (found.versions[0].predictions, source.problem)
    assert found.problem is not None
    assert found.problem.startswith("the bins of its reference cannot be laid from its records: ")
    assert "drift-exporter reference build" in found.problem


@pytest.mark.fault("laid bins that cannot be saved")
def test_laid_bins_that_cannot_be_saved_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "ENOUGH", 100)
    own = learned(tmp_path)
    (own.logs / "a.ndjson").write_bytes(ndjson(*traffic(1, 0.9)))
    folder = own.config.state_dir / "references"
    with closing(Store(own.config.state_dir)) as store:
        folder.write_text("a file where the folder should be")
        model = made(own, store)
        model.restore()
        model.read()
        found, _ = model.evaluate()
        assert found.problem is not None
        assert f"{folder}/fraud.json: cannot be written" in found.problem
        assert model.ingest.layout("v1") is None
        folder.unlink()
        (own.logs / "b.ndjson").write_bytes(ndjson(record(END)))
        model.read()
        found, _ = model.evaluate()
        assert found.problem is None
        assert {"a": 1} == bins(model, "country")
        model.close()


def test_laid_bins_that_do_not_fit_say_what_to_do(tmp_path: Path) -> None:
    own = learned(tmp_path)
    file = own.config.state_dir / "references" / "fraud.json"
    save_reference(usual_reference(), file)
    fields = {"timestamp": "ts", "prediction": "prediction"}
    write_config(tmp_path, [model_config(reference={"rolling": "1d"}, fields=fields)])
    with pytest.raises(
        ConfigurationError, match=r"the reference has the feature .*; or delete .*fraud\.json"
    ):
        own.model()
    file.write_text("{}")
    with pytest.raises(ReferenceFileError, match=r"is no reference.*; or delete .*fraud\.json"):
        own.model()


def test_the_whole_exporter_lays_bins_judges_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "ENOUGH", 1000)
    own = Setup(tmp_path, references=None, reference={"version": "v1"}, windows=["24h"])
    (own.logs / "a.ndjson").write_bytes(ndjson(*traffic(1, 0), *traffic(1, 0, version="v2", **MOVED)))

    def judged() -> bytes:
        exporter = Exporter(own.config_path, clock=lambda: END)
        try:
            exporter.start()
            assert exporter._readers[0].first_done.wait(30)  # noqa: SLF001
            exporter.reload()
            while exporter.not_ready():
                exporter._wake.wait(0.01)  # noqa: SLF001
        finally:
            exporter.stop()
        return exporter.current().body("text")

    def confidence(body: bytes) -> list[str]:
        return sorted(
            line for line in body.decode().splitlines() if line.startswith("model_drift_confidence{")
        )

    first = judged()
    again = judged()

    (once, _) = run_once(own.config_path)
    assert confidence(once)
    assert all('version="v2"' in line for line in confidence(once))
    assert confidence(once) == confidence(first) == confidence(again)


def test_shards_do_not_lay_bins_of_their_own(tmp_path: Path) -> None:
    own = learned(tmp_path)
    with pytest.raises(ConfigurationError, match="names no file with bins; counts of shards"):
        Exporter(own.config_path, shard=(0, 2))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_bins_are_laid_from_other_formats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(learning, "ENOUGH", 300)
    fields = {"timestamp": "ts", "score": "score", "features": "features.*"}
    own = Setup(
        tmp_path, references=None, reference={"rolling": "1d"}, path=f"logs/*.{suffix}", fields=fields
    )
    write_log(make_rows(700), own.logs / f"a.{suffix}")
    model = own.model(final=True)
    model.read()
    model.close()

    assert (None, 700) == (model.problem, model.ingest.records)
    names = ["score", "income", "age", "owner", "region"]
    assert names == [column.name for column in model.ingest.references[None].columns]
    assert 700 == sum(bins(model, "region", "unversioned").values())


LINES = {
    "json": ("[" + ",".join('{"ts": %d, "amount": %d}' for _ in range(400)) + "]", {}),
    "logfmt": ("ts=%d amount=%d\n" * 400, {}),
    "text": ("%d took %d\n" * 400, {"pattern": r"^(?P<ts>\d+) took (?P<amount>\d+)$"}),
}


@pytest.mark.parametrize("kind", LINES)
def test_bins_are_laid_from_lines_of_any_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(learning, "ENOUGH", 300)
    form, options = LINES[kind]
    fields = {"timestamp": "ts", "features": {"amount": "amount"}}
    own = Setup(
        tmp_path,
        references=None,
        reference={"rolling": "1d"},
        path="logs/*",
        format=kind,
        fields=fields,
        **options,
    )
    values = [value for i in range(400) for value in (END - 400 + i, i)]
    (own.logs / "a.log").write_text(form % tuple(values))
    model = own.model(final=True)
    model.read()
    model.close()

    assert (None, 400) == (model.problem, model.ingest.records)
    assert 400 == sum(bins(model, "amount", "unversioned").values())


def test_pages_say_what_is_compared(tmp_path: Path) -> None:
    own = setup(tmp_path, {"version": "stable"})
    found = evaluated(own, traffic(2, 0, version="stable"), traffic(2, 0, version="canary"))

    canary = report_page(found, END, version="canary", window="1h")
    stable = report_page(found, END, version="stable", window="1h")

    assert "with 60 rows of the reference" in canary
    assert "version stable" in canary
    assert "It is the version that the others are compared with." in stable


def test_an_empty_side_of_a_column_has_no_ks(tmp_path: Path) -> None:
    own = setup(tmp_path, {"version": "stable"})
    nothing = {"features": {"country": "a"}}
    found = evaluated(own, traffic(2, 0, version="stable", **nothing), traffic(2, 0, version="canary"))

    amount = next(c for c in windows(found, "canary")["1h"].columns if c.column.name == "amount")
    assert {"psi", "jensenshannon", "hellinger"} == set(amount.scores)
    assert amount.drifted


def test_check_config_looks_for_bins(tmp_path: Path) -> None:
    from drift_exporter.config.check import check_config  # noqa: PLC0415

    own = setup(tmp_path, {"rolling": "2d"})
    assert () == check_config(own.config_path).problems
    (tmp_path / "reference.json").unlink()
    (problem,) = check_config(own.config_path).problems
    assert "models[0].reference.bins" in problem
    assert "is not a file; make it with: drift-exporter reference build" in problem
    assert load_config(own.config_path).models[0].reference_file("v1") == tmp_path / "reference.json"


@pytest.mark.parametrize(
    ("kind", "name", "kept"),
    [
        ({"rolling": "2d"}, "1h", True),
        ({"rolling": "2d", "seasonal": "day"}, "1h", False),
        ({"rolling": "2d", "seasonal": "day"}, "24h", True),
        ({"version": "stable"}, "1h", False),
    ],
)
def test_design_effects_hold_where_all_times_of_day_are_on_both_sides(
    tmp_path: Path, kind: dict[str, str], name: str, *, kept: bool
) -> None:
    own = setup(tmp_path, kind)
    effects = np.full(3, 7.0)
    none = np.zeros(3, dtype=np.int64)
    known = WindowCalibration(HOUR, 100, 60.0, blocks=False, design_effects=effects, judged=0, alarms=none,
                              plain_alarms=none)  # fmt: skip
    save_reference(replace(usual_reference(), calibration=(known,)), tmp_path / "reference.json")
    found = evaluated(own, traffic(5, 0), traffic(5, 0, version="stable"))

    window = windows(found)[name]
    reference = window.reference
    assert reference is not None
    assert kept == bool(reference.calibration)
    assert {kept} == {column.effective_samples < window.samples / 6 for column in window.columns}


def test_a_daily_cycle_is_no_drift_with_a_seasonal_reference() -> None:
    alarms = {
        kind: [
            alarm
            for is_drift, window, alarm in reference_kinds.judged(kind, 1.0, 1000, 4, history)
            if window == "1h" and not is_drift
        ]
        for kind, history in (("rolling", 9), ("rolling, seasonal: day", 9), ("rolling, seasonal: week", 30))
    }

    assert {48} == {len(found) for found in alarms.values()}
    # Its own slices tell how much hours differ.
    assert 0 == sum(alarms["rolling"])
    assert 0 == sum(alarms["rolling, seasonal: day"])
    assert 0 == sum(alarms["rolling, seasonal: week"])
