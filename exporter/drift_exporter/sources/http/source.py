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
from dataclasses import dataclass, field, replace

import numpy as np

from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.http.answer import Ask, Outcome, page_name
from drift_exporter.sources.http.chunks import chunk_of
from drift_exporter.sources.http.client import Client, RequestError, shown
from drift_exporter.sources.http.fetch import Fetch
from drift_exporter.sources.http.jsonpage import PageError
from drift_exporter.sources.http.options import Options
from drift_exporter.sources.http.pieces import Piece
from drift_exporter.sources.http.place import Place, place_of
from drift_exporter.sources.http.prints import MOST, NO_PRINTS, Known, Prints, merged
from drift_exporter.sources.http.retry import backoff
from drift_exporter.sources.http.ways import request_of
from drift_exporter.sources.position import NOTHING, Guard, new_guard
from drift_exporter.sources.source import REQUESTS, Counts, Lag, SourceChanges, SourceState

log = logging.getLogger(__name__)

PLACE, SEEN, PASSED = "place", "seen", "passed"
"""Keys of the marks: where it stands, lines of the answer before, lines of this one that were counted."""

_TURN = 2.0
"""Seconds after which others have their turn."""

_PAGES = 100
"""Pages after which they have it, too."""

_PATIENCE = 0.2
"""Seconds that are waited for a server: longer would keep others from decoding."""

_EMPTY_PAGES = 1000
"""Pages without records in a row after which one that reads only once believes that there are no more."""

_SLOW = 60.0
"""Seconds at least until a request is made again that was refused."""

_ATTEMPTS = 5
"""Failed requests in a row after which one that reads only once gives up, and the longest wait (seconds)."""

