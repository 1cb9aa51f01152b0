"""From a model's configuration to the source that reads its records."""

from functools import partial
from pathlib import Path

import duckdb

from drift_exporter.budget import divide
from drift_exporter.config.schema import Config, Model
from drift_exporter.config.sources import ObjectsSource
from drift_exporter.errors import DecodeError
from drift_exporter.ingest import ModelIngest
from drift_exporter.sources.file import FileSource
from drift_exporter.sources.listing import Shard
from drift_exporter.sources.objectaccess import require
from drift_exporter.sources.objects import ObjectSource
from drift_exporter.sources.source import Source


def make_source(
    model: Model, config: Config, ingest: ModelIngest, *, final: bool = False, shard: Shard | None = None
) -> Source:
    """Make the source of a model's predictions. Nothing is opened or connected yet.

    ``final`` says that what there is now is all there will be: the source is read to its end once. Of files
    only those of ``shard`` are read. What the source keeps changes under the lock of ``ingest``. Raises
    SourceError where a package is missing that the source needs.
    """
    source = model.predictions.source
    chunk_size = divide(config.limits.memory).chunk_size
    if isinstance(source, ObjectsSource):
        # Two exporters must not have copies in the same folder, and ``once`` has no state.
        folder = None if final else config.state_dir / "objects" / model.name
        return _object_source(
            source, config.limits.line, chunk_size, ingest, final=final, shard=shard, folder=folder
        )
    return FileSource(
        str(source.path),
        source.format,
        config.limits.line,
        chunk_size,
        final=final,
        first_time=partial(_first_time, ingest, source.format),
        guard=ingest.lock,
        shard=shard,
    )


def _object_source(  # noqa: PLR0913  # all that a source depends on
    source: ObjectsSource,
    line_limit: int,
    chunk_size: int,
    ingest: ModelIngest,
    *,
    final: bool,
    shard: Shard | None,
    folder: Path | None,
) -> ObjectSource:
    require(source.url)
    return ObjectSource(
        source.url,
        source.format,
        line_limit,
        chunk_size,
        interval=source.interval,
        settle=source.settle,
        start=source.start,
        options=source.options,
        credentials=source.credentials,
        folder=folder,
        final=final,
        guard=ingest.lock,
        shard=shard,
    )


def _first_time(ingest: ModelIngest, kind: str, header: bytes, lines: bytes) -> int | None:
    try:
        return ingest.first_time(kind, header, lines)
    except (DecodeError, duckdb.Error):
        return None
