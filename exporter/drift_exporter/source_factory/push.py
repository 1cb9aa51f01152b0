"""The source ``push`` as it is configured."""

from drift_exporter.budget import divide
from drift_exporter.config import sources as sections
from drift_exporter.config.schema import Config
from drift_exporter.source_factory.ingest import Ingest
from drift_exporter.sources.push.events import Pairing
from drift_exporter.sources.push.source import PushSource, spool_folder


def make_push_source(
    source: sections.PushSource, model: str, config: Config, ingest: Ingest, *, final: bool
) -> PushSource:
    """Make it; nothing is opened yet."""
    return PushSource(
        spool_folder(str(config.state_dir), model),
        Pairing(source.events, source.features, source.pair_within, source.pending),
        config.limits.line,
        divide(config.limits.memory).chunk_size,
        final=final,
        guard=ingest.lock,
    )
