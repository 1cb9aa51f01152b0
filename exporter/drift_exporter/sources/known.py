"""What is known of any file that is read: its place in the world, and how far it was read."""

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import KW_ONLY, dataclass, field, replace

from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.listing import FileKey, State
from drift_exporter.sources.memory import MemoryFile
from drift_exporter.sources.position import NOTHING, Fingerprint, Guard, Position, new_guard
from drift_exporter.sources.rotation import is_compressed


@dataclass(frozen=True, slots=True)
class Step:
    """What a position becomes when a chunk is accepted; ``size`` is how far it moves."""

    size: int
    head: Fingerprint
    tail: Fingerprint


@dataclass(eq=False)
class KnownFile(ABC):
    """A file and its position; see ``Position`` for what the fields mean.

    ``identity`` is device and inode; (0, 0) where the path alone tells which file is meant. ``serial`` is 0
    as long as it is not decided whether the content was read under another name. ``seen`` is the state at the
    last look. ``former`` is the path as long as it is not certain that a file under another one is still the
    same: the number of a deleted file may have been given to a new one, and what was read of the old one
    stays under its name. All that is stored changes holding ``guard``.
    """

    path: str
    identity: FileKey
    _: KW_ONLY
    guard: Guard = field(default_factory=new_guard)
    serial: int = 0
    offset: int = 0
    head: Fingerprint = NOTHING
    tail: Fingerprint = NOTHING
    header: bytes = b""
    known_size: int = 0
    finished: State | None = None
    time: int | None = None
    seen: State = (0, 0.0)
    problem: str | None = None
    former: str | None = None
    _pending: Step | None = None
    _verified: State | None = None

    @abstractmethod
    def read(self, chunk_size: int, *, final: bool, memory: MemoryFile | None = None) -> Generator[Chunk]:
        """Chunks from the position on, until there is nothing more to read now."""

    @abstractmethod
    def holds(self, position: Position) -> bool:
        """Whether the content begins with what was read up to ``position``. Raises OSError."""

    @abstractmethod
    def unread(self, size: int) -> int:
        """How much there is to read where the file has ``size`` bytes; zero when it is finished."""

    @abstractmethod
    def has_unread(self, *, final: bool) -> bool:
        """Whether reading now could give anything, as last seen."""

    @property
    @abstractmethod
    def grows(self) -> bool:
        """Whether a file of this kind is appended to."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether the file is held open, so that it can be read though its name is gone."""

    @abstractmethod
    def close(self) -> None:
        """Give the file back."""

    @abstractmethod
    def status(self) -> os.stat_result:
        """The file's status, of the open file if it is open."""

    @property
    def compressed(self) -> bool:
        """Whether the name says that the content is compressed."""
        return is_compressed(self.path)

    def named(self, reason: str) -> str:
        """What is wrong with the content, without the path of the file."""
        return reason.removeprefix(f"{self.path}: ")

    def first_lines(self) -> tuple[bytes, bytes]:
        """Header (CSV) and some lines from the current offset on; nothing where there are no lines."""
        return b"", b""

    def state(self) -> State:
        """Size and modification time."""
        status = self.status()
        return status.st_size, status.st_mtime

    def accept(self) -> bool:
        """Move the position past the last chunk handed on; False if that was done already."""
        with self.guard:
            step, self._pending = self._pending, None
            if step is None:
                return False
            self.offset += step.size
            self.head, self.tail = step.head, step.tail
            return True

    @property
    def is_ahead(self) -> bool:
        """Whether the last chunk handed on was not accepted yet."""
        return self._pending is not None

    def unchanged(self) -> bool:
        """Whether the content still begins with what was read of it. Raises OSError."""
        state = self.state()
        if state != self._verified:
            if self.offset and not self.holds(self.position()):
                return False
            self._verified = state
        with self.guard:
            self.known_size = max(self.known_size, state[0])
            self.former = None
        return True

    def move(self, path: str, state: State) -> None:
        """Take note of another path, at which the file is in this state."""
        with self.guard:
            if self.finished == state:
                self.former = None
            elif self.former is None:
                self.former = self.path
            self.path, self.seen = path, state

    def finish(self, state: State) -> None:
        """Remember that everything was read that there was in this state."""
        with self.guard:
            self.known_size, self.finished, self.seen = state[0], state, state

    def position(self) -> Position:
        """The position as it is stored."""
        return Position(
            self.serial,
            self.former or self.path,
            *self.identity,
            self.offset,
            self.head,
            self.tail,
            self.header,
            self.known_size,
            # What is wrong with a file is not stored: whoever goes on from here shall find it out, too.
            self.finished if self.problem is None else None,
            self.time,
            gone=False,
            unread=0,
        )

    def gone_position(self, now: float) -> Position:
        """The position as it is stored once the file, or its content, is gone (``now``, epoch seconds)."""
        unread = self.unread(self.known_size)
        return replace(self.position(), gone=True, unread=unread, gone_at=now)

    def resume(self, position: Position) -> None:
        """Go on from a position whose content this file holds."""
        with self.guard:
            self.serial, self.offset, self.time = position.serial, position.offset, position.time
            self.head, self.tail, self.header = position.head, position.tail, position.header
            self._pending, self._verified, self.former = None, self.seen, None
            if (position.device, position.inode) == self.identity:
                self.known_size, self.finished = position.known_size, position.finished
            else:
                self.known_size, self.finished = 0, None

    def begin_anew(self) -> None:
        """Forget everything about the content, since there is other content now."""
        with self.guard:
            self.serial, self.offset, self.known_size, self.time = 0, 0, 0, None
            self.head = self.tail = NOTHING
            self.header, self.finished, self.problem, self.former = b"", None, None, None
            self._pending = self._verified = None

    def open_checked(self) -> int:
        """A descriptor of the file; FileNotFoundError where its name is another file's now."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(descriptor)
        if self.identity not in {(0, 0), (status.st_dev, status.st_ino)}:
            os.close(descriptor)
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.path)
        return descriptor
