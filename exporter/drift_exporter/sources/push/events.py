"""Events of inference requests and responses, joined to records.

An event is one line: who sent it and when, and the body as it came (see ``receive.cloudevents``, which writes
them). The first of the two events of a request waits for the other one; both orders are fine. What waits is
part of the source's state, so that it is not lost over a restart, and leaves it in the same moment in which
the record is counted.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from drift_exporter.sources.chunk import RAW_LIMIT, Rejection
from drift_exporter.sources.push.inference import Row, UnreadableBodyError, request_rows, response_rows

LARGEST_BATCH = 10_000
"""Records that one event may hold."""

PENDING_BYTES = 64 << 20
"""Bytes of all events that wait for the other one, at most."""

REQUEST, RESPONSE = "request", "response"
_OTHER = {REQUEST: RESPONSE, RESPONSE: REQUEST}


@dataclass(frozen=True)
class Waiting:
    """An event that waits for the other one: the line, and when it came (epoch seconds)."""

    line: bytes
    received: float


@dataclass
class Step:
    """What some lines of events make: records, and what changes in what waits once they are counted.

    ``starts`` are the places of the records in ``text``, ``origins`` those of their events' lines.
    ``rejected`` are lines that cannot be used, with why.
    """

    text: bytearray = field(default_factory=bytearray)
    starts: list[int] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    rejected: list[tuple[int, bytes, str]] = field(default_factory=list)
    added: dict[str, Waiting] = field(default_factory=dict)
    taken: dict[str, None] = field(default_factory=dict)
    alone: Counter[str] = field(default_factory=Counter)

    def locate(self, path: str, size: int, offset: int) -> tuple[str, int]:
        """Where a record of ``text`` came from; from ``size`` on, offsets are lines' own (see rejections)."""
        if offset >= size:
            return path, offset - size
        return path, self.origins[max(0, bisect_right(self.starts, offset) - 1)]

    def rejections(self, path: str, size: int) -> Iterator[Rejection]:
        """The lines that cannot be used; their offsets are as ``locate`` takes them."""
        for origin, line, why in self.rejected:
            yield Rejection(path, size + origin, "malformed", why, line[:RAW_LIMIT], len(line))


