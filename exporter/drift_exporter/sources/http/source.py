"""Records that a server gives when it is asked, page by page.

Requests are made on a thread of their own; ``poll`` takes what has arrived. Where it stands in a page is
stored with the counts. A page of which a part was counted is asked for again after a restart, and what was
counted of it is left out: it is known by the fingerprint of its text, or, where the server is asked for all
records since a time, each record by its own.
"""

import logging
import random
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

import numpy as np

from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.http.chunks import chunk_of
from drift_exporter.sources.http.client import Client, RequestError, shown
from drift_exporter.sources.http.fetch import Fetch
from drift_exporter.sources.http.options import Options
from drift_exporter.sources.http.pieces import Piece
from drift_exporter.sources.http.place import place_of
from drift_exporter.sources.http.prints import Prints
from drift_exporter.sources.http.retry import backoff
from drift_exporter.sources.http.standing import End, Standing
from drift_exporter.sources.http.ways import is_after
from drift_exporter.sources.position import Guard, new_guard
from drift_exporter.sources.source import REQUESTS, Counts, Lag, SourceChanges, SourceState

log = logging.getLogger(__name__)

PLACE, SEEN, PASSED = "place", "seen", "passed"
"""Keys of the marks: the place, lines of the answer before, lines of this one that were counted."""

_TURN = 2.0
"""Seconds after which others have their turn."""

_PATIENCE = 0.1
"""Seconds that are waited for a server at a time: longer would keep others from decoding."""

_WORTH = 1 << 20
"""Bytes that are waited for: each chunk has its price, whatever its size."""

_SLOW = 60.0
"""Seconds at least until a request is made again that was refused."""

_FUTURE = 3600.0
"""Seconds that a record's time may be ahead of our clock."""

_ATTEMPTS = 5
"""Failed requests in a row after which one that reads only once gives up."""

_LONGEST_WAIT = 30.0
"""Seconds that one waits at most that reads only once."""

_LARGEST = 8 << 20
"""Bytes of a chunk, which is copied several times on its way."""


