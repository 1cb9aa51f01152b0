"""Brokers that want TLS and a password: what is configured gets to the client."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from drift_exporter.config import load_config
from drift_exporter.source_factory import make_source
from drift_exporter.sources.source import Source
from support.kafka import QUIET, running_tansu
from support.kafka_gate import Gate, guarded
from support.records import FIELDS, write_config
from support.servers import free_port, until

pytestmark = pytest.mark.xdist_group("kafka")

TOPIC, USER, PASSWORD = "guarded", "drift-exporter", "s3cret \N{EURO SIGN}"


@dataclass(frozen=True)
class Cluster:
    """A broker that is only to be had by TLS and with a password, and a folder with what that takes."""

    address: str
    gate: Gate
    folder: Path

    def options(self, **others: str) -> dict[str, str]:
        """Settings of a client, without the password."""
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanisms": "PLAIN",
            "sasl.username": USER,
            "ssl.ca.location": str(self.folder / "ca.pem"),
            "reconnect.backoff.max.ms": "300",
            "session.timeout.ms": "6000",
            "heartbeat.interval.ms": "500",
            "topic.metadata.refresh.interval.ms": "500",
        } | others


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("guarded")
    port, own = free_port(), free_port()
    certificate, key = folder / "ca.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    (folder / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    (folder / "wrong").write_text("guess\n")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    gate = Gate(port, {USER: PASSWORD})
    made = Cluster(f"127.0.0.1:{own}", gate, folder)
    with running_tansu(folder, port, made.address), guarded(gate, own, tls):
        settings = made.options() | {"sasl.password": PASSWORD, "bootstrap.servers": made.address, **QUIET}
        producer = Producer(settings)
        for number in range(3):
            producer.produce(TOPIC, b'{"number": %d}' % number)
        assert 0 == producer.flush(30)
        gate.let_in.clear()
        yield made


class _Ingest:
    def __init__(self) -> None:
        self.lock = threading.RLock()

    def first_time(self, _kind: str, _header: bytes, _lines: bytes) -> int | None:
        return None


def source_of(cluster: Cluster, folder: Path, *, final: bool = False, **section: Any) -> Source:  # noqa: ANN401
    """The source as it is configured."""
    secrets = {"sasl.password": str(cluster.folder / "password")}
    section = {"brokers": [cluster.address], "topic": TOPIC, "secrets": secrets} | section
    predictions = {"source": {"type": "kafka", **section}, "fields": FIELDS}
    config = load_config(write_config(folder, [{"name": "m", "task": "binary", "predictions": predictions}]))
    return make_source(config.models[0].predictions.source, "m", config, _Ingest(), final=final)


@pytest.mark.parametrize("final", [True, False])
def test_records_come_by_tls_and_with_a_password_from_a_file(
    cluster: Cluster, tmp_path: Path, *, final: bool
) -> None:
    source = source_of(cluster, tmp_path, final=final, options=cluster.options())
    found: list[bytes] = []

    def look() -> bool:
        found.extend(line for chunk in source.poll() for line in chunk.content.splitlines())
        return len(found) >= 3

    until(look, 40, what=str(source.problem))
    source.close()
    assert [b'{"number": %d}' % number for number in range(3)] == sorted(found)
    assert {USER} == cluster.gate.let_in
    assert None is source.problem


@pytest.mark.parametrize(
    ("password", "options", "said"),
    [
        ("wrong", {}, "authentication"),
        ("password", {"ssl.ca.location": ""}, "certificate"),
        ("password", {"security.protocol": "PLAINTEXT"}, "no broker can be reached"),
    ],
)
def test_who_is_not_let_in_is_told_why(
    cluster: Cluster, tmp_path: Path, password: str, options: dict[str, str], said: str
) -> None:
    own = {name: value for name, value in cluster.options(**options).items() if value}
    secrets = {"sasl.password": str(cluster.folder / password)}
    source = source_of(cluster, tmp_path, options=own, secrets=secrets)

    def look() -> bool:
        assert [] == list(source.poll())
        return said in str(source.problem).lower()

    until(look, 40, what=str(source.problem))
    source.close()
