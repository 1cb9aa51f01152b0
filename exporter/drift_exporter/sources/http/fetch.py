"""Requests on a thread of their own: nobody who decodes waits for a server.

Pages are asked for one after the other as long as each leads to the next, ahead of who counts them. Answers
are read no faster than they are taken: what is held of them is bounded, also while nobody takes it.
"""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import requests
import urllib3

from drift_exporter.sources.http.answer import Outcome, ask_for, reading
from drift_exporter.sources.http.client import Client, RequestError
from drift_exporter.sources.http.jsonpage import PageError
from drift_exporter.sources.http.options import Options
from drift_exporter.sources.http.pieces import Piece
from drift_exporter.sources.http.prints import Known
from drift_exporter.sources.http.standing import End, Standing

log = logging.getLogger(__name__)

HELD = 8 << 20
"""Bytes of text that are held for who takes them."""


class _CancelledError(Exception):
    """Nobody wants the answer any more."""


@dataclass
class Fetch:
    """Requests that are made from ``standing`` on. Its methods may be called by one thread beside its own.

    ``final`` says that what there is now is all there will be; ``wall`` tells seconds since the epoch.
    """

    client: Client
    options: Options
    line_limit: int
    standing: Standing
    wall: Callable[[], float] = time.time
    final: bool = False
    held: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _items: deque[Piece | End] = field(default_factory=deque)
    _ended: bool = False
    _cancelled: bool = False
    _response: requests.Response | None = None

    def start(self) -> None:
        """Make the first request."""
        threading.Thread(target=self._run, name="http-requests", daemon=True).start()

    def look(self, size: int) -> Sequence[Piece | End]:
        """What comes next: pieces of ``size`` bytes together, or one of more, and ends of pages."""
        found: list[Piece | End] = []
        length, header = 0, None
        with self._changed:
            for item in self._items:
                if isinstance(item, Piece):
                    length += len(item.data)
                    if header is not None and (length > size or item.header != header):
                        break
                    header = item.header
                found.append(item)
        return found

    def drop(self, count: int) -> None:
        """So many items were taken."""
        with self._changed:
            for _ in range(count):
                item = self._items.popleft()
                self.held -= item.size if isinstance(item, Piece) else 0
            self._changed.notify_all()

    def wait(self, size: int, seconds: float) -> float:
        """Wait until there are ``size`` bytes, or all there will be, at most for so long; tells how long."""
        start = time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self.held >= size, seconds)
        return time.monotonic() - start

    def cancel(self) -> None:
        """Give up: nobody will look at what comes."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
            response = self._response
        if response is not None and hasattr(response.raw, "shutdown"):
            # Wakes the thread where it waits for bytes; older releases of urllib3 leave that to the timeout.
            with contextlib.suppress(ValueError, RuntimeError, OSError, urllib3.exceptions.HTTPError):
                response.raw.shutdown()

    def _run(self) -> None:
        standing = self.standing
        end = End(Outcome(0, [], standing.place))
        try:
            while True:
                end, standing = self._page(standing)
                self._put(end)
                if not end.goes_on:
                    break
        except _CancelledError:
            pass
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _page(self, standing: Standing) -> tuple[End, Standing]:
        """Ask for a page and put its pieces; the end of it and where that leads to."""
        codes: list[str] = []
        fresh = False
        try:
            known = Known(standing.seen) if self.options.way.kind == "since" else None
            ask = ask_for(self.options, self.line_limit, standing.place, self.wall(), known, final=self.final)
            answer = self.client.ask(ask.url, ask.conditions, codes.append)
            with self._changed:
                self._response = answer.response
            with contextlib.closing(answer.response):
                pieces = reading(ask, answer, self.client.timeout)
                while True:
                    try:
                        piece = next(pieces)
                    except StopIteration as stop:
                        outcome: Outcome = replace(stop.value, codes=codes)
                        codes.append(str(answer.response.status_code))
                        break
                    self._put(piece)
                    standing = standing.past(piece, self.options)
                    fresh = fresh or piece.fresh
            after, goes_on = standing.at_end(outcome, self.options, fresh=fresh, final=self.final)
        except (RequestError, PageError) as error:
            refused = error if isinstance(error, RequestError) else RequestError("", str(error))
            return End(
                Outcome(0, [*codes, *filter(None, [refused.code])], standing.place, error=refused)
            ), standing
        except _CancelledError:
            raise
        except Exception as error:
            if self._cancelled:
                raise _CancelledError from None
            log.exception("a request failed for a reason that was not foreseen")
            unforeseen = RequestError("", f"{type(error).__name__}: {error}")
            return End(Outcome(0, codes, standing.place, error=unforeseen)), standing
        return End(outcome, fresh, goes_on), after

    def _put(self, item: Piece | End) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or self.held < HELD)
            if self._cancelled:
                raise _CancelledError
            self._items.append(item)
            self.held += item.size if isinstance(item, Piece) else 0
            self._changed.notify_all()
