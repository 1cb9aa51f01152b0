"""Range queries of a Prometheus server, or of what speaks its API: asked in parts, again where that helps."""

import contextlib
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode

import numpy as np
import requests

from drift_exporter.infrastructure.answer import AnswerError, Points, RangeAnswer, read_range, reason_of
from drift_exporter.sources.http.body import blocks_of
from drift_exporter.sources.http.client import Client, RequestError, shown
from drift_exporter.sources.http.options import Server
from drift_exporter.sources.http.retry import backoff, retry_after

MOST_POINTS = 10_000
"""Points of a series asked for at once; servers refuse more than 11,000."""

LARGEST = 64 << 20
"""Bytes of one answer, at most."""

_PATH = "/api/v1/query_range"
_LONGEST_URL = 1_500
_ATTEMPTS = 3
_LONGEST_PAUSE = 10.0
_LONGEST_READ = 4.0
_SHOWN = 200


class QueryError(Exception):
    """A query got no answer that can be used.

    ``down`` is why no other query would get one now, None where others may.
    """

    def __init__(self, text: str, *, down: str | None = None) -> None:
        super().__init__(text)
        self.down = down


class Asks(Protocol):
    """Whom queries are asked of."""

    def ask(self, query: str, start: int, end: int, step: float) -> RangeAnswer:
        """The values of a query at ``start`` to ``end``, both multiples of ``step`` that are counted in it.

        Raises QueryError.
        """
        ...

    def close(self) -> None:
        """Nobody asks any more."""
        ...


@dataclass
class PrometheusClient:
    """Asks one server. ``pause`` waits so many seconds, and tells whether to give up."""

    server: Server
    pause: Callable[[float], bool]
    wall: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random
    observe: Callable[[float], None] = lambda _: None
    largest: int = LARGEST
    _client: Client = field(init=False)

    def __post_init__(self) -> None:
        self._client = Client(self.server)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def ask(self, query: str, start: int, end: int, step: float) -> RangeAnswer:
        """The values of a query at ``start`` to ``end``, both multiples of ``step`` that are counted in it.

        ``observe`` is told how many seconds each request took. Raises QueryError.
        """
        answers = [
            self._part(query, first, min(first + MOST_POINTS - 1, end), step)
            for first in range(start, end + 1, MOST_POINTS)
        ]
        return answers[0] if len(answers) == 1 else _joined(answers)

    def _part(self, query: str, start: int, end: int, step: float) -> RangeAnswer:
        for attempt in range(1, _ATTEMPTS + 1):
            began = time.monotonic()
            try:
                return read_range(self._body(query, start * step, end * step, step))
            except AnswerError as error:
                raise QueryError(self._text(query, str(error))) from error
            except RequestError as error:
                lost = error.code in {"connection", "timeout"}
                if lost:
                    self._client.begin_anew()
                wait = max(backoff(attempt, self.chance()), error.after or 0.0)
                slow = error.code == "timeout" or wait > _LONGEST_PAUSE
                if attempt == _ATTEMPTS or not error.soon or slow or self.pause(wait):
                    down = f"{shown(self.server.url)}: {error}" if error.code == "connection" else None
                    raise QueryError(self._text(query, str(error)), down=down) from error
            finally:
                self.observe(time.monotonic() - began)
        raise AssertionError

    def _body(self, query: str, start: float, end: float, step: float) -> bytes:
        form = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        url = self.server.url + _PATH
        long = len(urlencode(form)) + len(url) > _LONGEST_URL
        target = url if long else f"{url}?{urlencode(form)}"
        conditions = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        answer = self._client.ask(target, conditions, lambda _: None, form if long else None)
        with contextlib.closing(answer.response) as response:
            body = b"".join(self._blocks(response))
        if not response.ok:
            raise _refused(response, body, self.wall())
        return body

    def _blocks(self, response: requests.Response) -> Iterator[bytes]:
        size, deadline = 0, time.monotonic() + _LONGEST_READ * self.server.timeout
        for block in blocks_of(response, self.server.timeout):
            size += len(block)
            if size > self.largest:
                raise RequestError(
                    "",
                    f"the answer has more than {self.largest} bytes; ask for fewer series: wrap it in sum()",
                )
            if time.monotonic() > deadline:
                raise RequestError("timeout", f"the answer takes more than {_LONGEST_READ:g} x timeout")
            yield block

    def _text(self, query: str, reason: str) -> str:
        return f"{shown(self.server.url)}: query {shortened(query)}: {reason}"


def shortened(query: str) -> str:
    """A query as messages show it."""
    return repr(query if len(query) <= _SHOWN else f"{query[:_SHOWN]}...")


def _refused(response: requests.Response, body: bytes, now: float) -> RequestError:
    try:
        reason = reason_of(json.loads(body))
    except (ValueError, RecursionError):
        reason = None
    code = response.status_code
    text = reason or f"the server answers {code} {response.reason or ''}".rstrip()
    if code in {401, 403}:
        text += "; give it credentials in header_files"
    after = retry_after(response.headers.get("Retry-After"), now)
    return RequestError(str(code), text, soon=code == 429 or code >= 500, after=after)


def _joined(answers: list[RangeAnswer]) -> RangeAnswer:
    """Answers for one part of the time after the other, as one; series by their labels."""
    found: dict[tuple[tuple[str, str], ...], list[Points]] = {}
    for answer in answers:
        for series in answer.series:
            found.setdefault(tuple(sorted(series.labels.items())), []).append(series)
    warnings = list(dict.fromkeys(warning for answer in answers for warning in answer.warnings))
    return RangeAnswer([_one(parts) for parts in found.values()], warnings)


def _one(parts: list[Points]) -> Points:
    times, values = ([getattr(part, key) for part in parts] for key in ("times", "values"))
    return Points(parts[0].labels, np.concatenate(times), np.concatenate(values))
