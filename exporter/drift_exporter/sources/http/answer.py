"""An answer taken apart: its records in pieces, and what it says of the page and of how to go on."""

import contextlib
import threading
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace

import requests
import urllib3

from drift_exporter.sources.http.body import ChangedError, Text, blocks_of
from drift_exporter.sources.http.client import Answer, RequestError, shown
from drift_exporter.sources.http.jsonpage import JsonPage, PageError
from drift_exporter.sources.http.options import Options
from drift_exporter.sources.http.pieces import PIECE, Cutter, LastLine, Piece, TextEnd, WholeText
from drift_exporter.sources.http.place import Place
from drift_exporter.sources.http.prints import Known
from drift_exporter.sources.http.retry import retry_after
from drift_exporter.sources.http.ways import (
    content_range,
    newest,
    next_of,
    range_start,
    request_of,
    version_of,
    whole_size,
)

_OK, _NOTHING, _PART, _SAME, _NO_SUCH_RANGE = 200, 204, 206, 304, 416
_SOON = frozenset({408, 425, 429, 500, 502, 503, 504})
_SAID = 200
_BOM = b"\xef\xbb\xbf"
_TAKING_APART = threading.Lock()
"""JSON pages are taken apart one at a time: that needs a multiple of their size."""

_HINTS: Mapping[int, str] = {
    400: "check cursor, since and parameters",
    401: "check the files of header_files",
    403: "check the files of header_files, and what they give access to",
    404: "check url",
    410: "the server has nothing any more to go on from; state reset makes it begin anew",
}


