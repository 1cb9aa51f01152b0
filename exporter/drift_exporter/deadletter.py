"""The dead-letter file: every record that could not be counted, with where it came from and why.

NDJSON with the keys time (when it was rejected, RFC 3339), source, file, offset, reason, detail, length and
raw. ``raw`` is text; bytes that are not UTF-8 are written as backslash escapes there and exactly in
``raw_base64``.
"""

import base64
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from drift_exporter.sources.chunk import Rejection


def write_dead_letters(folder: Path, source: str, rejections: Iterable[Rejection], now: float) -> Path:
    """Append rejections to the source's file under ``folder``; it is on disk when this returns."""
    path = folder / (source.replace("/", ".") + ".ndjson")
    folder.mkdir(parents=True, exist_ok=True)
    time = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    lines = [json.dumps(_entry(source, time, rejection), ensure_ascii=False) for rejection in rejections]
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
    return path


def _entry(source: str, time: str, rejection: Rejection) -> dict[str, object]:
    entry: dict[str, object] = {
        "time": time,
        "source": source,
        "file": rejection.path,
        "offset": rejection.offset,
        "reason": rejection.reason,
        "detail": rejection.detail,
        "length": rejection.length,
    }
    try:
        entry["raw"] = rejection.raw.decode()
    except UnicodeDecodeError:
        entry["raw"] = rejection.raw.decode(errors="backslashreplace")
        entry["raw_base64"] = base64.b64encode(rejection.raw).decode()
    return entry
