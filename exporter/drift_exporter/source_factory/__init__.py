"""From a model's configuration to the source that reads its records: one module for each type of source."""

from drift_exporter.config import sources as sections
from drift_exporter.config.schema import Config
from drift_exporter.source_factory.file import make_file_source
from drift_exporter.source_factory.ingest import Ingest
from drift_exporter.sources.listing import Shard
from drift_exporter.sources.source import Source


def make_source(  # noqa: PLR0913  # all that a source depends on
    source: sections.Source,
    name: str,
    config: Config,
    ingest: Ingest,
    *,
    final: bool = False,
    shard: Shard | None = None,
) -> Source:
    """Make a source, called ``name`` where it keeps something. Nothing is opened or connected yet.

    ``final`` says that what there is now is all there will be: the source is read to its end once. Of files
    (and objects) only those of ``shard`` are read. What the source keeps changes under the lock of
    ``ingest``. Raises SourceError where a package is missing that the source needs.
    """
    # What only one type of source needs is imported where it is configured.
    if isinstance(source, sections.KafkaSource):
        from drift_exporter.source_factory.kafka import make_kafka_source  # noqa: PLC0415

        return make_kafka_source(source, name, config, ingest, final=final)
    if isinstance(source, sections.HttpSource):
        from drift_exporter.source_factory.http import make_http_source  # noqa: PLC0415

        return make_http_source(source, config, ingest, final=final)
    if isinstance(source, sections.PushSource):
        from drift_exporter.source_factory.push import make_push_source  # noqa: PLC0415

        return make_push_source(source, name, config, ingest, final=final)
    if isinstance(source, sections.ObjectsSource):
        from drift_exporter.source_factory.objects import make_object_source  # noqa: PLC0415

        return make_object_source(source, name, config, ingest, final=final, shard=shard)
    return make_file_source(source, config, ingest, final=final, shard=shard)
