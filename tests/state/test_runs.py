"""What waits to be joined, in the state: saved, replaced, verified, shown and reset."""

import json
import sqlite3
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drift_exporter.errors import StateError
from drift_exporter.join.rows import PREDICTIONS, id_fields
from drift_exporter.state.check import check_state
from drift_exporter.state.reading import FILE
from drift_exporter.state.reset import reset_model
from drift_exporter.state.rows import Changes, ModelState
from drift_exporter.state.schema import VERSION
from drift_exporter.state.show import show_state, state_json
from drift_exporter.state.store import Store
from drift_exporter.state.summary import summarize
from support.states import a_merge, a_slice, model_counters, save, state


def rows_in(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


def alter(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / FILE)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_what_is_saved_is_there_after_opening_again(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        merge = replace(a_merge(store, "fraud", range(1, 1101)), chunk=500)
        store.save("fraud", Changes(state(), merges=[merge]))
    with closing(Store(tmp_path)) as store:
        found = store.load("fraud")
        assert found is not None
        ((side, (run,)),) = found.runs.items()
        assert (PREDICTIONS, 1100, {"versions": ["v1"]}, id_fields()) == (
            side,
            run.size,
            run.header,
            run.dtype,
        )
        assert ([1, 501, 1001], [500, 1000, 1100]) == (run.firsts.tolist(), run.lasts.tolist())
        chunks = store.fetcher("fraud")(PREDICTIONS, 0, [0, 2])
        low = [np.frombuffer(chunk, id_fields())["low"].tolist() for chunk in chunks]
        assert [list(range(1, 501)), list(range(1001, 1101))] == low
        with pytest.raises(StateError, match="chunk 3 of run 0 of its predictions is damaged or missing"):
            store.fetcher("fraud")(PREDICTIONS, 0, [2, 3])
        # A merge that begins all anew: nothing that expired is in it, so that nothing is left.
        gone = replace(a_merge(store, "fraud", [5], number=1), runs=[run], blocks=(), due=1)
        store.save("fraud", Changes(state(), merges=[gone]))
    assert (0, 0) == (rows_in(tmp_path / FILE, "run"), rows_in(tmp_path / FILE, "chunk"))
    assert [] == check_state(tmp_path).problems


def test_several_models_are_saved_together_or_not_at_all(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        store.save_all({"fraud": Changes(state()), "fraud/labels": Changes(state(records=7))}, 5.0)
        orphan = ModelState(model_counters(), slices=[replace(a_slice(60), version="v9")])
        with pytest.raises(StateError):
            store.save_all({"fraud": Changes(state(records=9)), "fraud/labels": Changes(orphan)})
        found = {name: store.load(name) for name in store.models()}
    assert {"fraud": (2, 5.0), "fraud/labels": (7, 5.0)} == {
        name: (one.counters["records"], one.saved) for name, one in found.items() if one is not None
    }


def test_where_labels_stand_is_shown_and_goes_with_its_model(tmp_path: Path) -> None:
    save(tmp_path, other=state())
    with closing(Store(tmp_path)) as store:
        changes = {
            "fraud": Changes(state(), merges=[a_merge(store, "fraud")]),
            "fraud/labels": Changes(state()),
        }
        store.save_all(changes, 5.0)
    summary = summarize(tmp_path)
    shown = show_state(summary, {"fraud": {}})
    assert ["model        fraud", "model        fraud/labels", "model        other", "configured   no"] == [
        line for line in shown.splitlines() if line.startswith(("model ", "configured"))
    ]
    models = json.loads(state_json(summary, {"fraud": {}}))["models"]
    assert [
        ("fraud", True, {"predictions": 3}),
        ("fraud/labels", True, None),
        ("other", False, {"predictions": 3}),
    ] == [(one["model"], one["configured"], one.get("kept")) for one in models]
    found = check_state(tmp_path, {"fraud": {}})
    assert f"{tmp_path}/{FILE}: fine: 2 models, 3 versions, 0 slices, 3 files" == found.summary
    assert ["model other is not configured"] == [
        note.partition(":")[0] for note in found.notes if "not configured" in note
    ]

    with pytest.raises(StateError, match="labels are reset with their model; reset 'fraud'"):
        reset_model(tmp_path, "fraud/labels", 0.0)
    reset_model(tmp_path, "fraud", 0.0, keep_positions=True)
    with closing(Store(tmp_path)) as store:
        kept = store.load("fraud/labels")
        assert kept is not None
        assert (0, 1, {}) == (kept.counters["records"], len(kept.positions), kept.runs)
    assert (1, 1) == (rows_in(tmp_path / FILE, "run"), rows_in(tmp_path / FILE, "chunk"))
    reset_model(tmp_path, "fraud", 0.0)
    with closing(Store(tmp_path)) as store:
        assert ["other"] == store.models()


RUN = "model fraud, run 0 of predictions to join"


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE run SET rows = 4", f"{RUN}: a checksum is wrong"),
        ("UPDATE run SET filter = zeroblob(5)", f"{RUN}: a checksum is wrong"),
        ("UPDATE chunk SET data = zeroblob(72)", f"{RUN}, chunk 0: a checksum is wrong"),
        (
            f"UPDATE chunk SET data = zeroblob(72), checksum = {zlib.crc32(bytes(72))}",
            f"{RUN}, chunk 0: it holds other ids than its run says",
        ),
        (
            f"UPDATE chunk SET data = zeroblob(7), checksum = {zlib.crc32(bytes(7))}",
            f"{RUN}, chunk 0: buffer size must be a multiple of element size",
        ),
        ("UPDATE chunk SET number = 4", f"{RUN}, chunk 4: its run has 1 chunks"),
        ("DELETE FROM chunk", f"{RUN}: 0 rows in 0 chunks are fine of 3 in 1"),
    ],
)
def test_damage_is_told(tmp_path: Path, statement: str, problem: str) -> None:
    save(tmp_path, fraud=state())
    alter(tmp_path, statement)
    # Where a chunk is wrong, its run is told to lack it.
    first, *_ = check_state(tmp_path).problems
    begin = "; restore a backup, or begin the model anew: drift-exporter state reset "
    assert f"{problem}{begin}--state-dir {tmp_path} --model fraud" == first


def test_a_run_that_is_damaged_is_not_used(tmp_path: Path) -> None:
    save(tmp_path, fraud=state())
    alter(tmp_path, "UPDATE run SET newest = 5")
    with (
        closing(Store(tmp_path)) as store,
        pytest.raises(StateError, match="model fraud: a checksum is wrong"),
    ):
        store.load("fraud")


def test_a_state_of_before_there_were_any_is_brought_up(tmp_path: Path) -> None:
    save(tmp_path, fraud=state(a_slice(0)))
    alter(tmp_path, "DROP TABLE chunk", "DROP TABLE run", "PRAGMA user_version = 3")
    assert [] == check_state(tmp_path).problems
    assert (3, {}) == (summarize(tmp_path).schema, summarize(tmp_path).models[0].kept)
    with closing(Store(tmp_path)) as store:
        found = store.load("fraud")
        assert found is not None
        assert ({}, 1) == (found.runs, len(found.samples))
        store.save("fraud", Changes(found, merges=[a_merge(store, "fraud")]))
    assert (VERSION, {"predictions": 3}) == (summarize(tmp_path).schema, summarize(tmp_path).models[0].kept)
    assert [] == check_state(tmp_path).problems


@pytest.mark.parametrize("positions", [True, False])
def test_a_reset_that_leaves_some_is_none(tmp_path: Path, *, positions: bool) -> None:
    save(tmp_path, fraud=state())
    alter(tmp_path, "CREATE TRIGGER keep BEFORE DELETE ON chunk BEGIN SELECT RAISE(IGNORE); END")
    with pytest.raises(StateError, match=r"table chunk cannot be emptied|FOREIGN KEY"):
        reset_model(tmp_path, "fraud", 0.0, keep_positions=positions)
    assert 1 == rows_in(tmp_path / FILE, "chunk")
