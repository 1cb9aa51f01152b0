import http.server
import io
import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest

from drift_exporter.errors import SourceError
from drift_exporter.sources.kafka.payload import avro_by_registry, json_text, reader_of
from drift_exporter.sources.kafka.schema_registry import Registry
from drift_exporter.sources.kafka.settings import PayloadSettings

SCHEMA = {
    "type": "record",
    "name": "Prediction",
    "fields": [
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-micros"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {
            "name": "amount",
            "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
        },
        {"name": "score", "type": "double"},
        {"name": "country", "type": ["null", "string"]},
        {"name": "raw", "type": "bytes"},
        {"name": "features", "type": {"type": "map", "values": "double"}},
    ],
}
RECORD = {
    "ts": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
    "local": datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001  # local on purpose
    "day": date(2026, 1, 2),
    "amount": Decimal("12.50"),
    "score": 0.25,
    "country": "é",
    "raw": b"a\xffb",
    "features": {"age": 30.0},
}
EXPECTED = {
    "ts": "2026-01-02T03:04:05.678000Z",
    "local": "2026-01-02T03:04:05Z",
    "day": "2026-01-02",
    "amount": "12.50",
    "score": 0.25,
    "country": "é",
    "raw": "a\\xffb",
    "features": {"age": 30.0},
}


def avro(record: dict[str, Any], schema: Any = SCHEMA) -> bytes:  # noqa: ANN401
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), record)
    return stream.getvalue()


class FakeClock:
    """Time as it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time that was told."""
        return self.now


class RegistryServer:
    """A schema registry over HTTP; ``answers`` are status and document by path."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, str | None]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Answer as told."""
                outer.asked.append((self.path, self.headers.get("Authorization")))
                unknown = 404, {"error_code": 40403, "message": "Schema not found"}
                status, document = outer.answers.get(self.path, unknown)
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    server = RegistryServer()
    yield server
    server.close()


def framed(number: int, body: bytes) -> bytes:
    return b"\0" + number.to_bytes(4) + body


def test_ndjson_stays_as_it_is() -> None:
    assert ([b"{}", b"x"], {}) == reader_of(PayloadSettings())([b"{}", b"x"])


def test_json_schema_loses_its_prefix_and_plain_json_is_json() -> None:
    lines = reader_of(PayloadSettings("json_schema"))
    assert ([b'{"a":1}', b'{"a":2}'], {}) == lines([framed(7, b'{"a":1}'), b'{"a":2}'])


def test_a_prefix_without_json_is_a_fault() -> None:
    texts, faults = reader_of(PayloadSettings("json_schema"))([framed(1, b""), b"\0", b"{}"])
    assert [b"", b"", b"{}"] == list(texts)
    assert [0, 1] == list(faults)


def test_avro_by_a_schema_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "x.avsc"
    file.write_text(json.dumps(SCHEMA))
    lines = reader_of(PayloadSettings("avro", schema_file=file))
    texts, faults = lines([avro(RECORD), b"\xff\xff", avro(RECORD) + b"x"])
    assert EXPECTED == json.loads(texts[0])
    assert [b"", b""] == list(texts[1:])
    assert {1, 2} == faults.keys()
    assert "1 bytes are left" in faults[2]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), ("{", "is not JSON"), ('{"type": "nothing"}', "is not an Avro schema")],
)
def test_a_schema_file_that_cannot_be_used_says_why(
    tmp_path: Path, content: str | None, message: str
) -> None:
    file = tmp_path / "x.avsc"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SourceError, match=message):
        reader_of(PayloadSettings("avro", schema_file=file))


def test_avro_by_a_registry_is_asked_once_for_each_schema(registry: RegistryServer) -> None:
    registry.answers["/schemas/ids/7"] = 200, {"schema": json.dumps(SCHEMA)}
    lines = avro_by_registry(Registry(registry.url))
    for _ in range(2):
        texts, faults = lines([framed(7, avro(RECORD)), framed(7, avro(RECORD))])
        assert ([EXPECTED, EXPECTED], {}) == ([json.loads(text) for text in texts], faults)
    assert 1 == len(registry.asked)


