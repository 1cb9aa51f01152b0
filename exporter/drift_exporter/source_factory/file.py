"""The source ``file`` as it is configured."""

from functools import partial

import duckdb

from drift_exporter.budget import divide
from drift_exporter.config import sources as sections
from drift_exporter.config.schema import Config
from drift_exporter.errors import DecodeError
from drift_exporter.source_factory.ingest import Ingest
from drift_exporter.sources.file import FileSource
from drift_exporter.sources.listing import Shard


def make_file_source(
    source: sections.FileSource, config: Config, ingest: Ingest, *, final: bool, shard: Shard | None
) -> FileSource:
    """Make it; nothing is opened yet."""
    return FileSource(
        str(source.path),
        source.format,
        config.limits.line,
        divide(config.limits.memory).chunk_size,
        final=final,
        first_time=partial(_first_time, ingest, source.format),
        guard=ingest.lock,
        shard=shard,
    )


def _first_time(ingest: Ingest, kind: str, header: bytes, lines: bytes) -> int | None:
    try:
        return ingest.first_time(kind, header, lines)
    except (DecodeError, duckdb.Error):
        return None
