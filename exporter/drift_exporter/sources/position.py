"""How far a file was read, and what it is known again by."""

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import blake2b

Guard = AbstractContextManager[object]
"""A lock that may be taken again by the thread that holds it."""

HEAD = 1 << 10
"""Bytes at the beginning of a file's content that it is known by."""

TAIL = 1 << 8
"""Bytes before the position that a file's content is known by, at most."""


def new_guard() -> Guard:
    """A guard of one's own."""
    return threading.RLock()


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Digest of ``length`` bytes; that of no bytes matches anything."""

    length: int = 0
    digest: bytes = b""

    @classmethod
    def of(cls, data: bytes) -> "Fingerprint":
        """The fingerprint of ``data``."""
        return cls(len(data), blake2b(data, digest_size=16).digest()) if data else cls()

    def matches(self, data: bytes) -> bool:
        """Whether ``data`` is what this is the fingerprint of."""
        return self.length == len(data) and (self.length == 0 or self == Fingerprint.of(data))


NOTHING = Fingerprint()


@dataclass(frozen=True, slots=True)
class Position:
    """How far one file was read, as it is stored. It holds none of the file's content but a CSV header.

    ``serial`` names the position within its source; it stays the same while everything else may change.
    ``offset`` counts bytes of (decompressed) text, or rows of Parquet. ``head`` is the fingerprint of the
    content's first bytes (at most ``HEAD``, none of them after ``offset``), ``tail`` of the last bytes (at
    most ``TAIL``) before ``offset``. ``known_size`` is the largest size (bytes on the disk) at which the
    content was seen. ``finished`` is the size and modification time (epoch seconds) at which the file was
    read to its end. ``time`` is the event time (microseconds) of its newest record. Where ``gone``, the file
    (or its content) is not there any more, since ``gone_at`` (epoch seconds); ``unread`` bytes of it were not
    read and not yet counted as lost.
    """

    serial: int
    path: str
    device: int
    inode: int
    offset: int
    head: Fingerprint
    tail: Fingerprint
    header: bytes
    known_size: int
    finished: tuple[int, float] | None
    time: int | None
    gone: bool
    unread: int
    gone_at: float | None = None
