"""Records as written in each format, and how a configuration reads them."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

PATTERN = (
    r'^(?P<ts>\S+) \[(?P<version>[^\]]*)\] "(?P<prediction>[^"]*)" score=(?P<score>\S*) took '
    r"(?P<latency_ms>\S*?)ms error=<(?P<error>.*?)> trace=(?P<trace_id>\S*) amount=(?P<features_amount>\S*) "
    r"country=(?P<features_country>.*)$"
)
"""What stands where in the lines of ``as_text``."""


def told(value: object) -> str:
    """A value in formats that have text only."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_ndjson(rows: Sequence[Row]) -> bytes:
    """One object a line."""
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def as_array(rows: Sequence[Row]) -> bytes:
    """One array on one line."""
    return json.dumps(rows).encode()


def as_pretty_array(rows: Sequence[Row]) -> bytes:
    """One array over many lines."""
    return json.dumps(rows, indent=2, ensure_ascii=False).encode() + b"\n"


def side_by_side(rows: Sequence[Row]) -> bytes:
    """Objects with nothing in between."""
    return b"".join(json.dumps(row).encode() for row in rows)


def as_logfmt(rows: Sequence[Row]) -> bytes:
    """Lines of key=value, with nested fields by dots, in quotes where they need them."""
    lines = []
    for row in rows:
        flat = {**row, **{f"features.{key}": value for key, value in row.get("features", {}).items()}}
        flat.pop("features", None)
        words = ['level=info msg="a \\"prediction\\" amount=7"']
        for key, value in flat.items():
            text = told(value)
            quoted = any(character in text for character in ' "=\\')
            words.append(f"{key}={json.dumps(text, ensure_ascii=False) if quoted else text}")
        lines.append(" ".join(words) + "\n")
    return "".join(lines).encode()


def as_text(rows: Sequence[Row]) -> bytes:
    """Lines that ``PATTERN`` takes apart."""
    lines = []
    for row in rows:
        features = row.get("features", {})
        lines.append(
            f'{told(row.get("ts"))} [{told(row.get("version"))}] "{told(row.get("prediction"))}" '
            f"score={told(row.get('score'))} took {told(row.get('latency_ms'))}ms "
            f"error=<{told(row.get('error'))}> trace={told(row.get('trace_id'))} "
            f"amount={told(features.get('amount'))} country={told(features.get('country'))}\n"
        )
    return "".join(lines).encode()


FORMATS: Mapping[str, tuple[Callable[[Sequence[Row]], bytes], Mapping[str, str]]] = {
    "array": (as_array, {"format": "json"}),
    "pretty array": (as_pretty_array, {"format": "json"}),
    "side by side": (side_by_side, {"format": "json"}),
    "lines as json": (as_ndjson, {"format": "json"}),
    "logfmt": (as_logfmt, {"format": "logfmt"}),
    "text": (as_text, {"format": "text", "pattern": PATTERN}),
}
"""How rows are written, and the options of a source that reads them."""
