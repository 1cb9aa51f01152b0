"""Topics of Tansu, a broker that speaks Kafka's protocol."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.kafka import Wire, answers, tansu
from support.servers import free_port, until

TOPIC, PARTITIONS = "predictions", 3
OPTIONS = {
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 500,
    "topic.metadata.refresh.interval.ms": 1000,
    "reconnect.backoff.max.ms": 500,
}


class KafkaHarness:
    """One topic of three partitions; its places are partitions and offsets. The wire to the broker is cut."""

    can_be_interrupted = True
    repeats = False
    reads_once = True

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self._wire = Wire(port)
        self._broker = tansu(folder, port, self._wire.address)
        until(lambda: answers(self._broker), 30, what="the broker to answer")
        self._broker.create(TOPIC, PARTITIONS)
        self._places: list[tuple[int, int]] = []

    def source(self) -> dict[str, Any]:
        """``predictions.source`` of the configuration."""
        return {
            "type": "kafka",
            "brokers": self._broker.address,
            "topic": TOPIC,
            "format": "ndjson",
            "options": OPTIONS,
        }

    def predictions(self) -> dict[str, Any]:
        """Nothing more."""
        return {}

    def publish(self, lines: Sequence[bytes], exporter: str) -> None:
        """Write lines to the partitions in turn, and wait until they are stored."""
        del exporter
        first = len(self._places)
        messages = [((first + number) // 50 % PARTITIONS, line) for number, line in enumerate(lines)]
        self._places += self._broker.produce_to(TOPIC, messages)

    def interrupt(self) -> None:
        """Cut the wire to the broker."""
        self._wire.cut()

    def recover(self) -> None:
        """Mend it."""
        self._wire.mend()

    def place(self, number: int) -> tuple[str, int] | None:
        """Partition and offset of a line."""
        partition, offset = self._places[number]
        return f"kafka://{TOPIC}/{partition}", offset

    def close(self) -> None:
        """End the broker."""
        self._wire.cut()
        self._broker.stop()
