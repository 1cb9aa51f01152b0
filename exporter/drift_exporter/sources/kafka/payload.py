"""What messages hold, as JSON: NDJSON and JSON Schema as they are, Avro by its schema."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from time import monotonic
from typing import Any

from drift_exporter.errors import SourceError
from drift_exporter.sources.kafka.batch import Lines
from drift_exporter.sources.kafka.schema_registry import Registry
from drift_exporter.sources.kafka.settings import PayloadSettings

MAGIC = 0
"""The first byte of a message in Confluent's wire format; four bytes with its schema's number follow."""

_PREFIX = 5
_UNKNOWN_FOR, _MOST_UNKNOWN = 60.0, 1000
"""Seconds for which the registry is not asked again for a schema that it has not, and for how many."""


def plain(values: Sequence[bytes]) -> tuple[Sequence[bytes], Mapping[int, str]]:
    """JSON text as it is."""
    return values, {}


def without_prefix(values: Sequence[bytes]) -> tuple[Sequence[bytes], Mapping[int, str]]:
    """JSON text without the prefix of Confluent's wire format, which JSON cannot begin like."""
    texts = [value[_PREFIX:] if value[0] == MAGIC else value for value in values]
    if all(texts):
        return texts, {}
    nothing = "nothing comes after the zero byte and the number of a schema"
    return texts, {index: nothing for index, text in enumerate(texts) if not text}


def reader_of(settings: PayloadSettings) -> Lines:
    """How to read messages; raises SourceError where a schema's file cannot be used."""
    if settings.format == "ndjson":
        return plain
    if settings.format == "json_schema":
        return without_prefix
    if settings.schema_file is not None:
        return avro_by_file(settings.schema_file)
    _fastavro()
    url = settings.registry or ""
    return avro_by_registry(Registry(url, settings.user, settings.password_file, settings.ca_file))


def avro_by_file(path: Path) -> Lines:
    """How to read Avro messages that are all written by the schema in a file.

    Raises SourceError where that cannot be read.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise SourceError(f"schema_file {path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise SourceError(f"schema_file {path}: is not JSON: {error}") from error
    schema = parse_schema(document, f"schema_file {path}")

    def lines(values: Sequence[bytes]) -> tuple[Sequence[bytes], Mapping[int, str]]:
        return _decoded(values, lambda value: (schema, value))

    return lines


def avro_by_registry(registry: Registry, clock: Callable[[], float] = monotonic) -> Lines:
    """How to read Avro messages that name their schemas, which a registry knows."""
    schemas: dict[int, Any] = {}
    unknown: dict[int, tuple[float, str]] = {}

    def schema_of(value: bytes) -> tuple[Any, bytes]:
        if value[0] != MAGIC or len(value) < _PREFIX:
            raise ValueError("the message does not begin with a zero byte and the number of a schema")
        number = int.from_bytes(value[1:_PREFIX])
        if number not in schemas:
            asked, reason = unknown.get(number, (-_UNKNOWN_FOR, ""))
            if clock() < asked + _UNKNOWN_FOR:
                raise ValueError(reason)
            try:
                schemas[number] = _registered(registry, number)
            except ValueError as error:
                if len(unknown) >= _MOST_UNKNOWN:
                    unknown.clear()
                unknown[number] = clock(), str(error)
                raise
        return schemas[number], value[_PREFIX:]

    return lambda values: _decoded(values, schema_of)


def parse_schema(document: Any, named: str) -> Any:  # noqa: ANN401  # fastavro has no type for either
    """A schema made ready for reading; raises SourceError where it is none."""
    fastavro = _fastavro()
    try:
        return fastavro.parse_schema(document)
    except Exception as error:
        # There is no base of what fastavro raises.
        raise SourceError(f"{named}: is not an Avro schema: {type(error).__name__}: {error}") from error


def json_text(value: object) -> bytes:
    """A decoded Avro record as one line of JSON."""
    return json.dumps(value, default=_plain_value, ensure_ascii=False, separators=(",", ":")).encode()


def _registered(registry: Registry, number: int) -> Any:  # noqa: ANN401  # fastavro has no type for it
    """The schema of a number; raises ValueError where there is none, SourceError where that is not known."""
    fastavro = _fastavro()
    kind, text, references = registry.schema(number)
    if kind != "AVRO":
        raise ValueError(f"schema {number} is of the kind {kind}, not AVRO")
    named: dict[str, Any] = {}
    try:
        for document in references:
            fastavro.parse_schema(json.loads(document), named_schemas=named)
        return fastavro.parse_schema(json.loads(text), named_schemas=named)
    except Exception as error:
        # There is no base of what fastavro raises.
        raise ValueError(f"schema {number} cannot be used: {type(error).__name__}: {error}") from error


def _decoded(
    values: Sequence[bytes], schema_of: Callable[[bytes], tuple[Any, bytes]]
) -> tuple[Sequence[bytes], Mapping[int, str]]:
    fastavro = _fastavro()
    texts, faults = [], {}
    for index, value in enumerate(values):
        text = b""
        try:
            schema, body = schema_of(value)
            text = _json_of(fastavro, schema, body)
        except ValueError as error:
            faults[index] = str(error)
        texts.append(text)
    return texts, faults


def _json_of(fastavro: Any, schema: Any, body: bytes) -> bytes:  # noqa: ANN401  # as above
    """An Avro record as JSON; raises ValueError where it is none of its schema."""
    stream = io.BytesIO(body)
    try:
        text = json_text(fastavro.schemaless_reader(stream, schema, None))
    except Exception as error:
        # Garbage makes fastavro raise whatever it likes.
        raise ValueError(f"not Avro of its schema: {str(error) or type(error).__name__}") from error
    if rest := len(body) - stream.tell():
        raise ValueError(f"not Avro of its schema: {rest} bytes are left after the record")
    return text


def _plain_value(value: object) -> object:
    """JSON for what Avro has and JSON has not: times as RFC 3339 (in UTC), bytes as text where they are."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def _fastavro() -> Any:  # noqa: ANN401  # a module that is imported when it is needed
    try:
        import fastavro  # noqa: PLC0415
    except ImportError as error:
        raise SourceError(
            f"format avro needs fastavro ({error}); pip install 'drift-exporter[kafka]'"
        ) from error
    return fastavro
