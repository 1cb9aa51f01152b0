"""Parquet files that are compressed as a whole, as by a job that packs old logs."""

import gzip
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest
import zstandard

from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.file import FileSource
from drift_exporter.sources.source import SourceState

ROWS = 30_000
PACKS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


class Watch:
    """Reads all Parquet files in a folder; what is read are the numbers in them."""

    def __init__(self, folder: Path, state: SourceState | None = None) -> None:
        self.now = 0.0
        self.source = FileSource(
            str(folder / "*.parquet*"), "parquet", 1000, chunk_size=1 << 20, clock=lambda: self.now
        )
        if state is not None:
            self.source.restore(state)

    def poll(self, chunks: int | None = None) -> list[int]:
        """New numbers; of so many chunks at the most, the last of which is given back."""
        found: list[int] = []
        polling = self.source.poll()
        for taken, chunk in enumerate(polling, start=1):
            if taken == chunks:
                break
            found += numbers(chunk)
        polling.close()
        return found

    def settle(self) -> list[int]:
        """Everything that turns up until nothing does, long after."""
        found: list[int] = []
        for _ in range(6):
            found += self.poll()
            self.now += 40
        return found

    def restarted(self, folder: Path) -> "Watch":
        """Another one that goes on from here."""
        self.source.close()
        return Watch(folder, SourceState(self.source.changes(everything=True).positions))


def numbers(chunk: Chunk) -> list[int]:
    found = duckdb.sql(
        f"SELECT number FROM read_parquet('{chunk.path}', file_row_number = true) "
        f"WHERE file_row_number >= {chunk.offset} AND file_row_number < {chunk.offset + chunk.rows}"
    )
    return [number for (number,) in found.fetchall()]


def content(folder: Path, first: int, rows: int = ROWS) -> bytes:
    path = folder / "made"
    duckdb.sql(f"COPY (SELECT range + {first} AS number FROM range({rows})) TO '{path}' (FORMAT parquet)")
    made = path.read_bytes()
    path.unlink()
    return made


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder."""
    path = tmp_path / "room"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


def held(room: Path) -> int:
    """How many files without a name are held open there."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found += str(descriptor.readlink()).startswith(f"{room}/")
    return found


@pytest.mark.parametrize("pack", PACKS)
def test_it_is_read_once_in_stretches_and_leaves_nothing_behind(
    tmp_path: Path, room: Path, pack: str
) -> None:
    path = tmp_path / f"a.parquet{pack}"
    path.write_bytes(PACKS[pack](content(tmp_path, 0)))
    watch = Watch(tmp_path)
    places = []
    found: list[int] = []
    for chunk in watch.source.poll():
        assert chunk.locate is not None
        places.append(chunk.locate(chunk.offset))
        assert 1 == held(room)
        found += numbers(chunk)
    assert list(range(ROWS)) == found
    assert len(places) > 5
    assert [(str(path), number * places[1][1]) for number in range(len(places))] == places
    assert None is watch.source.problem
    assert 0 == watch.source.lag().bytes
    assert [] == watch.settle()
    assert [] == watch.restarted(tmp_path).settle()
    assert (0, []) == (held(room), list(room.iterdir()))


def test_it_goes_on_after_a_restart_in_the_middle(tmp_path: Path, room: Path) -> None:
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress(content(tmp_path, 0)))
    watch = Watch(tmp_path)
    before = watch.poll(3)
    assert 0 < len(before) < ROWS
    again = watch.restarted(tmp_path)
    assert list(range(len(before), ROWS)) == again.settle()
    assert 0 == held(room)


def test_another_file_of_the_same_name_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet.gz"
    path.write_bytes(gzip.compress(content(tmp_path, 0)))
    watch = Watch(tmp_path)
    watch.poll(2)
    path.write_bytes(gzip.compress(content(tmp_path, ROWS, 10)))
    assert list(range(ROWS, ROWS + 10)) == watch.settle()


@pytest.mark.parametrize("pack", PACKS)
def test_what_is_packed_after_it_was_read_does_not_count_twice(tmp_path: Path, pack: str) -> None:
    plain = tmp_path / "a.parquet"
    plain.write_bytes(content(tmp_path, 0))
    watch = Watch(tmp_path)
    assert ROWS == len(watch.poll())
    packed = PACKS[pack](plain.read_bytes())
    path = tmp_path / f"a.parquet{pack}"
    for made in (packed[: len(packed) // 2], packed):
        path.write_bytes(made)
        assert [] == watch.poll()
    plain.unlink()
    assert [] == watch.settle()
    path.unlink()
    path.write_bytes(PACKS[pack](content(tmp_path, 7, 1)))
    assert [7] == watch.settle()


@pytest.mark.parametrize("damaged", ["cut", "no parquet", "empty"])
def test_a_damaged_one_is_told_and_read_when_it_is_whole(tmp_path: Path, room: Path, damaged: str) -> None:
    path = tmp_path / "a.parquet.gz"
    whole = gzip.compress(content(tmp_path, 0, 3))
    path.write_bytes(
        {"cut": whole[:-20], "no parquet": gzip.compress(b"PAR1"), "empty": gzip.compress(b"")}[damaged]
    )
    (tmp_path / "b.parquet.gz").write_bytes(gzip.compress(content(tmp_path, 5, 1)))
    watch = Watch(tmp_path)
    assert [5] == watch.poll()
    assert watch.source.problem is not None
    assert watch.source.problem.startswith(f"{path}: nothing of what is compressed here can be read (")
    assert "/proc/" not in watch.source.problem
    assert 0 == held(room)
    assert [] == watch.poll()
    assert watch.source.problem.startswith(f"{path}: ")
    path.write_bytes(whole)
    assert [0, 1, 2] == watch.poll()
    assert None is watch.source.problem


def test_what_cannot_be_used_is_named_as_it_is_called(tmp_path: Path, room: Path) -> None:
    path = tmp_path / "a.parquet.gz"
    path.write_bytes(gzip.compress(content(tmp_path, 0, 3)))
    watch = Watch(tmp_path)
    for chunk in watch.source.poll():
        watch.source.set_aside(f"no column ts in {chunk.path}")
    assert f"{path}: no column ts in {path}" == watch.source.problem
    watch.source.close()
    assert 0 == held(room)
