"""A source of numbered lines that is saved and started again, and what was counted of it."""

import gzip
import shutil
from pathlib import Path

from drift_exporter.sources.file import FileSource
from drift_exporter.sources.position import Position
from drift_exporter.sources.source import SourceState


def line(number: int) -> bytes:
    """A line that no other is like, long enough to tell a content by."""
    return b'{"number": %08d, "text": "%s"}\n' % (number, b"." * 50)


def append(path: Path, *numbers: int) -> None:
    """Write these lines at the end of a file."""
    with path.open("ab") as log:
        log.write(b"".join(map(line, numbers)))


def pack(path: Path) -> Path:
    """What gzip does: a second file, then the first is deleted."""
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return packed


def copy_and_truncate(path: Path, copy: Path) -> None:
    """What logrotate does with copytruncate."""
    shutil.copyfile(path, copy)
    with path.open("r+b") as log:
        log.truncate(0)


class Watch:
    """Reads what is under a pattern; keeps the numbers counted, and what was saved of all that."""

    def __init__(self, pattern: Path | str, **options: object) -> None:
        self.now = 0.0
        self.counted: list[int] = []
        self.stored: dict[int, Position] = {}
        self.stored_counted: list[int] = []
        self.stored_lost = 0
        self._pattern, self._options = str(pattern), options
        self.source = self._new()

    def _new(self) -> FileSource:
        options = {"chunk_size": 200, "clock": lambda: self.now} | self._options
        return FileSource(self._pattern, "ndjson", 1000, **options)  # type: ignore[arg-type]

    def poll(self, chunks: int | None = None, *, accept: bool = True) -> list[int]:
        """Numbers of new lines; at most ``chunks`` chunks, of which the last may be given back."""
        found: list[int] = []
        polling = self.source.poll()
        for taken, chunk in enumerate(polling, start=1):
            numbers = [int(text[11:19]) for text in chunk.content.splitlines() if text.strip()]
            if taken == chunks and not accept:
                break
            found += numbers
            if taken == chunks:
                self.source.accept()
                break
        polling.close()
        self.counted += found
        return found

    def settle(self) -> list[int]:
        """Everything that turns up until nothing does, long after."""
        found: list[int] = []
        for _ in range(12):
            found += self.poll()
            self.now += 40
        return found

    def save(self) -> None:
        """Store what was counted together with the positions, as the exporter does."""
        changes = self.source.changes()
        self.stored |= {position.serial: position for position in changes.positions}
        for serial in changes.forgotten:
            self.stored.pop(serial, None)
        self.stored_counted = list(self.counted)
        self.stored_lost = self.source.lost_bytes
        self.source.saved()

    def restart(self, *, save: bool = False) -> None:
        """Begin again from what was saved last, as after a kill."""
        if save:
            self.save()
        self.source.close()
        self.counted = list(self.stored_counted)
        self.source = self._new()
        self.source.restore(SourceState(tuple(self.stored.values()), lost_bytes=self.stored_lost))
