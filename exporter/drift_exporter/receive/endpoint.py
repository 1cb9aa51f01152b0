"""``POST /v1/predictions/<model>`` and ``/v1/labels/<model>``: what is sent is taken and made durable.

Only then it is acknowledged.

Nothing here counts records: that is for whoever reads what was taken. A record that is wrong in itself is
taken too, and goes to the dead letters when it is read.
"""

import asyncio
import hmac
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from drift_exporter.errors import SourceError
from drift_exporter.expose.app import Endpoint
from drift_exporter.expose.http import Answer, Receive, Scope
from drift_exporter.receive.body import ENCODINGS, DisconnectedError, decompress, read_body, work
from drift_exporter.receive.cloudevents import BATCH, STRUCTURED, event_lines, is_event
from drift_exporter.receive.records import JSON, NDJSON, record_lines
from drift_exporter.receive.refusal import Refusal, bad, too_large
from drift_exporter.sources.push.source import PushSource
from drift_exporter.sources.push.spool import Kind

PREFIXES = {"predictions": "/v1/predictions/", "labels": "/v1/labels/"}
"""Where is sent what a source of each role takes."""

DESCRIPTION = "/v1/openapi.yaml"

_log = logging.getLogger(__name__)

_IN_HAND = 4
"""Requests of full length whose bodies may be in memory at the same time."""

_SOON, _LATER = 1, 5
"""Seconds after which it is worth trying again."""


@dataclass(frozen=True)
class Intake:
    """Where to put what is sent for a model, and what its configuration says about that. Sizes in bytes."""

    source: PushSource
    request: int
    backlog: int
    token_file: Path | None
    events: bool
    line: int


def make_endpoint(find: Callable[[str], Intake | None]) -> Endpoint:
    """The endpoint; ``find`` gives the intake of a source (``fraud/labels``), None if it takes nothing."""

    async def endpoint(scope: Scope, receive: Receive) -> Answer:
        if scope["path"] == DESCRIPTION and scope["method"] in {"GET", "HEAD"}:
            return Answer(200, await asyncio.to_thread(description), "application/yaml")
        intake = None
        try:
            intake = _find(find, scope["path"], scope["method"])
            answer = await _take(intake, scope, receive)
        except Refusal as refusal:
            answer = _refused(refusal)
        except DisconnectedError:
            # Nobody hears it.
            return _refused(bad("the body did not come to its end"))
        except Exception:  # noqa: BLE001  whatever it is, it is an answer of its own
            _log.exception("a request to %s went wrong", scope["path"])
            answer = _refused(Refusal(500, "this went wrong; the log says why", _LATER))
        if intake is not None:
            intake.source.spool.count_answer(str(answer.status))
        return answer

    return endpoint


def asks_for_token(find: Callable[[str], Intake | None], path: str) -> bool:
    """Whether what is sent to a path needs a token of its own."""
    try:
        return _find(find, path, "POST").token_file is not None
    except Refusal:
        return False


def description() -> bytes:
    """What this API takes and answers, as OpenAPI."""
    return resources.files(__package__).joinpath("openapi.yaml").read_bytes()


def _find(find: Callable[[str], Intake | None], path: str, method: str) -> Intake:
    if method != "POST":
        raise Refusal(405, "not allowed here; allowed: POST", headers=(("allow", "POST"),))
    role = next((role for role, prefix in PREFIXES.items() if path.startswith(prefix)), "predictions")
    name = path.removeprefix(PREFIXES[role])
    # No model's name has a slash in it.
    intake = None if "/" in name else find(f"{name}/{role}")
    if intake is None:
        right = "one whose source is of type push does"
        raise Refusal(404, f"no model {name[:128]!r} takes {role} here; {right}")
    return intake


