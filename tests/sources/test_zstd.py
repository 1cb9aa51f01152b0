"""Frames of zstd that are cut anywhere."""

import io
import random
from collections.abc import Sequence

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.sources.zstd import ZstdFile

SKIPPABLE = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
_random = random.Random(1)  # noqa: S311, no secret
CONTENTS = [b"", b"a", b"abc" * 50, b"\0" * 400_000, _random.randbytes(300), _random.randbytes(150_000)]


class Dripping(io.BytesIO):
    """Gives few bytes at a time."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to so many bytes, and no more than that."""
        return super().read(self._most if size is None or size < 0 else min(size, self._most))


def frame(content: bytes, *, checksum: bool, told: bool) -> bytes:
    packer = zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=told)
    return packer.compress(content)


frames = st.builds(frame, st.sampled_from(CONTENTS), checksum=st.booleans(), told=st.booleans())


def read(data: bytes, most: int) -> bytes:
    parts = []
    with ZstdFile(Dripping(data, most)) as file:
        while part := file.read(1 << 16):
            parts.append(part)
    return b"".join(parts)


@given(
    parts=st.lists(frames | st.just(SKIPPABLE), max_size=4),
    most=st.sampled_from([1 << 17, 1000, 19]) | st.integers(1, 17),
    data=st.data(),
)
def test_it_is_whole_only_where_a_frame_ends(parts: Sequence[bytes], most: int, data: st.DataObject) -> None:
    whole = b"".join(parts)
    most = most if len(whole) < 10_000 else max(most, 1000)
    expected = zstandard.ZstdDecompressor().stream_reader(whole, read_across_frames=True).read()
    assert expected == read(whole, most)
    ends = {len(b"".join(parts[:number])) for number in range(len(parts) + 1)}
    cut = data.draw(st.integers(0, len(whole)) | st.integers(max(0, len(whole) - 30), len(whole)))
    if cut in ends:
        assert expected.startswith(read(whole[:cut], most))
    else:
        with pytest.raises(EOFError, match="it ends within a frame"):
            read(whole[:cut], most)


def test_what_is_no_zstd() -> None:
    with pytest.raises(zstandard.ZstdError):
        read(b"no frame at all, and long enough for a header", 7)
