"""Formats of records, and the names that tell them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

FileFormat = Literal["ndjson", "csv", "parquet"]
_FORMATS: Mapping[str, FileFormat] = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


def format_of(path: str) -> FileFormat:
    """The format that a file's name tells, before any ``.gz`` or ``.zst``; NDJSON where it tells none."""
    name = Path(path.lower())
    if name.suffix in {".gz", ".zst"}:
        name = name.with_suffix("")
    return _FORMATS.get(name.suffix, "ndjson")
