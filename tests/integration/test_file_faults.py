"""What happens to log files, through the whole exporter and over restarts: every counter is exact.

The faults that have no other test are here; see the fault table in docs/operations.md.
"""

import gzip
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from drift_exporter import reader
from drift_exporter.source_factory import file
from drift_exporter.sources.file import FileSource
from support.faults import LAG, LOST, RECORDS, UP, Case
from support.tailing import copy_and_truncate, pack
from support.tally import LINE_LIMIT

MOMENTS = ("seen", "unseen", "stopped")


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "POLL_INTERVAL", 0.02)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    made = Case(tmp_path)
    made.append()
    return made


def survive(case: Case, moment: str, fault: Callable[[], object], *, up: bool = True) -> None:
    """Let the exporter count, and the fault happen: all is still exact, also after starting again.

    It happens while the exporter runs, which sees it or is stopped at once; or while it is stopped.
    """
    with case.inside() as running:
        running.counted()
        if moment != "stopped":
            fault()
        if moment == "seen":
            running.counted(up=up)
    if moment == "stopped":
        fault()
    with case.inside() as running:
        running.counted(up=up)
        case.append()
        running.counted(up=up)
    with case.inside() as running:
        running.counted(up=up)


@pytest.mark.fault("log renamed and created anew")
@pytest.mark.parametrize("moment", MOMENTS)
def test_rename_and_create(case: Case, moment: str) -> None:
    rotated = case.logs / "a.ndjson.1"

    def rotate() -> None:
        case.append()
        case.log_file.rename(rotated)
        case.append(rotated)
        case.append()

    survive(case, moment, rotate)


@pytest.mark.fault("log renamed out of the pattern")
def test_renamed_out_of_the_pattern(tmp_path: Path) -> None:
    case = Case(tmp_path, "logs/*.ndjson")
    case.append()

    def rotate() -> None:
        case.append()
        case.log_file.rename(case.logs / "a.ndjson.1")
        case.append(case.logs / "a.ndjson.1")
        case.append()

    survive(case, "seen", rotate)


@pytest.mark.fault("log copied and truncated")
@pytest.mark.parametrize("moment", MOMENTS)
def test_copytruncate(case: Case, moment: str) -> None:
    def rotate() -> None:
        case.append()
        copy_and_truncate(case.log_file, case.logs / "a.ndjson.1")
        case.append(rows=200)

    survive(case, moment, rotate)


@pytest.mark.fault("log deleted and created anew")
@pytest.mark.parametrize("moment", MOMENTS)
def test_deletion_and_recreation(case: Case, moment: str) -> None:
    def recreate() -> None:
        case.log_file.unlink()
        case.append(rows=200)

    survive(case, moment, recreate)


@pytest.mark.fault("log deleted and created anew")
def test_a_deleted_log_is_read_to_its_end(case: Case) -> None:
    case.append(case.logs / "b.ndjson")

    def delete() -> None:
        case.append()
        case.log_file.unlink()

    survive(case, "seen", delete)


@pytest.mark.fault("symbolic link to the newest log re-pointed")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_symbolic_link(tmp_path: Path, moment: str) -> None:
    case = Case(tmp_path, "logs/current.ndjson")
    case.log_file.symlink_to(tmp_path / "1")
    (case.logs / "current.ndjson").symlink_to(tmp_path / "1")
    case.log_file = case.logs / "current.ndjson"
    case.append()

    def point_on() -> None:
        if moment == "seen":
            case.append()
        case.log_file.unlink()
        case.log_file.symlink_to(tmp_path / "2")
        case.append()

    survive(case, moment, point_on)


@pytest.mark.fault("rotated log compressed")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_rotated_log_is_compressed(case: Case, moment: str) -> None:
    def rotate() -> None:
        case.append()
        case.log_file.rename(case.logs / "a.ndjson.1")
        case.append()
        pack(case.logs / "a.ndjson.1")

    survive(case, moment, rotate)


