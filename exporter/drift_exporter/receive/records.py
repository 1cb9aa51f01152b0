"""Records as they are sent, to lines of NDJSON."""

import json
from collections.abc import Iterator

from drift_exporter.receive.refusal import bad

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
JSON = "application/json"

_BOM = b"\xef\xbb\xbf"
_SPACE = " \t\r\n"
_decoder = json.JSONDecoder()


def record_lines(content_type: str, body: bytes) -> bytes:
    """Lines, each ended. What a line holds is looked at when it is read. Raises Refusal."""
    body = body.removeprefix(_BOM)
    if not body or body.isspace():
        raise bad("the body is empty; send at least one record")
    if content_type != JSON:
        return body if body.endswith(b"\n") else body + b"\n"
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise bad(f"the body is not UTF-8: byte {error.start}") from None
    return "".join(_elements(text)).encode()


def _elements(text: str) -> Iterator[str]:
    """An object, or the elements of an array, as they are written but on one line each."""
    place = _skip(text, 0)
    if text[place] not in "{[":
        raise bad("the body is neither an object nor an array of objects")
    if text[place] == "{":
        end = _end_of_value(text, place)
        yield _line(text, place, end)
    else:
        place = _skip(text, place + 1)
        if text[place : place + 1] == "]":
            raise bad("the array is empty; send at least one record")
        while True:
            end = _end_of_value(text, place)
            yield _line(text, place, end)
            end = _skip(text, end)
            if text[end : end + 1] != ",":
                break
            place = _skip(text, end + 1)
        if text[end : end + 1] != "]":
            raise bad(f"the body is not JSON: a comma or ] is missing at character {end}")
        end += 1
    if _skip(text, end) < len(text):
        raise bad(
            f"the body is not JSON: more comes at character {end}; lines of records are application/x-ndjson"
        )


def _line(text: str, start: int, end: int) -> str:
    # Within JSON an end of line is but space: in strings there is none.
    return text[start:end].replace("\n", " ").replace("\r", " ") + "\n"


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in _SPACE:
        place += 1
    return place


def _end_of_value(text: str, place: int) -> int:
    try:
        return _decoder.raw_decode(text, place)[1]
    except RecursionError:
        raise bad("the body is not readable JSON: too many levels of nesting") from None
    except json.JSONDecodeError as error:
        raise bad(f"the body is not JSON: {error.msg} at character {error.pos}") from None
    except ValueError as error:
        raise bad(f"the body is not readable JSON: {error}") from None
