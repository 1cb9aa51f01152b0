import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from drift_exporter.errors import StateError
from drift_exporter.state.look import look
from drift_exporter.state.reading import FILE
from drift_exporter.state.rows import Changes
from drift_exporter.state.store import Store
from support.states import as_nobody, content, flip, holding, save, state


def names(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM model ORDER BY name")]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can get at, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def killed(folder: Path) -> None:
    """A state whose model is in the write-ahead log only."""
    with holding(folder) as holder:
        holder.kill()


def test_nothing_is_made_or_changed(folder: Path) -> None:
    save(folder, fraud=state())
    before = content(folder)
    assert {FILE, "lock"} == before.keys()
    assert ["fraud"] == look(folder, names)
    assert before == content(folder)


def test_after_a_kill_the_log_is_read_and_stays(folder: Path) -> None:
    killed(folder)
    before = content(folder)
    assert {FILE, f"{FILE}-wal", f"{FILE}-shm", "lock"} == before.keys()
    assert ["held"] == look(folder, names)
    after = content(folder)
    assert before.keys() == after.keys()
    for name in (FILE, f"{FILE}-wal"):
        assert before[name] == after[name]


def test_a_copy_of_a_state_and_its_log(folder: Path) -> None:
    killed(folder)
    (folder / f"{FILE}-shm").unlink()
    before = content(folder)
    assert ["held"] == look(folder, names)
    assert before == content(folder)


def test_without_its_log_what_is_in_the_file_is_read(folder: Path) -> None:
    save(folder, fraud=state())
    killed(folder)
    (folder / f"{FILE}-wal").unlink()
    before = content(folder)
    assert ["fraud"] == look(folder, names)
    assert before == content(folder)


def test_a_running_exporter_is_not_disturbed(folder: Path) -> None:
    with holding(folder) as holder:
        for records in (1, 2, 3):
            holder.save(records)
            assert ["held"] == look(folder, names)
        before = content(folder).keys()
        # Saving while someone looks.
        look(folder, lambda connection: (names(connection), holder.save(4), names(connection)))
        assert before == content(folder).keys()
        assert holder.process.poll() is None


@pytest.mark.parametrize("mode", [0o755, 0o555])
@pytest.mark.parametrize("how", ["closed", "running", "killed", "copied"])
def test_as_a_user_who_may_only_read(folder: Path, mode: int, how: str) -> None:
    with holding(folder) as holder:
        if how in ("killed", "copied"):
            holder.kill()
        if how == "copied":
            (folder / f"{FILE}-shm").unlink()
        if how == "closed":
            holder.kill()
            Store(folder).close()
        folder.chmod(mode)
        before = content(folder)
        with as_nobody():
            assert ["held"] == look(folder, names)
        assert before.keys() == content(folder).keys()


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_user_who_may_not_read(folder: Path, suffix: str) -> None:
    killed(folder)
    (folder / f"{FILE}{suffix}").chmod(0o600)
    with (
        as_nobody(),
        pytest.raises(StateError, match=f"{FILE}{suffix} cannot be read: Permission denied; run"),
    ):
        look(folder, names)


def test_no_folder_no_file(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(StateError, match=f"there is no state in {folder} .it has no file {FILE}.; name"):
            look(folder, names)
    assert {} == content(tmp_path)


def test_the_folder_of_shards(tmp_path: Path) -> None:
    for number in (2, 1):
        save(tmp_path / f"shard-{number}-of-2", fraud=state())
    with pytest.raises(
        StateError, match=r"it has no file .*; there is shard-1-of-2; name one of the shards as"
    ):
        look(tmp_path, names)
    assert ["fraud"] == look(tmp_path / "shard-2-of-2", names)


def test_a_copy_that_has_no_room_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(folder)
    (folder / f"{FILE}-shm").unlink()
    nowhere = folder / "nowhere"
    monkeypatch.setattr(tempfile, "tempdir", str(nowhere))
    with pytest.raises(StateError, match=r"can be read as a copy only, which fails: .*; TMPDIR may name"):
        look(folder, names)


def test_an_exporter_that_begins_meanwhile(folder: Path) -> None:
    save(folder, one=state())
    stores = []

    def read(connection: sqlite3.Connection) -> list[str]:
        found = names(connection)
        if not stores:
            stores.append(Store(folder))
            stores[0].save("two", Changes(state()))
        return found

    assert ["one", "two"] == look(folder, read)
    stores[0].close()


def test_a_damaged_file_that_an_exporter_mends_meanwhile(folder: Path) -> None:
    save(folder, one=state())
    whole = (folder / FILE).read_bytes()
    flip(folder / FILE, 0)

    def read(connection: sqlite3.Connection) -> list[str]:
        try:
            return names(connection)
        finally:
            if whole != (folder / FILE).read_bytes():
                (folder / FILE).write_bytes(whole)

    assert ["one"] == look(folder, read)


def test_a_state_that_changes_all_the_time(folder: Path) -> None:
    save(folder, one=state())
    times = iter(range(100))

    def read(_: sqlite3.Connection) -> None:
        os.utime(folder / FILE, (0, next(times)))

    with pytest.raises(StateError, match=r"state.sqlite changes all the time; try again"):
        look(folder, read)


def test_any_name_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "what? 100%#é"
    save(folder, fraud=state())
    assert ["fraud"] == look(folder, names)


def test_what_was_read_is_of_one_moment(folder: Path) -> None:
    with closing(Store(folder)) as store:
        store.save("one", Changes(state()))

        def read(connection: sqlite3.Connection) -> tuple[list[str], list[str]]:
            before = names(connection)
            store.save("two", Changes(state()))
            return before, names(connection)

        assert (["one"], ["one"]) == look(folder, read)
        assert ["one", "two"] == look(folder, names)
