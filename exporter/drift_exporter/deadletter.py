"""The dead-letter file: every record that could not be counted, with where it came from and why.

NDJSON with the keys time (when it was rejected, RFC 3339), source, file, offset, reason, detail, length and
raw. ``raw`` is text; bytes that are not UTF-8 are written as backslash escapes there and exactly in
``raw_base64``.
"""

import base64
import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from drift_exporter.sources.chunk import Rejection


def write_dead_letters(folder: Path, source: str, rejections: Iterable[Rejection], now: float) -> Path:
    """Append rejections to the source's file under ``folder``; they are on disk when this returns.

    Where writing fails (OSError), the file is left as it was, so that all of them can be written again.
    """
    path = folder / (source.replace("/", ".") + ".ndjson")
    folder.mkdir(parents=True, exist_ok=True)
    time = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    lines = [json.dumps(_entry(source, time, rejection), ensure_ascii=False) for rejection in rejections]
    data = memoryview("".join(line + "\n" for line in lines).encode())
    with path.open("a+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
                # What was written when the power went.
                file.write(b"\n")
            while data:
                data = data[file.write(data) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise
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
