import gzip
import os
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.sources.chunk import RAW_LIMIT, Chunk
from drift_exporter.sources.longlines import reject_long_lines
from drift_exporter.sources.memory import MemoryFile
from drift_exporter.sources.text import CorruptArchiveError, TextFile

PACK = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}


def text_file(path: Path, *, kind: str = "ndjson", limit: int = 1000) -> TextFile:
    status = path.stat()
    return TextFile(str(path), (status.st_dev, status.st_ino), kind, limit)


def read(
    file: TextFile, size: int = 1 << 16, *, final: bool = True, memory: MemoryFile | None = None
) -> list[Chunk]:
    """All chunks; a chunk in memory is copied out."""
    chunks = [
        replace(chunk, data=chunk.content, memory=None)
        for chunk in file.read(size, final=final, memory=memory)
    ]
    file.close()
    return chunks


def split_lines(chunks: list[Chunk]) -> list[tuple[int, bytes]]:
    """Offset and text of all lines that are not blank; only a newline ends one."""
    found = []
    for chunk in chunks:
        offset = chunk.offset
        for line in chunk.data.split(b"\n"):
            if line.strip(b" "):
                found.append((offset, line))
            offset += len(line) + 1
    return found


TEXT = st.lists(
    st.sampled_from([b"a", b"bb", b"c" * 9, b"d" * 30, b"", b"e\r"]), min_size=1, max_size=25
).flatmap(lambda lines: st.sampled_from([b"\n".join(lines), b"\n".join(lines) + b"\n"]))


@settings(max_examples=60)
@given(data=TEXT, size=st.integers(1, 40), pack=st.sampled_from(list(PACK)), in_memory=st.booleans())
def test_every_line_once_with_its_offset_however_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, size: int, pack: str, *, in_memory: bool
) -> None:
    path = tmp_path_factory.mktemp("cut") / f"log.ndjson{pack}"
    path.write_bytes(PACK[pack](data))
    memory = MemoryFile()
    try:
        chunks = read(text_file(path, limit=12), size, memory=memory if in_memory else None)
    finally:
        memory.close()

    expected, too_long, offset = [], [], 0
    for line in data.split(b"\n"):
        if line:
            (too_long if len(line) > 12 else expected).append((offset, line))
        offset += len(line) + 1
    assert expected == split_lines(chunks)
    rejections = [rejection for chunk in chunks for rejection in chunk.rejections]
    assert too_long == [(r.offset, r.raw) for r in rejections]
    assert [len(raw) for _, raw in too_long] == [r.length for r in rejections]
    assert len(data) == sum(chunk.size for chunk in chunks)


@pytest.mark.parametrize("pack", PACK)
@pytest.mark.parametrize("size", [1 << 16, 3 << 20, 32 << 20])
def test_a_line_of_10_mib_beside_good_ones(tmp_path: Path, pack: str, size: int) -> None:
    long = b"x" * (10 << 20)
    data = b'{"a":1}\n' + long + b'\n{"a":2}\n' + long
    path = tmp_path / f"log.ndjson{pack}"
    path.write_bytes(PACK[pack](data))

    chunks = read(text_file(path, limit=1 << 20), size)

    assert [(0, b'{"a":1}'), (8 + len(long) + 1, b'{"a":2}')] == split_lines(chunks)
    rejections = [rejection for chunk in chunks for rejection in chunk.rejections]
    second = 8 + len(long) + 1 + 8
    assert [(8, "too_long", len(long)), (second, "too_long", len(long))] == [
        (r.offset, r.reason, r.length) for r in rejections
    ]
    assert all(RAW_LIMIT == len(r.raw) for r in rejections)