_LONGEST_WAIT = 30.0
_LARGEST = 8 << 20


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
    place: Place = field(default_factory=Place)
    seen: Prints = field(default_factory=NO_PRINTS.copy)
    _passed: list[Prints] = field(default_factory=list)
    _changed: set[str] = field(default_factory=set)
    _gone: set[str] = field(default_factory=set)
    _client: Client | None = None
    _fetch: Fetch | None = None
    _taken: Sequence[Piece] = ()
    _size: int = 0
    _again: bool = False
    _fresh: bool = False
    _failed: int = 0
    _empty: int = 0
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
        started, pages, handed = self.clock(), 0, False
        while not stop():
            if handed and not self.final and (self.clock() - started > _TURN or pages >= _PAGES):
                self.more = True
                return
            if self._fetch is None and not self._begin(stop):
                return
            fetch = self._fetch
            if fetch is None:
                continue
            pieces, outcome = fetch.look(self._size)
            if pieces:
                fetch.patient = handed = True
                yield from self._hand_on(fetch, pieces)
            elif outcome is not None:
                pages += 1
                self._finish(outcome)
            elif fetch.patient or self.final:
                fetch.patient = fetch.wait(_PATIENCE)
            else:
                # While a document arrives there will be more in a moment.
                self.more = handed
                return

    def accept(self) -> None:
        """Move past the last chunk handed on: it was counted. More than once is once."""
        with self.guard:
            if not self._taken or self._fetch is None:
                return
            last, kind = self._taken[-1], self.options.way.kind
            if kind != "since" and self._taken[0].offset < self.place.offset:
                log.info("%s is another than before; it is read from its beginning", self._name())
            self.place = replace(
                self.place,
                offset=last.offset + last.size,
                record=last.record + last.lines,
                fingerprint=last.fingerprint,
                etag=None,
                last_modified=None,
            )
            self._changed.add(PLACE)
            self._fresh = self._fresh or any(piece.fresh for piece in self._taken)
            if kind == "since":
                self._passed += (piece.prints for piece in self._taken)
                self._changed.add(PASSED)
            self._fetch.drop(len(self._taken))
            self._taken = ()

    def note_time(self, time: int) -> None:
        """Records come in the server's order."""

    def set_aside(self, reason: str) -> None:
        """Leave the page alone for a while: it cannot be used."""
        page = None if self._fetch is None else page_name(self._fetch.ask)
        self._give_up()
        self._say(reason.removeprefix(f"{page}: "))
        self._due = self.clock() + max(_SLOW, self.options.interval)
        self._ended = self.final

    def read_smaller(self) -> None:
        """Hand on half as much of what the last chunk held."""
        self._size = max(1, sum(len(piece.data) for piece in self._taken) // 2)
        self._again = True

    def lag(self) -> Lag:
        """Bytes that were not read, where the size of the document is known."""
        total = self.place.total
        return Lag(bytes=None if total is None else max(0, total - self.place.offset))

    def changes(self, *, everything: bool = False) -> SourceChanges:
        """The marks that have changed since ``saved``, or all of them."""
        with self.guard:
            passed = np.concatenate([NO_PRINTS, *self._passed])
            values = {
                PLACE: self.place.to_bytes(self.options.origin),
                SEEN: self.seen.astype("<u8").tobytes(),
                PASSED: passed.astype("<u8").tobytes(),
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
            self.place = place
            self.seen = _prints(state.marks.get(SEEN, b""))
            self._passed = [_prints(state.marks.get(PASSED, b""))]

    def adopt(self, old: "HttpSource") -> None:
        """Go on where another source stopped, if it asked the same server in the same way."""
        with self.guard:
            self.lost_bytes += old.lost_bytes
            self.counts.update(old.counts)
            if self.options.origin == old.options.origin:
                self.place, self.seen, self._passed = old.place, old.seen, old._passed  # noqa: SLF001  # of the same class
        old._give_up()  # noqa: SLF001  # of the same class

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
        try:
            url, conditions = request_of(self.options, self.place)
        except PageError as error:
            self._fail(RequestError("", str(error)))
            return False
        known = None
        if self.options.way.kind == "since":
            self._recall()
            known = Known(self.seen)
        ask = Ask(self.options, self.line_limit, url, conditions, self.place, self.wall(), known, self.final)
        self._fetch = Fetch(self._client, ask)
        self._fresh, self._size = False, self._full
        self._fetch.start()
        return True

    def _recall(self) -> None:
        """Know the lines of an answer that was not read to its end."""
        if self._passed:
            with self.guard:
                self.seen, self._passed = merged([self.seen, np.concatenate(self._passed)]), []
                self._changed |= {SEEN, PASSED}

    def _hand_on(self, fetch: Fetch, pieces: Sequence[Piece]) -> Generator[Chunk]:
        self._taken, self._again = pieces, False
        chunk = chunk_of(fetch.ask, pieces)
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

    def _finish(self, outcome: Outcome) -> None:
        """Take note of what became of a request, all pieces of its answer taken."""
        with self.guard:
            for code in outcome.codes:
                self.counts[REQUESTS, code] += 1
            self._fetch = None
            if outcome.error is not None:
                self._fail(outcome.error)
                return
            self._failed, self.problem = 0, None
            if outcome.changed:
                self._begin_anew()
            elif outcome.status == 304:
                self._rest()
            else:
                self._go_on(outcome)

    def _begin_anew(self) -> None:
        """Read the page from its beginning: it is another."""
        log.info("%s is another than before; it is read from its beginning", self._name())
        if self.place.total is not None:
            self.lost_bytes += max(0, self.place.total - self.place.offset)
        self.place = Place(target=self.place.target)
        self._changed.add(PLACE)
        self._due = float("-inf")

    def _go_on(self, outcome: Outcome) -> None:
        """Move to the end of a page, or on to the next one."""
        before, kind = self.place, self.options.way.kind
        moves = outcome.next is not None and outcome.next != before.target
        at_once = self._fresh and (moves or outcome.rest)
        self._empty = 0 if self._fresh else self._empty + 1
        if self.final and moves and kind in {"cursor", "link"} and self._empty < _EMPTY_PAGES:
            # There may be more behind a page without records.
            at_once = True
        if kind == "since":
            self._pass_on(outcome)
        elif moves:
            self.place = Place(target=outcome.next)
        else:
            self.place = outcome.place
        if self.place != before:
            self._changed.add(PLACE)
        if at_once:
            self._due = float("-inf")
        else:
            self._rest()

    def _pass_on(self, outcome: Outcome) -> None:
        """Remember the lines of the answer, of which some come again when it is asked from their time on."""
        if self._passed:
            lines = np.concatenate(self._passed)[-MOST:]
            if len(lines):
                self.seen = lines
            self._passed = []
            self._changed |= {SEEN, PASSED}
        place = replace(outcome.place, offset=0, record=0, fingerprint=NOTHING, header=b"")
        if outcome.next is not None and outcome.next != self.place.target:
            place = Place(target=outcome.next)
        self.place = place

    def _rest(self) -> None:
        self._due = self.clock() + self.options.interval
        self._ended = self.final

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
