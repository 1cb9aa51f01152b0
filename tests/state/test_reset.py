import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from drift_exporter.errors import StateError
from drift_exporter.serve import Exporter
from drift_exporter.state.check import check_state
from drift_exporter.state.reading import FILE
from drift_exporter.state.reset import reset_all, reset_model, reset_state
from drift_exporter.state.rows import ModelState
from drift_exporter.state.schema import TABLES
from drift_exporter.state.store import Store
from support.records import NOW, Setup, bins, ndjson, record
from support.servers import until
from support.states import POSITION, a_slice, content, holding, model_counters, run, save, state

ASIDE = f"{FILE}.2026-01-02T03-04-05Z"


def models(path: Path) -> list[str]:
    """Models in a state's file, under whatever name."""
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM model ORDER BY name")]


def rows(path: Path) -> dict[str, int]:
    """Rows in each table."""
    with closing(sqlite3.connect(path)) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


def test_all_is_moved_aside(tmp_path: Path) -> None:
    save(tmp_path, fraud=state(a_slice(0)))
    before = content(tmp_path)
    assert tmp_path / ASIDE == reset_all(tmp_path, NOW)
    assert {ASIDE: before[FILE], "lock": content(tmp_path)["lock"]} == content(tmp_path)
    with closing(Store(tmp_path)) as store:
        assert store.load("fraud") is None


def test_the_log_comes_along(tmp_path: Path) -> None:
    with holding(tmp_path) as holder:
        holder.kill()
    before = content(tmp_path)
    reset_all(tmp_path, NOW)
    after = content(tmp_path)
    assert {ASIDE, f"{ASIDE}-wal", f"{ASIDE}-shm", "lock"} == after.keys()
    assert before[f"{FILE}-wal"] == after[f"{ASIDE}-wal"]
    assert ["held"] == models(tmp_path / ASIDE)


def test_what_a_reset_that_was_cut_short_left(tmp_path: Path) -> None:
    with holding(tmp_path) as holder:
        holder.kill()
    (tmp_path / FILE).rename(tmp_path / "elsewhere")
    reset_all(tmp_path, NOW)
    assert {"elsewhere", f"{ASIDE}-wal", f"{ASIDE}-shm", "lock"} == content(tmp_path).keys()


