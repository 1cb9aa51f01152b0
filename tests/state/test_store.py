import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drift_exporter.errors import StateError
from drift_exporter.state.check import check_state
from drift_exporter.state.reading import FILE
from drift_exporter.state.rows import Changes, Evicted, ModelState
from drift_exporter.state.store import Store
from drift_exporter.state.summary import summarize
from support.states import HOUR, IDS, POSITION, PRINT, a_slice, model_counters, save, state, version_counters


def starts(store: Store) -> list[int]:
    found = store.load("fraud")
    assert found is not None
    return sorted(part.start for part in found.slices)


def test_what_is_saved_is_there_after_opening_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "folder")
    assert store.load("fraud") is None
    store.save("fraud", Changes(state(a_slice(0), a_slice(60))))
    store.close()

    again = Store(tmp_path / "new" / "folder")
    found = again.load("fraud")
    again.close()

    assert found is not None
    assert (model_counters(records=2), {"v1": version_counters(predictions=2)}) == (
        found.counters,
        found.versions,
    )
    assert [POSITION] == list(found.positions)
    assert [[2, 0]] == [part.counts.tolist() for part in found.counts]
    assert [(0, [1, 1], [0.1, 0.2]), (60, [1, 1], [0.1, 0.2])] == sorted(
        (part.start, part.counts.tolist(), part.sums.tolist()) for part in found.slices
    )


def test_changes_replace_evict_and_forget(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save("fraud", Changes(state(a_slice(0), a_slice(60))))
    store.save("other", Changes(state(a_slice(0))))

    store.save(
        "fraud",
        Changes(state(a_slice(120), records=4), [Evicted("v1", PRINT, HOUR, 60)]),
    )
    assert [60, 120] == starts(store)
    store.save("fraud", Changes(ModelState(counters=model_counters(records=5)), forgotten=[3]))
    found = store.load("fraud")
    assert found is not None
    assert (model_counters(records=5), []) == (found.counters, list(found.positions))
    store.save("fraud", Changes(state(a_slice(180)), anew=True))
    assert [180] == starts(store)
    other = store.load("other")
    store.close()
    assert other is not None
    assert 1 == len(other.slices)


def test_a_save_that_fails_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save("fraud", Changes(state(a_slice(0))))
    # A slice of a series that was not given.
    orphan = ModelState(
        counters=model_counters(records=9), slices=[a_slice(60)], versions={"v2": version_counters()}
    )
    with pytest.raises(StateError):
        store.save("new", Changes(orphan))
    assert store.load("new") is None
    assert [0] == starts(store)
    store.close()


def test_a_folder_in_use(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(
        StateError, match=r"is in use by another drift-exporter \(process \d+\); stop that one"
    ):
        Store(tmp_path)
    store.close()
    Store(tmp_path).close()


@pytest.mark.fault("state damaged")
def test_garbage_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(StateError, match=r"is damaged .* begin anew: drift-exporter state reset .* --all"):
        Store(tmp_path)
    assert b"garbage" * 1000 == path.read_bytes()


@pytest.mark.fault("state of another program")
def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("CREATE TABLE mine (a)")
    connection.close()
    with pytest.raises(StateError, match="is a database of something else; name another folder"):
        Store(tmp_path)


def as_of_version_1(folder: Path) -> None:
    """Take away what the second version of the schema has brought."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.executescript(
            "DROP TABLE chunk; DROP TABLE run; DROP TABLE mark; DROP TABLE sample; PRAGMA user_version = 1;"
        )


def test_an_older_schema_is_brought_up(tmp_path: Path) -> None:
    save(tmp_path, fraud=state(a_slice(0)))
    as_of_version_1(tmp_path)
    assert [] == check_state(tmp_path).problems
    assert 1 == summarize(tmp_path).schema
    with closing(Store(tmp_path)) as store:
        found = store.load("fraud")
        assert found is not None
        assert ({}, 1) == (found.marks, len(found.slices))
        store.save("fraud", Changes(replace(found, marks={"topic/0": b"12", "topic/1": b"3"})))
        store.save("fraud", Changes(ModelState(found.counters), unmarked=["topic/1"]))
    with closing(Store(tmp_path)) as store:
        again = store.load("fraud")
        assert again is not None
        assert {"topic/0": b"12"} == again.marks
        store._connection.execute("UPDATE mark SET value = x'00'")  # noqa: SLF001  # damage
    with closing(Store(tmp_path)) as store, pytest.raises(StateError, match="a checksum is wrong"):
        store.load("fraud")
    assert 1 == len(check_state(tmp_path).problems)


@pytest.mark.fault("state of a newer version")
def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StateError, match=r"was written by a newer drift-exporter .its schema is 99"):
        Store(tmp_path)


def test_a_changed_byte_of_the_counts_is_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save("fraud", Changes(state(a_slice(0))))
    store.close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE slice SET counts = ?", [np.array([1, 2]).tobytes()])
    connection.close()
    store = Store(tmp_path)
    with pytest.raises(StateError, match="a checksum is wrong"):
        store.load("fraud")
    store.close()


def test_a_file_that_was_deleted_in_use(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / FILE).unlink()
    with pytest.raises(StateError, match="was deleted or replaced while it was in use; restart"):
        store.save("fraud", Changes(state(a_slice(0))))
    store.close()


def test_ids_are_there_after_opening_again(tmp_path: Path) -> None:
    save(tmp_path, fraud=state())
    with closing(Store(tmp_path)) as store:
        found = store.load("fraud")
        assert found is not None
        block = found.ids[0]
        assert [[1, 2], [3, 4], [-5, 6]] == [block.low.tolist(), block.high.tolist(), block.times.tolist()]
        store.save("fraud", Changes(ModelState(found.counters, ids={1: IDS}), removed=[0]))
        again = store.load("fraud")
        assert again is not None
        assert [1] == list(again.ids)
        store._connection.execute("UPDATE ids SET hashes = zeroblob(48)")  # noqa: SLF001  # damage
    with closing(Store(tmp_path)) as store, pytest.raises(StateError, match="a checksum is wrong"):
        store.load("fraud")
    assert 1 == len(check_state(tmp_path).problems)