@pytest.mark.fault("last line not finished")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_line_is_finished_later(case: Case, moment: str) -> None:
    line = b'{"ts": 1735000000, "request": "half"'
    with case.inside() as running:
        running.counted()
        if moment != "stopped":
            with case.log_file.open("ab") as log:
                log.write(line)
        if moment == "seen":
            running.until({LAG: len(line)})
    if moment == "stopped":
        with case.log_file.open("ab") as log:
            log.write(line)
    with case.inside() as running:
        running.until({LAG: len(line)})
        with case.log_file.open("ab") as log:
            log.write(case.bad("malformed", line + b" the rest")[len(line) :])
        case.append()
        running.counted()
    with case.inside() as running:
        running.counted()


@pytest.mark.fault("no log yet")
def test_a_log_that_appears_late(tmp_path: Path) -> None:
    case = Case(tmp_path)
    for _ in range(2):
        with case.inside() as running:
            running.until({UP: 0, RECORDS: 0})
    with case.inside() as running:
        running.until({UP: 0, RECORDS: 0})
        case.append()
        running.counted()
    with case.inside() as running:
        running.counted()


@pytest.mark.fault("thousands of logs")
def test_thousands_of_files(tmp_path: Path) -> None:
    """More than a process may usually hold open."""
    case = Case(tmp_path, "logs/**/*.ndjson", {"evaluation_interval": "1s"})
    lines = case.lines(2200).splitlines(keepends=True)
    for number in range(1100):
        folder = case.logs / str(number % 20)
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.ndjson").write_bytes(b"".join(lines[number::1100]))
    case.log_file = case.logs / "7" / "1007.ndjson"

    def change_many() -> None:
        for path in case.logs.glob("11/*"):
            case.append(path, rows=2)

    survive(case, "seen", change_many)


@pytest.mark.fault("inode of a deleted log given to a new one")
def test_an_inode_is_used_again(case: Case) -> None:
    """That can only happen to a file that nobody holds open."""

    def replace() -> None:
        inode = case.log_file.stat().st_ino
        case.log_file.unlink()
        case.log_file = _file_with_inode(case.logs, inode)
        case.append(rows=200)

    survive(case, "stopped", replace)


def _file_with_inode(folder: Path, inode: int) -> Path:
    """A new file with this inode, where the file system gives it out again."""
    made = []
    for number in range(1000):
        made.append(folder / f"new-{number}.ndjson")
        made[-1].touch()
        if made[-1].stat().st_ino == inode:
            break
    for path in made[:-1]:
        path.unlink()
    if made[-1].stat().st_ino != inode:
        pytest.skip("this file system does not use inodes again")
    return made[-1]


@pytest.mark.fault("folder of logs gone and back")
@pytest.mark.parametrize("moment", ["seen", "stopped"])
def test_a_folder_vanishes(case: Case, moment: str) -> None:
    away = case.folder / "away"
    with case.inside() as running:
        running.counted()
        if moment == "seen":
            case.logs.rename(away)
            running.counted(up=False)
    if moment == "stopped":
        case.logs.rename(away)
    with case.inside() as running:
        running.counted(up=False)
        case.append(away / "a.ndjson")
        away.rename(case.logs)
        running.counted()
        # Another folder with other logs in its place.
        shutil.rmtree(case.logs)
        running.counted(up=False)
        case.logs.mkdir()
        case.append(rows=200)
        running.counted()
    with case.inside() as running:
        running.counted()


