import base64
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.deadletter import Cursor, DeadLetters
from drift_exporter.sources.chunk import Rejection
from support.disks import small_disk
from support.records import Setup, ndjson, read_lines, record

NOW = 1_767_323_045.25


def rejection(raw: bytes, offset: int = 0) -> Rejection:
    return Rejection("/logs/a.ndjson", offset, "malformed", "not JSON", raw, len(raw))


class Killed(BaseException):
    """Stands for SIGKILL: no handler of errors sees it."""


def letters(folder: Path, limit: int = 1, keep: int = 3) -> DeadLetters:
    return DeadLetters(folder, "m/predictions", limit, keep)


def write(box: DeadLetters, *raws: str) -> None:
    box.write([rejection(raw.encode()) for raw in raws], NOW)


def raws(folder: Path) -> dict[str, list[str]]:
    """Raw lines by the end of the file's name: "ndjson" for the newest, then "1", "2"."""
    return {
        path.name.rpartition(".")[2]: [one["raw"] for one in read_lines(path)] for path in folder.iterdir()
    }


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up root's right to everything, where we have it."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_what_a_dead_letter_says(tmp_path: Path) -> None:
    box = DeadLetters(tmp_path / "new" / "folder", "fraud/predictions", 2**20)
    box.write([rejection(b'{"a" \xc3\xa9')], NOW)

    assert tmp_path / "new" / "folder" / "fraud.predictions.ndjson" == box.path
    assert read_lines(box.path) == [
        {
            "time": "2026-01-02T03:04:05.250Z",
            "source": "fraud/predictions",
            "file": "/logs/a.ndjson",
            "offset": 0,
            "reason": "malformed",
            "detail": "not JSON",
            "length": 7,
            "raw": '{"a" é',
        }
    ]


@pytest.mark.parametrize("raw", [b"\xff\x00\xc3", bytes(range(256))])
def test_any_bytes_can_be_had_back(tmp_path: Path, raw: bytes) -> None:
    box = letters(tmp_path)
    box.write([rejection(raw), rejection(b"line\r\x00\xe2\x80\xa8")], NOW)

    one, two = read_lines(box.path)
    assert raw == base64.b64decode(one["raw_base64"])
    assert two["raw"] == "line\r\x00\u2028"
    assert "raw_base64" not in two


def test_a_line_that_was_cut_short_stays_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.predictions.ndjson"
    path.write_bytes(b'{"time": "20')
    write(letters(tmp_path), "x")
    write(letters(tmp_path), "y")

    lines = path.read_bytes().split(b"\n")
    assert lines[0] == b'{"time": "20'
    assert [b'"raw": "x"}', b'"raw": "y"}', b""] == [line[-11:] for line in lines[1:]]


