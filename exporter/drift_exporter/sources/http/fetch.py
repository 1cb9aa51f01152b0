"""One request on a thread of its own: nobody who decodes waits for a server.

The answer is read no faster than it is taken: what is held of it is bounded, also while nobody takes it.
"""

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import requests
import urllib3

from drift_exporter.sources.http.answer import Ask, Outcome, reading
from drift_exporter.sources.http.client import Client, RequestError
from drift_exporter.sources.http.pieces import Piece

log = logging.getLogger(__name__)

_HELD = 8 << 20
"""Bytes of text that are held for who takes them."""


class _CancelledError(Exception):
    """Nobody wants the answer any more."""


@dataclass
class Fetch:
    """A request that is being made, or was. Its methods may be called by any one thread beside its own.

    ``patient`` is for who waits for it to remember whether it is worth while.
    """

    client: Client
    ask: Ask
    patient: bool = True
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _pieces: deque[Piece] = field(default_factory=deque)
    _held: int = 0
    _outcome: Outcome | None = None
    _cancelled: bool = False
    _response: requests.Response | None = None
    _codes: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Make the request."""
        threading.Thread(target=self._run, name="http-request", daemon=True).start()

    def look(self, size: int) -> tuple[Sequence[Piece], Outcome | None]:
        """The next pieces, of ``size`` bytes together or one of more; after the last one the outcome."""
        with self._changed:
            found: list[Piece] = []
            length = 0
            for piece in self._pieces:
                length += len(piece.data)
                if found and length > size:
                    break
                found.append(piece)
            return found, None if found else self._outcome

    def drop(self, count: int) -> None:
        """So many pieces were taken."""
        with self._changed:
            for _ in range(count):
                self._held -= self._pieces.popleft().size
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait until there is something to look at, at most for so long; tells whether there is."""
        with self._changed:
            return self._changed.wait_for(self._is_worth_a_look, seconds)

    def cancel(self) -> None:
        """Give up: nobody will look at the outcome."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
            response = self._response
        if response is not None and hasattr(response.raw, "shutdown"):
            # Wakes the thread where it waits for bytes; older releases of urllib3 leave that to the timeout.
            with contextlib.suppress(ValueError, RuntimeError, OSError, urllib3.exceptions.HTTPError):
                response.raw.shutdown()

    def _is_worth_a_look(self) -> bool:
        return bool(self._pieces) or self._outcome is not None

    def _run(self) -> None:
        try:
            outcome = self._perform()
        except _CancelledError:
            outcome = Outcome(0, self._codes, self.ask.place)
        except RequestError as error:
            if error.code:
                self._codes.append(error.code)
            outcome = Outcome(0, self._codes, self.ask.place, error=error)
        except Exception as error:
            if not self._cancelled:
                log.exception("a request failed for a reason that was not foreseen")
            wrong = RequestError("", f"{type(error).__name__}: {error}")
            outcome = Outcome(0, self._codes, self.ask.place, error=wrong)
        finally:
            if self._response is not None:
                self._response.close()
        with self._changed:
            self._outcome = outcome
            self._changed.notify_all()

    def _perform(self) -> Outcome:
        answer = self.client.ask(self.ask.url, self.ask.conditions, self._codes.append)
        with self._changed:
            self._response = answer.response
            if self._cancelled:
                raise _CancelledError
        pieces = reading(self.ask, answer, self.client.timeout)
        while True:
            try:
                piece = next(pieces)
            except StopIteration as end:
                outcome: Outcome = end.value
                self._codes.append(str(answer.response.status_code))
                return replace(outcome, codes=self._codes)
            with self._changed:
                self._changed.wait_for(lambda: self._cancelled or self._held < _HELD)
                if self._cancelled:
                    raise _CancelledError
                self._pieces.append(piece)
                self._held += piece.size
                self._changed.notify_all()