def test_no_old_state_is_ever_overwritten(tmp_path: Path) -> None:
    save(tmp_path, first=state())
    reset_all(tmp_path, NOW)
    save(tmp_path, second=state())
    reset_all(tmp_path, NOW)
    (tmp_path / f"{ASIDE}.3-wal").touch()
    save(tmp_path, third=state(), fourth=state())
    assert tmp_path / f"{ASIDE}.4" == reset_model(tmp_path, "third", NOW)
    assert ["first"] == models(tmp_path / ASIDE)
    assert ["second"] == models(tmp_path / f"{ASIDE}.2")
    assert ["fourth", "third"] == models(tmp_path / f"{ASIDE}.4")
    assert ["fourth"] == models(tmp_path / FILE)


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (a)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [garbage, foreign, newer, empty])
def test_what_cannot_be_used_is_moved_aside_as_it_is(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    save(tmp_path, fraud=state())
    harm(tmp_path / FILE)
    before = content(tmp_path)
    if harm is not empty:
        with pytest.raises(StateError, match=f"drift-exporter state reset --state-dir {tmp_path} --all"):
            reset_model(tmp_path, "fraud", NOW)
        assert before[FILE] == content(tmp_path)[FILE]
    reset_all(tmp_path, NOW)
    assert before[FILE] == content(tmp_path)[ASIDE]
    Store(tmp_path).close()
    assert not check_state(tmp_path).problems


def test_one_model_is_forgotten_and_the_others_stay(tmp_path: Path) -> None:
    save(tmp_path, fraud=state(a_slice(0), a_slice(60)), other=state(a_slice(0)))
    before = rows(tmp_path / FILE)
    assert tmp_path / ASIDE == reset_model(tmp_path, "fraud", NOW)
    assert dict.fromkeys(TABLES, 2) | {"slice": 3, "sample": 3} == before
    assert before == rows(tmp_path / ASIDE)
    assert dict.fromkeys(TABLES, 1) == rows(tmp_path / FILE)
    with closing(Store(tmp_path)) as store:
        assert store.load("fraud") is None
        assert store.load("other") is not None
    assert {FILE, ASIDE, "lock"} == content(tmp_path).keys()
    assert not check_state(tmp_path).problems


def test_positions_alone_stay_where_wanted(tmp_path: Path) -> None:
    dead_letter = [3, 40, "ab"]
    counters = model_counters(records=2, dead_letter=dead_letter, lost_bytes=5)
    before = state(a_slice(0))
    saved = ModelState(
        counters, before.versions, before.counts, before.slices, [POSITION], marks=before.marks
    )
    save(tmp_path, fraud=saved)
    reset_model(tmp_path, "fraud", NOW, keep_positions=True)
    kept = {"model": 1, "file": 1, "mark": 1}
    assert dict.fromkeys(TABLES, 0) | kept == rows(tmp_path / FILE)
    with closing(Store(tmp_path)) as store:
        found = store.load("fraud")
    anew = model_counters(dead_letter=dead_letter)
    assert ModelState(anew, {}, (), (), (POSITION,), marks=before.marks, saved=NOW) == found
    assert not check_state(tmp_path).problems


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    save(tmp_path, fraud=state(), other=state())
    with pytest.raises(StateError, match=r"has no model 'fruad'; it has 'fraud', 'other'"):
        reset_model(tmp_path, "fruad", NOW)
    assert {FILE, "lock"} == content(tmp_path).keys()


def test_where_there_is_no_state(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=f"there is no state in {tmp_path}"):
        reset_all(tmp_path, NOW)
    with pytest.raises(StateError, match=f"there is no state in {tmp_path}/x"):
        reset_model(tmp_path / "x", "fraud", NOW)
    assert {} == content(tmp_path)


def test_not_while_an_exporter_runs(tmp_path: Path) -> None:
    with holding(tmp_path) as holder:
        before = content(tmp_path)
        message = rf"in use by another drift-exporter \(process {holder.process.pid}\); stop that one"
        with pytest.raises(StateError, match=message):
            reset_all(tmp_path, NOW)
        with pytest.raises(StateError, match=message):
            reset_model(tmp_path, "held", NOW)
        assert before == content(tmp_path)
        holder.save(2)


def test_counters_that_cannot_be_read(tmp_path: Path) -> None:
    save(tmp_path, fraud=ModelState(counters={"records": 1}), other=ModelState(counters={"records": 1}))
    before = rows(tmp_path / FILE)
    with pytest.raises(StateError, match=r"dead_letter is missing\), .*reset it without --keep-positions"):
        reset_model(tmp_path, "fraud", NOW, keep_positions=True)
    assert before == rows(tmp_path / FILE)
    reset_model(tmp_path, "fraud", NOW)
    assert ["other"] == models(tmp_path / FILE)


def test_a_reset_that_does_not_forget_all_changes_nothing(tmp_path: Path) -> None:
    save(tmp_path, fraud=state(a_slice(0)))
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("CREATE TRIGGER kept BEFORE DELETE ON series BEGIN SELECT RAISE(IGNORE); END")
    with pytest.raises(StateError, match=r"the table series cannot be emptied of model fraud"):
        reset_model(tmp_path, "fraud", NOW, keep_positions=True)
    with pytest.raises(StateError):
        reset_model(tmp_path, "fraud", NOW)
    assert dict.fromkeys(TABLES, 1) == rows(tmp_path / FILE)


def test_nothing_is_forgotten_without_a_copy(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted: {mounted.stderr.decode().strip()}")
    try:
        save(tmp_path, fraud=state(*(a_slice(60 * number) for number in range(500))))
        shutil.copyfile(tmp_path / FILE, disk / FILE)
        before = rows(disk / FILE)
        with pytest.raises(
            StateError, match=rf"cannot be copied to {disk}/{ASIDE}: database or disk is full"
        ):
            reset_model(disk, "fraud", NOW)
        assert before == rows(disk / FILE)
        assert {FILE, "lock"} == content(disk).keys()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_logs_are_read_again_and_letters_written_again(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    (setup.logs / "a.ndjson").write_bytes(ndjson(*[record()] * 5) + b"junk\n")
    assert 5 == run(setup).ingest.records
    assert 1 == len(setup.dead_letters())
    reset_model(tmp_path / "state", "fraud", NOW)
    model = run(setup)
    assert (5, {"malformed": 1}, {"0": 5}) == (
        model.ingest.records,
        model.ingest.rejected,
        bins(model, "amount"),
    )
    assert ["junk", "junk"] == [letter["raw"] for letter in setup.dead_letters()]
    reset_all(tmp_path / "state", NOW)
    assert 5 == run(setup).ingest.records
    assert 3 == len(setup.dead_letters())


def metrics(exporter: Exporter) -> bytes:
    return exporter.current().body("text")


def test_serve_goes_on_from_kept_positions(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    log = setup.logs / "a.ndjson"
    log.write_bytes(ndjson(*[record()] * 60) + b"junk\n")
    run(setup)
    with (tmp_path / "state" / "dead-letter" / "fraud.predictions.ndjson").open("ab") as letters:
        # As after a kill: rejected after the last save.
        letters.write(b'{"raw": "lost"}\n')
    reset_model(tmp_path / "state", "fraud", NOW, keep_positions=True)

    often = setup.config_path.read_text().replace('"state_dir"', '"evaluation_interval": "1s", "state_dir"')
    setup.config_path.write_text(often)
    exporter = Exporter(setup.config_path, clock=lambda: NOW)
    exporter.start()
    try:
        until(lambda: exporter.not_ready() is None, what="the first evaluation")
        text = metrics(exporter)
        assert b'drift_exporter_source_records_total{source="fraud/predictions"} 0.0\n' in text
        assert b'drift_exporter_source_bytes_total{source="fraud/predictions"} 0.0\n' in text
        assert b'drift_exporter_source_lag_bytes{source="fraud/predictions"} 0.0\n' in text
        rejected = (
            b'drift_exporter_source_rejected_total{reason="malformed",source="fraud/predictions"} 0.0\n'
        )
        assert rejected in text
        for absent in (b"model_predictions_total{", b"model_drift_score{", b"watermark_timestamp_seconds{"):
            assert absent not in text
        with log.open("ab") as file:
            file.write(ndjson(record(NOW - 1), record(version="v2")) + b"more junk\n")
        until(
            lambda: b'records_total{source="fraud/predictions"} 2.0\n' in metrics(exporter), what="new lines"
        )
        text = metrics(exporter)
        for version in (b"v1", b"v2"):
            assert b'model_predictions_total{model="fraud",version="%b"} 1.0\n' % version in text
    finally:
        exporter.stop()
    assert ["junk", "more junk"] == [letter["raw"] for letter in setup.dead_letters()]
    # And once more, from what it has saved now.
    again = run(setup)
    assert (2, {"malformed": 1}) == (again.ingest.records, again.ingest.rejected)
    assert not check_state(tmp_path / "state").problems


def test_the_old_state_can_be_had_back(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    (setup.logs / "a.ndjson").write_bytes(ndjson(*[record()] * 5))
    run(setup)
    folder = tmp_path / "state"
    copy = reset_model(folder, "fraud", NOW)
    reset_all(folder, NOW + 1)
    shutil.copyfile(copy, folder / FILE)
    (setup.logs / "a.ndjson").unlink()
    assert 5 == run(setup).ingest.records


def test_what_is_told(tmp_path: Path) -> None:
    save(tmp_path, fraud=state(), other=state())
    again = "are read from their beginning at the next start, and"
    letters = "The dead-letter files stay as they are; what is rejected again is written to them again."
    assert (
        f"Model fraud was reset. The state as it was is in {tmp_path}/{ASIDE}.\n"
        f"Its logs {again} its counters begin at 0. {letters}"
    ) == reset_state(tmp_path, "fraud", keep_positions=False, now=NOW)
    assert (
        f"Model other was reset. The state as it was is in {tmp_path}/{ASIDE}.2.\n"
        "At the next start its logs are read on from where they were; its counters begin at 0, its windows "
        "are empty."
    ) == reset_state(tmp_path, "other", keep_positions=True, now=NOW)
    assert (
        f"The state was moved to {tmp_path}/{ASIDE}.3.\nAll logs {again} all counters begin at 0. {letters}"
    ) == reset_state(tmp_path, None, keep_positions=False, now=NOW)