def test_all_are_written_or_none(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk."""
    box = letters(tmp_path)
    write(box, "first")
    before = box.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    child = os.fork()
    if child == 0:  # pragma: no cover  # the limit is for one process; this one ends here
        import signal  # noqa: PLC0415

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 5000, hard))
        try:
            write(box, *["z" * 100] * 100)
        except OSError:
            os._exit(7)
        os._exit(0)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 7
    assert before == box.path.read_bytes()
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == (soft, hard)


@pytest.mark.parametrize("fault", ["the folder is a file", "the file is a folder", "nothing"])
def test_a_fault_loses_and_doubles_nothing(tmp_path: Path, fault: str) -> None:
    setup = Setup(tmp_path)
    folder = tmp_path / "state" / "dead-letter"
    if fault == "the folder is a file":
        folder.parent.mkdir()
        folder.write_text("in the way")
    elif fault == "the file is a folder":
        (folder / "fraud.predictions.ndjson").mkdir(parents=True)
    (setup.logs / "a.ndjson").write_bytes(ndjson(record(), record()) + b"junk\n" + ndjson(record()))
    (setup.logs / "b.ndjson").write_bytes(ndjson(*[record()] * 5))
    model = setup.model(final=True)
    model.source.chunk_size = 400
    for _ in range(3):
        model.read()
    if fault != "nothing":
        assert model.problem is not None
        assert model.problem.startswith(f"rejected records cannot be written to {folder}: ")
        assert model.ingest.records < 8
        assert model.ingest.rejected.total() == 0
        assert not model.source_snapshot().up
        folder.unlink() if folder.is_file() else (folder / "fraud.predictions.ndjson").rmdir()
    for _ in range(3):
        model.read()
    model.close()

    assert model.problem is None
    assert (8, {"malformed": 1}) == (model.ingest.records, dict(model.ingest.rejected))
    assert ["junk"] == [letter["raw"] for letter in setup.dead_letters()]


def test_what_was_written_after_the_cursor_is_cut_off(tmp_path: Path) -> None:
    box = letters(tmp_path)
    write(box, "a", "b")
    cursor = box.cursor()
    write(box, "c")
    size = box.path.stat().st_size

    assert box.cursor() != cursor
    assert cursor is not None
    assert size - cursor.size == letters(tmp_path).restore(cursor)
    assert {"ndjson": ["a", "b"]} == raws(tmp_path)
    assert letters(tmp_path).restore(cursor) == 0
    assert cursor == letters(tmp_path).cursor()


def test_half_a_line_after_the_cursor_is_cut_off(tmp_path: Path) -> None:
    box = letters(tmp_path)
    write(box, "a")
    cursor = box.cursor()
    with box.path.open("ab") as file:
        file.write(b'{"time": "20')

    assert letters(tmp_path).restore(cursor) == 12
    assert {"ndjson": ["a"]} == raws(tmp_path)


def test_without_a_saved_cursor_nothing_is_touched(tmp_path: Path) -> None:
    write(letters(tmp_path), "from before")

    assert letters(tmp_path).restore(None) == 0
    assert {"ndjson": ["from before"]} == raws(tmp_path)


def test_a_file_that_was_not_there_is_emptied(tmp_path: Path) -> None:
    box = letters(tmp_path)
    cursor = box.cursor()
    assert Cursor(0, 0) == cursor
    assert box.restore(cursor) == 0
    write(box, "a")
    size = box.path.stat().st_size

    assert size == letters(tmp_path).restore(cursor)
    assert {"ndjson": []} == raws(tmp_path)
    assert Cursor(box.path.stat().st_ino, 0) == box.cursor()


def test_a_copy_of_the_file_is_the_file(tmp_path: Path) -> None:
    """As after a backup was restored, or the folder moved to another volume."""
    (tmp_path / "one").mkdir()
    box = letters(tmp_path / "one")
    write(box, "a", "b")
    cursor = box.cursor()
    write(box, "c")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    letters(tmp_path / "two").restore(cursor)

    assert {"ndjson": ["a", "b"]} == raws(tmp_path / "two")


@pytest.mark.parametrize("more", [0, 5])
def test_another_file_with_the_same_inode_is_another_file(tmp_path: Path, more: int) -> None:
    """Deleted and begun anew: file systems give out the freed inode again. Or truncated by the user."""
    box = letters(tmp_path)
    write(box, "a", "b", "c")
    cursor = box.cursor()
    box.path.write_bytes(b"")
    write(box, *["after"] * (1 + more))
    assert cursor is not None
    assert cursor.inode == box.path.stat().st_ino
    letters(tmp_path).restore(cursor)

    assert {"ndjson": []} == raws(tmp_path)


def test_without_a_tail_the_inode_decides(tmp_path: Path) -> None:
    box = letters(tmp_path)
    write(box, "a")
    cursor = box.cursor()
    write(box, "b")
    assert cursor is not None
    letters(tmp_path).restore(Cursor(cursor.inode, cursor.size))
    assert {"ndjson": ["a"]} == raws(tmp_path)
    letters(tmp_path).restore(Cursor(cursor.inode + 1, cursor.size))
    assert {"ndjson": []} == raws(tmp_path)


def test_a_shorter_file_is_never_extended(tmp_path: Path) -> None:
    box = letters(tmp_path)
    write(box, "a", "b")
    cursor = box.cursor()
    box.path.write_bytes(b"x\n")
    letters(tmp_path).restore(cursor)

    assert box.path.read_bytes() == b""


@pytest.mark.parametrize("name", ["m.predictions.ndjson.1", "elsewhere.gz"])
def test_a_file_put_away_by_another_program(tmp_path: Path, name: str) -> None:
    box = letters(tmp_path)
    write(box, "saved")
    cursor = box.cursor()
    write(box, "after")
    box.path.rename(tmp_path / name)
    write(box, "later")
    removed = letters(tmp_path).restore(cursor)

    assert removed > 0
    assert read_lines(box.path) == []
    kept = ["saved"] if name.endswith("1") else ["saved", "after"]
    assert kept == [one["raw"] for one in read_lines(tmp_path / name)]


def test_a_file_that_is_gone_needs_no_cut(tmp_path: Path) -> None:
    box = letters(tmp_path)
    write(box, "a")
    cursor = box.cursor()
    box.path.unlink()

    assert letters(tmp_path).restore(cursor) == 0
    assert letters(tmp_path / "no folder").restore(cursor) == 0
    assert not list(tmp_path.iterdir())


def test_rotation_keeps_the_newest_name_and_drops_the_oldest_file(tmp_path: Path) -> None:
    box = letters(tmp_path)
    assert not box.rotate()
    for raw in "abcde":
        write(box, raw)
        assert box.rotate()
        assert not box.path.exists()
    write(box, "f")

    assert {"ndjson": ["f"], "1": ["e"], "2": ["d"], "3": ["c"]} == raws(tmp_path)


def test_a_file_up_to_the_limit_stays(tmp_path: Path) -> None:
    write(letters(tmp_path), "a")
    size = letters(tmp_path).path.stat().st_size

    assert not letters(tmp_path, limit=size).rotate()
    assert letters(tmp_path, limit=size - 1).rotate()


def test_files_of_others_beside_it_are_left_alone(tmp_path: Path) -> None:
    names = ["m.predictions.ndjson.2.gz", "m.predictions.ndjson-20260102", "m2.predictions.ndjson"]
    for name in names:
        (tmp_path / name).write_text("{}\n")
    box = letters(tmp_path)
    for raw in "abcde":
        write(box, raw)
        box.rotate()

    assert ["{}\n"] * 3 == [(tmp_path / name).read_text() for name in names]


@pytest.mark.parametrize("step", range(6))
@pytest.mark.parametrize("files", [1, 2, 3, 4])
def test_a_kill_at_any_step_of_a_rotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, step: int
) -> None:
    """With one to four files, killed before the rename (or the sync of the folder) number ``step``."""
    box = letters(tmp_path)
    for raw in "abcd"[: files - 1]:
        write(box, raw)
        box.rotate()
    write(box, "saved")
    cursor = box.cursor()
    left = [step]

    def count() -> None:
        if left[0] == 0:
            raise Killed
        left[0] -= 1

    rename, sync = Path.rename, os.fsync
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *names: (count(), rename(*names))[1])
        patch.setattr(os, "fsync", lambda descriptor: (count(), sync(descriptor))[1])
        steps = min(files, 3) + 1
        if step < steps:
            with pytest.raises(Killed):
                box.rotate()
        else:
            assert box.rotate()

    again = letters(tmp_path)
    assert again.restore(cursor) == 0
    write(again, "unsaved")
    again = letters(tmp_path)
    assert again.restore(cursor) > 0
    write(again, "next")
    found = raws(tmp_path)
    oldest_first = [raw for name in ("3", "2", "1", "ndjson") for raw in found.get(name, [])]
    before = [*"abcd"[: files - 1], "saved", "next"]
    # Only the oldest of four files may have gone.
    assert oldest_first in ([before] if files < 4 else [before, before[1:]])
    assert again.rotate()
    found = raws(tmp_path)
    oldest_first = [raw for name in ("3", "2", "1") for raw in found.get(name, [])]
    assert before[-len(oldest_first) :] == oldest_first
    assert len(oldest_first) >= min(3, len(before))


@pytest.mark.parametrize("step", range(2))
def test_a_kill_while_cutting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    box = letters(tmp_path)
    write(box, "saved")
    cursor = box.cursor()
    write(box, "after")
    box.path.rename(tmp_path / "m.predictions.ndjson.1")
    write(box, "later")
    left = [step]
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(Killed):
            letters(tmp_path).restore(cursor)
    letters(tmp_path).restore(cursor)

    assert {"ndjson": [], "1": ["saved"]} == raws(tmp_path)


@settings(max_examples=150)
@given(
    steps=st.lists(st.sampled_from(["read", "save", "failed save", "kill", "moved away"]), max_size=30),
    limit=st.sampled_from([1, 300, 600, 10_000]),
)
def test_every_letter_once_whatever_happens(steps: list[str], limit: int) -> None:
    """A reader whose position is saved with the cursor: each record is in the files exactly once."""
    with tempfile.TemporaryDirectory() as name:
        folder, away = Path(name, "letters"), Path(name, "away")
        folder.mkdir()
        away.mkdir()
        box = letters(folder, limit, keep=100)
        position, saved = 0, (0, box.cursor())
        for number, step in enumerate(steps):
            if step == "read":
                write(box, str(position), str(position + 1))
                position += 2
            elif step == "save":
                saved = position, box.cursor()
                box.rotate()
            elif step == "failed save":
                box.cursor()
            elif step == "kill":
                box = letters(folder, limit, keep=100)
                box.restore(saved[1])
                position = saved[0]
            elif saved[0] == position and box.path.exists():
                box.path.rename(away / str(number))
        box.restore(saved[1])
        numbers = [
            int(one["raw"]) for path in (*folder.iterdir(), *away.iterdir()) for one in read_lines(path)
        ]

        assert list(range(saved[0])) == sorted(numbers)


def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64 * 1024) as folder:
        box = letters(folder)
        write(box, "first")
        cursor, before = box.cursor(), box.path.read_bytes()
        with pytest.raises(OSError, match="No space left"):
            write(box, *["z" * 1000] * 100)
        assert before == box.path.read_bytes()
        assert cursor == box.cursor()
        write(box, "second")
        (folder / "big").write_bytes(b"x" * (os.statvfs(folder).f_bavail * os.statvfs(folder).f_bsize))
        with pytest.raises(OSError, match="No space left"):
            write(box, "z" * 8192)
        letters(folder).restore(cursor)
        assert box.rotate()
        (folder / "big").unlink()
        write(box, "third")

        assert {"ndjson": ["third"], "1": ["first"], "big": []} == raws(folder) | {"big": []}


@pytest.mark.parametrize("mode", [0o000, 0o400])
def test_permission_denied_and_given_back(mode: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        folder = Path(name, "letters")
        with as_nobody():
            box = letters(folder)
            write(box, "a")
            cursor = box.cursor()
            write(box, "b")
            end = box.cursor()
            box.path.chmod(mode)
            with pytest.raises(PermissionError):
                write(box, "c")
            assert end == box.cursor()
            with pytest.raises(PermissionError):
                letters(folder).restore(cursor)
            box.path.chmod(0o600)
            folder.chmod(0o500)
            with pytest.raises(PermissionError):
                box.rotate()
            write(box, "c")
            folder.chmod(0o700)
            letters(folder).restore(end)
            assert box.rotate()

        assert {"1": ["a", "b"]} == raws(folder)


def test_a_file_that_could_never_be_read_has_no_known_end(tmp_path: Path) -> None:
    """Saving a cursor that says "no file" would empty what is there once it can be read."""
    letters(tmp_path).path.mkdir()

    assert letters(tmp_path).cursor() is None
