"""Files of JSON that are cut anywhere, grow, are packed, rotated, and read on after a restart."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.sources import jsonrecords
from drift_exporter.sources.chunk import Chunk, Rejection
from drift_exporter.sources.file import FileSource
from drift_exporter.sources.jsonfile import JsonFile, open_text
from drift_exporter.sources.jsonrecords import as_lines
from drift_exporter.sources.jsonscan import BETWEEN
from drift_exporter.sources.source import SourceState

PACK = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}
PIECES = st.sampled_from(
    [
        b'{"a": 1}', b'{"a": {"b": [1, {"c": 2}]}}', b'{\n  "a": "x"\n}', b"[", b"]", b",", b"\n", b" ", b"{",
        b"}", b'"', b"\\", b'{"t": "cut', b"\n{", b"x" * 30, b'{"l": "' + b"y" * 50 + b'"}', b"\xff", b"1",
    ]
)  # fmt: skip
CONTENT = st.lists(PIECES, max_size=30).map(b"".join)
LIMIT = 40


def json_file(path: Path, limit: int = LIMIT) -> JsonFile:
    status = path.stat()
    file = open_text(str(path), (status.st_dev, status.st_ino), "json", limit)
    assert isinstance(file, JsonFile)
    return file


def taken_apart(chunks: list[Chunk]) -> tuple[list[tuple[int, bytes]], list[Rejection]]:
    """Records with their offsets in the file, and what was rejected."""
    found, rejected = [], []
    for chunk in chunks:
        offset = chunk.offset
        for line in chunk.data.split(b"\n"):
            if line.strip():
                place = offset + len(line) - len(line.lstrip())
                found.append((place if chunk.locate is None else chunk.locate(place)[1], line.strip()))
            offset += len(line) + 1
        rejected += chunk.located(chunk.rejections)
    return found, rejected


def whole(data: bytes, limit: int = LIMIT) -> tuple[list[tuple[int, bytes]], list[tuple[int, str, int]]]:
    begin = 3 * data.startswith(b"\xef\xbb\xbf")
    lines = as_lines("", begin, data[begin:], limit, ended=True)
    chunk = Chunk("", "json", begin, lines.text, rejections=lines.rejections, locate=lines.locate("", begin))
    found, rejected = taken_apart([chunk])
    return found, [(r.offset, r.reason, r.length) for r in rejected]


@settings(max_examples=200)
@given(
    data=CONTENT,
    size=st.integers(1, 60),
    pack=st.sampled_from(list(PACK)),
    most_wrong=st.sampled_from([1, 2, 10_000]),
    marked=st.booleans(),
)
def test_every_record_once_with_its_offset_however_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory,
    data: bytes,
    size: int,
    pack: str,
    most_wrong: int,
    *,
    marked: bool,
) -> None:
    data = b"\xef\xbb\xbf" * marked + data
    path = tmp_path_factory.mktemp("cut") / f"log.json{pack}"
    path.write_bytes(PACK[pack](data))
    file = json_file(path)
    expected = whole(data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonrecords, "MOST_WRONG", most_wrong)
        chunks = list(file.read(size, final=True))

    file.close()
    found, rejected = taken_apart(chunks)
    assert all(len(chunk.rejections) <= most_wrong for chunk in chunks)
    assert expected == (found, [(r.offset, r.reason, r.length) for r in rejected])
    for rejection in rejected:
        assert data[rejection.offset :].startswith(rejection.raw)
    # What is left can only be the end of an array.
    assert b"" == data[sum(chunk.size for chunk in chunks) :].removeprefix(b"\xef\xbb\xbf").strip(BETWEEN)


@settings(max_examples=150)
@given(data=CONTENT, cuts=st.lists(st.integers(0, 600), max_size=6), size=st.integers(1, 60))
def test_the_same_where_it_grows_and_reading_is_taken_up_again(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, cuts: list[int], size: int
) -> None:
    """After every look the reader is another one, which knows no more than the position."""
    folder = tmp_path_factory.mktemp("grow")
    path = folder / "log.json"
    path.touch()
    chunks: list[Chunk] = []
    state = SourceState()
    for step, seen in enumerate([*sorted(cut % (len(data) + 1) for cut in cuts), len(data), len(data)]):
        path.write_bytes(data[:seen])
        source = FileSource(str(path), "json", LIMIT, chunk_size=size, final=step > len(cuts))
        source.restore(state)
        chunks += [replace(chunk) for chunk in source.poll()]
        assert source.problem is None
        positions = {position.serial: position for position in source.changes(everything=True).positions}
        state = SourceState(positions=tuple(positions.values()))
        source.close()

    found, rejected = taken_apart(chunks)
    assert whole(data) == (found, [(r.offset, r.reason, r.length) for r in rejected])


@pytest.mark.parametrize("pack", PACK)
@pytest.mark.parametrize("size", [1 << 16, 1 << 20, 32 << 20])
def test_a_record_of_many_megabytes_does_not_get_into_memory(tmp_path: Path, pack: str, size: int) -> None:
    rows = [{"n": n, "f": {"s": 'x, {"y": ['}} for n in range(3)]
    long = json.dumps({"embedding": [{"value": 0.5}] * 220_000}).encode()
    data = b"[" + json.dumps(rows[0]).encode() + b",\n" + long + b",\n" + json.dumps(rows[1:]).encode()[1:]
    path = tmp_path / f"log.json{pack}"
    path.write_bytes(PACK[pack](data))
    file = json_file(path, 1 << 20)

    chunks = list(file.read(size, final=True))

    file.close()
    assert max(len(chunk.data) for chunk in chunks) <= max(size, 2 * (1 << 20) + 2) + size
    found, rejected = taken_apart(chunks)
    assert rows == [json.loads(line) for _, line in found]
    assert [("too_long", data.index(long), len(long))] == [(r.reason, r.offset, r.length) for r in rejected]
    assert long.startswith(rejected[0].raw)


def test_a_long_record_that_is_still_being_written(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_bytes(b'[{"a": 1},\n')
    file = json_file(path)
    chunks = list(file.read(30, final=False))
    with path.open("ab") as log:
        for piece in (
            b'{"long": [',
            b'{"x": 1},' * 5,
            b'{"y": "}',
            b'"},' * 3,
            b"{}]",
            b'}, {"a": 2}',
            b"]\n",
        ):
            log.write(piece)
            log.flush()
            chunks += list(file.read(30, final=False))
    file.close()

    found, rejected = taken_apart(chunks)
    assert [b'{"a": 1}'] == [line for _, line in found[:1]]
    assert "too_long" in {rejection.reason for rejection in rejected}
    assert whole(path.read_bytes()) == (found, [(r.offset, r.reason, r.length) for r in rejected])


class Reader:
    """Reads numbered records; what it knows is saved and restored before each look."""

    def __init__(self, pattern: Path) -> None:
        self.numbers: list[int] = []
        self._pattern = pattern
        self._state = SourceState()

    def look(self) -> FileSource:
        """Read what there is."""
        source = FileSource(str(self._pattern), "json", 1000, chunk_size=100, clock=lambda: 0.0)
        source.restore(self._state)
        for chunk in source.poll():
            self.numbers += [json.loads(line)["n"] for line in chunk.data.split(b"\n") if line.strip()]
        assert source.problem is None or "no file matches" in source.problem
        changes = source.changes(everything=True)
        self._state = SourceState(positions=changes.positions, lost_bytes=source.lost_bytes)
        source.close()
        return source


def row(n: int) -> dict[str, object]:
    return {"n": n, "text": "long enough to tell a content by" * 2}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("how", ["anew", "over the end"])
def test_an_array_that_is_complete_after_each_write(tmp_path: Path, how: str, indent: int | None) -> None:
    path = tmp_path / "log.json"
    reader = Reader(path)
    for count in (0, 1, 2, 3, 10, 11):
        rows = json.dumps([row(n) for n in range(count)], indent=indent) + "\n"
        if how == "anew" or not path.exists():
            path.write_text(rows)
        else:
            # What is there already stays as it is, but for the end.
            old = path.read_text()
            same = next(i for i, (a, b) in enumerate(zip(old + " ", rows + " ", strict=False)) if a != b)
            with path.open("r+") as log:
                log.seek(same)
                log.truncate()
                log.flush()
                reader.look()
                log.write(rows[same:])
        source = reader.look()
        assert 0 == source.lag().bytes
        assert list(range(count)) == reader.numbers

    path.unlink()
    assert 0 == reader.look().lost_bytes


@pytest.mark.parametrize(("end", "unread"), [("", 0), ("]\n", 0), (" ,\n\n", 0), (',\n{"n":', 5)])
def test_the_end_of_an_array_is_no_loss(tmp_path: Path, end: str, unread: int) -> None:
    path = tmp_path / "log.json"
    path.write_text(f"[{json.dumps(row(0))}{end}")
    source = FileSource(str(path), "json", 1000)
    list(source.poll())
    assert unread == source.lag().bytes

    path.write_text("")
    for _ in range(3):
        list(source.poll())
    source.close()

    assert unread == source.lost_bytes


def test_rotation(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    source = FileSource(str(tmp_path / "log.json*"), "json", 1000)
    numbers: list[int] = []

    def poll() -> None:
        for chunk in source.poll():
            numbers.extend(json.loads(line)["n"] for line in chunk.data.split(b"\n") if line.strip())

    third = json.dumps(row(2))
    path.write_text(f"[{json.dumps(row(0))},\n{json.dumps(row(1))},\n{third[:20]}")
    poll()
    with path.open("a") as log:
        log.write(third[20:] + ",\n")
    path.rename(tmp_path / "log.json.1")
    path.write_text(f"[{json.dumps(row(3))}")
    poll()
    (tmp_path / "log.json.1.gz").write_bytes(gzip.compress((tmp_path / "log.json.1").read_bytes()))
    (tmp_path / "log.json.1").unlink()
    with path.open("a") as log:
        log.write(f",{json.dumps(row(4))}]")
    poll()
    source.close()

    assert [0, 1, 2, 3, 4] == sorted(numbers)


def test_the_first_lines_are_records(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_bytes(b'\xef\xbb\xbf[\n {\n  "n": 1\n },\n {"n":')

    header, lines = json_file(path).first_lines()

    assert (b"", [{"n": 1}]) == (header, [json.loads(line) for line in lines.splitlines() if line.strip()])
