"""All columns together, from logs to metrics: samples through restarts, judging, what is told."""

import functools
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from drift_exporter.config import load_config
from drift_exporter.errors import ReferenceFileError, StateError
from drift_exporter.judge.multivariate import evaluate
from drift_exporter.once import run_once
from drift_exporter.reference.build import build_reference
from drift_exporter.reference.model import FloatArray, WindowCalibration
from drift_exporter.runtime import ModelRuntime
from drift_exporter.setting_up import make_model
from drift_exporter.snapshot import ModelSnapshot, MultivariateDrift
from drift_exporter.state.check import check_state
from drift_exporter.state.references import layouts_in_use
from drift_exporter.state.rows import Changes
from drift_exporter.state.store import Store
from drift_exporter.window.sample import keys_of
from support.records import NOW, model_config, ndjson, record, write_config
from support.states import run

METHODS = ["pca", "domain_classifier", "mmd", "correlation"]
FIELDS = {"timestamp": "ts", "version": "version", "prediction": "prediction", "features": "features.*"}


def rows(count: int, seed: int, *, sign: int = 1, every: float = 1.0) -> list[dict[str, object]]:
    """Records up to NOW: height and weight move together, or with sign -1 against each other."""
    random = np.random.default_rng(seed)
    height, noise = random.normal(size=(2, count)).tolist()
    shops = random.choice(["a", "b", "c"], count).tolist()
    return [
        record(
            NOW - every * (count - 1 - i),
            prediction="yes" if random.random() < 0.5 else "no",
            features={"height": height[i], "weight": sign * height[i] + 0.5 * noise[i], "shop": shops[i]},
        )
        for i in range(count)
    ]


@functools.cache
def built() -> dict[str, bytes]:
    """The files of a reference."""
    with TemporaryDirectory() as folder:
        known, output = Path(folder) / "known.ndjson", Path(folder) / "reference.json"
        known.write_bytes(ndjson(*rows(2_000, 1)))
        config = load_config(write_config(Path(folder), [model_config(fields=FIELDS)]))
        build_reference(config, "fraud", [known], output=output, clock=lambda: NOW)
        return {path.name: path.read_bytes() for path in output.parent.glob("reference*")}


class Together:
    """A folder with a configuration of one model, a reference with its sample, and logs."""

    def __init__(self, folder: Path, *, windows: Iterable[str] = ("1h", "24h"), **drift: Any) -> None:  # noqa: ANN401
        self.folder = folder
        self.drift = {"multivariate": METHODS, **drift}
        self.windows = list(windows)
        (folder / "logs").mkdir(exist_ok=True)
        self.write()
        for name, content in built().items():
            (folder / name).write_bytes(content)

    def write(self) -> None:
        """Write the configuration as it is now."""
        one = model_config(fields=FIELDS, reference="reference.json", drift=self.drift)
        self.config_path = write_config(self.folder, [one], windows=self.windows)

    @property
    def config(self) -> Any:  # noqa: ANN401
        """The configuration as it is loaded."""
        return load_config(self.config_path)

    def log(self, *records: object, name: str = "a.ndjson") -> None:
        """Append to a log."""
        with (self.folder / "logs" / name).open("ab") as file:
            file.write(ndjson(*records))

    def model(self, store: Store | None = None) -> ModelRuntime:
        """The model, not read yet."""
        config = self.config
        return make_model(config.models[0], config, clock=lambda: NOW, store=store)


def evaluated(setup: Together) -> ModelSnapshot:
    model = setup.model()
    model.read()
    snapshot, _ = model.evaluate()
    model.close()
    return snapshot


def found_in(snapshot: ModelSnapshot, window: str = "1h") -> dict[str, MultivariateDrift]:
    (version,) = snapshot.versions
    (one,) = [one for one in version.windows if one.name == window]
    return {drift.method: drift for drift in one.multivariate}


def test_a_relation_that_no_column_shows_is_found_by_every_method(tmp_path: Path) -> None:
    setup = Together(tmp_path)
    setup.log(*rows(1_000, 2, sign=-1))
    snapshot = evaluated(setup)
    found = found_in(snapshot)
    assert snapshot.problem is None
    assert METHODS == list(found)
    assert all(drift.confidence > 0.99 for drift in found.values())
    assert {1_000} == {drift.records for drift in found.values()}
    (pair,) = found["correlation"].pairs
    assert ("height", "weight") == (pair.column.name, pair.other.name)
    assert pair.change < -1.5
    for method in ("pca", "domain_classifier"):
        assert {"height", "weight"} == {share.column.name for share in found[method].columns[:2]}
    longer = found_in(snapshot, "24h")
    assert METHODS == list(longer)
    assert all(drift.confidence > 0.99 for drift in longer.values())
    # No column by itself says anything of it.
    (version,) = snapshot.versions
    assert not any(column.drifted for window in version.windows for column in window.columns)


