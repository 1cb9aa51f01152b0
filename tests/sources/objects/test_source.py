"""What becomes of objects: in parts, again, damaged, gone."""

import gzip
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from drift_exporter.errors import StateError
from drift_exporter.sources.chunk import SMALLEST_CHUNK
from drift_exporter.sources.objects import fetch, source
from drift_exporter.sources.objects.marks import KEPT_SECONDS
from drift_exporter.sources.objects.source import ObjectSource
from drift_exporter.sources.source import SourceState
from support.objects import ObjectWatch, all_chunks, stored_marks
from support.tailing import line

Make = Callable[..., ObjectWatch]
DAY = 86_400.0


def lines(*numbers: int) -> bytes:
    return b"".join(map(line, numbers))


def parquet(folder: Path, rows: int) -> bytes:
    path = folder / "made.parquet"
    duckdb.sql(f"COPY (SELECT range AS number FROM range({rows})) TO '{path}' (FORMAT parquet)")
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the objects are."""
    path = tmp_path / "store"
    path.mkdir()
    return path


@pytest.fixture
def make(folder: Path) -> Iterator[Make]:
    """Makes watches of what is in the folder, and closes them."""
    made: list[ObjectWatch] = []

    def make(pattern: str = "*", kind: str = "ndjson", **options: Any) -> ObjectWatch:  # noqa: ANN401
        made.append(ObjectWatch(f"file://{folder}/{pattern}", kind, **options))
        return made[-1]

    yield make
    for watch in made:
        watch.close()


def stretches(source: ObjectSource, most: int | None = None) -> list[tuple[int, int]]:
    """Where chunks begin, and how far they reach; at most so many."""
    found = []
    with closing(all_chunks(source)) as chunks:
        for chunk in chunks:
            assert chunk.locate is not None
            assert (source.url, 7) == chunk.locate(7)
            # The header comes with the first chunk, and is not part of its text.
            begin = 0 if chunk.offset == len(chunk.header) else chunk.offset
            found.append((begin, begin + chunk.size))
            source.accept()
            if len(found) == most:
                break
    return found


HEADER = b"number,text\n"
ROWS = b"".join(b"%d,abcdefghij\n" % number for number in range(20_000))
TEXT = lines(*range(5000))


RECORDS = b"".join(b'{"number": %08d, "text": "abc"}' % number + b",\n" for number in range(10_000))[:-2]
CONTENTS = {
    "a.ndjson": (TEXT, len(TEXT)),
    "a.ndjson.gz": (gzip.compress(TEXT), len(TEXT)),
    "a.csv": (HEADER + ROWS, len(HEADER + ROWS)),
    "a.csv.gz": (gzip.compress(HEADER + ROWS), len(HEADER + ROWS)),
    "a.json": (b"[" + RECORDS, len(RECORDS) + 1),
    "a.json.gz": (gzip.compress(b"[" + RECORDS), len(RECORDS) + 1),
    "a.parquet": (b"", 100_000),
    "a.parquet.gz": (b"", 100_000),
}


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("chunks", [1, 2])
def test_reading_goes_on_after_a_kill_where_it_was_saved(
    folder: Path, make: Make, name: str, chunks: int
) -> None:
    content, length = CONTENTS[name]
    content = content or parquet(folder, length)
    (folder / name).write_bytes(gzip.compress(content) if name == "a.parquet.gz" else content)
    kind = name.split(".")[1]
    watch = make(name, kind, chunk_size=SMALLEST_CHUNK if kind == "parquet" else 1000)
    before = stretches(watch.source, chunks)
    watch.restart(save=True)
    after = stretches(watch.source)
    assert chunks == len(before)
    assert len(after) > 2
    ends = [0] + [end for _, end in before + after]
    assert [begin for begin, _ in before + after] == ends[:-1]
    assert length == ends[-1]
    watch.restart(save=True)
    assert [] == watch.look()


@pytest.mark.parametrize("end", [b"]", b"\n]\n"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_array_that_is_written_anew_with_more_in_it_is_read_on(
    folder: Path, make: Make, end: bytes, pack: Callable[[bytes], bytes]
) -> None:
    def write(*numbers: int) -> None:
        (folder / "a").write_bytes(pack(b"[" + b",\n".join(line(number)[:-1] for number in numbers) + end))

    write(1, 2)
    watch = make("a", "json")
    assert [1, 2] == watch.look()
    watch.restart(save=True)
    write(1, 2, 3, 4)
    assert [3, 4] == watch.look()
    write(5, 6)
    assert [5, 6] == watch.look()
    assert [] == watch.look()
    assert None is watch.source.problem


def test_records_side_by_side_are_led_back_to_their_place(folder: Path, make: Make) -> None:
    # A newline is put in between them, so that places in the text are others.
    (folder / "a").write_bytes(b'{"number": 1}{"number": 2}[{"number": 3}]')
    (chunk,) = all_chunks(make("a", "json").source)
    assert chunk.locate is not None
    places = [chunk.locate(place) for place in (0, 14, 28)]
    assert [(f"file://{folder}/a", place) for place in (0, 13, 27)] == places


def test_what_was_not_accepted_comes_again(folder: Path, make: Make) -> None:
    (folder / "a").write_bytes(lines(*range(10)))
    watch = make()
    first: list[int] = []
    with closing(all_chunks(watch.source)) as chunks:
        for chunk in chunks:
            first.append(chunk.offset)
            if len(first) == 2:
                break
    with closing(all_chunks(watch.source)) as chunks:
        assert first[1] == next(chunks).offset


def test_a_chunk_that_is_too_large_comes_in_halves(folder: Path, make: Make) -> None:
    content = b"".join(line(number % 10**8) for number in range(4000))
    (folder / "a").write_bytes(content)
    watch = make(chunk_size=4 * SMALLEST_CHUNK)
    sizes = []
    for chunk in all_chunks(watch.source):
        sizes.append(chunk.size)
        if chunk.size > SMALLEST_CHUNK:
            assert chunk.divisible
            watch.source.read_smaller()
    assert [4, 2] == [round(size / SMALLEST_CHUNK) for size in sizes[:2]]
    assert len(content) == sum(sizes[2:])
    assert max(sizes[2:]) <= SMALLEST_CHUNK


def test_an_object_that_cannot_be_used_is_left_alone_until_it_changes(folder: Path, make: Make) -> None:
    (folder / "a").write_bytes(lines(1))
    (folder / "b").write_bytes(lines(2))
    os.utime(folder / "b", (2e9, 2e9))
    watch = make()
    seen = []
    for chunk in all_chunks(watch.source):
        seen.append(chunk.content)
        if chunk.content == line(1):
            watch.source.set_aside(f"{chunk.path}: no such thing in {chunk.path}")
    url = f"file://{folder}/a"
    assert [line(1), line(2)] == seen
    assert f"{url}: no such thing in {url}" == watch.source.problem
    assert [] == watch.look()
    assert watch.source.problem is not None
    (folder / "a").write_bytes(lines(3))
    assert [3] == watch.look()
    assert None is watch.source.problem


def test_what_can_be_had_of_a_damaged_archive_counts_once(folder: Path, make: Make) -> None:
    whole = gzip.compress(lines(*range(1000)), 0)
    (folder / "a.gz").write_bytes(whole[: len(whole) // 2])
    watch = make()
    found = watch.look()
    assert list(range(len(found))) == found
    assert 0 < len(found) < 1000
    assert "compressed data is damaged or ends too early" in watch.source.problem
    watch.restart(save=True)
    assert [] == watch.look()
    assert f"file://{folder}/a.gz: compressed data is damaged" in watch.source.problem
    (folder / "a.gz").write_bytes(whole)
    # The half line was rejected as one, and stays so.
    assert list(range(len(found) + 1, 1000)) == [number for number in watch.look() if number > len(found)]
    assert None is watch.source.problem
    (folder / "a.gz").write_bytes(whole[:100])
    watch.look()
    (folder / "a.gz").unlink()
    watch.settle()
    assert 0 == watch.source.lost_bytes


def test_compression_is_told_by_the_content(folder: Path, make: Make) -> None:
    (folder / "plain.gz").write_bytes(lines(1))
    (folder / "packed").write_bytes(gzip.compress(lines(2)))
    watch = make()
    assert [1, 2] == sorted(watch.look())
    assert None is watch.source.problem


def test_no_line_end_at_the_end(folder: Path, make: Make) -> None:
    (folder / "a").write_bytes(lines(1, 2)[:-1])
    watch = make()
    assert [1, 2] == watch.look()
    (folder / "a").write_bytes(lines(1, 2, 3)[:-1])
    assert [3] == watch.look()


def test_an_object_is_read_when_it_was_not_modified_for_a_while(folder: Path, make: Make) -> None:
    now = time.time()
    for name, age in (("a", 5.0), ("b", 20.0)):
        (folder / name).write_bytes(lines(int(age)))
        os.utime(folder / name, (now - age, now - age))
    ahead = [0.0]
    watch = make(settle=10.0, wall=lambda: now + ahead[0])
    assert [20] == watch.look()
    ahead[0] = 5.0
    assert [5] == watch.look()


def test_objects_from_before_the_start_are_left_alone(folder: Path, make: Make) -> None:
    now = time.time()
    for name, age in (("a", 2 * DAY), ("b", DAY / 2)):
        (folder / name).write_bytes(lines(int(age)))
        os.utime(folder / name, (now - age, now - age))
    watch = make(start=now - DAY)
    assert [int(DAY / 2)] == watch.look()
    assert 0 == watch.source.lag().bytes
    (folder / "a").unlink()
    watch.settle()
    assert 0 == watch.source.lost_bytes


def test_the_order_is_that_of_writing(folder: Path, make: Make) -> None:
    for number, name in enumerate("cab"):
        (folder / name).write_bytes(lines(number))
        os.utime(folder / name, (1e9 + number, 1e9 + number))
    (folder / "0").write_bytes(lines(3))
    os.utime(folder / "0", (1e9 + 2, 1e9 + 2))
    assert [0, 1, 3, 2] == make().look()


def test_what_was_listed_and_is_gone_before_it_was_read_is_lost(
    folder: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "AHEAD_COPIES", 1)
    for number, name in enumerate("ab"):
        (folder / name).write_bytes(lines(number))
        os.utime(folder / name, (number, number))
    watch = make()
    watch.first()
    # The other one waits.
    (folder / "b").unlink()
    watch.until(lambda: watch.source.problem)
    assert f"file://{folder}/b: gone before it was read" in watch.source.problem
    assert 0 == watch.source.lost_bytes
    watch.settle()
    assert len(line(0)) == watch.source.lost_bytes
    assert [0] == watch.counted
    assert None is watch.source.problem


def test_the_rest_of_an_object_that_is_gone_is_lost_once(folder: Path, make: Make) -> None:
    (folder / "a").write_bytes(lines(*range(10)))
    watch = make()
    watch.first()
    read = len(watch.counted) * len(line(0))
    watch.restart(save=True)
    (folder / "a").unlink()
    watch.look()
    assert 0 == watch.source.lost_bytes
    watch.settle()
    assert 10 * len(line(0)) - read == watch.source.lost_bytes
    watch.restart(save=True)
    watch.settle()
    assert 10 * len(line(0)) - read == watch.source.lost_bytes
    (folder / "a").write_bytes(lines(*range(10)))
    watch.settle()
    assert list(range(10)) == sorted(watch.counted)


def test_the_rest_of_an_object_that_is_written_anew_is_lost(folder: Path, make: Make) -> None:
    (folder / "a").write_bytes(lines(*range(10)))
    watch = make()
    watch.first()
    read = len(watch.counted) * len(line(0))
    watch.restart(save=True)
    (folder / "a").write_bytes(lines(20, 21))
    assert [20, 21] == watch.look()
    assert 10 * len(line(0)) - read == watch.source.lost_bytes


def test_a_gone_object_is_known_for_a_while(folder: Path, make: Make) -> None:
    now = [time.time()]
    content = lines(1)
    (folder / "a").write_bytes(content)
    (folder / "b").write_bytes(lines(2))
    status = (folder / "a").stat()
    watch = make(wall=lambda: now[0])
    watch.look()
    (folder / "a").unlink()
    watch.look()
    now[0] += KEPT_SECONDS - 1
    watch.look()
    (folder / "a").write_bytes(content)
    os.utime(folder / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert [] == watch.look()
    (folder / "a").unlink()
    now[0] += KEPT_SECONDS - 1
    watch.look()
    # It is gone since then, not since it was gone for the first time.
    assert 2 == len(stored_marks(watch))
    now[0] += KEPT_SECONDS + 1
    watch.look()
    watch.save()
    assert [f"file://{folder}/b"] == list(watch.stored)


def test_copies_are_deleted_and_bounded(
    folder: Path, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / "object-left-by-a-kill").write_bytes(b"x")
    size = len(lines(0))
    for number in range(20):
        (folder / f"{number:02}").write_bytes(lines(number))
        os.utime(folder / f"{number:02}", (1e9, 1e9))
    monkeypatch.setattr(fetch, "AHEAD_BYTES", 3 * size)
    watch = make(folder=copies)
    seen, most = [], 0
    for chunk in all_chunks(watch.source):
        seen.append(chunk.content)
        most = max(most, len(list(copies.iterdir())))
    assert [lines(number) for number in range(20)] == seen
    assert 3 == most
    assert [] == list(copies.iterdir())


def test_others_have_their_turn(folder: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a").write_bytes(lines(*range(10)))
    watch = make()
    monkeypatch.setattr(source, "_TURN", -1.0)
    watch.until(lambda: watch.source.more)
    assert [] == watch.counted
    monkeypatch.setattr(source, "_TURN", 1.0)
    watch.look()
    assert list(range(10)) == watch.counted


def test_it_stops_when_it_is_told_to(folder: Path, make: Make) -> None:
    (folder / "a").write_bytes(lines(*range(10)))
    watch = make()
    assert [] == list(watch.source.poll(lambda: True))


def test_each_object_belongs_to_one_shard(folder: Path, make: Make) -> None:
    for number in range(30):
        (folder / f"app-{number}.ndjson").write_bytes(lines(number))
    shards = [make(shard=(index, 3)).look() for index in range(3)]
    assert list(range(30)) == sorted(number for shard in shards for number in shard)
    assert all(shards)


def test_a_folder_that_is_not_there(folder: Path, make: Make) -> None:
    watch = make("deeper/**/*.ndjson")
    watch.until(lambda: watch.source.problem)
    assert f"file://{folder}/deeper/**/*.ndjson" in watch.source.problem


def test_nothing_matches(folder: Path, make: Make) -> None:
    watch = make("*.ndjson")
    watch.look()
    assert f"no object matches file://{folder}/*.ndjson" == watch.source.problem
    (folder / "a.ndjson").write_bytes(lines(1))
    assert [1] == watch.look()
    assert None is watch.source.problem
    (folder / "a.ndjson").unlink()
    watch.settle()
    # As where objects are deleted by whoever has read them.
    assert None is watch.source.problem


def test_a_source_that_is_configured_anew_goes_on(folder: Path, make: Make) -> None:
    for name in ("a.ndjson", "b.ndjson"):
        (folder / name).write_bytes(lines(*(ord(name[0]) * 100 + number for number in range(10))))
        os.utime(folder / name, (ord(name[0]), ord(name[0])))
    old = make("*.ndjson")
    old.first()
    old.save()
    marks = stored_marks(old)
    new = make("b*.ndjson")
    with new.source.guard:
        new.source.adopt(old.source)
    old.close()
    assert list(marks) == list(stored_marks(new))
    assert [9800 + number for number in range(10)] == new.settle()
    # The other object is still there, though it is not meant any more.
    assert 0 == new.source.lost_bytes
    again = make("*.ndjson")
    with again.source.guard:
        again.source.adopt(new.source)
    rest = again.look()
    assert [9700 + number for number in range(10)] == sorted(old.counted + rest)
    other = make("*.ndjson", "csv")
    with other.source.guard:
        other.source.adopt(again.source)
    assert {} == stored_marks(other)


def test_once_reads_what_there_is_and_ends(folder: Path, make: Make) -> None:
    for number in range(30):
        (folder / f"{number:02}").write_bytes(lines(number))
    (folder / "30.gz").write_bytes(gzip.compress(lines(30))[:-9])
    watch = make(final=True, settle=3600.0)
    assert list(range(31)) == sorted(watch.poll())
    assert "compressed data is damaged" in watch.source.problem


def test_once_ends_where_nothing_can_be_copied(folder: Path, make: Make, tmp_path: Path) -> None:
    for number in range(30):
        (folder / f"{number:02}").write_bytes(lines(number))
    (tmp_path / "file").write_bytes(b"")
    watch = make(final=True, folder=tmp_path / "file" / "folder")
    assert [] == watch.poll()
    assert "Not a directory" in watch.source.problem


def test_a_copy_that_cannot_be_made_is_made_later(folder: Path, make: Make, tmp_path: Path) -> None:
    (folder / "a").write_bytes(lines(1))
    (tmp_path / "file").write_bytes(b"")
    watch = make(folder=tmp_path / "file" / "copies")
    watch.until(lambda: watch.source.problem)
    assert "Not a directory" in watch.source.problem
    assert len(lines(1)) == watch.source.lag().bytes
    (tmp_path / "file").unlink()
    assert [1] == watch.settle()
    assert None is watch.source.problem


def test_a_state_that_cannot_be_understood_is_refused(make: Make) -> None:
    watch = make()
    with pytest.raises(StateError, match="cannot be used"):
        watch.source.restore(SourceState(marks={"file:///x": b"?"}))


def test_parquet_that_is_none_is_named_and_others_go_on(folder: Path, make: Make) -> None:
    (folder / "a.parquet").write_bytes(b"PAR1 that is none PAR1")
    (folder / "b.parquet").write_bytes(parquet(folder, 10))
    watch = make("*.parquet", "parquet")
    assert 10 == sum(chunk.rows for chunk in all_chunks(watch.source))
    assert f"file://{folder}/a.parquet" in watch.source.problem