@dataclass(frozen=True)
class Ask:
    """A request for the page at ``place``. Lines that are ``known`` need not come again.

    ``final`` says that what there is now is all there will be. ``now`` is the time of day.
    """

    options: Options
    line_limit: int
    url: str
    conditions: Mapping[str, str]
    place: Place
    now: float
    known: Known | None = None
    final: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a request.

    ``status`` is 0 where there is an ``error``. ``codes`` are those of all answers, redirects included.
    ``place`` is the end of what could be taken of the page, with what tells it from other versions of it.
    ``next`` leads to the next page, None where the answer names none. ``changed`` says that the page does not
    begin any more with what was counted of it. ``rest`` says that there is more than the server gave.
    """

    status: int
    codes: list[str]
    place: Place
    next: str | None = None
    error: RequestError | None = None
    changed: bool = False
    rest: bool = False


def reading(ask: Ask, answer: Answer, timeout: float) -> Generator[Piece, None, Outcome]:
    """Pieces of an answer, from the place asked for on; then the outcome. Raises RequestError."""
    response, place = answer.response, ask.place
    status = response.status_code
    nothing = Outcome(status, [], place)
    if status == _SAME:
        return nothing
    if ask.options.way.kind == "range" and status == _NO_SUCH_RANGE and place.offset:
        return replace(nothing, changed=True, place=replace(place, total=whole_size(response) or place.total))
    if status not in {_OK, _NOTHING} and not (status == _PART and "Range" in ask.conditions):
        raise _refused(response, ask.now)
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/html":
        text = "the answer is a page for people (text/html), not records; check url and header_files"
        raise RequestError(str(status), text)
    try:
        return (yield from _read(ask, answer, timeout))
    except ChangedError:
        return replace(nothing, changed=True)
    except PageError as error:
        raise RequestError(str(status), str(error)) from error


def _read(ask: Ask, answer: Answer, timeout: float) -> Generator[Piece, None, Outcome]:
    options, response, way = ask.options, answer.response, ask.options.way
    status = response.status_code
    blocks = blocks_of(response, timeout) if status != _NOTHING else iter(())
    page = None
    if options.format == "json" and status != _NOTHING:
        document = _document(blocks, options.page)
        with _TAKING_APART:
            page = JsonPage(document)
            lines = page.lines(options.records)
        del document
        follow = next_of(way, response, answer.url, page)
        page = None
        blocks = (lines[start : start + PIECE] for start in range(0, len(lines), PIECE))
    else:
        follow = next_of(way, response, answer.url, None)
    text = Text(blocks)
    cutter = _cutter(ask, response, text, _last_line(ask, follow))
    for block in text:
        yield from cutter.feed(block)
    yield from cutter.end()
    version, total, rest = version_of(response), None, False
    if way.kind == "range":
        length = response.headers.get("Content-Length", "")
        total = int(length) if status == _OK and length.isdecimal() else None
        if status == _PART and (part := content_range(response)) is not None:
            total, rest = part[2], part[2] is not None and part[1] + 1 < part[2]
    if way.kind == "since":
        lines_read = cutter.first, cutter.last
        kind = "csv" if options.format == "csv" else "ndjson"
        follow = newest(way, kind, cutter.header, lines_read, ask.place.target)
    place = replace(
        ask.place,
        offset=cutter.offset,
        record=cutter.record,
        fingerprint=cutter.fingerprint,
        header=cutter.header if way.kind == "range" else b"",
        etag=version.etag,
        last_modified=version.last_modified,
        total=total,
    )
    return Outcome(status, [], place, next=follow, rest=rest)


def _document(blocks: Iterator[bytes], limit: int) -> bytes:
    """All of a page. Raises PageError where it is too large."""
    document = bytearray()
    for block in blocks:
        document += block
        if len(document) > limit:
            raise PageError(
                f"the page has more than {limit} bytes; ask for fewer records at a time, or raise page"
            )
    return bytes(document)


def _last_line(ask: Ask, follow: str | None) -> LastLine:
    if ask.final:
        return "take"
    if ask.options.way.kind == "range":
        return "hold"
    grows = ask.options.format == "ndjson" and follow is None
    return "check" if grows else "take"


def _cutter(ask: Ask, response: requests.Response, text: Text, last_line: LastLine) -> Cutter:
    """What cuts the text on from the place asked for, or from its beginning where it is another text."""
    place, way = ask.place, ask.options.way
    kind, name = "csv" if ask.options.format == "csv" else "ndjson", _page_name(ask)
    trail: WholeText | TextEnd = TextEnd() if way.kind == "range" else WholeText()
    if way.kind == "since" or not place.offset:
        return Cutter(name, kind, ask.line_limit, trail, last_line=last_line, known=ask.known)
    if way.kind == "range":
        _skip_to(range_start(place), response, text)
    begun = bytearray()

    def note(block: bytes) -> None:
        trail.add(block)
        if len(begun) <= ask.line_limit:
            begun.extend(block)

    if not text.matches(place.fingerprint, note):
        if way.kind == "range":
            raise ChangedError
        return Cutter(name, kind, ask.line_limit, WholeText(), last_line=last_line)
    header = place.header
    if kind == "csv" and not header:
        header = bytes(begun[: begun.find(b"\n") + 1]).removeprefix(_BOM)
    return Cutter(name, kind, ask.line_limit, trail, place.offset, place.record, header, last_line)


def _skip_to(start: int, response: requests.Response, text: Text) -> None:
    """Leave out the bytes before ``start`` of a document that the server gave whole."""
    part = content_range(response)
    if response.status_code == _OK:
        if not text.skip(start):
            raise ChangedError
    elif part is None or part[0] != start:
        given = response.headers.get("Content-Range")
        raise PageError(f"bytes from {start} on were asked for, but its Content-Range is {given!r}")


def _refused(response: requests.Response, now: float) -> RequestError:
    status = response.status_code
    said = ""
    if status >= 400 and not response.headers.get("Content-Encoding"):
        begun = b""
        with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
            begun = response.raw.read(_SAID, decode_content=False)
        said = " ".join(begun.decode("utf-8", errors="replace").split())
        said = "".join(character for character in said if character.isprintable())
    is_text = response.headers.get("Content-Type", "").startswith(("text/plain", "application/"))
    reason = " ".join(filter(None, [str(status), response.reason]))
    text = f"the server answers {reason}" + (f" ({said})" if said and is_text else "")
    hint = _HINTS.get(status)
    if status == 416:
        hint = "the server refuses byte ranges; leave range out"
    return RequestError(
        str(status),
        text if hint is None else f"{text}; {hint}",
        soon=status in _SOON,
        after=retry_after(response.headers.get("Retry-After"), now),
    )


def ask_for(  # noqa: PLR0913  # all that an answer depends on
    options: Options, line_limit: int, place: Place, now: float, known: Known | None, *, final: bool
) -> Ask:
    """The request for the page at a place. Raises PageError where it cannot be made."""
    url, conditions = request_of(options, place)
    return Ask(options, line_limit, url, conditions, place, now, known, final)


def _page_name(ask: Ask) -> str:
    """The page's URL for people: without credentials, secrets and the parameters that never change."""
    return shown(ask.url, ask.options.server.parameters)
