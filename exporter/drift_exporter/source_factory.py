"""From a model's configuration to the source that reads its records."""

from functools import partial

import duckdb

from drift_exporter.budget import divide
from drift_exporter.config.schema import Config, Model
from drift_exporter.config.sources import HttpSource as HttpSection
from drift_exporter.errors import DecodeError
from drift_exporter.ingest import ModelIngest
from drift_exporter.sources.file import FileSource
from drift_exporter.sources.listing import Shard
from drift_exporter.sources.source import Source


def make_source(
    model: Model, config: Config, ingest: ModelIngest, *, final: bool = False, shard: Shard | None = None
) -> Source:
    """Make the source of a model's predictions. Nothing is opened or connected yet.

    ``final`` says that what there is now is all there will be: the source is read to its end once. Of files
    only those of ``shard`` are read. What the source keeps changes under the lock of ``ingest``.
    """
    source = model.predictions.source
    if isinstance(source, HttpSection):
        # Here, so that requests is imported only where it is needed.
        from drift_exporter.source_http import make_http_source  # noqa: PLC0415

        return make_http_source(source, config, ingest, final=final)
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


def _first_time(ingest: ModelIngest, kind: str, header: bytes, lines: bytes) -> int | None:
    try:
        return ingest.first_time(kind, header, lines)
    except (DecodeError, duckdb.Error):
        return None
