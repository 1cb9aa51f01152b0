import gzip
import os
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from drift_exporter.sources.file import FileSource
from drift_exporter.sources.source import SourceState


class Tail:
    """A source of one-number lines, and what was read from it so far."""

    def __init__(self, folder: Path, pattern: str = "*.log", *, final: bool = False) -> None:
        self.now = 0.0
        self.source = FileSource(
            str(folder / pattern),
            "ndjson",
            1000,
            chunk_size=64,
            final=final,
            first_time=lambda _header, lines: int(lines.split(b"\n")[0] or 0),
            clock=lambda: self.now,
        )

    def poll(self) -> list[int]:
        """Numbers that are new."""
        found: list[int] = []
        for chunk in self.source.poll():
            numbers = [int(line) for line in chunk.content.split(b"\n") if line.strip()]
            found += numbers
            if numbers:
                self.source.note_time(numbers[-1])
        return found


def append(path: Path, *numbers: int, end: str = "\n") -> None:
    with path.open("a") as log:
        log.write("\n".join(map(str, numbers)) + end)


def open_files(below: Path) -> list[str]:
    """Of this process; what other tests left open to be collected is not counted."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(descriptor.readlink()))
    return [path for path in found if path.startswith(f"{below}/")]


@pytest.fixture
def tail(tmp_path: Path):  # noqa: ANN201
    made = Tail(tmp_path)
    yield made
    made.source.close()


def test_a_growing_file(tmp_path: Path, tail: Tail) -> None:
    log = tmp_path / "a.log"
    append(log, 1, 2)
    assert tail.poll() == [1, 2]
    assert tail.poll() == []
    append(log, 3, 4, end="")
    assert tail.poll() == [3]
    assert tail.source.lag().bytes == 1
    assert tail.poll() == []
    append(log, 5)
    assert tail.poll() == [45]
    assert tail.source.lag().bytes == 0


def test_an_unterminated_last_line_counts_where_nothing_follows(tmp_path: Path) -> None:
    append(tmp_path / "a.log", 1, 2, end="")
    tail = Tail(tmp_path, final=True)

    assert tail.poll() == [1, 2]
    assert tail.poll() == []
    tail.source.close()


def test_files_that_appear_later(tmp_path: Path, tail: Tail) -> None:
    assert tail.poll() == []
    assert tail.source.problem == f"no file matches {tmp_path / '*.log'}"
    append(tmp_path / "b.log", 5)
    assert tail.poll() == [5]
    assert tail.source.problem is None
    append(tmp_path / "a.log", 6)
    append(tmp_path / "b.log", 7)
    assert sorted(tail.poll()) == [6, 7]


def test_files_are_read_in_the_order_of_their_records(tmp_path: Path, tail: Tail) -> None:
    append(tmp_path / "a.log", *range(200, 300))
    append(tmp_path / "b.log", *range(100))
    append(tmp_path / "c.log", *range(100, 200))

    assert tail.poll() == list(range(300))


def test_looking_for_the_oldest_of_many_files_can_be_stopped(tmp_path: Path, tail: Tail) -> None:
    for number in range(10):
        append(tmp_path / f"{number}.log", number)
    answers = iter([False, False, True])

    assert [] == list(tail.source.poll(lambda: next(answers)))
    assert 2 == sum(file.time is not None for file in tail.source.files.values())
    assert tail.poll() == list(range(10))


def test_files_side_by_side_stay_together(tmp_path: Path, tail: Tail) -> None:
    append(tmp_path / "even.log", *range(0, 1000, 2))
    append(tmp_path / "odd.log", *range(1, 1000, 2))
    newest, behind = 0, 0

    for number in tail.poll():
        newest = max(newest, number)
        behind = max(behind, newest - number)

    # A chunk has 64 bytes.
    assert behind < 100


def test_rename_and_create(tmp_path: Path, tail: Tail) -> None:
    log = tmp_path / "a.log"
    append(log, 1, 2)
    assert tail.poll() == [1, 2]
    append(log, 3)
    log.rename(tmp_path / "a.log.1")
    append(log, 4)
    assert tail.poll() == [3, 4]


def test_the_writer_goes_on_for_a_while_in_the_renamed_file(tmp_path: Path, tail: Tail) -> None:
    log, rotated = tmp_path / "a.log", tmp_path / "a.log.1"
    append(log, 1)
    assert tail.poll() == [1]
    log.rename(rotated)
    append(log, 10)
    assert tail.poll() == [10]
    append(rotated, 2, 3, end="")
    assert tail.poll() == [2]
    tail.now = 59
    assert tail.poll() == []
    append(rotated, 4)
    tail.now = 61
    # The half line was not taken for a whole one, and growing counts anew.
    assert tail.poll() == [34]
    append(rotated, 5, end="")
    tail.now = 120
    assert tail.poll() == []
    tail.now = 200
    assert tail.poll() == [5]
    before = open_files(tmp_path)
    assert tail.poll() == []
    assert len(tail.source.files) == 1
    assert len(open_files(tmp_path)) <= len(before)


def test_rotation_within_the_pattern(tmp_path: Path) -> None:
    tail = Tail(tmp_path, "a.log*")
    append(tmp_path / "a.log", 1, 2)
    assert tail.poll() == [1, 2]
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    append(tmp_path / "a.log.1", 3)
    append(tmp_path / "a.log", 4)
    assert tail.poll() == [3, 4]
    tail.now = 1000
    assert tail.poll() == []
    tail.source.close()


@pytest.mark.parametrize(
    "after", [[4], [4, 5], [4, 5, 6, 7, 8]], ids=["shorter", "of the same length", "longer"]
)
def test_copytruncate(tmp_path: Path, tail: Tail, after: list[int]) -> None:
    log = tmp_path / "a.log"
    append(log, 1, 2)
    os.utime(log, (1, 1))
    assert tail.poll() == [1, 2]
    os.truncate(log, 0)
    append(log, *after)
    assert tail.poll() == after
    assert tail.source.lost_bytes == 0
    assert tail.poll() == []


def test_what_a_truncation_takes_away_is_counted(tmp_path: Path, tail: Tail) -> None:
    log = tmp_path / "a.log"
    append(log, 1, 234, end="")
    assert tail.poll() == [1]
    os.truncate(log, 0)
    assert tail.poll() == []
    # A copy of what was cut off may turn up until the next look.
    assert tail.source.lost_bytes == 0
    assert tail.poll() == []
    assert tail.source.lost_bytes == 3
    append(log, 5)
    assert tail.poll() == [5]


def test_deletion_and_recreation(tmp_path: Path, tail: Tail) -> None:
    log = tmp_path / "a.log"
    append(log, 1)
    assert tail.poll() == [1]
    append(log, 2)
    log.unlink()
    assert tail.poll() == [2]
    append(log, 3, 4)
    assert tail.poll() == [3, 4]
    tail.now = 100
    assert tail.poll() == []
    assert len(tail.source.files) == 1


@pytest.mark.parametrize("pack", ["log.gz", "log"])
def test_a_file_that_is_not_open_and_is_replaced_is_another(tmp_path: Path, pack: str) -> None:
    tail = Tail(tmp_path, f"*.{pack}")
    path = tmp_path / f"a.{pack}"
    make = gzip.compress if pack == "log.gz" else bytes
    path.write_bytes(make(b"1\n2\n"))
    assert tail.poll() == [1, 2]
    for file in tail.source.files.values():
        file.close()
    for numbers in ([3, 4, 5], [6, 7, 8], [9]):
        new = tmp_path / "new"
        new.write_bytes(make("".join(f"{number}\n" for number in numbers).encode()))
        new.replace(path)
        assert tail.poll() == numbers
        for file in tail.source.files.values():
            file.close()
    path.unlink()
    path.write_bytes(make(b"10\n11\n12\n13\n"))
    assert tail.poll() == [10, 11, 12, 13]
    tail.source.close()


def test_a_symbolic_link_to_the_newest_log(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    append(logs / "1", 1)
    link = tmp_path / "current.log"
    link.symlink_to(logs / "1")
    tail = Tail(tmp_path)
    assert tail.poll() == [1]
    append(logs / "1", 2)
    link.unlink()
    link.symlink_to(logs / "2")
    assert tail.poll() == [2]
    append(logs / "2", 3)
    assert tail.poll() == [3]
    tail.source.close()


def test_a_link_and_its_target_are_one_file(tmp_path: Path, tail: Tail) -> None:
    append(tmp_path / "a.log", 1)
    (tmp_path / "b.log").symlink_to(tmp_path / "a.log")
    os.link(tmp_path / "a.log", tmp_path / "c.log")

    assert tail.poll() == [1]


def test_what_is_no_file_is_left_alone(tmp_path: Path, tail: Tail) -> None:
    append(tmp_path / "a.log", 1)
    (tmp_path / "folder.log").mkdir()
    (tmp_path / "dangling.log").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "fifo.log")

    assert tail.poll() == [1]
    assert tail.source.problem is not None
    assert "fifo.log: not a regular file" in tail.source.problem or "dangling.log" in tail.source.problem


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_does_not_stop_the_others(tmp_path: Path, tail: Tail) -> None:
    append(tmp_path / "a.log", 1)
    append(tmp_path / "b.log", 2)
    (tmp_path / "a.log").chmod(0)
    assert tail.poll() == [2]
    assert tail.source.problem == f"{tmp_path / 'a.log'}: Permission denied"
    (tmp_path / "a.log").chmod(0o600)
    assert tail.poll() == [1]
    assert tail.source.problem is None


def test_a_damaged_file_does_not_stop_the_others(tmp_path: Path) -> None:
    tail = Tail(tmp_path, "*")
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(b"1\n2\n")[:-4])
    (tmp_path / "b.log.zst").write_bytes(b"no archive")
    append(tmp_path / "c.log", 3)

    assert tail.poll() == [1, 2, 3]
    assert tail.source.problem is not None
    # It stays a problem, but is not read again and again.
    assert tail.poll() == []
    assert tail.source.problem is not None
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(b"1\n2\n") + gzip.compress(b"3\n"))
    (tmp_path / "b.log.zst").unlink()
    assert tail.poll() == [3]
    assert tail.source.problem is None
    tail.source.close()


def test_what_is_damaged_is_told_again_by_the_next_process(tmp_path: Path) -> None:
    packed = gzip.compress(b"1\n2\n")
    (tmp_path / "a.log.gz").write_bytes(packed[:-4])
    tail = Tail(tmp_path, "*")
    assert tail.poll() == [1, 2]
    changes = tail.source.changes()
    again = Tail(tmp_path, "*")
    again.source.restore(SourceState(changes.positions))

    assert again.poll() == []
    assert again.source.problem is not None
    (tmp_path / "a.log.gz").write_bytes(packed + gzip.compress(b"3\n"))
    assert again.poll() == [3]
    assert again.source.problem is None
    for each in (tail, again):
        each.source.close()


def test_a_file_that_vanishes_while_others_are_read(tmp_path: Path, tail: Tail) -> None:
    append(tmp_path / "a.log", *range(100))
    append(tmp_path / "b.log", *range(100, 200))
    found = []
    for chunk in tail.source.poll():
        (tmp_path / "b.log").unlink(missing_ok=True)
        found += [int(line) for line in chunk.content.split()]

    assert found == list(range(200))


def test_a_chunk_given_back_is_read_again(tmp_path: Path, tail: Tail) -> None:
    append(tmp_path / "a.log", *range(10, 60))
    polling = tail.source.poll()
    first = next(polling).content
    polling.close()

    assert tail.poll() == list(range(10, 60))
    assert first.startswith(b"10\n")


def test_a_file_set_aside_comes_back_when_it_changes(tmp_path: Path, tail: Tail) -> None:
    append(tmp_path / "a.log", 1)
    append(tmp_path / "b.log", 2)
    found = []
    for chunk in tail.source.poll():
        if chunk.path.endswith("a.log"):
            tail.source.set_aside("cannot be used")
        else:
            found += chunk.content.split()
    assert found == [b"2"]
    assert tail.source.problem == f"{tmp_path / 'a.log'}: cannot be used"
    assert tail.poll() == []
    assert tail.source.problem == f"{tmp_path / 'a.log'}: cannot be used"
    append(tmp_path / "a.log", 3)
    assert tail.poll() == [1, 3]
    assert tail.source.problem is None


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    tail = Tail(tmp_path, "*")
    for number in range(250):
        append(tmp_path / f"{number}.log", number)
        (tmp_path / f"{number}.log.gz").write_bytes(gzip.compress(b"%d\n" % number))
    found = tail.poll()
    assert len(open_files(tmp_path)) == 200
    # What may be a packed copy of a new file waits until that was read.
    assert sorted(found + tail.poll()) == sorted([*range(250), *range(250)])
    append(tmp_path / "7.log", 1000)
    assert tail.poll() == [1000]
    for path in tmp_path.iterdir():
        path.unlink()
    assert tail.poll() == []
    tail.now = 1000
    assert tail.poll() == []
    assert tail.source.files == {}
    tail.source.close()

    assert [] == open_files(tmp_path)


def test_another_source_goes_on_where_this_one_stopped(tmp_path: Path) -> None:
    append(tmp_path / "a.log", 1)
    append(tmp_path / "b.txt", 2)
    append(tmp_path / "c.log", 3)
    old = Tail(tmp_path, "*")
    assert old.poll() == [1, 2, 3]
    append(tmp_path / "a.log", 4)
    append(tmp_path / "b.txt", 5)

    new = Tail(tmp_path, "*.log")
    new.source.adopt(old.source)
    old.source.close()

    assert new.poll() == [4]
    assert len(new.source.files) == 2
    new.source.close()


def parquet(path: Path, numbers: list[int]) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT unnest({numbers}) AS x) TO '{path}' (FORMAT parquet)")


def test_parquet_files(tmp_path: Path) -> None:
    source = FileSource(str(tmp_path / "*.parquet"), "parquet", 1000)

    def poll() -> list[tuple[int, int]]:
        return [(chunk.offset, chunk.rows) for chunk in source.poll()]

    parquet(tmp_path / "a.parquet", [1, 2, 3])
    (tmp_path / "b.parquet").write_bytes(b"PAR1 half of a file")
    assert poll() == [(0, 3)]
    assert source.problem is not None
    assert source.problem.startswith(f"{tmp_path / 'b.parquet'}: ")
    parquet(tmp_path / "b.parquet", [4])
    assert poll() == [(0, 1)]
    assert source.problem is None
    os.utime(tmp_path / "a.parquet")
    assert poll() == []
    # Written anew under its name, with as many rows: another file.
    parquet(tmp_path / "a.parquet", [7, 8, 9])
    assert poll() == [(0, 3)]
    assert source.lag().bytes == 0
    source.close()