async def _take(intake: Intake, scope: Scope, receive: Receive) -> Answer:
    headers = _headers(scope)
    _check_token(intake.token_file, headers)
    content_type = _content_type(headers)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    _check_kind(intake, content_type, headers)
    if encoding not in {"identity", *ENCODINGS}:
        right = ", ".join(ENCODINGS)
        raise Refusal(415, f"Content-Encoding {encoding[:100]!r} is not known here; one of: {right}, or none")
    length = _length(headers)
    if length > intake.request:
        raise too_large("the body", intake.request, "request")
    in_hand = 0
    spool = intake.source.spool

    def hold(size: int) -> None:
        nonlocal in_hand
        _check_room(intake, size)
        spool.in_hand += size
        in_hand += size

    try:
        _check_room(intake, length)
        body = await read_body(receive, intake.request, hold)
        if encoding != "identity":
            body = await work(intake.request, lambda: decompress(encoding, body, intake.request))
            hold(len(body))
        data, kind = await _lines(intake, content_type, headers, body)
        try:
            await asyncio.wrap_future(intake.source.append(data, kind))
        except SourceError as error:
            # It is the source's problem, and told as that.
            raise Refusal(503, str(error), _LATER) from None
    finally:
        spool.in_hand -= in_hand
    return _json(202, {"accepted_bytes": len(data)})


async def _lines(
    intake: Intake, content_type: str, headers: Mapping[str, str], body: bytes
) -> tuple[bytes, Kind]:
    if not intake.events:
        if content_type != JSON:
            return record_lines(content_type, body), "ndjson"
        return await work(len(body), lambda: record_lines(content_type, body)), "ndjson"
    lines = await work(len(body), lambda: event_lines(content_type, headers, body, time.time()))
    if any(len(line) > intake.line for line in lines):
        raise too_large("the event", intake.line, "limits.line")
    return b"\n".join([*lines, b""]), "events"


def _check_token(token_file: Path | None, headers: Mapping[str, str]) -> None:
    if token_file is None:
        return
    try:
        # Each time, so that a new token needs no reload.
        token = token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        _log.error("the token to compare with cannot be read from %s: %s", token_file, error)
        raise Refusal(503, "the token to compare with cannot be read; the log says why", _LATER) from None
    scheme, _, given = headers.get("authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    if not token or scheme.lower() != "bearer" or not same:
        text = "the token is missing or wrong; send it as Authorization: Bearer TOKEN"
        raise Refusal(401, text, headers=(("www-authenticate", "Bearer"),))


def _check_kind(intake: Intake, content_type: str, headers: Mapping[str, str]) -> None:
    event = is_event(content_type, headers)
    if intake.events and not event:
        text = f"this model takes CloudEvents: with ce- headers, or as {STRUCTURED} or {BATCH}"
        raise Refusal(415, f"{text}; records are taken with events: none in its source")
    if not intake.events and event:
        text = f"this model takes records as {NDJSON[0]} or {JSON}"
        raise Refusal(415, f"{text}; CloudEvents are taken with events: all in its source")
    if not event and content_type not in {*NDJSON, JSON}:
        raise Refusal(
            415, f"Content-Type {content_type[:100]!r} is not known here; one of: {NDJSON[0]}, {JSON}"
        )
    charset = headers.get("content-type", "").lower().partition("charset=")[2].strip("\"' ;")
    if not event and charset not in {"", "utf-8", "utf8"}:
        raise Refusal(415, f"the charset {charset[:100]!r} is not known here; send UTF-8")


def _check_room(intake: Intake, size: int) -> None:
    spool = intake.source.spool
    if intake.source.backlog + spool.in_hand + size > intake.backlog:
        raise Refusal(429, "more was sent than was read so far; try again later", _LATER)
    if spool.in_hand + size > _IN_HAND * intake.request:
        raise Refusal(429, "too many requests at the same time; try again later", _SOON)


def _headers(scope: Scope) -> dict[str, str]:
    """Headers by their names in lower case; of one that comes twice the last value."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _content_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _length(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "0").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _refused(refusal: Refusal) -> Answer:
    headers = refusal.headers
    if refusal.retry_after is not None:
        headers = (*headers, ("retry-after", str(refusal.retry_after)))
    return _json(refusal.status, {"error": refusal.text}, headers)


def _json(status: int, content: Mapping[str, object], headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    body = json.dumps(content).encode() + b"\n"
    return Answer(status, body, "application/json", headers)
