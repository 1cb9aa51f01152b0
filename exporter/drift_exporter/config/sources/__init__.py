"""Where records come from: one section for each type of source."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Tag

from drift_exporter.config.positions import shorten
from drift_exporter.config.refusal import refuse_parts
from drift_exporter.config.sources.file import FileSource
from drift_exporter.config.sources.formats import FileFormat, format_of, pattern_of
from drift_exporter.config.sources.http import HttpCursor, HttpLink, HttpSince, HttpSource
from drift_exporter.config.sources.kafka import KafkaSource
from drift_exporter.config.sources.objects import ObjectsSource
from drift_exporter.config.sources.push import PushSource

SOURCE_TYPES = ("file", "kafka", "http", "push", "objects")
"""The types of sources, as they are written."""

PLANNED_TYPES = ("counts",)


def source_tag(kind: str) -> str:
    """What a type of source is called among the forms of a union."""
    return f"<{kind} source>"


def _known_type(value: Any) -> Any:  # noqa: ANN401 (data before it is validated)
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind not in SOURCE_TYPES:
        wrong = "not supported by this version" if kind in PLANNED_TYPES else "not known here"
        raise refuse_parts([(("type",), f"{shorten(kind)} is {wrong}; one of: {', '.join(SOURCE_TYPES)}")])
    return value


def _tag(value: Any) -> str:  # noqa: ANN401 (data before it is validated, or a section)
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return source_tag(kind if kind in SOURCE_TYPES else "file")


Source = Annotated[
    Annotated[FileSource, Tag(source_tag("file"))]
    | Annotated[KafkaSource, Tag(source_tag("kafka"))]
    | Annotated[HttpSource, Tag(source_tag("http"))]
    | Annotated[PushSource, Tag(source_tag("push"))]
    | Annotated[ObjectsSource, Tag(source_tag("objects"))],
    Discriminator(_tag),
    BeforeValidator(_known_type),
]
"""Where records come from, of predictions or labels."""

__all__ = [
    "SOURCE_TYPES",
    "FileFormat",
    "FileSource",
    "HttpCursor",
    "HttpLink",
    "HttpSince",
    "HttpSource",
    "KafkaSource",
    "ObjectsSource",
    "PushSource",
    "Source",
    "format_of",
    "pattern_of",
    "source_tag",
]
