"""Disks that are full, read-only, forbidden, broken or mounted anew, through the whole exporter.

Whatever was written to the logs is counted exactly in the end, over restarts and kills; see the fault
table in docs/operations.md.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import requests

from drift_exporter import reader
from support.disks import MIB, Disk, attach, detach, fill, small_disk, without_override
from support.faults import CHECKPOINT, EVALUATED, RECORDS, RELOADED, UP, Case, Running

# The tests take free loop devices from each other.
pytestmark = pytest.mark.xdist_group("disks")

STATE_DISK = 8 * MIB
"""More than the state's write-ahead log takes, which grows with every evaluation, to 4 MiB."""

ELSEWHERE = {"state_dir": "disk/state", "dead_letter": "letters"}


def unsaved(running: Running, case: Case) -> None:
    """Write, and wait until a save fails; what is told stands still."""
    case.append()
    before = running.until({EVALUATED: 0, UP: 1})
    # It is read on meanwhile, which must not show.
    case.append()
    for _ in range(2):
        after = running.another()
        assert [before[one] for one in (RECORDS, CHECKPOINT)] == [after[one] for one in (RECORDS, CHECKPOINT)]
    assert before[RECORDS] <= case.tally.records - 60


def page(running: Running) -> str:
    """The landing page."""
    return requests.get(running.url, timeout=10).text


@pytest.mark.fault("disk of the state full")
def test_the_disk_of_the_state_is_full(tmp_path: Path) -> None:
    case = Case(tmp_path, options=ELSEWHERE)
    case.append()
    with small_disk(tmp_path / "disk", STATE_DISK) as disk:
        with case.process() as running:
            running.counted()
            ballast = fill(disk)
            unsaved(running, case)
            assert "disk is full" in page(running)
            ballast.unlink()
            running.counted()
            ballast = fill(disk)
            unsaved(running, case)
            # In good order, though the last save is impossible.
        assert 0 == running.wait_ended()
        ballast.unlink()
        with case.process() as running:
            running.counted()
            ballast = fill(disk)
            unsaved(running, case)
            assert running.process is not None
            running.process.kill()
            assert -9 == running.wait_ended()
        ballast.unlink()
        with case.process() as running:
            running.counted()


@pytest.mark.fault("disk of the state full at start")
def test_the_disk_of_the_state_is_full_at_start(tmp_path: Path) -> None:
    case = Case(tmp_path, options=ELSEWHERE)
    case.append()
    with small_disk(tmp_path / "disk", STATE_DISK) as disk:
        for hint in ("database or disk is full; free some space", "disk I/O error; is the disk full"):
            ballast = fill(disk)
            assert f"disk/state/state.sqlite: {hint}" in case.refused()
            ballast.unlink()
            case.append()
            with case.process() as running:
                running.counted()


@pytest.mark.fault("disk of the dead letters full")
def test_the_disk_of_the_dead_letters_is_full(tmp_path: Path) -> None:
    case = Case(tmp_path, options={"dead_letter": "disk/letters"})
    case.append()
    with small_disk(tmp_path / "disk", MIB) as disk:
        with case.process() as running:
            before = running.counted()
            ballast = fill(disk)
            with case.log_file.open("ab") as log:
                log.writelines(case.bad("malformed", b"garbage %d" % number) for number in range(100))
                log.write(case.lines())
            running.until({UP: 0, EVALUATED: 1, RECORDS: before[RECORDS]})
            assert "rejected records cannot be written" in page(running)
            assert running.process is not None
            running.process.kill()
            running.wait_ended()
        with case.process() as running:
            running.until({UP: 0, EVALUATED: 1, RECORDS: before[RECORDS]})
            ballast.unlink()
            running.counted()
        with case.process() as running:
            running.counted()


@pytest.mark.fault("state folder read-only at start")
def test_the_state_folder_is_read_only_at_start(tmp_path: Path) -> None:
    case = Case(tmp_path, options=ELSEWHERE)
    case.append()
    with small_disk(tmp_path / "disk", STATE_DISK) as disk:
        with case.process() as running:
            running.counted()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        case.append()
        assert "disk/state cannot be written: Read-only file system" in case.refused()
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        with case.process() as running:
            running.counted()


@pytest.mark.fault("file system of the state read-only after an error")
def test_the_file_system_of_the_state_gives_up(tmp_path: Path) -> None:
    case = Case(tmp_path, options=ELSEWHERE)
    case.append()
    disk = Disk(tmp_path / "image", tmp_path / "disk")
    disk.make(32 * MIB, "ext4")
    with disk.mounted():
        with case.process() as running:
            running.counted()
            # What the kernel does to a file system in which it found an error.
            subprocess.run(["mount", "-o", "remount,abort", disk.device, str(disk.folder)], check=False)
            try:
                (disk.folder / "probe").touch()
                pytest.skip("this kernel does not give a file system up when it is told to")
            except OSError:
                pass
            unsaved(running, case)
        assert 0 == running.wait_ended()
    subprocess.run(["e2fsck", "-p", str(disk.image)], check=False, capture_output=True)
    with disk.mounted(), case.process() as running:
        running.counted()


