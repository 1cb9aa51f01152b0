"""A member of a consumer group: which partitions it holds, and what the group is told.

Partitions may come and go whenever messages are asked for. Whoever reads them is told before they are given
up, and is waited for.
"""

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_STORED,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from drift_exporter.sources.kafka.batch import Key, place_name
from drift_exporter.sources.kafka.client import TIMEOUT, look_up, partition_of, words_of
from drift_exporter.sources.kafka.collector import NOBODY, Collector, Holder
from drift_exporter.sources.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)

PATIENCE = 4.0
"""Seconds that leaving a group may take."""


class Member(Collector):
    """A client in a group; ``committed`` are the offsets that the broker has of its partitions."""

    def __init__(self, settings: KafkaSettings, holder: Holder) -> None:
        """Set up; raises SourceError where the configuration cannot be used."""
        super().__init__(settings, holder)
        self.committed: dict[Key, int] = {}
        self.consumer.subscribe(
            list(settings.topics),
            on_assign=self._on_assign,
            on_revoke=lambda _, partitions: self._on_revoke(partitions, lost=False),
            on_lost=lambda _, partitions: self._on_revoke(partitions, lost=True),
        )

    def commit(self, offsets: Mapping[Key, int], *, wait: bool) -> None:
        """Tell the broker how far partitions were read, those of them that are held.

        Where it cannot be told, it is the next time.
        """
        owned = set(self.owned)
        new = [
            partition_of(key, offset)
            for key, offset in offsets.items()
            if key in owned and offset != self.committed.get(key)
        ]
        if not new:
            return
        try:
            if wait:
                self._note_committed(self.consumer.commit(offsets=new, asynchronous=False))
            else:
                self.consumer.commit(offsets=new, asynchronous=True)
        except (KafkaException, RuntimeError) as error:
            log.debug("offsets are not committed yet: %s", words_of(error))

    def close(self, offsets: Mapping[Key, int]) -> None:
        """Commit the offsets and leave the group; what takes longer than ``PATIENCE`` is let be."""
        self.holder = NOBODY

        def leave() -> None:
            self.commit(offsets, wait=True)
            self.consumer.close()

        leaving = threading.Thread(target=leave, name="leave-group", daemon=True)
        leaving.start()
        leaving.join(PATIENCE)
        if leaving.is_alive():
            log.warning("kafka %s: leaving the group takes too long", ",".join(self.settings.brokers))

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.assigned = True
        self.trouble.served()
        keys = [(partition.topic, partition.partition) for partition in partitions]
        if not keys:
            return
        committed = self._committed(partitions)
        facts = look_up(self.settings, sorted({topic for topic, _ in keys}))
        starts = dict(self.holder.taken(keys, committed or {}, facts))
        if committed is None:
            # The client asks on; what was counted already is left out.
            self.floors.update({key: start for key, start in starts.items() if start >= 0})
            starts = dict.fromkeys(keys, OFFSET_STORED)
        for key, start in starts.items():
            log.info(
                "%s: taken; it goes on at %d, the group has told %s",
                place_name(key),
                start,
                "nobody" if committed is None else committed.get(key, "nothing"),
            )
            if start == -1:
                starts[key] = OFFSET_BEGINNING if self.holder.starts_early(key) else OFFSET_END
        self.committed.update(committed or {})
        self.owned.update(keys)
        self.consumer.incremental_assign([partition_of(key, starts[key]) for key in keys])
        if self.held:
            self.resume(keys)

    def _on_revoke(self, partitions: list[TopicPartition], *, lost: bool) -> None:
        keys = {(partition.topic, partition.partition) for partition in partitions}
        if keys:
            self.gone |= keys
            self.holder.given_up(keys, lost=lost)
            if not lost:
                durable = self.holder.durable()
                self.commit({key: durable[key] for key in keys if key in durable}, wait=True)
            self.owned -= keys
            for key in keys:
                self.committed.pop(key, None)
                self.floors.pop(key, None)
        self.consumer.incremental_unassign(partitions)

    def _committed(self, partitions: Sequence[TopicPartition]) -> dict[Key, int] | None:
        """The group's offsets; None where the broker does not tell them."""
        try:
            found = self.consumer.committed(list(partitions), timeout=TIMEOUT)
        except KafkaException as error:
            self.trouble.note(error.args[0])
            return None
        if any(partition.error is not None for partition in found):
            return None
        return {(one.topic, one.partition): one.offset for one in found if one.offset >= 0}

    def on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Take note of what became of a commit."""
        if error is None:
            self._note_committed(partitions)
        else:
            # Also where the partition is somebody else's by now; else it is told again after the next save.
            log.debug("offsets are not committed yet: %s", error.str())

    def _note_committed(self, partitions: Iterable[TopicPartition]) -> None:
        for partition in partitions:
            key = partition.topic, partition.partition
            if partition.error is None and key in self.owned:
                self.committed[key] = partition.offset
