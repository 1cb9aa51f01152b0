"""The source ``http``."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, model_validator
from pydantic.functional_validators import AfterValidator, BeforeValidator

from drift_exporter.config.fieldtypes import Delay, File, Interval, PageSize, RecordPath, Text
from drift_exporter.config.mask import mask_text
from drift_exporter.config.positions import shorten
from drift_exporter.config.refusal import Part, refuse, refuse_parts
from drift_exporter.config.requests import (
    HeaderName,
    HeaderText,
    OpenHeaderName,
    checked_url,
    twice_named,
    useless_files,
)
from drift_exporter.config.section import Section

HttpFormat = Literal["ndjson", "json", "csv"]
_FORMATS: Mapping[str, HttpFormat] = {".csv": "csv", ".json": "json"}
_WAYS = ("cursor", "since", "link", "range")


def _url(value: str) -> str:
    return checked_url(value, "https://models.example/predictions")


def _format_of(url: str) -> HttpFormat:
    """The format that a URL's path tells, before any ``.gz`` or ``.zst``; NDJSON where it tells none."""
    path = re.sub(r"\.(?:gz|zst)$", "", urlsplit(url).path.lower())
    return next((kind for suffix, kind in _FORMATS.items() if path.endswith(suffix)), "ndjson")


def _parameter(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def _host(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9A-Fa-f:]+\](?::\d{1,5})?", value):
        raise refuse(f"{shorten(mask_text(value))} is no host; write its name, or name:port")
    return value.lower()


def _link(value: object) -> object:
    return {"relation": value} if isinstance(value, str) else value


Url = Annotated[Text, AfterValidator(_url)]
ParameterText = Annotated[str, Field(strict=True), BeforeValidator(_parameter)]
HostName = Annotated[Text, AfterValidator(_host)]


class HttpCursor(Section):
    """Each answer holds what is to be sent for the next one."""

    parameter: Text = Field("cursor", description="the parameter of the query that the cursor is sent in")
    field: RecordPath | None = Field(None, description="where a JSON page holds the next cursor")
    header: HeaderName | None = Field(None, description="the header of the answer that holds it instead")
    start: ParameterText | None = Field(None, description="what is sent first; by default nothing")

    @model_validator(mode="after")
    def _checked(self) -> "HttpCursor":
        if (self.field is None) == (self.header is None):
            wrong = "holds neither" if self.field is None else "holds both field and header"
            raise refuse(f"{wrong}; name one: field for a place in the page, or header for one of the answer")
        return self


class HttpSince(Section):
    """The server is asked for records from the time of the newest one on."""

    parameter: Text = Field("since", description="the parameter of the query that the time is sent in")
    field: RecordPath = Field(description="where a record holds its time, such as ts")
    start: ParameterText | None = Field(None, description="the time that is sent first; by default none")
    overlap: Delay | None = Field(
        None, description="how far back each request reaches, for records that come late"
    )


class HttpLink(Section):
    """Each answer holds the URL of the next one."""

    relation: Text = Field("next", description="the relation of the URL in the header Link")
    field: RecordPath | None = Field(None, description="where a JSON page holds the URL instead")

    @model_validator(mode="after")
    def _checked(self) -> "HttpLink":
        if self.field is not None and "relation" in self.model_fields_set:
            raise refuse("holds both relation and field; name one: relation for the header Link, or field")
        return self


class HttpSource(Section):
    """A server that gives records when it is asked."""

    type: Literal["http"] = Field(description="the kind of source: http")
    url: Url = Field(description="what to ask for, such as https://models.example/predictions")
    format: HttpFormat = Field(
        default_factory=lambda data: _format_of(data.get("url", "")),
        description="ndjson, json or csv; by default what the URL's path tells, else ndjson",
    )
    records: RecordPath | None = Field(
        None, description="where a JSON page holds its array of records; by default the page is that array"
    )
    cursor: HttpCursor | None = Field(None, description="go on by a cursor that each answer holds")
    since: HttpSince | None = Field(None, description="go on by asking for what is newer")
    link: Annotated[HttpLink | None, BeforeValidator(_link)] = Field(
        None, description="go on by a URL that each answer holds"
    )
    range: bool = Field(
        default=False,
        strict=True,
        description="go on by asking for the bytes of a growing document that are new",
    )
    interval: Interval = Field(15.0, description="time between two requests where there was nothing new")
    parameters: Mapping[Text, ParameterText] = Field({}, description="further parameters of the query")
    headers: Mapping[OpenHeaderName, HeaderText] = Field({}, description="headers to send; no secrets")
    header_files: Mapping[HeaderName, File] = Field(
        {}, description="headers to send whose values, such as secrets, are in files"
    )
    timeout: Interval = Field(30.0, description="time without a byte after which a request has failed")
    page: PageSize = Field(16 * 2**20, description="largest size of a JSON page")
    ca_file: File | None = Field(None, description="certificates to trust instead of the system's")
    certificate_file: File | None = Field(None, description="our own certificate, where the server wants one")
    key_file: File | None = Field(None, description="its key, where that is in another file")
    hosts: tuple[HostName, ...] = Field(
        (), description="further hosts that redirects and links may lead to; they get the same headers"
    )

    @property
    def decoded_as(self) -> str:
        """The format of the chunks that the source hands on."""
        return "csv" if self.format == "csv" else "ndjson"

    @model_validator(mode="after")
    def _checked(self) -> "HttpSource":
        if parts := [*self._wrong_ways(), *self._wrong_names(), *self._wrong_files()]:
            raise refuse_parts(parts)
        return self

    def _wrong_ways(self) -> Iterator[Part]:
        ways = [way for way in _WAYS if getattr(self, way)]
        if len(ways) > 1:
            yield (ways[-1],), f"goes on in another way than {ways[0]} does; keep one of: {', '.join(ways)}"
        if self.format == "json":
            if self.range:
                yield ("range",), "a JSON page is read as a whole; use it with format: ndjson or csv"
            return
        needing = {"records": self.records}
        for way in (self.cursor, self.link):
            if way is not None and way.field is not None:
                needing[f"{'cursor' if way is self.cursor else 'link'}.field"] = way.field
        for key, value in needing.items():
            if value is not None:
                yield tuple(key.split(".")), f"is a place in a JSON page; add format: json, or remove {key}"

    def _wrong_names(self) -> Iterator[Part]:
        taken = {name for name, _ in parse_qsl(urlsplit(self.url).query, keep_blank_values=True)}
        yield from (
            (("parameters", name), "is in the query of url, too; write it once")
            for name in self.parameters
            if name in taken
        )
        for way, section in (("cursor", self.cursor), ("since", self.since)):
            if section is not None and section.parameter in taken | set(self.parameters):
                wrong = f"{shorten(section.parameter)} is a parameter with a fixed value, too"
                yield (way, "parameter"), f"{wrong}; give what is sent first as start"
        yield from twice_named(self.headers, self.header_files)

    def _wrong_files(self) -> Iterator[Part]:
        files = {key: getattr(self, key) for key in ("ca_file", "certificate_file", "key_file")}
        yield from useless_files("url", self.url, files)
