"""What every source is to those who read from it.

A source hands on chunks and remembers how far it is. It does not decide what is durable: whoever counts its
chunks stores the source's changes together with the counts, in one transaction, and tells it so.
"""

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.position import Position

Counts = Counter[tuple[str, str]]
"""What a source counts beside records, by what it is (one of ``COUNTED``) and a label's value."""

REQUESTS, LOST_RECORDS, UNPAIRED = "requests", "lost_records", "unpaired"
COUNTED: Mapping[str, str] = {
    REQUESTS: "status code of the answers to requests, or why there was none",
    LOST_RECORDS: "why records were gone before they were read",
    UNPAIRED: "which half of a request and its answer came without the other",
}
"""Kinds of ``Counts``, with what their label tells."""


@dataclass(frozen=True)
class Lag:
    """What there is and was not read yet, as of the last look; None where the source cannot know."""

    bytes: int | None = None
    records: int | None = None


@dataclass(frozen=True)
class SourceState:
    """All that a source has to find again: positions in files, marks (by key) elsewhere, and its counters."""

    positions: Sequence[Position] = ()
    marks: Mapping[str, bytes] = field(default_factory=dict)
    lost_bytes: int = 0
    counts: Counts = field(default_factory=Counter)


@dataclass(frozen=True)
class SourceChanges:
    """What is new or has changed in a source's state, and which positions (serials) and marks are gone."""

    positions: Sequence[Position] = ()
    forgotten: Sequence[int] = ()
    marks: Mapping[str, bytes] = field(default_factory=dict)
    unmarked: Sequence[str] = ()


class Source(Protocol):
    """Where a model's records come from.

    Making one costs nothing and touches nothing: what has to be opened or connected is at the first ``poll``.
    ``poll``, ``accept``, ``note_time``, ``set_aside`` and ``read_smaller`` are called by one thread, the
    others by any, whoever calls ``changes``, ``saved``, ``restore`` or ``adopt`` holding the model's lock.
    """

    @property
    def problem(self) -> str | None:
        """What is wrong, as of the last look; None where nothing is."""
        ...

    @property
    def lost_bytes(self) -> int:
        """Bytes that are known to have existed, and were gone before they were read."""
        ...

    @property
    def counts(self) -> Counts:
        """What else there is to count, since the beginning."""
        ...

    @property
    def idle_cost(self) -> float:
        """CPU time in seconds of the last look that found nothing: such looks are made the more rarely."""
        ...

    @property
    def more(self) -> bool:
        """Whether the last ``poll`` ended though there is more to read, for others to have their turn."""
        ...

    def bind(self, save: Callable[[], None]) -> None:
        """Let the source call ``save``, while it is polled, before it gives up something that it handed on.

        It makes all that was accepted durable, and raises StateError where it cannot.
        """
        ...

    def poll(self, stop: Callable[[], bool] = lambda: False) -> Generator[Chunk]:
        """Hand on what there is to read now, chunk by chunk, until there is no more or ``stop``.

        Only as many models are polled at a time as may decode at a time: what takes long, such as waiting for
        a server, is done on a thread of the source's own, and nobody waits here for more than a moment.
        The position moves past a chunk when it is accepted, or else when the next one is asked for. A chunk
        that was not accepted when the generator is closed comes again.
        """
        ...

    def accept(self) -> None:
        """Move past the last chunk handed on: it was counted. More than once is once."""
        ...

    def note_time(self, time: int) -> None:
        """Take note of the newest event time (microseconds) in what the last chunk came from."""
        ...

    def set_aside(self, reason: str) -> None:
        """Leave alone what the last chunk came from: it cannot be used."""
        ...

    def read_smaller(self) -> None:
        """Hand on the last chunk's records in smaller chunks: it held too many."""
        ...

    def lag(self) -> Lag:
        """What there is to read, as of the last look."""
        ...

    def changes(self, *, everything: bool = False) -> SourceChanges:
        """What has changed since ``saved``, or with ``everything`` all there is."""
        ...

    def saved(self) -> None:
        """What ``changes`` gave last is stored."""
        ...

    def restore(self, state: SourceState) -> None:
        """Go on where a source stopped that was saved like this. To be called before the first ``poll``."""
        ...

    def adopt(self, old: Self) -> None:
        """Go on where another source of the same kind stopped; that one holds nothing any more.

        Nothing is taken over that does not fit this source's configuration.
        """
        ...

    def close(self) -> None:
        """Give everything back."""
        ...
