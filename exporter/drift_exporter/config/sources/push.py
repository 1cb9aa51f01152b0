"""The source ``push``."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from drift_exporter.config.fieldtypes import Delay, File, RequestSize, Text
from drift_exporter.config.refusal import Part, refuse_parts
from drift_exporter.config.section import Section
from drift_exporter.config.values import format_size

EventCount = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]


class PushSource(Section):
    """Records, or the events of model servers, that are sent to the exporter."""

    type: Literal["push"] = Field(description="the kind of source: push")
    request: RequestSize = Field(
        16 * 2**20, description="size of one request's body, decompressed; larger ones are answered 413"
    )
    backlog: RequestSize = Field(
        256 * 2**20, description="bytes taken and not yet read; beyond, requests are answered 429"
    )
    token_file: File | None = Field(
        None, description="file with the bearer token that requests must bring; without it none is asked for"
    )
    events: Literal["none", "all", "request", "response"] = Field(
        "none",
        description="none: requests hold records; else CloudEvents of a model server's logger, of which all "
        "(requests joined with their responses), only requests or only responses become records",
    )
    features: Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(
        None, description="names of an event's input values in their order, where they have none"
    )
    pair_within: Delay = Field(
        3600.0, description="how long an event waits for the other one of its request and response"
    )
    pending: EventCount = Field(100_000, description="events that wait for the other one at most")

    @property
    def decoded_as(self) -> str:
        """The format of the chunks that the source hands on."""
        return "ndjson"

    @model_validator(mode="after")
    def _checked(self) -> "PushSource":
        wrong: list[Part] = []
        if self.backlog < self.request:
            text = (
                f"{format_size(self.backlog)} is less than one request ({format_size(self.request)}) may hold"
            )
            wrong.append((("backlog",), f"{text}; raise it or lower request"))
        if self.events != "all":
            wrong += [
                ((key,), "is for events that are joined; set events: all or remove it")
                for key in ("pair_within", "pending")
                if key in self.model_fields_set
            ]
        if self.features is not None and self.events not in {"all", "request"}:
            wrong.append((("features",), "names an event's inputs; set events: all or request, or remove it"))
        if self.features is not None and len(set(self.features)) < len(self.features):
            wrong.append((("features",), "holds a name twice; each value needs a name of its own"))
        if wrong:
            raise refuse_parts(wrong)
        return self
