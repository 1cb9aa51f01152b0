"""The ways of going on: what is asked for at a place, and where an answer leads."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import requests

from drift_exporter.sources.csvrecords import fields_of, shape_of
from drift_exporter.sources.http.client import with_parameters
from drift_exporter.sources.http.jsonpage import JsonPage, PageError, parsed
from drift_exporter.sources.http.options import Options, Way
from drift_exporter.sources.http.place import Place
from drift_exporter.sources.http.retry import seconds_of_date

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_CONTENT_RANGE = re.compile(r"bytes\s+(\d+)-(\d+)/(\d+|\*)")
_WHOLE = re.compile(r"bytes\s+\*/(\d+)")
_UNITS = (1e11, 1.0), (1e14, 1e3), (1e17, 1e6)
"""Epoch numbers below the first are in seconds, then milliseconds, microseconds; nanoseconds above all."""

_SETTLED = 2.0
"""Seconds after which a document's time tells it from its next version (RFC 9110, section 8.8.2.2)."""


def request_of(options: Options, place: Place) -> tuple[str, Mapping[str, str]]:
    """The URL to ask for, and the headers that make the request conditional. Raises PageError."""
    way, server = options.way, options.server
    ranges = way.kind == "range"
    headers = {"Accept-Encoding": "identity" if ranges else "gzip, zstd"}
    if place.etag is not None:
        headers["If-None-Match"] = place.etag
    elif place.last_modified is not None:
        headers["If-Modified-Since"] = place.last_modified
    if ranges and place.offset:
        headers["Range"] = f"bytes={range_start(place)}-"
    if way.kind == "link" and place.target is not None:
        return place.target, headers
    parameters = dict(server.parameters)
    target = way.start if place.target is None else place.target
    if way.parameter and target is not None:
        overlap = way.overlap if place.target is not None else 0.0
        parameters[way.parameter] = earlier(target, overlap) if overlap else target
    return with_parameters(server.url, parameters), headers


def range_start(place: Place) -> int:
    """The first byte to ask for: the last ones that were read come again, to be compared."""
    return place.offset - place.fingerprint.length


@dataclass(frozen=True)
class Version:
    """What tells whether a page is still the one that was read."""

    etag: str | None = None
    last_modified: str | None = None


def version_of(response: requests.Response) -> Version:
    """The version of an answer. A time that is too fresh is none: the next version may have it, too."""
    etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
    changed, sent = seconds_of_date(modified), seconds_of_date(response.headers.get("Date"))
    if changed is None or sent is None or sent - changed < _SETTLED:
        modified = None
    return Version(etag, modified)


def next_of(way: Way, response: requests.Response, url: str, page: JsonPage | None) -> str | None:
    """What leads to the next page, None where the answer names none. Raises PageError."""
    if way.kind not in {"cursor", "link"}:
        return None
    if way.field is not None:
        found = None if page is None else page.value(way.field)
        if found is not None and not isinstance(found, str):
            raise PageError(f"{'.'.join(way.field)} in it is no text or number that could be asked for")
    elif way.kind == "link":
        found = response.links.get(way.header, {}).get("url")
    else:
        found = response.headers.get(way.header)
    if not found:
        return None
    return urljoin(url, found) if way.kind == "link" else found


def content_range(response: requests.Response) -> tuple[int, int, int | None] | None:
    """First byte, last byte and size of the document of a partial answer."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if match is None:
        return None
    return int(match[1]), int(match[2]), None if match[3] == "*" else int(match[3])


def whole_size(response: requests.Response) -> int | None:
    """Size of the document of which the range asked for is no part."""
    match = _WHOLE.fullmatch(response.headers.get("Content-Range", "").strip())
    return None if match is None else int(match[1])


def newest(way: Way, kind: str, header: bytes, lines: tuple[bytes, bytes], before: str | None) -> str | None:
    """The time to ask from after an answer with these first and last records: the latest that is known.

    Raises PageError where neither of them tells a time.
    """
    path = way.field or ()
    found = [
        text for line in reversed(lines) if line and (text := _time_in(path, kind, header, line)) is not None
    ]
    if not found:
        if any(lines):
            raise PageError(f"its records tell no {'.'.join(path)} to go on from")
        return before
    if before is not None:
        found.append(before)
    return max(found, key=lambda text: -float("inf") if (time := seconds(text)) is None else time)


def _time_in(path: tuple[str, ...], kind: str, header: bytes, line: bytes) -> str | None:
    value: Any
    if kind == "csv":
        shape = shape_of(header, len(line))
        fields = fields_of(line.decode("utf-8", errors="replace"), shape.separator)
        value = dict(zip(shape.names, fields, strict=False)).get(".".join(path))
    else:
        try:
            value = parsed(line)
        except PageError:
            return None
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value else None


def seconds(text: str) -> float | None:
    """Seconds since the epoch of a time: RFC 3339, or a number of seconds, ms, us or ns by its magnitude."""
    if _NUMBER.fullmatch(text):
        return float(text) / _scale(float(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def is_after(text: str | None, moment: float) -> bool:
    """Whether a time is known, and after some second since the epoch."""
    time = None if text is None else seconds(text)
    return time is not None and time > moment


def earlier(text: str, by: float) -> str:
    """A time ``by`` seconds earlier, written alike. Raises PageError where it is not known as a time."""
    if _NUMBER.fullmatch(text):
        value = float(text)
        if text.lstrip("-").isdecimal():
            return str(int(text) - round(by * _scale(value)))
        return repr(value - by * _scale(value))
    try:
        moment = datetime.fromisoformat(text) - timedelta(seconds=by)
    except (ValueError, OverflowError):
        raise PageError(f"{text!r} is no time, so nothing can be taken off it; remove overlap") from None
    return moment.isoformat().replace("+00:00", "Z" if text.endswith(("Z", "z")) else "+00:00")


def _scale(value: float) -> float:
    return next((scale for limit, scale in _UNITS if abs(value) < limit), 1e9)
