"""The source ``file``."""

from typing import Literal

from pydantic import Field

from drift_exporter.config.fieldtypes import FilePattern
from drift_exporter.config.sources.formats import FileFormat, Formatted, LinePattern, format_of, pattern_field


class FileSource(Formatted):
    """Log files, read as they grow."""

    type: Literal["file"] = Field(description="the kind of source: file")
    path: FilePattern = Field(description="a file, or a pattern such as logs/fraud/*.ndjson")
    format: FileFormat = Field(
        default_factory=lambda data: format_of(data.get("path", "")),
        description="ndjson, json, csv, parquet, logfmt or text; by default what the file's name tells, else "
        "ndjson",
    )
    pattern: LinePattern | None = pattern_field()

    @property
    def decoded_as(self) -> str:
        """The format of the chunks that the source hands on."""
        return self.format
