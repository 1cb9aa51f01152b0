"""What a Kafka source is told, and what is known of topics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class KafkaSettings:
    """What to read: topics (names, or regular expressions that begin with ^) as a member of a group.

    ``options`` are further settings of librdkafka, ``secrets`` those that stand in files. With ``final``
    everything that is there now is read once, outside of any group.
    """

    brokers: Sequence[str]
    topics: Sequence[str]
    group: str
    start: Literal["earliest", "latest"] = "earliest"
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Path] = field(default_factory=dict)
    final: bool = False

    @property
    def only_topic(self) -> str | None:
        """The one topic, where it is one by name."""
        return self.topics[0] if len(self.topics) == 1 and not self.topics[0].startswith("^") else None


@dataclass(frozen=True)
class TopicFacts:
    """What tells a topic from another that had its name before ("": not known), and its partitions."""

    identity: str
    partitions: int


@dataclass(frozen=True)
class PayloadSettings:
    """What messages hold, and where the schemas of Avro are: a registry (URL), or one in a file."""

    format: Literal["ndjson", "json_schema", "avro"] = "ndjson"
    registry: str | None = None
    user: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    schema_file: Path | None = None
