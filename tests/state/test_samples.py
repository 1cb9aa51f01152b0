"""Records that are kept of slices, in the state: saved, read, evicted, forgotten and verified."""

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from drift_exporter.errors import StateError
from drift_exporter.state.check import check_state
from drift_exporter.state.reading import FILE
from drift_exporter.state.reset import reset_model
from drift_exporter.state.rows import Changes, Evicted, ModelState
from drift_exporter.state.schema import VERSION
from drift_exporter.state.store import Store
from drift_exporter.state.summary import summarize
from drift_exporter.window.sample import NO_LIMIT
from support.states import HOUR, PRINT, a_sample, a_slice, save, state

SAMPLE = a_sample(0).sample


def sampled(*starts: int) -> ModelState:
    """A model with these slices, and a sample of each."""
    return state(*(a_slice(start) for start in starts))


def loaded(folder: Path) -> ModelState:
    with closing(Store(folder)) as store:
        found = store.load("fraud")
    assert found is not None
    return found


def test_what_is_saved_is_there_after_opening_again(tmp_path: Path) -> None:
    save(tmp_path, fraud=sampled(0, 60))
    found = loaded(tmp_path).samples
    assert [("v1", PRINT, HOUR, start) for start in (0, 60)] == [
        (one.version, one.fingerprint, one.window, one.start) for one in found
    ]
    for one in found:
        assert NO_LIMIT == one.sample.limit
        np.testing.assert_array_equal(SAMPLE.keys, one.sample.keys)
        np.testing.assert_array_equal(SAMPLE.values, one.sample.values)
    assert [] == check_state(tmp_path).problems


def test_they_go_with_their_slices(tmp_path: Path) -> None:
    save(tmp_path, fraud=sampled(0, 60, 120), other=sampled(0))
    with closing(Store(tmp_path)) as store:
        store.save("fraud", Changes(sampled(120), [Evicted("v1", PRINT, HOUR, 60)]))
    assert [60, 120] == [one.start for one in loaded(tmp_path).samples]
    with closing(Store(tmp_path)) as store:
        store.save("fraud", Changes(sampled(180), anew=True))
    assert [180] == [one.start for one in loaded(tmp_path).samples]
    reset_model(tmp_path, "fraud", 0.0)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert (1,) == connection.execute("SELECT count(*) FROM sample").fetchone()


@pytest.mark.parametrize("positions", [True, False])
def test_a_reset_that_leaves_some_is_none(tmp_path: Path, *, positions: bool) -> None:
    save(tmp_path, fraud=sampled(0))
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(
            "CREATE TRIGGER keep AFTER DELETE ON sample BEGIN INSERT INTO sample VALUES "
            '(old.series, old.window, old.start, old."limit", old.keys, old."values", old.checksum); END'
        )
    with pytest.raises(StateError, match=r"table sample cannot be emptied|FOREIGN KEY"):
        reset_model(tmp_path, "fraud", 0.0, keep_positions=positions)
    assert 1 == len(loaded(tmp_path).samples)


def checksum(keys: bytes) -> int:
    """As if these had been saved as keys."""
    place = zlib.crc32(repr((HOUR, 0, NO_LIMIT)).encode())
    return zlib.crc32(SAMPLE.values.tobytes(), zlib.crc32(keys, place))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("keys = zeroblob(24)", "a checksum is wrong"),
        ('"limit" = 8', "a checksum is wrong"),
        ('"values" = zeroblob(48)', "a checksum is wrong"),
        (f"keys = zeroblob(32), checksum = {checksum(bytes(32))}", "6 values are no records for 4 keys"),
        (f"keys = x'', checksum = {checksum(b'')}", "6 values are no records for 0 keys"),
    ],
)
def test_damage_is_told(tmp_path: Path, change: str, problem: str) -> None:
    save(tmp_path, fraud=sampled(0))
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute(f"UPDATE sample SET {change}")
        connection.commit()
    (found,) = check_state(tmp_path).problems
    where = f"model fraud, version v1, bins {PRINT[:16]}, slice of 1h at 1970-01-01 00:00:00 UTC"
    assert found.startswith(f"{where}, records that are kept: {problem}; restore a backup")
    with closing(Store(tmp_path)) as store, pytest.raises(StateError, match=problem):
        store.load("fraud")


def test_a_state_of_before_there_were_any_is_brought_up(tmp_path: Path) -> None:
    save(tmp_path, fraud=state(a_slice(0)))
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(
            "DROP TABLE chunk; DROP TABLE run; DROP TABLE sample; PRAGMA user_version = 2;"
        )
    assert [] == check_state(tmp_path).problems
    assert 2 == summarize(tmp_path).schema
    assert () == loaded(tmp_path).samples
    assert VERSION == summarize(tmp_path).schema
