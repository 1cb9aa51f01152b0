"""The files that a reference is built from, read as the serving side reads them."""

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb

from drift_exporter.config.sources import format_of
from drift_exporter.errors import ReferenceFileError
from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.jsonfile import open_text
from drift_exporter.sources.parquet import ParquetFile
from drift_exporter.sources.rotation import without_compression
from drift_exporter.sources.text import CorruptArchiveError, TextFile, open_compressed

Progress = Callable[[int, int], None]
"""Told how many bytes are done, and of how many; the latter grows where another pass is needed."""

CHUNK_SIZE = 8 << 20
_KNOWN = (".csv", ".parquet", ".pq", ".logfmt", ".ndjson", ".jsonl", ".json")
_COMPRESSED = (".gz", ".zst")
# What text usually shrinks to, where a compressed file does not tell its own length.
_USUAL_RATIO = 6
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Input:
    """A file with its format (such as ndjson), size in bytes on the disk and time of modification."""

    path: str
    format: str
    size: int
    modified: float


def find_inputs(paths: Sequence[Path], usual_format: str) -> tuple[Input, ...]:
    """Files under ``paths``, each of which may be a pattern; none is taken twice.

    A file's name tells its format (.ndjson, .jsonl, .csv, .parquet, .pq, .logfmt, before any .gz or .zst);
    where it does not, the format is ``usual_format``; .json is ndjson unless that is json.
    Raises ReferenceFileError where there is no such file.
    """
    if not paths:
        raise ReferenceFileError("no input file; name at least one: --input FILE")
    found: dict[Path, Input] = {}
    for path in paths:
        names = [str(path)] if path.exists() else sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - absolute patterns too
        if not names:
            raise ReferenceFileError(f"{path}: there is no such input file")
        for name in names:
            if Path(name).is_dir():
                if len(names) == 1:
                    raise ReferenceFileError(f"{name}: a folder; name its files, such as {name}/*.ndjson")
                continue
            found.setdefault(Path(name).resolve(), _input(name, usual_format))
    return tuple(found.values())


def _input(name: str, usual_format: str) -> Input:
    plain = name.lower()
    for suffix in _COMPRESSED:
        plain = plain.removesuffix(suffix)
    kind: str = format_of(name) if plain.endswith(_KNOWN) else usual_format
    if plain.endswith(".json") and usual_format == "json":
        kind = "json"
    try:
        status = Path(name).stat()
    except OSError as error:
        raise ReferenceFileError(f"{name}: cannot be read: {error.strerror or error}") from error
    return Input(name, kind, status.st_size, status.st_mtime)


class Passes(Protocol):
    """Chunks that can be read several times; ``passes`` is how often that will be."""

    passes: int

    def chunks(self) -> Iterator[Chunk]:
        """One pass over all chunks."""
        ...


class Reader:
    """Reads all inputs, as often as asked, and tells how far it is over all passes."""

    def __init__(self, inputs: Sequence[Input], line_limit: int, progress: Progress, passes: int) -> None:
        self.inputs = inputs
        self.passes = passes
        self._line_limit = line_limit
        self._progress = progress
        self._done = 0
        self._bytes = sum(file.size for file in inputs)

    def chunks(self) -> Iterator[Chunk]:
        """One pass over the chunks of all files. Raises ReferenceFileError where one cannot be read."""
        start = self._done
        if self._done >= self.passes * self._bytes:
            self.passes += 1
        for file in self.inputs:
            reader = _open(file, self._line_limit)
            length = 0
            try:
                for chunk in reader.read(CHUNK_SIZE, final=True):
                    yield chunk
                    length = length or max(
                        1, reader.rows if isinstance(reader, ParquetFile) else _length(file)
                    )
                    share = min(1.0, (chunk.offset + chunk.size) / length)
                    self._tell(start + int(file.size * share))
                _check_unchanged(file)
            except CorruptArchiveError as error:
                raise ReferenceFileError(
                    f"{file.path}: compressed data is damaged or ends too early ({error})"
                ) from error
            except OSError as error:
                raise ReferenceFileError(f"{file.path}: cannot be read: {error.strerror or error}") from error
            except duckdb.Error as error:
                first = str(error).splitlines()[0]
                raise ReferenceFileError(f"{file.path}: cannot be read as {file.format}: {first}") from error
            finally:
                reader.close()
            start += file.size
            self._tell(start)

    def _tell(self, done: int) -> None:
        self._done = max(done, self._done)
        self._progress(self._done, max(self.passes * self._bytes, self._done))


def _check_unchanged(file: Input) -> None:
    status = Path(file.path).stat()
    if (status.st_size, status.st_mtime) != (file.size, file.modified):
        raise ReferenceFileError(
            f"{file.path}: changed while it was read; build from files that are no longer written, or a copy"
        )


def place(path: str, offset: int) -> str:
    """``file:line`` of the record at ``offset`` as chunks count it: bytes of text, or rows of Parquet.

    Where there is no such file (any more), it is the offset instead of the line.
    """
    if without_compression(path.lower()).endswith((".parquet", ".pq")):
        return f"{path}: row {offset + 1}"
    lines = 1
    left = offset
    try:
        with open_compressed(path) if path.endswith(_COMPRESSED) else Path(path).open("rb") as stream:
            while left > 0 and (block := stream.read(min(_BLOCK, left))):
                lines += block.count(b"\n")
                left -= len(block)
    except OSError:
        return f"{path}, offset {offset}"
    return f"{path}:{lines}"


def _open(file: Input, line_limit: int) -> TextFile | ParquetFile:
    if file.format == "parquet":
        return ParquetFile(file.path, (0, 0))
    return open_text(file.path, (0, 0), file.format, line_limit)


def _length(file: Input) -> int:
    """About how far the offsets of a file of text will go."""
    if file.path.endswith(".gz"):
        with Path(file.path).open("rb") as stream:
            stream.seek(-4, 2)
            told = int.from_bytes(stream.read(4), "little")
        return told if told >= file.size else file.size * _USUAL_RATIO
    return file.size * _USUAL_RATIO if file.path.endswith(".zst") else file.size
