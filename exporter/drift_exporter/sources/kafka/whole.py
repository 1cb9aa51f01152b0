"""All that topics hold now, read once, outside of any group."""

import re

from confluent_kafka import OFFSET_BEGINNING, KafkaException

from drift_exporter.sources.kafka.batch import Key, Messages
from drift_exporter.sources.kafka.client import TIMEOUT, partition_of
from drift_exporter.sources.kafka.collector import Collector, Holder
from drift_exporter.sources.kafka.settings import KafkaSettings


class Whole(Collector):
    """A client of its own, whose partitions are read to their end."""

    def __init__(self, settings: KafkaSettings, holder: Holder) -> None:
        """Set up; raises SourceError where the configuration cannot be used."""
        super().__init__(settings, holder)
        self._limits: dict[Key, int] = {}

    def take(self, wait: float) -> Messages:
        """The next messages, as many as there are within ``wait`` seconds."""
        if not self.assigned:
            self._assign()
        return super().take(wait)

    def note_ends(self) -> None:
        """Take note of where partitions end, and which of them were read that far."""
        super().note_ends()
        if self.unfinished:
            self._note_finished()

    def ended(self, key: Key) -> None:
        """Take note of that a partition was read to its end, as it is now."""
        self.unfinished.discard(key)

    def _note_finished(self) -> None:
        """Where a topic grows all the time, its end as of the first answer is the end."""
        asked = [partition_of(key, 0) for key in self.unfinished]
        for partition in self.consumer.position(asked):
            key = partition.topic, partition.partition
            if partition.offset >= 0:
                high = (self.consumer.get_watermark_offsets(partition, cached=True) or (-1, -1))[1]
                if partition.offset >= self._limits.setdefault(key, high) >= 0:
                    self.unfinished.discard(key)

    def _assign(self) -> None:
        try:
            topics = self.consumer.list_topics(timeout=TIMEOUT).topics
        except KafkaException as error:
            self.trouble.note(error.args[0])
            return
        asked = self.settings.topics
        keys = [
            (name, number)
            for name, topic in topics.items()
            if any(_is_named(name, one) for one in asked)
            for number in topic.partitions
        ]
        self.trouble.note_missing([one for one in asked if not any(_is_named(name, one) for name in topics)])
        self.owned, self.unfinished, self.assigned = set(keys), set(keys), True
        if keys:
            self.consumer.assign([partition_of(key, OFFSET_BEGINNING) for key in keys])


def _is_named(topic: str, pattern: str) -> bool:
    return topic == pattern or (pattern.startswith("^") and re.search(pattern, topic) is not None)
