"""A local copy of one object, read like a file."""

import os
import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from pathlib import Path

from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.compressed import CorruptArchiveError
from drift_exporter.sources.jsonfile import open_text
from drift_exporter.sources.known import KnownFile
from drift_exporter.sources.memory import MemoryFile
from drift_exporter.sources.objects.marks import Mark
from drift_exporter.sources.objects.store import StoredObject
from drift_exporter.sources.parquet import ParquetFile
from drift_exporter.sources.position import Guard
from drift_exporter.sources.rotation import is_compressed

Locate = Callable[[int], tuple[str, int]]

_PREFIX = "object-"
_MAGIC = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst"}


@dataclass
class CopyFolder:
    """Where copies are while they are read: ``path``, or a folder of its own that is gone when it is closed.

    What was left there by a process that was killed is deleted when the first copy is made.
    """

    path: Path | None = None
    _temporary: tempfile.TemporaryDirectory[str] | None = None
    _ready: bool = False

    def new(self) -> Path:
        """Make an empty file. Raises OSError."""
        if self.path is None and self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="drift-exporter-objects-")
        folder = Path(self._temporary.name) if self._temporary is not None else self.path
        assert folder is not None  # noqa: S101  # one of both is there
        if not self._ready:
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.glob(f"{_PREFIX}*"):
                left.unlink(missing_ok=True)
            self._ready = True
        descriptor, name = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
        os.close(descriptor)
        return Path(name)

    def close(self) -> None:
        """Delete the folder, if it is one's own."""
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary, self._ready = None, False


@dataclass
class ObjectCopy:
    """One version of an object, in a local file from where it stopped to be read.

    ``file`` knows how far it was read. ``size`` is that of the object as it is stored, in bytes.
    """

    stored: StoredObject
    size: int
    path: Path
    file: KnownFile
    chunk_size: int
    _reader: Generator[Chunk] | None = field(default=None, repr=False)

    def next(self, memory: MemoryFile) -> Chunk | None:
        """The next chunk; None where all was read. Raises OSError or duckdb.Error where it is damaged."""
        if self._reader is None:
            self._reader = self.file.read(self.chunk_size, final=True, memory=memory)
        chunk = next(self._reader, None)
        return None if chunk is None else replace(chunk, locate=self._locate(chunk.locate))

    def _locate(self, own: Locate | None) -> Locate:
        """From a place in a chunk to the object; ``own`` leads to one in the copy, where they differ."""
        url = self.stored.url
        return lambda offset: (url, offset if own is None else own(offset)[1])

    def rewind(self) -> None:
        """Go back to what was accepted last."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def pause(self) -> None:
        """Let go of a chunk that was handed on and not accepted: it comes again."""
        if self.file.is_ahead:
            self.rewind()

    def named(self, reason: str) -> str:
        """What is wrong with the copy, said of the object."""
        return self.file.named(reason).replace(str(self.path), self.stored.url)

    def mark(self, *, finished: bool) -> Mark:
        """What there is to remember."""
        file = self.file
        return Mark(self.stored.identity, self.size, file.offset, file.head, file.tail, finished)

    def close(self) -> None:
        """Delete the copy."""
        self.rewind()
        self.file.close()
        self.path.unlink(missing_ok=True)


def open_copy(  # noqa: PLR0913  # what an object is, and how it is read
    stored: StoredObject, path: Path, kind: str, *, line_limit: int, chunk_size: int, guard: Guard
) -> ObjectCopy:
    """Open a copy for reading from its beginning. Raises OSError.

    Whether it is compressed is told by its content: a server may pack or unpack what it sends.
    """
    with path.open("rb") as content:
        begin = content.read(4)
    suffix = next((suffix for magic, suffix in _MAGIC.items() if begin.startswith(magic)), "")
    path = path.rename(path.with_name(path.name + suffix)) if suffix else path
    if kind == "parquet":
        file: KnownFile = ParquetFile(str(path), (0, 0), guard=guard, folder=path.parent)
    else:
        file = open_text(str(path), (0, 0), kind, line_limit, guard)
    size = path.stat().st_size if stored.size is None else stored.size
    return ObjectCopy(stored, size, path, file, chunk_size)


def resume(copy: ObjectCopy, mark: Mark) -> bool:
    """Let reading go on where it stopped; False where the object has other content now. Raises OSError."""
    if not mark.offset:
        return True
    try:
        # The header of a CSV file is not stored: it is here.
        position = mark.position(copy.file.path, copy.file.first_lines()[0])
        if not copy.file.holds(position):
            return False
    except CorruptArchiveError:
        return False
    copy.file.resume(position)
    return True


def unread(url: str, kind: str, mark: Mark) -> int:
    """Bytes that are left of a version of an object; all of them where that cannot be told."""
    if mark.finished:
        return 0
    return mark.size if kind == "parquet" or is_compressed(url) else max(0, mark.size - mark.offset)