@pytest.mark.fault("permission for the state folder taken")
def test_no_permission_for_the_state(tmp_path: Path) -> None:
    case = Case(tmp_path, options={"dead_letter": "letters"})
    case.append()
    state, wrapper = tmp_path / "state", without_override()
    with case.process(wrapper) as running:
        running.counted()
        state.chmod(0)
        unsaved(running, case)
        assert "Permission denied" in page(running)
        state.chmod(0o700)
        running.counted()
    state.chmod(0o500)
    (state / "lock").chmod(0o400)
    assert "cannot be written: Permission denied" in case.refused(wrapper)
    (state / "lock").chmod(0o600)
    (state / "state.sqlite").chmod(0)
    assert "state.sqlite" in case.refused(wrapper)
    (state / "state.sqlite").chmod(0o600)
    state.chmod(0o700)
    case.append()
    with case.process(wrapper) as running:
        running.counted()


@pytest.mark.fault("permission for a log taken")
def test_no_permission_for_a_log(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.append()
    old, new, wrapper = case.logs / "b.ndjson", case.logs / "c.ndjson", without_override()
    case.append(old)
    with case.process(wrapper) as running:
        running.counted()
        old.chmod(0)
        # An open file is read on.
        forced_append(case, old)
        seen = running.counted()[RECORDS]
        new.touch(mode=0)
        forced_append(case, new)
        running.until({UP: 0, RECORDS: seen})
    forced_append(case, old)
    with case.process(wrapper) as running:
        running.until({UP: 0, RECORDS: seen})
        case.append(rows=100)
        # The others go on.
        running.until({UP: 0, RECORDS: seen + 100})
        assert "Permission denied" in page(running)
    with case.process(wrapper) as running:
        running.until({UP: 0, RECORDS: seen + 100})
        old.chmod(0o600)
        new.chmod(0o600)
        running.counted()
    with case.process(wrapper) as running:
        running.counted()


def forced_append(case: Case, path: Path) -> None:
    """Write to a file that nobody has the permission for."""
    if os.geteuid():
        pytest.skip("only root can write there")
    case.append(path)


@pytest.mark.fault("permission for the folder of logs taken")
def test_no_permission_for_the_folder_of_logs(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.append()
    wrapper = without_override()
    with case.process(wrapper) as running:
        running.counted()
        case.append()
        case.logs.chmod(0)
        running.until({UP: 0})
    with case.process(wrapper) as running:
        running.until({UP: 0})
        case.logs.chmod(0o700)
        case.append()
        running.counted()
    with case.process(wrapper) as running:
        running.counted()


@pytest.mark.fault("disk of the logs fails")
def test_a_log_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "POLL_INTERVAL", 0.02)
    case = Case(tmp_path)
    case.append()
    disk = Disk(tmp_path / "image", tmp_path / "disk")
    disk.make(8 * MIB, "ext2")
    with disk.mounted() as folder:
        bad = folder / "b.ndjson"
        (folder / "first").write_bytes(bytes(5 * MIB))
        case.append(bad, rows=200)
        (folder / "first").unlink()
    whole = tmp_path / "whole"
    shutil.copyfile(disk.image, whole)
    with disk.mounted():
        # The log's blocks are at the end.
        os.truncate(disk.image, 4 * MIB)
        (case.logs / "b.ndjson").symlink_to(bad)
        with case.inside() as running:
            running.until({UP: 0, RECORDS: case.tally.records - 200})
        with case.inside() as running:
            running.until({UP: 0, RECORDS: case.tally.records - 200})
            with whole.open("rb") as source, disk.image.open("r+b") as target:
                shutil.copyfileobj(source, target)
            running.counted()
        with case.inside() as running:
            running.counted()


@pytest.mark.fault("file system of the logs mounted anew")
def test_another_device_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "POLL_INTERVAL", 0.02)
    disk = Disk(tmp_path / "image", tmp_path / "disk")
    disk.make(8 * MIB, "ext2")
    other = tmp_path / "other"
    other.write_bytes(bytes(MIB))
    case = Case(tmp_path, "disk/*.ndjson*")
    case.log_file = disk.folder / "a.ndjson"
    with disk.mounted():
        case.append()
        case.append(disk.folder / "b.ndjson")
        with case.inside() as running:
            running.counted()
        before = case.log_file.stat()
    taken = attach(other)
    try:
        with disk.mounted():
            assert before.st_dev != case.log_file.stat().st_dev
            case.append()
            with case.inside() as running:
                running.counted()
                case.append()
                running.counted()
            with case.inside() as running:
                running.counted()
    finally:
        detach(taken)


@pytest.mark.fault("configuration deleted or damaged before a reload")
def test_the_configuration_is_gone(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.append()
    good = case.config.read_text()
    with case.process() as running:
        running.counted()
        case.config.unlink()
        running.reload()
        running.until({RELOADED: 0})
        case.append()
        running.counted()
        assert "no such file" in case.log()
    assert "no such file" in case.refused()
    case.config.write_text(good)
    with case.process() as running:
        running.until({RELOADED: 1})
        running.counted()