def test_schemas_that_refer_to_others(registry: RegistryServer) -> None:
    address = {"type": "record", "name": "shop.Address", "fields": [{"name": "city", "type": "string"}]}
    order = {"type": "record", "name": "Order", "fields": [{"name": "to", "type": "shop.Address"}]}
    reference = {"name": "shop.Address", "subject": "shop/address", "version": 3}
    registry.answers["/schemas/ids/8"] = 200, {"schema": json.dumps(order), "references": [reference]}
    registry.answers["/subjects/shop%2Faddress/versions/3"] = 200, {"schema": json.dumps(address)}
    whole = {**order, "fields": [{"name": "to", "type": address}]}
    texts, faults = avro_by_registry(Registry(registry.url))(
        [framed(8, avro({"to": {"city": "Ulm"}}, whole))]
    )
    assert ({"to": {"city": "Ulm"}}, {}) == (json.loads(texts[0]), faults)


def test_messages_that_cannot_be_read_are_faults_with_the_reason(registry: RegistryServer) -> None:
    registry.answers["/schemas/ids/7"] = 200, {"schema": json.dumps(SCHEMA)}
    registry.answers["/schemas/ids/9"] = 200, {"schema": "message X {}", "schemaType": "PROTOBUF"}
    registry.answers["/schemas/ids/10"] = 200, {"schema": '"nothing"'}
    lines = avro_by_registry(Registry(registry.url))
    bad = [b"{}", b"\0\0", framed(7, b""), framed(8, b"x"), framed(9, b"x"), framed(10, b"x")]
    texts, faults = lines([*bad, framed(7, avro(RECORD))])
    assert [b""] * 6 == list(texts[:6])
    assert EXPECTED == json.loads(texts[6])
    reasons = ["zero byte", "zero byte", "not Avro of its schema", "not known", "PROTOBUF", "cannot be used"]
    for index, reason in enumerate(reasons):
        assert reason in faults[index]


def test_a_schema_that_is_unknown_is_asked_for_again_after_a_while(registry: RegistryServer) -> None:
    clock = FakeClock()
    lines = avro_by_registry(Registry(registry.url), clock)
    for _ in range(3):
        assert {0} == lines([framed(7, avro(RECORD))])[1].keys()
    assert 1 == len(registry.asked)
    registry.answers["/schemas/ids/7"] = 200, {"schema": json.dumps(SCHEMA)}
    clock.now = 61
    assert {} == lines([framed(7, avro(RECORD))])[1]


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_registry_that_does_not_answer_holds_messages_up(registry: RegistryServer, status: int) -> None:
    clock = FakeClock()
    registry.answers["/schemas/ids/7"] = status, {"message": "no"}
    lines = avro_by_registry(Registry(registry.url, clock=clock))
    for _ in range(2):
        with pytest.raises(SourceError, match=f"answered {status}"):
            lines([framed(7, avro(RECORD))])
    # It is not asked for every message.
    assert 1 == len(registry.asked)
    registry.answers["/schemas/ids/7"] = 200, {"schema": json.dumps(SCHEMA)}
    clock.now = 2
    assert {} == lines([framed(7, avro(RECORD))])[1]


def test_a_registry_that_is_not_there_holds_messages_up() -> None:
    with pytest.raises(SourceError, match=r"cannot be asked: .*refused"):
        avro_by_registry(Registry("http://127.0.0.1:1"))([framed(7, b"x")])


def test_the_registry_is_given_user_and_password(registry: RegistryServer, tmp_path: Path) -> None:
    file = tmp_path / "password"
    registry.answers["/schemas/ids/7"] = 200, {"schema": json.dumps(SCHEMA)}
    lines = avro_by_registry(Registry(registry.url, "user", file, pause=0))
    with pytest.raises(SourceError, match=r"schema_registry_password_file .*cannot be read"):
        lines([framed(7, avro(RECORD))])
    file.write_text("secret\n")
    assert {} == lines([framed(7, avro(RECORD))])[1]
    assert [("/schemas/ids/7", "Basic dXNlcjpzZWNyZXQ=")] == registry.asked


def test_timestamps_are_in_utc_whatever_zone_they_come_with() -> None:
    value = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert b'{"ts":"2026-01-02T01:04:05Z"}' == json_text({"ts": value})
