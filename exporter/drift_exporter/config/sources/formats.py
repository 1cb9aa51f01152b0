"""Formats of records, the names that tell them, and options that go with some of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic.functional_validators import AfterValidator

from drift_exporter.config.fieldtypes import Text
from drift_exporter.config.positions import shorten
from drift_exporter.config.refusal import refuse, refuse_parts
from drift_exporter.config.section import Section
from drift_exporter.decode.patterns import parse_pattern

FileFormat = Literal["ndjson", "json", "csv", "parquet", "logfmt", "text"]
_FORMATS: Mapping[str, FileFormat] = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".logfmt": "logfmt",
}
_EXAMPLE = r"'(?P<ts>\S+) score=(?P<score>\S+)'"


def format_of(path: str) -> FileFormat:
    """The format that a file's name tells, before any ``.gz`` or ``.zst``; NDJSON where it tells none."""
    name = Path(path.lower())
    if name.suffix in {".gz", ".zst"}:
        name = name.with_suffix("")
    return _FORMATS.get(name.suffix, "ndjson")


def _pattern(value: str) -> str:
    try:
        parse_pattern(value)
    except ValueError as error:
        raise refuse(f"{shorten(value)} cannot be used: {error}") from error
    return value


LinePattern = Annotated[Text, AfterValidator(_pattern)]
"""A regular expression (RE2) with named groups."""


def pattern_field() -> LinePattern | None:
    """The field of the option ``pattern``, for sections of sources whose records may be lines of text."""
    field: LinePattern | None = Field(
        None, description="of format text: a regular expression (RE2) whose named groups hold the fields"
    )
    return field


def pattern_of(source: Section) -> str | None:
    """The pattern that takes a source's lines of text apart, None where it has none."""
    pattern: str | None = getattr(source, "pattern", None)
    return pattern


class Formatted(Section):
    """A source with the fields ``format`` and ``pattern``, which go together."""

    @model_validator(mode="after")
    def _pattern_fits(self) -> Self:
        kind, pattern = getattr(self, "format", None), pattern_of(self)
        if kind == "text" and pattern is None:
            text = f"text needs a pattern that says what stands where; add one such as pattern: {_EXAMPLE}"
            raise refuse_parts([(("format",), text)])
        if kind != "text" and pattern is not None:
            raise refuse_parts([(("pattern",), f"it goes with format: text, and this is {kind}; remove one")])
        return self