def test_what_is_like_the_reference_is_no_drift(tmp_path: Path) -> None:
    setup = Together(tmp_path)
    setup.log(*rows(1_000, 3))
    found = found_in(evaluated(setup))
    assert METHODS == list(found)
    assert all(drift.confidence < 0.9 for drift in found.values())
    assert not any(drift.columns or drift.pairs for drift in found.values())


def test_few_records_are_not_judged(tmp_path: Path) -> None:
    setup = Together(tmp_path)
    setup.log(*rows(49, 3))
    assert {} == found_in(evaluated(setup))
    setup.log(*rows(1, 4))
    assert METHODS == list(found_in(evaluated(setup)))


def test_once_prints_the_metrics(tmp_path: Path) -> None:
    setup = Together(tmp_path, windows=["1h"])
    setup.log(*rows(600, 2, sign=-1))
    metrics, problems = run_once(setup.config_path)
    assert [] == problems
    lines = [line for line in metrics.decode().splitlines() if not line.startswith("#")]
    labels = 'model="fraud",version="v1",window="1h"'
    for method in METHODS:
        for metric in ("score", "confidence"):
            start = f'model_multivariate_drift_{metric}{{method="{method}",{labels}}} '
            assert 1 == sum(line.startswith(start) for line in lines)
    pair = 'column="height",kind="feature",model="fraud",other="weight",other_kind="feature"'
    assert 1 == sum(line.startswith(f"model_correlation_drift{{{pair}") for line in lines)
    shares = [line for line in lines if line.startswith("model_multivariate_drift_column_ratio{")]
    assert 0 < len(shares) <= 10


def test_only_what_is_configured_is_done(tmp_path: Path) -> None:
    setup = Together(tmp_path, multivariate=["correlation"])
    setup.log(*rows(200, 2))
    assert ["correlation"] == list(found_in(evaluated(setup)))
    setup.drift = {}
    setup.write()
    model = setup.model()
    model.read()
    snapshot, _ = model.evaluate()
    model.close()
    assert {} == found_in(snapshot)
    assert model.multivariate is None
    slices = [
        part for ring in model.ingest.rings.values() for level in ring.slices for part in level.values()
    ]
    assert slices
    assert all(part.sample is None for part in slices)


def test_a_window_is_judged_anew_with_each_slice_and_when_it_holds_twice_as_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[int] = []
    judge = evaluate.judge_sample

    def counted(*arguments: Any) -> Any:  # noqa: ANN401
        judged.append(len(arguments[1]))
        return judge(*arguments)

    monkeypatch.setattr("drift_exporter.multivariate.judge_sample", counted)
    setup = Together(tmp_path, windows=["1h"], multivariate=["correlation"])
    model = setup.model()
    # NOW is 5 s after a minute, so all of these are in the minute that began then.
    first = NOW - 4

    def after(*times: float) -> list[int]:
        setup.log(*(one | {"ts": time} for time, one in zip(times, rows(len(times), 5), strict=True)))
        model.read()
        model.evaluate()
        return judged

    assert [60] == after(*[first] * 60)
    assert [60] == after(first)
    assert [60] == after()
    assert [60, 71] == after(*[first + 1] * 10)
    assert [60, 71] == after(first + 2)
    assert [60, 71, 73] == after(first + 60)
    model.close()


def shown(values: FloatArray) -> list[list[float | None]]:
    """NaN, which is never the same, as None."""
    return [[None if np.isnan(value) else value for value in row] for row in values.tolist()]


def test_what_the_references_windows_differ_by_is_told_to_the_methods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[float]] = []

    def noted(_: object, __: object, ___: object, excess: FloatArray) -> tuple[MultivariateDrift, ...]:
        told.append(excess.tolist())
        return ()

    monkeypatch.setattr("drift_exporter.multivariate.judge_sample", noted)
    setup = Together(tmp_path, windows=["1h"])
    setup.log(*rows(400, 9))
    model = setup.model()
    model.read()
    assert model.multivariate is not None
    reference, baseline = model.multivariate.references[None]
    none = np.zeros(0, dtype=np.int64)
    effects = np.arange(1.0, 1 + len(reference.columns))
    known = WindowCalibration(3600.0, 20, 400.0, False, effects, 0, none, none)  # noqa: FBT003  # blocks
    model.multivariate.references = {None: (replace(reference, calibration=(known,)), baseline)}
    model.evaluate()
    model.close()
    assert [[(effect - 1) / 400 for effect in effects.tolist()]] == told


def state_of(model: ModelRuntime) -> list[tuple[object, ...]]:
    return [
        (version, level, start, part.sample.limit, part.sample.keys.tolist(), shown(part.sample.values))
        for version, ring in sorted(model.ingest.rings.items())
        for level, slices in enumerate(ring.slices)
        for start, part in sorted(slices.items())
        if part.sample is not None
    ]


