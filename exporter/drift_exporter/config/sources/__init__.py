"""Where records come from: one section for each type of source."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from drift_exporter.config.positions import shorten
from drift_exporter.config.refusal import refuse_parts
from drift_exporter.config.sources.file import FileSource
from drift_exporter.config.sources.formats import FileFormat, format_of, pattern_of

SOURCE_TYPES = ("file",)
"""The types of sources, as they are written."""

PLANNED_TYPES = ("http", "kafka", "push", "counts")


def source_tag(kind: str) -> str:
    """What a type of source is called among the forms of a union."""
    return f"<{kind} source>"


def _known_type(value: Any) -> Any:  # noqa: ANN401 (data before it is validated)
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind not in SOURCE_TYPES:
        wrong = "not supported by this version" if kind in PLANNED_TYPES else "not known here"
        raise refuse_parts([(("type",), f"{shorten(kind)} is {wrong}; one of: {', '.join(SOURCE_TYPES)}")])
    return value


Source = Annotated[FileSource, BeforeValidator(_known_type)]
"""Where predictions come from."""

LabelSource = Annotated[FileSource, BeforeValidator(_known_type)]
"""Where labels come from."""

__all__ = [
    "SOURCE_TYPES",
    "FileFormat",
    "FileSource",
    "LabelSource",
    "Source",
    "format_of",
    "pattern_of",
    "source_tag",
]
