"""The source ``objects``."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer
from pydantic.functional_validators import AfterValidator, BeforeValidator

from drift_exporter.config.fieldtypes import File, Interval, Pause, Text, printable
from drift_exporter.config.mask import mask_text
from drift_exporter.config.positions import shorten
from drift_exporter.config.refusal import Part, refuse, refuse_parts
from drift_exporter.config.sources.formats import FileFormat, Formatted, LinePattern, format_of, pattern_field

SCHEMES = ("s3", "gs", "az", "http", "https")
"""What the URL of an object may begin with."""

_OWN_OPTIONS = {"asynchronous", "loop", "use_listings_cache", "skip_instance_cache"}
_SECRET = re.compile(
    r"(?:^|_)(?:secret|password|token|access_key|account_key|connection_string|authorization|session_token)$",
    re.IGNORECASE,
)
# How Google's library is told to find credentials by itself.
_NO_SECRETS = {"anon", "cloud", "google_default"}
_LONGEST_URL = 4096
_WILDCARDS = re.compile(r"[*?[]")


def _object_url(value: str) -> str:
    printable(value)
    shown = shorten(mask_text(value), 200)
    scheme, separator, rest = value.partition("://")
    host, slash, name = rest.partition("/")
    if len(value) > _LONGEST_URL:
        raise refuse(f"{shown} has {len(value)} characters; at most {_LONGEST_URL}")
    if not separator or scheme not in SCHEMES:
        raise refuse(f"{shown} is no URL of objects; one of: {', '.join(f'{each}://' for each in SCHEMES)}")
    kind = "server" if scheme.startswith("http") else "bucket"
    if "@" in host:
        raise refuse(f"{shown} holds credentials; remove them, and name files that hold them as credentials")
    if not host or _WILDCARDS.search(host):
        raise refuse(f"{shown} does not name one {kind}; write it without wildcards: {scheme}://{kind}/...")
    if not slash or not name.strip("/"):
        raise refuse(f"{shown} names no objects; write a pattern such as {scheme}://{host}/logs/**/*.ndjson")
    if name.endswith("/"):
        raise refuse(f"{shown} is a folder; write a pattern such as {shorten(value, 200)[1:-1]}*.ndjson")
    return value


def _options(value: Mapping[str, Any]) -> Mapping[str, Any]:
    parts = [*_wrong_options(value, ())]
    if parts:
        raise refuse_parts(parts)
    return value


def _wrong_options(options: Mapping[Any, Any], at: tuple[str, ...]) -> Iterator[Part]:
    for key, value in options.items():
        place = (*at, str(key))
        if not at and key in _OWN_OPTIONS:
            yield place, "this option is set by drift-exporter itself; remove it"
        elif isinstance(value, Mapping):
            yield from _wrong_options(value, place)
        elif isinstance(value, str) and value not in _NO_SECRETS and _SECRET.search(str(key)):
            name = shorten(".".join(place))
            yield place, f"a secret; put it in a file, and name that as credentials: {name[1:-1]}"


def _moment(value: object) -> float:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    text = shorten(value) if isinstance(value, str) else "this value"
    raise refuse(f"{text} is no date; write one such as 2026-01-31 or 2026-01-31T12:00:00Z")


def _written(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


ObjectUrl = Annotated[str, Field(strict=True), AfterValidator(_object_url)]
Options = Annotated[Mapping[Text, Any], AfterValidator(_options)]
Moment = Annotated[float, BeforeValidator(_moment)]


class ObjectsSource(Formatted):
    """Objects in a store or behind a web server, each read once."""

    type: Literal["objects"] = Field(description="the kind of source: objects")
    url: ObjectUrl = Field(description="an object, or a pattern such as s3://bucket/logs/**/*.ndjson.gz")
    format: FileFormat = Field(
        default_factory=lambda data: format_of(data.get("url", "")),
        description="ndjson, json, csv, parquet, logfmt or text; by default what the name tells, else ndjson",
    )
    pattern: LinePattern | None = pattern_field()
    interval: Interval = Field(60.0, description="how often the objects are listed")
    settle: Pause = Field(0.0, description="an object is read when it was not modified for so long")
    start: Annotated[Moment | None, PlainSerializer(_written)] = Field(
        None, description="objects last modified before are left alone"
    )
    options: Options = Field(
        default_factory=dict, description="options of fsspec's file system, such as endpoint_url"
    )
    credentials: Mapping[Text, File] = Field(
        default_factory=dict, description="files that hold options that are secrets, by option"
    )

    @property
    def decoded_as(self) -> str:
        """The format of the chunks that the source hands on."""
        return self.format