@dataclass
class Pairing:
    """Joins events. ``events`` says what becomes a record: all (joined), only requests or only responses.

    ``pending`` holds what waits, oldest first, by the kind of event and what it is known by.
    """

    events: str
    names: Sequence[str] | None
    within: float
    limit: int
    pending: dict[str, Waiting] = field(default_factory=dict)
    _bytes: int = 0

    def step(self, lines: Iterable[tuple[int, bytes]], most: int) -> Step | None:
        """What these lines (with their places) make; None where that is more than ``most`` bytes of text.

        Nothing has changed before ``apply``.
        """
        step = Step()
        for origin, line in lines:
            try:
                records = self._records(step, json.loads(line), line)
                texts = [json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records]
            except UnreadableBodyError as error:
                step.rejected.append((origin, line, f"the body {error}"))
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                wrong = f"not an event as it was taken: {type(error).__name__}: {error}"
                step.rejected.append((origin, line, wrong))
            else:
                for text in texts:
                    step.starts.append(len(step.text))
                    step.origins.append(origin)
                    step.text += text
            if len(step.text) > most:
                return None
        return step

    def apply(self, step: Step) -> tuple[set[str], Counter[str]]:
        """Take over what a step changes; returns the keys whose events came or went, and the lonely ones."""
        touched = {key for key in step.taken if self._drop(key)}
        for key, waiting in step.added.items():
            self._drop(key)
            self._add(key, waiting)
        alone = Counter(step.alone)
        while self.pending and (len(self.pending) > self.limit or self._bytes > PENDING_BYTES):
            oldest = next(iter(self.pending))
            self._drop(oldest)
            alone[_kind_of(oldest)] += 1
            touched.add(oldest)
        return touched | step.added.keys(), alone

    def expire(self, now: float) -> tuple[set[str], Counter[str]]:
        """Give up what has waited for too long at ``now`` (epoch seconds); as ``apply``."""
        old = []
        for key, waiting in self.pending.items():
            if now - waiting.received <= self.within:
                break
            old.append(key)
        for key in old:
            self._drop(key)
        return set(old), Counter(map(_kind_of, old))

    def restore(self, marks: Mapping[str, bytes]) -> None:
        """Go on with what waited before."""
        waiting = [(key, Waiting(line, float(json.loads(line)["received"]))) for key, line in marks.items()]
        for key, one in sorted(waiting, key=lambda pair: pair[1].received):
            self._add(key, one)

    def adopt(self, old: "Pairing") -> None:
        """Take over what waits there."""
        self.pending, self._bytes = old.pending, old._bytes  # noqa: SLF001  # of its own kind

    def _add(self, key: str, waiting: Waiting) -> None:
        self.pending[key] = waiting
        self._bytes += len(waiting.line)

    def _drop(self, key: str) -> bool:
        gone = self.pending.pop(key, None)
        self._bytes -= 0 if gone is None else len(gone.line)
        return gone is not None

    def _records(self, step: Step, event: dict[str, Any], line: bytes) -> Iterator[Row]:
        kind: str = event["event"]
        if self.events != "all":
            if self.events != kind:
                step.alone[kind] += 1
                return iter(())
            request, response = (event, None) if kind == REQUEST else (None, event)
            return _joined(request, response, self.names)
        key, other = f"{kind}:{event['key']}", f"{_OTHER[kind]}:{event['key']}"
        waiting = step.added.pop(other, None)
        if waiting is None and other not in step.taken:
            waiting = self.pending.get(other)
        if waiting is None:
            if key in step.added or (key in self.pending and key not in step.taken):
                # It came twice; the newer one waits on.
                step.alone[kind] += 1
            step.added.pop(key, None)
            step.added[key] = Waiting(line, float(event["received"]))
            return iter(())
        if other in self.pending:
            step.taken[other] = None
        first = json.loads(waiting.line)
        request, response = (event, first) if kind == REQUEST else (first, event)
        return _joined(request, response, self.names)


def _kind_of(key: str) -> str:
    return key.partition(":")[0]


def _joined(
    request: Mapping[str, Any] | None, response: Mapping[str, Any] | None, names: Sequence[str] | None
) -> Iterator[Row]:
    """The records of a request and its response, or of one of them."""
    inputs = outputs = None
    if response is not None:
        outputs = response_rows(response["data"])
    if request is not None:
        inputs = request_rows(request["data"], names, None if outputs is None else len(outputs))
    count = len(outputs if outputs is not None else inputs or ())
    if inputs is not None and len(inputs) != count:
        raise UnreadableBodyError(f"of the request has {len(inputs)} records, that of the response {count}")
    if count > LARGEST_BATCH:
        raise UnreadableBodyError(f"has {count} records; at most {LARGEST_BATCH}")
    known = [event for event in (request, response) if event is not None]
    shared: Row = {"request_id": known[0]["id"], "time": known[0]["time"] or known[0]["received"]}
    for key in ("model", "version", "trace_id"):
        told = (event[key] for event in reversed(known) if event[key] is not None)
        shared[key] = next(told, None)
    if request is not None and response is not None:
        shared["latency"] = _seconds_between(request["time"], response["time"])
    for row in range(count):
        record = {"id": shared["request_id"] if count == 1 else f"{shared['request_id']}-{row}", **shared}
        if inputs is not None:
            record["inputs"] = inputs[row]
        if outputs is not None:
            record["outputs"] = outputs[row]
        yield record


def _seconds_between(first: str | None, second: str | None) -> float | None:
    if first is None or second is None:
        return None
    try:
        begin, end = (datetime.fromisoformat(text) for text in (first, second))
    except ValueError:
        return None
    begin, end = (time if time.tzinfo else time.replace(tzinfo=UTC) for time in (begin, end))
    return round((end - begin).total_seconds(), 6)
