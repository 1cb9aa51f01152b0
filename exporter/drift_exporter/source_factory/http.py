"""From the section of an HTTP source to the source."""

from pathlib import Path

from drift_exporter.budget import divide
from drift_exporter.config.schema import Config
from drift_exporter.config.sources import HttpSource as HttpSection
from drift_exporter.config.values import split_path
from drift_exporter.source_factory.ingest import Ingest
from drift_exporter.sources.http.options import Options, Server, Way
from drift_exporter.sources.http.source import HttpSource


def make_http_source(
    section: HttpSection, config: Config, ingest: Ingest, *, final: bool = False
) -> HttpSource:
    """Make the source that asks a server. Nothing is asked yet."""
    server = Server(
        url=section.url,
        parameters=section.parameters,
        headers=section.headers,
        header_files={name: str(path) for name, path in section.header_files.items()},
        timeout=section.timeout,
        ca_file=_text(section.ca_file),
        certificate_file=_text(section.certificate_file),
        key_file=_text(section.key_file),
        hosts=section.hosts,
    )
    options = Options(
        server=server,
        format=section.format,
        records=_keys(section.records) or (),
        way=_way_of(section),
        interval=section.interval,
        page=section.page,
    )
    chunk_size = divide(config.limits.memory).chunk_size
    return HttpSource(options, config.limits.line, chunk_size, final=final, guard=ingest.lock)


def _way_of(section: HttpSection) -> Way:
    if (cursor := section.cursor) is not None:
        return Way("cursor", cursor.parameter, _keys(cursor.field), cursor.header or "", cursor.start)
    if (since := section.since) is not None:
        overlap = since.overlap or 0.0
        return Way("since", since.parameter, _keys(since.field), start=since.start, overlap=overlap)
    if (link := section.link) is not None:
        return Way("link", field=_keys(link.field), header=link.relation)
    return Way("range" if section.range else "document")


def _keys(path: str | None) -> tuple[str, ...] | None:
    return None if path is None else split_path(path)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
