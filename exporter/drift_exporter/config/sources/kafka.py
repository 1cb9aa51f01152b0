"""The source ``kafka``."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, PlainSerializer, model_validator
from pydantic.functional_validators import AfterValidator, BeforeValidator

from drift_exporter.config.fieldtypes import File, Text
from drift_exporter.config.mask import mask_text
from drift_exporter.config.positions import kind_of, shorten
from drift_exporter.config.refusal import Part, refuse, refuse_parts
from drift_exporter.config.section import Section

OURS: Mapping[str, str] = {
    "bootstrap.servers": "name them as brokers",
    "metadata.broker.list": "name them as brokers",
    "group.id": "name it as group",
    "auto.offset.reset": "say it as start",
    "group.protocol": "remove it",
    "partition.assignment.strategy": "remove it",
    "enable.auto.commit": "remove it",
    "auto.commit.enable": "remove it",
    "auto.commit.interval.ms": "remove it",
    "enable.auto.offset.store": "remove it",
    "enable.partition.eof": "remove it",
    "on_commit": "remove it",
    "logger": "remove it",
}
"""librdkafka settings that this source sets itself, with what to do instead."""

SECRETS = (
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
)
"""librdkafka settings that are secrets: they come from files."""


def _as_list(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


def _broker(value: str) -> str:
    value = value.strip()
    if not re.fullmatch(r"([A-Za-z_]+://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?", value):
        raise refuse(f"{shorten(mask_text(value))} is not a broker; write host:port, such as kafka-1:9092")
    return value


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _topic(value: str) -> str:
    if value.startswith("^"):
        try:
            re.compile(value)
        except re.error as error:
            raise refuse(f"{shorten(value)} is not a regular expression: {error}; mend it") from None
        return value
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", value):
        raise refuse(
            f"{shorten(value)} cannot be a topic; use letters, digits, ., _ and - only, or a regular "
            "expression that begins with ^"
        )
    return value


def _option(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise refuse(f"{kind_of(value)} is not a single value; write a text, a number, true or false")


def _no_others(options: Mapping[str, str]) -> Mapping[str, str]:
    parts: list[Part] = []
    for name in options:
        if name in OURS:
            parts.append(((name,), f"is set by this source; {OURS[name]}"))
        elif name in SECRETS:
            parts.append(((name,), f"is a secret; name a file that holds it as secrets: {{{name}: FILE}}"))
        elif name.endswith("_cb"):
            parts.append(((name,), "is a function; remove it"))
    if parts:
        raise refuse_parts(parts)
    return options


def _only_secrets(secrets: Mapping[str, object]) -> Mapping[str, object]:
    parts: list[Part] = [
        ((name,), f"is not a secret; write it in options, or one of: {', '.join(SECRETS)}")
        for name in secrets
        if name not in SECRETS
    ]
    if parts:
        raise refuse_parts(parts)
    return secrets


def _registry(value: str) -> str:
    try:
        url = urlsplit(value)
    except ValueError:
        url = urlsplit("")
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise refuse(f"{shorten(mask_text(value))} is not a URL; write one such as https://registry:8081")
    if url.username is not None or url.password is not None:
        raise refuse(
            f"{shorten(mask_text(value))} holds credentials; name them as schema_registry_user and "
            "schema_registry_password_file"
        )
    return value.rstrip("/")


Brokers = Annotated[
    tuple[Annotated[str, Field(strict=True), AfterValidator(_broker)], ...],
    Field(min_length=1),
    BeforeValidator(_as_list),
]
Topics = Annotated[
    tuple[Annotated[str, Field(strict=True), AfterValidator(_topic)], ...],
    Field(min_length=1),
    BeforeValidator(_one_or_more),
]
Options = Annotated[
    Mapping[Text, Annotated[str, BeforeValidator(_option)]],
    AfterValidator(_no_others),
    PlainSerializer(dict),
]
Secrets = Annotated[Mapping[Text, File], AfterValidator(_only_secrets)]
RegistryUrl = Annotated[str, Field(strict=True), AfterValidator(_registry)]


class KafkaSource(Section):
    """Topics of Kafka, read as a member of a consumer group."""

    type: Literal["kafka"] = Field(description="the kind of source: kafka")
    brokers: Brokers = Field(description="brokers to begin with, such as [kafka-1:9092, kafka-2:9092]")
    topic: Topics = Field(description="a topic, a list of them, or a regular expression that begins with ^")
    group: Text | None = Field(
        None, description="the consumer group; default: drift-exporter- and the model's name"
    )
    format: Literal["ndjson", "json_schema", "avro"] = Field(
        "ndjson", description="what a message holds: ndjson, json_schema or avro"
    )
    schema_registry: RegistryUrl | None = Field(
        None, description="URL of the schema registry that knows the Avro messages' schemas"
    )
    schema_registry_user: Text | None = Field(None, description="user of the schema registry")
    schema_registry_password_file: File | None = Field(
        None, description="file with the password of the schema registry's user"
    )
    schema_registry_ca_file: File | None = Field(
        None, description="file with the certificates that the schema registry's is checked with"
    )
    schema_file: File | None = Field(
        None, description="file with the schema of Avro messages that do not name theirs, such as x.avsc"
    )
    start: Literal["earliest", "latest"] = Field(
        "earliest", description="where a group begins that has read nothing yet: earliest or latest"
    )
    options: Options = Field({}, description="further settings of librdkafka, such as security.protocol")
    secrets: Secrets = Field({}, description="settings of librdkafka that are read from files")

    @model_validator(mode="after")
    def _schemas(self) -> "KafkaSource":
        schemas = [self.schema_registry, self.schema_file]
        if self.format == "avro" and schemas.count(None) != 1:
            raise refuse(
                "format avro needs to know its schemas; name either schema_registry or schema_file"
                if schemas.count(None)
                else "both schema_registry and schema_file are named; keep the one that knows the schemas"
            )
        if self.format != "avro":
            named = [name for name in self.model_fields_set if name.startswith("schema_")]
            if named:
                raise refuse_parts(
                    [((name,), f"is for format avro, not {self.format}; remove it") for name in sorted(named)]
                )
        if self.schema_registry is None and self.format == "avro":
            named = [name for name in self.model_fields_set if name.startswith("schema_registry_")]
            if named:
                raise refuse_parts([((name,), "needs schema_registry; add it") for name in sorted(named)])
        if (self.schema_registry_user is None) != (self.schema_registry_password_file is None):
            missing = "user" if self.schema_registry_user is None else "password_file"
            raise refuse(f"schema_registry_{missing} is missing; name user and password_file, or neither")
        return self

    @property
    def decoded_as(self) -> str:
        """The format of the chunks that the source hands on."""
        return "ndjson"