def test_samples_are_those_of_the_log_whatever_the_cut_and_the_restarts(tmp_path: Path) -> None:
    records = [one | {"version": f"v{i % 3 // 2}"} for i, one in enumerate(rows(1_500, 6, every=10))]
    records[7]["features"] = {"height": None, "weight": "x", "shop": "new"}
    options = {"sample": 200, "multivariate": ["correlation"]}
    whole, pieces = (Together(tmp_path / name, **options) for name in folders(tmp_path, "whole", "pieces"))
    whole.log(*records)
    expected = state_of(run(whole, NOW))
    for start in range(0, 1_500, 400):
        pieces.log(*records[start : start + 400])
        model = run(pieces, NOW)
    assert expected == state_of(model)

    assert 25 == max(len(keys) for *_, keys, _ in expected)
    # The values beside each key are those of the record that the key is of.
    keys = {int(key): number for number, key in enumerate(keys_of(0, 1_500))}
    heights = [(record["features"] or {}).get("height") for record in records]
    place = [column.name for column in model.ingest.layout("v0").reference.sampled].index("height")
    for version, _, _, _, own, values in expected:
        for key, value in zip(own, values, strict=True):
            number = keys[key]
            assert version == records[number]["version"]
            assert heights[number] == value[place]


def folders(folder: Path, *names: str) -> tuple[str, ...]:
    for name in names:
        (folder / name).mkdir()
    return names


def test_what_is_too_old_goes_from_the_state_too(tmp_path: Path) -> None:
    setup = Together(tmp_path, windows=["1h"])
    setup.log(*rows(300, 7, every=30))
    run(setup, NOW)
    setup.log(*(one | {"ts": NOW + 3_590} for one in rows(5, 8)))
    model = run(setup, NOW + 3_600)
    with closing(Store(setup.config.state_dir)) as store:
        state = store.load("fraud")
    assert state is not None
    assert len(state_of(model)) == len(state.samples) == len(state.slices)
    assert len(state.samples) < 5


def test_the_state_is_verified_with_its_samples(tmp_path: Path) -> None:
    setup = Together(tmp_path, windows=["1h"])
    setup.log(*rows(60, 7))
    run(setup, NOW)
    layouts = layouts_in_use(setup.config)
    assert [] == check_state(tmp_path / "state", layouts).problems
    with closing(Store(tmp_path / "state")) as store:
        state = store.load("fraud")
        assert state is not None
        narrow = [
            replace(part, sample=replace(part.sample, values=part.sample.values[:, :2].copy()))
            for part in state.samples
        ]
        store.save("fraud", Changes(replace(state, samples=narrow)))
    problems = check_state(tmp_path / "state", layouts).problems
    assert len(narrow) == len(problems)
    assert all("2 columns in its records where its reference has 4" in problem for problem in problems)
    with pytest.raises(StateError, match="version v1 have 2 columns where its reference has 4"):
        run(setup, NOW)


def test_methods_that_are_taken_out_leave_nothing_behind(tmp_path: Path) -> None:
    setup = Together(tmp_path, windows=["1h"])
    setup.log(*rows(100, 7))
    run(setup, NOW)
    setup.drift = {}
    setup.write()
    setup.log(*rows(3, 8))
    assert [] == state_of(run(setup, NOW))
    setup.drift = {"multivariate": ["correlation"]}
    setup.write()
    # What was kept before is not forgotten until its time is over.
    assert state_of(run(setup, NOW))


def test_a_method_that_fails_is_a_problem_of_its_model_and_not_a_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise FloatingPointError("no convergence")

    monkeypatch.setattr("drift_exporter.judge.multivariate.mmd.mmd_drift", fail)
    setup = Together(tmp_path, windows=["1h"])
    setup.log(*rows(100, 7))
    snapshot = evaluated(setup)
    assert "multivariate drift of 1h: FloatingPointError: no convergence" == snapshot.problem
    assert {} == found_in(snapshot)
    # The rest of the model is judged.
    assert snapshot.versions[0].windows[0].columns
    assert "multivariate drift failed" in caplog.text


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (
            lambda folder: (folder / "reference.sample.parquet").unlink(),
            "there is no such file; .* put it there",
        ),
        (
            lambda folder: (folder / "reference.sample.parquet").write_bytes(b"PAR1 no"),
            "is no sample of this reference: .*; build the reference anew",
        ),
    ],
)
def test_a_reference_without_its_sample_is_refused(tmp_path: Path, harm: Any, message: str) -> None:  # noqa: ANN401
    setup = Together(tmp_path)
    harm(tmp_path)
    with pytest.raises(ReferenceFileError, match=message):
        setup.model()
    setup.drift = {}
    setup.write()
    setup.model().close()


def test_a_reference_of_too_few_rows_is_refused(tmp_path: Path) -> None:
    setup = Together(tmp_path)
    (tmp_path / "known.ndjson").write_bytes(ndjson(*rows(49, 1)))
    known = [tmp_path / "known.ndjson"]
    build_reference(setup.config, "fraud", known, output=tmp_path / "reference.json", clock=lambda: NOW)
    with pytest.raises(ReferenceFileError, match=r"49 rows are too few .*\(at least 50\)"):
        setup.model()