def test_a_long_line_that_is_still_being_written(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    path.write_bytes(b"a\n" + b"x" * 50)
    file = text_file(path, limit=10)
    assert [(0, b"a")] == split_lines(list(file.read(8, final=False)))
    for _ in range(3):
        with path.open("ab") as log:
            log.write(b"x" * 50)
        assert [] == list(file.read(8, final=False))
    with path.open("ab") as log:
        log.write(b"\nb\n")

    chunks = list(file.read(8, final=False))
    file.close()

    assert [(2, 200)] == [(r.offset, r.length) for chunk in chunks for r in chunk.rejections]
    assert [(203, b"b")] == split_lines(chunks)


@pytest.mark.parametrize("length", range(90, 130))
def test_long_lines_wherever_they_stand(length: int) -> None:
    for before in (b"", b"a\n", b"b" * 49 + b"\n", b"c" * 100 + b"\n"):
        for after in (b"", b"\n", b"\nd\n"):
            data = before + b"x" * length + after

            blanked, rejections = reject_long_lines("log", 5, data, 100)

            assert ([(5 + len(before), length)] if length > 100 else []) == [
                (r.offset, r.length) for r in rejections
            ]
            assert len(blanked) == len(data)
            assert data.replace(b"x" * length, b" " * length if length > 100 else b"x" * length) == blanked


def test_a_limit_above_the_size_of_a_chunk(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    path.write_bytes(b"x" * 900 + b"\ny\n")

    assert [(0, b"x" * 900), (901, b"y")] == split_lines(read(text_file(path), 16, final=False))


def test_a_chunk_that_could_not_be_handled_comes_again(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    path.write_bytes(b"a\nb\nc\n")
    file = text_file(path)
    reader = file.read(2, final=False)
    assert b"a\n" == next(reader).data
    assert b"b\n" == next(reader).data
    del reader

    assert file.has_unread(final=False)
    assert [(2, b"b"), (4, b"c")] == split_lines(list(file.read(2, final=False)))
    assert not file.has_unread(final=False)
    file.close()


@pytest.mark.parametrize("pack", [".gz", ".zst"])
def test_several_members(tmp_path: Path, pack: str) -> None:
    path = tmp_path / f"log.ndjson{pack}"
    path.write_bytes(PACK[pack](b"a\nb") + PACK[pack](b"b\n") + PACK[pack](b"c\n"))

    assert [(0, b"a"), (2, b"bb"), (5, b"c")] == split_lines(read(text_file(path)))


@pytest.mark.parametrize("pack", [".gz", ".zst"])
@pytest.mark.parametrize("chunk_size", [64, 1 << 20])
def test_what_there_is_of_a_truncated_archive_is_read_then_the_rest(
    tmp_path: Path, pack: str, chunk_size: int
) -> None:
    lines = [os.urandom(40).hex().encode() for _ in range(5000)]
    whole = PACK[pack](b"".join(line + b"\n" for line in lines))
    path = tmp_path / f"log.ndjson{pack}"
    path.write_bytes(whole[: len(whole) // 2])
    file = text_file(path)
    first: list[Chunk] = []

    def read_to_the_damage() -> None:
        for chunk in file.read(chunk_size, final=True):
            first.append(chunk)  # noqa: PERF402  # what came before the error is wanted

    with pytest.raises(CorruptArchiveError):
        read_to_the_damage()
    if pack == ".gz":
        assert 1000 < len(split_lines(first)) < 4000
    path.write_bytes(whole)
    rest = list(file.read(chunk_size, final=True))

    assert lines == [line for _, line in split_lines([*first, *rest])]
    assert not file.has_unread(final=True)


@pytest.mark.parametrize("pack", [".gz", ".zst"])
def test_a_damaged_archive(tmp_path: Path, pack: str) -> None:
    compress = zstandard.ZstdCompressor(write_checksum=True).compress if pack == ".zst" else gzip.compress
    data = bytearray(compress(os.urandom(300_000).hex().encode() + b"\n"))
    data[len(data) // 2] ^= 255
    path = tmp_path / f"log.ndjson{pack}"
    path.write_bytes(data)

    with pytest.raises(CorruptArchiveError):
        read(text_file(path, limit=1 << 20))


@pytest.mark.parametrize("content", [b"", b"not compressed at all\n", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"])
@pytest.mark.parametrize("pack", [".gz", ".zst"])
def test_no_archive(tmp_path: Path, pack: str, content: bytes) -> None:
    path = tmp_path / f"log.ndjson{pack}"
    path.write_bytes(content)

    if content:
        with pytest.raises(CorruptArchiveError):
            read(text_file(path))
    else:
        assert [] == split_lines(read(text_file(path)))


def test_a_zst_file_of_every_kind_of_frame_is_whole(tmp_path: Path) -> None:
    streamed = zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).compressobj()
    frames = [
        streamed.compress(b"a\n" * 300_000) + streamed.flush(),
        (0x184D2A50).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"hello",
        zstandard.ZstdCompressor(write_checksum=False).compress(bytes(500_000)),
        zstandard.ZstdCompressor().compress(b"\n"),
    ]
    path = tmp_path / "log.ndjson.zst"
    path.write_bytes(b"".join(frames))

    assert 600_000 + 500_000 + 1 == sum(chunk.size for chunk in read(text_file(path, limit=1 << 20)))


def test_memory_stays_bounded_on_data_that_compresses_well(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson.gz"
    packer = zlib.compressobj(wbits=31)
    block = b'{"a":1}\n' * (1 << 17)
    path.write_bytes(b"".join(packer.compress(block) for _ in range(64)) + packer.flush())

    sizes = [chunk.size for chunk in text_file(path).read(1 << 20, final=True)]

    assert 64 << 20 == sum(sizes)
    assert max(sizes) < 2 << 20


HEADER = b"ts,x\n"


@pytest.mark.parametrize("pack", PACK)
@pytest.mark.parametrize("size", [3, 8, 64])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_csv_chunks_have_their_header(tmp_path: Path, pack: str, size: int, mark: bytes) -> None:
    path = tmp_path / f"log.csv{pack}"
    path.write_bytes(PACK[pack](mark + HEADER + b'1,"a\nb"\n2,c'))

    chunks = read(text_file(path, kind="csv"), size)

    assert {HEADER} == {chunk.header for chunk in chunks}
    begin = len(mark + HEADER)
    assert b'1,"a\nb"\n2,c' == b"".join(chunk.data for chunk in chunks)
    assert begin == chunks[0].offset
    assert begin + 11 == sum(chunk.size for chunk in chunks)


def test_csv_waits_for_the_end_of_a_quoted_field(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(HEADER + b'1,a\n2,"b\n')
    file = text_file(path, kind="csv")
    assert [b"1,a\n"] == [chunk.data for chunk in file.read(100, final=False)]
    with path.open("ab") as log:
        log.write(b'c"\n3,d\n')
    assert [b'2,"b\nc"\n3,d\n'] == [chunk.data for chunk in file.read(100, final=False)]
    file.close()


def test_first_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"\xef\xbb\xbf" + HEADER + b"1,a\n2,b\n")
    file = text_file(path, kind="csv")

    assert (HEADER, b"1,a\n2,b\n") == file.first_lines()
    next(reader := file.read(12, final=False))
    next(reader)
    assert (HEADER, b"2,b\n") == file.first_lines()
    file.close()
