"""CloudEvents of model servers' loggers, to the lines that ``sources.events`` reads.

Binary mode (attributes in ``ce-`` headers, the inference request or response as the body, whatever its
content type: KServe hands on the one of the original request), structured mode and batches. The events of a
request and of its response have the same id; Seldon has it in ``requestid``, and gives each event an id of
its own.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from drift_exporter.receive.refusal import bad

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

LONGEST_ID = 256

_KINDS = {".inference.request": "request", ".inference.response": "response"}
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_TEXTS = {"id", "requestid", "type", "specversion", "source", "time", "datacontenttype"}
_NOT_TOLD = ("", "NOTIMPLEMENTED")
"""What MLServer says where it was not told."""


def is_event(content_type: str, headers: Mapping[str, str]) -> bool:
    """Whether a request brings CloudEvents."""
    return content_type in {STRUCTURED, BATCH} or any(
        name in headers for name in ("ce-type", "ce-id", "ce-specversion")
    )


def event_lines(content_type: str, headers: Mapping[str, str], body: bytes, received: float) -> list[bytes]:
    """A line for each event, not ended; ``received`` is now, in epoch seconds. Raises Refusal."""
    if content_type == BATCH:
        batch = _parse(body, "the batch")
        if not isinstance(batch, list) or not batch:
            raise bad("the batch is not an array of at least one event")
        return [_structured(event, f"event {number}", received) for number, event in enumerate(batch)]
    if content_type == STRUCTURED:
        return [_structured(_parse(body, "the event"), "the event", received)]
    attributes = {
        name.removeprefix("ce-"): unquote(value) for name, value in headers.items() if name.startswith("ce-")
    }
    data = _parse(body, "the event's data")
    raw = body.decode().replace("\n", " ").replace("\r", " ")
    return [_line(attributes, data, raw, "the event", received)]


def _parse(body: bytes, what: str) -> Any:  # noqa: ANN401 (parsed JSON)
    try:
        return json.loads(body.decode())
    except UnicodeDecodeError:
        raise bad(f"{what} is not UTF-8; binary tensors cannot be read, have them sent as JSON") from None
    except RecursionError:
        raise bad(f"{what} is not readable JSON: too many levels of nesting") from None
    except ValueError as error:
        raise bad(f"{what} is not JSON: {error}") from None


def _structured(event: Any, what: str, received: float) -> bytes:  # noqa: ANN401 (parsed JSON)
    if not isinstance(event, dict):
        raise bad(f"{what} is not an object")
    data = event.get("data")
    if "data_base64" in event:
        try:
            data = base64.b64decode(event["data_base64"], validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise bad(f"{what} has a data_base64 that is not base64") from None
        data = _parse(data, f"data_base64 of {what}")
    elif isinstance(data, str):
        data = _parse(data.encode("utf-8", "replace"), f"data of {what}")
    for name in _TEXTS & event.keys():
        if not isinstance(event[name], str):
            raise bad(f"the attribute {name} of {what} is not text")
    _check_id(event.get("id", ""), what)
    try:
        raw = json.dumps(data, separators=(",", ":"))
    except RecursionError:
        raise bad(f"data of {what} has too many levels of nesting") from None
    return _line(event, data, raw, what, received)


def _line(attributes: Mapping[str, Any], data: Any, raw: str, what: str, received: float) -> bytes:  # noqa: ANN401 (parsed JSON)
    kind = attributes.get("type", "")
    event = next((event for ending, event in _KINDS.items() if kind.endswith(ending)), None)
    if event is None:
        raise bad(
            f"the type of {what} is {kind[:100]!r}; it is one that ends in .inference.request or "
            ".inference.response, such as org.kubeflow.serving.inference.request"
        )
    identity = attributes.get("requestid") or attributes.get("id") or ""
    _check_id(identity, what)
    if not isinstance(data, dict):
        raise bad(f"the data of {what} is not an object, as an inference request or response is")
    time = attributes.get("time")
    if time is not None and not _is_time(time):
        raise bad(
            f"the time of {what} is {time[:100]!r}; write one as in RFC 3339, such as 2026-01-02T03:04:05Z"
        )
    trace = _TRACEPARENT.fullmatch(str(attributes.get("traceparent")))
    places = (identity, *(str(attributes.get(name) or "") for name in ("component", "endpoint")))
    service = (attributes.get("inferenceservicename"), attributes.get("modelid"))
    head = {
        "event": event,
        "id": identity,
        "key": "|".join(places),
        "time": time,
        "received": round(received, 6),
        "model": _told(data.get("model_name"), *service),
        "version": _told(data.get("model_version"), attributes.get("modelversion")),
        "trace_id": trace and trace[1],
    }
    return (json.dumps(head, separators=(",", ":"))[:-1] + ',"data":' + raw + "}").encode()


def _check_id(identity: str, what: str) -> None:
    if not 0 < len(identity) <= LONGEST_ID:
        wrong = "has no id" if not identity else f"has an id of {len(identity)} characters"
        raise bad(f"{what} {wrong}; one of at most {LONGEST_ID} joins a request with its response")


def _is_time(text: str) -> bool:
    if _TIME.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True


def _told(*values: object) -> str | None:
    return next((value for value in values if isinstance(value, str) and value not in _NOT_TOLD), None)