@dataclass
class HttpSource:
    """What the server of ``options`` gives.

    Chunks hold up to ``chunk_size`` bytes. ``final`` says that what there is now is all there will be: it is
    read to its end once. ``clock`` and ``wall`` are seconds, of any clock and since the epoch; ``chance``
    gives numbers in [0, 1). Places and counts change under ``guard``.
    """

    options: Options
    line_limit: int
    chunk_size: int
    final: bool = False
    guard: Guard = field(default_factory=new_guard)
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random
    idle_cost: float = 0.0
    more: bool = False
    problem: str | None = None
    lost_bytes: int = 0
    counts: Counts = field(default_factory=Counts)
    standing: Standing = field(default_factory=Standing)
    _changed: set[str] = field(default_factory=set)
    _client: Client | None = None
    _fetch: Fetch | None = None
    _taken: Sequence[Piece | End] = ()
    _size: int = 0
    _again: bool = False
    _failed: int = 0
    _due: float = float("-inf")
    _ended: bool = False

    def __post_init__(self) -> None:
        self._size = self._full = min(self.chunk_size, _LARGEST)

    @property
    def resting(self) -> bool:
        """Whether no request is being made."""
        return self._fetch is None

    def bind(self, save: Callable[[], None]) -> None:
        """Nothing is given up here that could be asked for twice."""

    def poll(self, stop: Callable[[], bool] = lambda: False) -> Generator[Chunk]:
        """Hand on what has arrived, chunk by chunk, and ask for more where it is time."""
        self.more = False
        start, patience = self.clock(), _PATIENCE
        while not stop():
            if self._fetch is None and not self._begin(stop):
                return
            fetch = self._fetch
            if fetch is None:
                return
            patience -= fetch.wait(min(_WORTH, self._size), _PATIENCE if self.final else max(0.0, patience))
            items = fetch.look(self._size)
            if items:
                yield from self._hand_on(items)
                if not self.final and self.clock() - start > _TURN:
                    self.more = True
                    return
            elif not self.final:
                return

    def accept(self) -> None:
        """Move past the last chunk handed on: it was counted. More than once is once."""
        with self.guard:
            taken, fetch, self._taken = self._taken, self._fetch, ()
            if fetch is None:
                return
            for item in taken:
                if isinstance(item, Piece):
                    self._pass(item)
                else:
                    self._finish(item)
            fetch.drop(len(taken))

    def note_time(self, time: int) -> None:
        """Records come in the server's order."""

    def set_aside(self, reason: str) -> None:
        """Leave the page alone for a while: it cannot be used."""
        pages = [item.page for item in self._taken if isinstance(item, Piece)]
        self._give_up()
        self._say(reason.removeprefix(f"{pages[0]}: ") if pages else reason)
        self._due = self.clock() + max(_SLOW, self.options.interval)
        self._ended = self.final

    def read_smaller(self) -> None:
        """Hand on half as much of what the last chunk held."""
        size = sum(len(item.data) for item in self._taken if isinstance(item, Piece))
        self._size = max(1, size // 2)
        self._again = True

    def lag(self) -> Lag:
        """Bytes that were not read, where the size of the document is known."""
        place = self.standing.place
        return Lag(bytes=None if place.total is None else max(0, place.total - place.offset))

    def changes(self, *, everything: bool = False) -> SourceChanges:
        """The marks that have changed since ``saved``, or all of them."""
        with self.guard:
            values = {
                PLACE: self.standing.place.to_bytes(self.options.origin),
                SEEN: self.standing.seen.astype("<u8").tobytes(),
                PASSED: self.standing.all_passed.astype("<u8").tobytes(),
            }
            wanted = values.keys() if everything else self._changed
            return SourceChanges(
                marks={key: values[key] for key in wanted if values[key]},
                unmarked=[key for key in wanted if not values[key]],
            )

    def saved(self) -> None:
        """What ``changes`` gave last is stored."""
        with self.guard:
            self._changed.clear()

    def restore(self, state: SourceState) -> None:
        """Go on where a source stopped. To be called before the first look."""
        with self.guard:
            self.lost_bytes += state.lost_bytes
            self.counts.update(state.counts)
            stored = state.marks.get(PLACE)
            if stored is None:
                return
            origin, place = place_of(stored)
            if origin != self.options.origin:
                log.warning("%s: asked otherwise than before, so it is read from its beginning", self._name())
                self._changed |= {PLACE, SEEN, PASSED}
                return
            passed = _prints(state.marks.get(PASSED, b""))
            seen = _prints(state.marks.get(SEEN, b""))
            self.standing = Standing(place, seen, (passed,) if len(passed) else ())

    def adopt(self, old: "HttpSource") -> None:
        """Go on where another source stopped, if it asked the same server in the same way."""
        with self.guard:
            self.lost_bytes += old.lost_bytes
            self.counts.update(old.counts)
            if self.options.origin == old.options.origin:
                self.standing = old.standing
            self._changed |= {PLACE, SEEN, PASSED}
        old.close()

    def close(self) -> None:
        """Give up the request that is being made, and close the connection."""
        self._give_up()
        if self._client is not None:
            self._client.close()

    def _name(self) -> str:
        return shown(self.options.server.url, self.options.server.parameters)

    def _say(self, problem: str) -> None:
        self.problem = f"{self._name()}: {problem}"

    def _give_up(self) -> None:
        fetch, self._fetch, self._taken = self._fetch, None, ()
        if fetch is not None:
            fetch.cancel()

    def _begin(self, stop: Callable[[], bool]) -> bool:
        """Make the next request, if it is time; with ``final`` wait for that. Tells whether it was made."""
        if self._ended:
            return False
        while self.clock() < self._due:
            if not self.final or stop():
                return False
            time.sleep(min(_PATIENCE, max(0.0, self._due - self.clock())))
        if self._client is None:
            self._client = Client(self.options.server)
        with self.guard:
            self._stand(self.standing.afresh())
        self._size = self._full
        self._fetch = Fetch(self._client, self.options, self.line_limit, self.standing, self.wall, self.final)
        self._fetch.start()
        return True

    def _hand_on(self, items: Sequence[Piece | End]) -> Generator[Chunk]:
        self._taken, self._again = items, False
        chunk = chunk_of([item for item in items if isinstance(item, Piece)], self.options.format)
        if chunk is not None:
            try:
                yield chunk
            except GeneratorExit:
                # It comes again, if it was not accepted.
                self._taken = ()
                raise
        if self._again:
            self._taken = ()
        else:
            self.accept()

    def _stand(self, standing: Standing) -> None:
        before, self.standing = self.standing, standing
        if standing.place != before.place:
            self._changed.add(PLACE)
        if standing.seen is not before.seen:
            self._changed.add(SEEN)
        if standing.passed is not before.passed:
            self._changed.add(PASSED)

    def _pass(self, piece: Piece) -> None:
        """Move past a piece."""
        if self.options.way.kind != "since" and piece.offset < self.standing.place.offset:
            self._say_changed()
        self._stand(self.standing.past(piece, self.options))

    def _finish(self, end: End) -> None:
        """Move past the end of a page, and take note of what became of the request."""
        outcome, place = end.outcome, self.standing.place
        for code in outcome.codes:
            self.counts[REQUESTS, code] += 1
        if not end.goes_on:
            self._fetch = None
        if outcome.error is not None:
            self._fail(outcome.error)
            return
        self._failed, self.problem = 0, None
        if outcome.changed:
            self._say_changed()
            self.lost_bytes += 0 if place.total is None else max(0, place.total - place.offset)
        self._stand(self.standing.at_end(outcome, self.options, fresh=end.fresh, final=self.final)[0])
        target = self.standing.place.target
        if self.options.way.kind == "since" and is_after(target, self.wall() + _FUTURE):
            self._say(
                f"the newest record is of {target}, in the future; what comes before that is not asked for"
            )
        if not end.goes_on:
            self._due = self.clock() + self.options.interval
            self._ended = self.final

    def _say_changed(self) -> None:
        log.info("%s is another than before; it is read from its beginning", self._name())

    def _fail(self, error: RequestError) -> None:
        """Say what is wrong, and when it is tried again."""
        self._failed += 1
        self._say(str(error))
        if self._client is not None and error.code in {"connection", "timeout"}:
            self._client.begin_anew()
        wait = backoff(self._failed, self.chance()) if error.soon else max(_SLOW, self.options.interval)
        wait = max(wait, error.after or 0.0)
        self._due = self.clock() + wait
        if self.final and (not error.soon or self._failed >= _ATTEMPTS or wait > _LONGEST_WAIT):
            self._ended = True


def _prints(stored: bytes) -> Prints:
    return np.frombuffer(stored, dtype="<u8").astype(np.uint64)
