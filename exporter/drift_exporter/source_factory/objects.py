"""The source ``objects`` as it is configured."""

from drift_exporter.budget import divide
from drift_exporter.config import sources as sections
from drift_exporter.config.schema import Config
from drift_exporter.source_factory.ingest import Ingest
from drift_exporter.sources.listing import Shard
from drift_exporter.sources.objects.access import require
from drift_exporter.sources.objects.source import ObjectSource


def make_object_source(  # noqa: PLR0913  # all that a source depends on
    source: sections.ObjectsSource,
    model: str,
    config: Config,
    ingest: Ingest,
    *,
    final: bool,
    shard: Shard | None,
) -> ObjectSource:
    """Make it; nothing is asked yet. Raises SourceError where a package is missing that it needs."""
    require(source.url)
    return ObjectSource(
        source.url,
        source.format,
        config.limits.line,
        divide(config.limits.memory).chunk_size,
        interval=source.interval,
        settle=source.settle,
        start=source.start,
        options=source.options,
        credentials=source.credentials,
        # Two exporters must not have copies in the same folder, and ``once`` has no state.
        folder=None if final else config.state_dir / "objects" / model,
        final=final,
        guard=ingest.lock,
        shard=shard,
    )
