import gc
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drift_exporter import evaluation
from drift_exporter.config import load_config
from drift_exporter.errors import DriftExporterError
from drift_exporter.once import run_once
from drift_exporter.reader import Reader
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.store import save_reference
from drift_exporter.runtime import ModelRuntime, take_snapshot
from drift_exporter.serve import Exporter
from drift_exporter.setting_up import make_model
from drift_exporter.sources.chunk import REASONS
from drift_exporter.state.store import Store
from support.records import (
    NOW,
    Setup,
    bins,
    model_config,
    ndjson,
    record,
    reference,
    usual_reference,
    write_config,
)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[list[ModelRuntime]]:
    """Two models, each with a log folder of its own."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        save_reference(usual_reference(name), tmp_path / f"{name}.json")
    path = write_config(
        tmp_path, [model_config(name, f"{name}/*", reference=f"{name}.json") for name in ("one", "two")]
    )
    config = load_config(path)
    models = [make_model(model, config, final=True, clock=lambda: NOW) for model in config.models]
    yield models
    for model in models:
        model.close()


def snapshot(models: list[ModelRuntime]) -> Any:  # noqa: ANN401
    return take_snapshot(models, reload_successful=True, reload_timestamp=NOW, now=NOW)


def test_a_broken_file_of_one_model(tmp_path: Path, two: list[ModelRuntime]) -> None:
    (tmp_path / "one" / "a.gz").write_bytes(b"no archive")
    (tmp_path / "one" / "b").write_bytes(ndjson(record()))
    (tmp_path / "two" / "a").write_bytes(ndjson(record()))
    for model in two:
        model.read()

    found = snapshot(two)

    assert [1, 1] == [model.versions[0].predictions for model in found.models]
    assert [False, True] == [source.up for source in found.sources]
    assert found.sources[0].problem.startswith(f"{tmp_path}/one/a.gz: compressed data is damaged")
    assert [None, None] == [model.problem for model in found.models]


@pytest.mark.fault("an evaluation raises")
def test_an_evaluation_that_raises(
    tmp_path: Path, two: list[ModelRuntime], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "a").write_bytes(ndjson(*[record()] * 60))
    for model in two:
        model.read()
    judge = evaluation.judge_window

    def fail_for_one(*arguments: Any) -> Any:  # noqa: ANN401
        if arguments[3].model == "one":
            raise ZeroDivisionError("made for this test")
        return judge(*arguments)

    monkeypatch.setattr(evaluation, "judge_window", fail_for_one)
    one, other = snapshot(two).models

    assert one.problem == "ZeroDivisionError: made for this test"
    assert other.problem is None
    assert (60, ()) == (one.versions[0].predictions, one.versions[0].windows)
    assert [60, 60, 60] == [window.samples for window in other.versions[0].windows]
    assert all(window.columns for window in other.versions[0].windows)
    monkeypatch.undo()
    assert [None, None] == [model.problem for model in snapshot(two).models]


@pytest.mark.fault("reading raises an unforeseen error")
def test_reading_that_raises_counts_nothing_twice(
    tmp_path: Path, two: list[ModelRuntime], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one" / "a").write_bytes(ndjson(*[record()] * 3) + b"junk\n")
    model = two[0]

    def fail(*_: object, **__: object) -> None:
        raise MemoryError("made for this test")

    monkeypatch.setattr(model.ingest, "_counted", fail)
    model.read()
    assert model.problem == "MemoryError: made for this test"
    assert (0, 0) == (model.ingest.records, model.ingest.rejected.total())
    monkeypatch.undo()
    model.read()

    assert model.problem is None
    assert (3, 1) == (model.ingest.records, model.ingest.rejected.total())
    letters = tmp_path / "state" / "dead-letter" / "one.predictions.ndjson"
    assert letters.read_text().count("\n") == 1


def test_sources_tell_what_they_read(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    data = ndjson(record()) + b"junk\n"
    (setup.logs / "a.ndjson").write_bytes(data + b'{"ts":')
    model = setup.model()
    model.read()
    source = model.source_snapshot()
    model.close()

    rejected = {**dict.fromkeys(REASONS, 0), "malformed": 1}
    assert ("fraud/predictions", "file", True, 1, len(data), rejected, 6, NOW) == (
        source.name, source.type, source.up, source.records, source.bytes, source.rejected, source.lag_bytes,
        source.watermark,
    )  # fmt: skip


def test_a_source_can_be_asked_while_it_is_read(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    model = setup.model()
    for number in range(150):
        (setup.logs / f"{number}.ndjson").write_bytes(ndjson(record()))
    reader = threading.Thread(target=model.read)
    reader.start()
    while reader.is_alive():
        assert model.source_snapshot().lag_bytes is not None
        model.evaluate()
        # Whoever takes a lock again at once may keep all others from it.
        reader.join(0.001)
    reader.join()

    assert 150 == model.ingest.records
    assert 0 == model.source_snapshot().lag_bytes
    model.close()


def test_a_reader_stops_between_chunks(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    (setup.logs / "a.ndjson").write_bytes(ndjson(*[record()] * 100))
    model = setup.model()
    model.source.chunk_size = 300
    stops = iter([False, False, True, True])
    assert 3 == model.read(lambda: next(stops))
    assert model.ingest.records < 10
    reader = Reader(model, threading.BoundedSemaphore(1))
    reader.start()
    assert reader.first_done.wait(30)
    reader.stop()
    model.close()

    # The chunk that was counted last when reading stopped is not counted again.
    assert 100 == model.ingest.records


def test_a_reader_that_waits_for_its_turn_can_be_stopped(tmp_path: Path) -> None:
    class Turn(threading.Semaphore):
        """It comes when the reader was asked to stop."""

        def __enter__(self, *arguments: Any, **options: Any) -> bool:  # noqa: ANN401
            reader.ask_to_stop()
            return self.acquire(*arguments, **options)

    setup = Setup(tmp_path)
    (setup.logs / "a.ndjson").write_bytes(ndjson(record()))
    model = setup.model()
    reader = Reader(model, Turn())
    reader.start()
    assert reader.first_done.wait(30)
    reader.stop()
    model.close()

    assert 0 == model.ingest.records


def counters(model: ModelRuntime) -> tuple[int, int, int]:
    return model.ingest.records, model.ingest.rejected.total(), model.feed.bytes


def rewrite(setup: Setup, **options: Any) -> None:  # noqa: ANN401
    top = {key: options.pop(key) for key in ("windows", "limits") if key in options}
    write_config(setup.folder, [model_config(reference="reference.json", **options)], **top)


@pytest.mark.parametrize(
    ("change", "continues"),
    [
        ({}, True),
        ({"team": "other"}, False),
        ({"windows": ["2h"]}, False),
        ({"limits": {"line": "2MiB"}}, False),
        ({"limits": {"memory": "1GiB"}}, False),
        ({"limits": {"ids": 1000}}, False),
        ({"limits": {"dead_letter": "1MiB"}}, False),
        ({"limits": {"series": 1000, "categories": 5}}, True),
        ({"path": "logs/*"}, False),
    ],
)
def test_a_model_configured_anew_counts_on(
    tmp_path: Path, change: dict[str, Any], *, continues: bool
) -> None:
    setup = Setup(tmp_path)
    log = setup.logs / "a.ndjson"
    log.write_bytes(ndjson(*[record()] * 5) + b"junk\n")
    old = setup.model()
    old.read()
    with log.open("ab") as file:
        file.write(ndjson(*[record()] * 2))
    rewrite(setup, **change)
    new = setup.model()

    assert continues == new.continues(old)
    new.adopt(old)
    assert counters(old) == counters(new)
    new.read()
    new.read()
    samples = [window.samples for window in new.evaluate()[0].versions[0].windows]
    old.close()
    new.close()

    assert (7, 1, log.stat().st_size) == counters(new)
    assert {"0": 7} == bins(new, "amount")
    # Windows of other lengths begin anew.
    assert samples == ([2] if "windows" in change else [7, 7, 7])


@pytest.mark.parametrize("looked", [True, False])
def test_a_model_configured_anew_reads_nothing_again_after_a_restart(tmp_path: Path, *, looked: bool) -> None:
    setup = Setup(tmp_path)
    (setup.logs / "a.ndjson").write_bytes(ndjson(*[record()] * 5))

    def made(store: Store) -> ModelRuntime:
        config = setup.config
        return make_model(config.models[0], config, clock=lambda: NOW, store=store)

    with closing(Store(tmp_path / "state")) as store:
        first = made(store)
        first.restore()
        first.read()
        first.evaluate()
        first.close()
        old = made(store)
        old.restore()
        if looked:
            old.read()
        new = made(store)
        new.adopt(old)
        new.evaluate()
        new.close()
        again = made(store)
        again.restore()
        again.read()
        again.close()

    assert 5 == again.ingest.records


def test_a_reference_built_anew_counts_bins_anew(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    (setup.logs / "a.ndjson").write_bytes(ndjson(*[record()] * 5))
    old = setup.model()
    old.read()
    changed = reference(numeric_column("amount", "feature", np.arange(5.0)))
    save_reference(changed, tmp_path / "reference.json")
    new = setup.model()

    assert not new.continues(old)
    new.adopt(old)
    new.read()
    new.evaluate()
    old.close()
    new.close()

    assert 5 == new.ingest.records
    assert 5 == new.ingest.totals["v1"].predictions
    assert {} == bins(new, "amount")


def wait_for(exporter: Exporter, text: bytes) -> None:
    """Until the metrics hold ``text``."""
    changed = threading.Event()
    for _ in range(600):
        if text in exporter.current().body("text"):
            return
        changed.wait(0.05)
    pytest.fail(f"{text!r} did not come: {exporter.current().body('text')!r}")


def predictions(count: int) -> bytes:
    return b'model_predictions_total{model="fraud",version="v1"} %d' % count


def test_reloading_counts_on_and_a_refused_configuration_changes_nothing(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    log = setup.logs / "a.ndjson"
    log.write_bytes(ndjson(*[record()] * 5))
    rewrite(setup)
    text = setup.config_path.read_text()
    setup.config_path.write_text(text.replace('"state_dir"', '"evaluation_interval": "1s", "state_dir"'))
    exporter = Exporter(setup.config_path, clock=lambda: NOW)
    exporter.start()
    try:
        wait_for(exporter, predictions(5))
        good = setup.config_path.read_text()
        setup.config_path.write_text(good.replace('"task"', '"tsak"'))
        with pytest.raises(DriftExporterError, match="tsak"):
            exporter.reload()
        with log.open("ab") as file:
            file.write(ndjson(record()))
        wait_for(exporter, predictions(6))
        assert b"drift_exporter_config_last_reload_successful 0" in exporter.current().body("text")

        setup.config_path.write_text(good.replace('"fraud"', '"fraud", "team": "risk"'))
        exporter.reload()
        with log.open("ab") as file:
            file.write(ndjson(record()))
        wait_for(exporter, predictions(7))
        wait_for(exporter, b'team="risk"')
        assert b"drift_exporter_config_last_reload_successful 1" in exporter.current().body("text")
        # The very same once more.
        exporter.reload()
        with log.open("ab") as file:
            file.write(ndjson(record()))
        wait_for(exporter, predictions(8))
    finally:
        exporter.stop()


def test_nothing_is_left_open(tmp_path: Path) -> None:
    def descriptors() -> int:
        # What earlier tests left to the garbage collector is not this one's.
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    setup = Setup(tmp_path, path="logs/*")
    (setup.logs / "a.ndjson").write_bytes(ndjson(*(record(version=f"v{i}") for i in range(5))) + b"junk\n")
    (setup.logs / "b.ndjson.gz").write_bytes(b"no archive")
    counts = []
    for _ in range(4):
        model = setup.model(final=True)
        model.source.chunk_size = 200
        model.read()
        model.evaluate()
        model.close()
        counts.append(descriptors())

    assert 5 == model.ingest.records
    assert len(set(counts)) == 1
    good = [model_config("one", reference="reference.json"), model_config("two", reference="nowhere.json")]
    path = write_config(tmp_path, good)
    for _ in range(3):
        with pytest.raises(DriftExporterError):
            run_once(path)
    assert counts[0] == descriptors()
