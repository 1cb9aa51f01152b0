"""A Kafka client, made of what is configured; its errors in words."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import confluent_kafka
from confluent_kafka import Consumer, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from drift_exporter.errors import SourceError
from drift_exporter.sources.kafka.batch import Key
from drift_exporter.sources.kafka.settings import KafkaSettings, TopicFacts
from drift_exporter.sources.secret_file import read_secret

log = logging.getLogger(__name__)

DEFAULTS: Mapping[str, str] = {
    "client.id": "drift-exporter",
    # New partitions are found that soon.
    "topic.metadata.refresh.interval.ms": "30000",
    # What is fetched ahead: little, but without a pause when it was full.
    "queued.max.messages.kbytes": "24576",
    "fetch.queue.backoff.ms": "20",
    "max.partition.fetch.bytes": "4194304",
    "socket.keepalive.enable": "true",
    "reconnect.backoff.max.ms": "5000",
}
"""librdkafka settings where they are not configured."""

LEAST_VERSION = (2, 16)
"""Of the client: 2.12.0 was seen to leave messages out when it collects while partitions move."""

TIMEOUT = 5.0
"""Seconds that an answer of the brokers is waited for."""


class _ClientLog:
    """Where librdkafka tells of each attempt to connect: what matters of it comes as errors too."""

    def log(self, _level: int, text: str, *arguments: object) -> None:
        log.debug(text, *arguments)


def connect(settings: KafkaSettings, **callbacks: Callable[..., None]) -> Consumer:
    """A consumer; the network is not waited for. Raises SourceError where there can be none."""
    installed = version("confluent-kafka")
    if tuple(int(part) for part in re.findall(r"\d+", installed)[:2]) < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        raise SourceError(
            f"confluent-kafka {installed} may lose messages; {least} or newer is needed: "
            "pip install 'drift-exporter[kafka]'"
        )
    options: dict[str, Any] = {
        **_common(settings),
        "group.id": settings.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "partition.assignment.strategy": "cooperative-sticky",
        # Where to begin is decided here, and told.
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        **callbacks,
    }
    if settings.final:
        # An empty partition tells its end only after that long.
        options.setdefault("fetch.wait.max.ms", 10)
        # Half of that is also waited between the first connections, which the start would take longer for.
        options.setdefault("reconnect.backoff.ms", 20)
    try:
        return confluent_kafka.Consumer(options, logger=_ClientLog())
    except (KafkaException, ValueError, TypeError) as error:
        raise SourceError(f"the Kafka client cannot be set up: {words_of(error)}; mend options") from error


def look_up(settings: KafkaSettings, topics: Sequence[str]) -> Mapping[str, TopicFacts]:
    """Facts of topics; of those that cannot be told now, none."""
    found = {}
    try:
        # In a variable: futures hold no reference to their client.
        client = AdminClient(_common(settings), logger=_ClientLog())
        futures = client.describe_topics(TopicCollection(list(topics)), request_timeout=TIMEOUT)
        for topic, future in futures.items():
            described = future.result(timeout=TIMEOUT)
            identity = str(described.topic_id)
            known = identity.strip("A=") != ""
            found[topic] = TopicFacts(identity if known else "", len(described.partitions))
    except (KafkaException, TimeoutError, ValueError) as error:
        log.debug("topics cannot be looked up: %s", words_of(error))
    return found


def words_of(error: BaseException) -> str:
    """What an exception of the client says."""
    inner = error.args[0] if error.args else error
    text = inner.str() if hasattr(inner, "str") else str(inner)
    return stable(text)


def stable(text: str) -> str:
    """An error without what differs each time: how long it took, how often it came."""
    text = re.sub(r" ?\(after \d+ms in state [^)]*\)", "", text)
    return re.sub(r"[,;]? ?\d+ identical error\(s\) suppressed", "", text).strip()


def partition_of(key: Key, offset: int) -> TopicPartition:
    """A partition and an offset in it, as the client takes them."""
    return TopicPartition(key[0], key[1], offset)


def _common(settings: KafkaSettings) -> dict[str, Any]:
    secrets = {name: read_secret(path, f"secrets: {name}:") for name, path in settings.secrets.items()}
    options = {name: value for name, value in DEFAULTS.items() if name not in settings.options}
    return {**options, **settings.options, **secrets, "bootstrap.servers": ",".join(settings.brokers)}