@pytest.mark.fault("compressed log damaged")
def test_a_damaged_archive(case: Case) -> None:
    content = case.lines(2000)
    packed = gzip.compress(content)
    archive = case.logs / "b.ndjson.gz"
    archive.write_bytes(packed[: len(packed) // 2])
    with case.inside() as running:
        series = running.until({UP: 0})
        case.append()
    with case.inside() as running:
        running.until({UP: 0})
        archive.write_bytes(packed)
        running.counted()
    with case.inside() as running:
        running.counted()
    assert series[RECORDS] > 0


@pytest.mark.fault("pipe or device among the logs")
def test_a_pipe_and_a_device(case: Case) -> None:
    def make() -> None:
        os.mkfifo(case.logs / "pipe.ndjson")
        (case.logs / "device.ndjson").symlink_to("/dev/zero")

    survive(case, "seen", make, up=False)


@pytest.mark.fault("log full of garbage")
def test_garbage(case: Case) -> None:
    def spoil() -> None:
        with case.log_file.open("ab") as log:
            log.write(b"\n".join([b"\r", b" ", b""]) + b"\n")
            case.tally.size += 5
            log.writelines(case.bad("malformed", b"garbage %d {" % number) for number in range(500))
            log.writelines(case.bad("invalid_utf8", b"\xff\xfe%d" % number) for number in range(500))

    survive(case, "unseen", spoil)


@pytest.mark.fault("line over the limit")
def test_very_long_lines(case: Case) -> None:
    def write() -> None:
        with case.log_file.open("ab") as log:
            log.write(case.bad("too_long", b"x" * (LINE_LIMIT + 1)))
            log.write(case.lines(5))
            log.write(case.bad("too_long", b'{"ts": "' + b"y" * 900_000))

    survive(case, "unseen", write)


@pytest.mark.fault("NUL bytes in a log")
@pytest.mark.parametrize("moment", MOMENTS)
def test_nul_bytes(case: Case, moment: str) -> None:
    def crash() -> None:
        # A block that never reached the disk, then the next record.
        with case.log_file.open("ab") as log:
            log.write(case.bad("malformed", bytes(512) + b'{"ts": 1735000000}'))
            log.write(case.lines(5))

    survive(case, moment, crash)


@pytest.mark.fault("log truncated by another program than its writer")
@pytest.mark.parametrize("moment", ["seen", "unseen"])
def test_a_writer_that_does_not_append(case: Case, moment: str) -> None:
    """It goes on at its old offset, and what is before that is zeros."""
    end = case.log_file.stat().st_size

    def truncate() -> None:
        shutil.copyfile(case.log_file, case.logs / "a.ndjson.1")
        with case.log_file.open("r+b") as log:
            log.truncate(0)
            log.seek(end)
            log.write(case.bad("too_long", bytes(end) + b'{"ts": 1735000000}')[end:])
            log.write(case.lines(5))

    assert end > LINE_LIMIT
    survive(case, moment, truncate)


@pytest.mark.fault("log truncated or deleted before it was read")
@pytest.mark.parametrize(
    ("deleted", "moment"), [(False, "seen"), (False, "unseen"), (False, "stopped"), (True, "stopped")]
)
def test_what_is_gone_unread_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, deleted: bool, moment: str
) -> None:
    # How long one waits for a copy of what is gone.
    monkeypatch.setattr(file, "FileSource", partial(FileSource, grace=0.1))
    case = Case(tmp_path)
    case.append()

    def take_away() -> None:
        if deleted:
            case.log_file.unlink()
        else:
            os.truncate(case.log_file, 0)
        case.append(rows=200)
        case.lost = 18

    with case.inside() as running:
        running.counted()
        with case.log_file.open("ab") as log:
            log.write(b'{"ts": 1735000000,')
        running.until({LAG: 18})
        if moment != "stopped":
            take_away()
        if moment == "seen":
            running.until({LOST: 18})
            running.counted()
    if moment == "stopped":
        take_away()
    with case.inside() as running:
        running.until({LOST: 18})
        running.counted()
    with case.inside() as running:
        running.counted()


@pytest.mark.fault("logs rotated several times while the exporter was down")
def test_rotations_while_nobody_looks(case: Case) -> None:
    def rotate() -> None:
        for number in (3, 2, 1):
            case.append()
            case.log_file.rename(case.logs / f"a.ndjson.{number}")
            case.append()
        pack(case.logs / "a.ndjson.3")
        pack(case.logs / "a.ndjson.2")

    survive(case, "stopped", rotate)
