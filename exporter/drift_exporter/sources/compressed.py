"""Reading .gz and .zst: everything that can be had of a damaged file, then the damage."""

import gzip
import io
import zlib
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

_PIECE = 1 << 16


class CorruptArchiveError(OSError):
    """A compressed file ends too early or is damaged; what came before it was handed on."""

    def told(self) -> str:
        """What to say of the file."""
        return f"compressed data is damaged or ends too early ({self}); what came before it is counted"


class UselessArchiveError(CorruptArchiveError):
    """A compressed file is damaged, or what it holds is; nothing of it can be used."""

    def told(self) -> str:
        """What to say of the file."""
        return f"nothing of what is compressed here can be read ({self})"


def open_compressed(path: str, raw: BinaryIO | None = None) -> io.BufferedIOBase:
    """Open a .gz or .zst file for reading its content; ``raw`` is the file itself where it is open."""
    if path.endswith(".gz"):
        return gzip.open(path if raw is None else raw)
    from drift_exporter.sources.zstd import ZstdFile  # noqa: PLC0415  # only where a .zst file is read

    return io.BufferedReader(ZstdFile(Path(path).open("rb") if raw is None else raw))


def parts(path: str, raw: BinaryIO) -> Generator[bytes]:
    """All content of the open file ``raw``, as it comes.

    Raises CorruptArchiveError after the last byte that could be had of a damaged file.
    """
    damage: Exception | None = None
    with open_compressed(path, raw) as stream:
        while True:
            try:
                # A read of many bytes would lose those that came before the damage.
                part = stream.read1(_PIECE)
            except (EOFError, zlib.error, OSError, ValueError) as error:
                damage = error
                break
            except Exception as error:
                if type(error).__name__ != "ZstdError":
                    raise
                damage = error
                break
            if not part:
                break
            yield part
    if damage is not None:
        raise CorruptArchiveError(str(damage)) from damage


def blocks(path: str, raw: BinaryIO, offset: int, size: int) -> Generator[bytes]:
    """Content from ``offset`` on, in blocks of about ``size`` bytes.

    Raises CorruptArchiveError after the last byte that could be had of a damaged file.
    """
    damage: CorruptArchiveError | None = None
    pieces: list[bytes] = []
    length = 0
    with closing(parts(path, raw)) as content:
        while True:
            try:
                part = next(content, b"")
            except CorruptArchiveError as error:
                damage = error
                break
            if not part:
                break
            skipped = min(offset, len(part))
            offset -= skipped
            pieces.append(part[skipped:])
            length += len(part) - skipped
            if length >= size:
                yield b"".join(pieces)
                pieces, length = [], 0
    if length:
        yield b"".join(pieces)
    if damage is not None:
        raise damage
