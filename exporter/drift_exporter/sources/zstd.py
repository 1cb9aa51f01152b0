"""Reading zstd: an end within a frame, which the library takes for the end of the content, is an error."""

import io
import sys
from typing import TYPE_CHECKING, BinaryIO

import zstandard

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_SKIPPABLE_FRAMES = range(0x184D2A50, 0x184D2A60)
_RUN_LENGTH_BLOCK = 1
_LONGEST_HEADER = 18


class ZstdFile(io.RawIOBase):
    """The content of all frames in ``raw``; it is closed with this.

    Reading raises EOFError where the last frame is not whole, and zstandard.ZstdError where one is damaged.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._frames = _Frames(raw)
        self._reader = zstandard.ZstdDecompressor().stream_reader(
            self._frames,  # type: ignore[arg-type]  # reading is all it needs
            read_across_frames=True,
        )

    def readable(self) -> bool:
        """Whether it can be read: it can."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read up to as many bytes as fit; 0 at the end."""
        size = self._reader.readinto(buffer)
        if not size and not self._frames.whole:
            raise EOFError("it ends within a frame")
        return int(size)

    def close(self) -> None:
        """Close what is read."""
        if not self.closed:
            self._raw.close()
        super().close()


class _Frames:
    """Hands on what ``raw`` gives, and follows the headers of its frames and blocks (RFC 8878)."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._header = b""
        self._skipped = 0
        self._in_frame = False
        self._checksum = 0

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes."""
        data = self._raw.read(size)
        self._follow(self._header + data, ended=not data)
        return data

    @property
    def whole(self) -> bool:
        """Whether what was read so far ends with a whole frame."""
        return not (self._in_frame or self._skipped or self._header)

    def _follow(self, data: bytes, *, ended: bool) -> None:
        place = 0
        while True:
            step = min(self._skipped, len(data) - place)
            self._skipped -= step
            place += step
            head = b"" if self._skipped else data[place : place + _LONGEST_HEADER]
            size = self._block(head) if self._in_frame else self._frame(head, ended=ended)
            if not size:
                break
            place += size
        self._header = data[place:]

    def _block(self, head: bytes) -> int:
        """Size of the header of a block; 0 where not all of it is there."""
        if len(head) < 3:
            return 0
        bits = int.from_bytes(head[:3], "little")
        last, kind, length = bits & 1, bits >> 1 & 3, bits >> 3
        self._skipped = 1 if kind == _RUN_LENGTH_BLOCK else length
        if last:
            self._skipped += self._checksum
            self._in_frame = False
        return 3

    def _frame(self, head: bytes, *, ended: bool) -> int:
        """Size of the header of a frame; 0 where not all of it is there."""
        if len(head) < _LONGEST_HEADER and not ended:
            return 0
        if int.from_bytes(head[:4], "little") in _SKIPPABLE_FRAMES and len(head) >= 8:
            self._skipped = int.from_bytes(head[4:8], "little")
            return 8
        try:
            size = zstandard.frame_header_size(head)
            self._checksum = 4 if zstandard.get_frame_parameters(head).has_checksum else 0
        except zstandard.ZstdError:
            # Not all of a header, or none at all, which is found out by who reads it.
            if len(head) == _LONGEST_HEADER:
                self._skipped = sys.maxsize
            return 0
        self._in_frame = True
        return int(size)
