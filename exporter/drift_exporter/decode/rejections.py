"""Why a line of NDJSON is no record."""

import json

from drift_exporter.decode.timestamps import unreadable
from drift_exporter.sources.chunk import RAW_LIMIT, Rejection


def reason_of(*, malformed: bool, not_object: bool, missing: bool) -> str:
    """The reason, of what is known of a line; its timestamp is ``missing`` or unreadable."""
    if malformed:
        return "malformed"
    if not_object:
        return "not_object"
    return "timestamp_missing" if missing else "timestamp_unreadable"


def rejection_of(path: str, offset: int, raw: bytes, reason: str, form: str | None = None) -> Rejection:
    """The rejection of a line, with what exactly is wrong with it; ``form`` is that of timestamps."""
    if raw.strip() == b"null":
        reason = "not_object"
    if reason == "malformed":
        detail = _why_malformed(raw)
        if detail.startswith("invalid UTF-8"):
            reason = "invalid_utf8"
    else:
        detail = {
            "not_object": "the line is valid JSON but not an object",
            "timestamp_missing": "the configured timestamp field is absent or null",
            "timestamp_unreadable": unreadable(form),
        }[reason]
    return Rejection(path, offset, reason, detail, raw[:RAW_LIMIT], len(raw))


def _why_malformed(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return f"invalid UTF-8 at byte {error.start} of the line"
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at character {error.pos} of the line"
    except RecursionError:
        return "not JSON that can be read: nested too deeply"
    return "not JSON: it breaks the standard in a way that the reader does not accept"
