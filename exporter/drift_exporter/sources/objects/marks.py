"""What is remembered of objects: which version was read, and how far.

There may be hundreds of thousands of objects, so what is remembered of one is kept as it is stored, in a few
dozen bytes.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from drift_exporter.errors import StateError
from drift_exporter.sources.position import NOTHING, Fingerprint, Position

KEPT_SECONDS = 8 * 86400.0
"""How long it is remembered what was read of an object that is gone."""

_FORM = struct.Struct("<B8sQQI16sH16sI")
_FINISHED = 1
_KNOWN_FLAGS = _FINISHED
IDENTITY = 8
"""Bytes that a version of an object is told by."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one version of an object was read.

    ``identity`` tells the version, ``size`` is that of the object as it is stored. ``offset``, ``head`` and
    ``tail`` are those of a ``Position``. ``gone_at`` is when (epoch seconds) the object was found to be gone,
    0 while it is there.
    """

    identity: bytes
    size: int
    offset: int = 0
    head: Fingerprint = NOTHING
    tail: Fingerprint = NOTHING
    finished: bool = False
    gone_at: int = 0

    def encode(self) -> bytes:
        """The mark as it is stored."""
        return _FORM.pack(
            _FINISHED if self.finished else 0,
            self.identity,
            self.size,
            self.offset,
            self.head.length,
            self.head.digest,
            self.tail.length,
            self.tail.digest,
            self.gone_at,
        )

    @classmethod
    def decode(cls, data: bytes) -> "Mark":
        """A mark that was stored; ValueError where it is none."""
        if len(data) != _FORM.size or data[0] & ~_KNOWN_FLAGS:
            raise ValueError(f"{len(data)} bytes that are no mark of this version")
        flags, identity, size, offset, head, head_digest, tail, tail_digest, gone_at = _FORM.unpack(data)
        return cls(
            identity,
            size,
            offset,
            Fingerprint(head, head_digest) if head else NOTHING,
            Fingerprint(tail, tail_digest) if tail else NOTHING,
            bool(flags & _FINISHED),
            gone_at,
        )

    def position(self, path: str, header: bytes) -> Position:
        """The same for a local copy of the object."""
        return Position(
            1, path, 0, 0, self.offset, self.head, self.tail, header, 0, None, None, gone=False, unread=0
        )


@dataclass
class Marks:
    """The marks of all objects by URL. Whoever changes something here holds the source's guard."""

    lost_bytes: int = 0
    _known: dict[str, bytes] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)
    _dropped: set[str] = field(default_factory=set)
    _given: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))

    def __len__(self) -> int:
        return len(self._known)

    def get(self, url: str) -> Mark | None:
        """What is known of an object."""
        data = self._known.get(url)
        return None if data is None else Mark.decode(data)

    def is_finished(self, url: str, identity: bytes) -> bool:
        """Whether this version of an object was read to its end."""
        data = self._known.get(url)
        return data is not None and data[0] & _FINISHED != 0 and data[1 : 1 + IDENTITY] == identity

    def put(self, url: str, mark: Mark) -> None:
        """Remember how far an object was read."""
        self._known[url] = mark.encode()
        self._changed.add(url)
        self._dropped.discard(url)

    def drop(self, url: str) -> None:
        """Forget an object."""
        del self._known[url]
        self._changed.discard(url)
        self._dropped.add(url)

    def unlisted(self, listed: Mapping[str, object]) -> Iterator[tuple[str, Mark]]:
        """What is known of objects that are not listed."""
        for url in [url for url in self._known if url not in listed]:
            yield url, Mark.decode(self._known[url])

    def note_there(self, listed: Iterable[str]) -> None:
        """Take note that objects are there, again or still."""
        for url in listed:
            data = self._known.get(url)
            if data is not None and any(data[-4:]):
                self.put(url, replace(Mark.decode(data), gone_at=0))

    def age(self, url: str, mark: Mark, now: float) -> None:
        """Take note at ``now`` (epoch seconds) that an object is not there; it is forgotten after a while."""
        if not mark.gone_at:
            self.put(url, replace(mark, gone_at=int(now)))
        elif now - mark.gone_at > KEPT_SECONDS:
            self.drop(url)

    def changes(self, *, everything: bool) -> tuple[dict[str, bytes], list[str]]:
        """Marks that are new or have changed (or all), and URLs that are forgotten, since ``saved``."""
        if everything:
            self._changed |= self._known.keys()
        changed, dropped = self._given[0] | self._changed, self._given[1] | self._dropped
        self._given = (changed & self._known.keys(), dropped - self._known.keys())
        self._changed, self._dropped = set(), set()
        return {url: self._known[url] for url in self._given[0]}, sorted(self._given[1])

    def saved(self) -> None:
        """What ``changes`` gave last is stored."""
        self._given = (set(), set())

    def restore(self, marks: Mapping[str, bytes], lost_bytes: int) -> None:
        """Take over what was stored. Raises StateError where it cannot be understood."""
        for url, data in marks.items():
            try:
                Mark.decode(data)
            except ValueError as error:
                raise StateError(
                    f"what is saved of {url} cannot be used ({error}); let the version of drift-exporter "
                    "read on that saved it, or begin anew: drift-exporter state reset --model"
                ) from error
        self._known, self.lost_bytes = dict(marks), lost_bytes
