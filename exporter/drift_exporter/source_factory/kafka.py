"""The source ``kafka`` as it is configured."""

from drift_exporter.budget import divide
from drift_exporter.config import sources as sections
from drift_exporter.config.schema import Config
from drift_exporter.source_factory.ingest import Ingest
from drift_exporter.sources.kafka.settings import KafkaSettings, PayloadSettings
from drift_exporter.sources.kafka.source import KafkaSource


def make_kafka_source(
    source: sections.KafkaSource, model: str, config: Config, ingest: Ingest, *, final: bool
) -> KafkaSource:
    """Make it; nothing is connected yet."""
    return KafkaSource(
        KafkaSettings(
            source.brokers,
            source.topic,
            source.group or f"drift-exporter-{model}",
            source.start,
            source.options,
            source.secrets,
            final,
        ),
        PayloadSettings(
            source.format,
            source.schema_registry,
            source.schema_registry_user,
            source.schema_registry_password_file,
            source.schema_registry_ca_file,
            source.schema_file,
        ),
        config.limits.line,
        divide(config.limits.memory).chunk_size,
        guard=ingest.lock,
    )
