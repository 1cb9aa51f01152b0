"""Messages of the partitions that a client holds, as many as there are at the moment."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol, cast

import numpy as np
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, Message, TopicPartition

from drift_exporter.sources.kafka.batch import Integers, Key, Messages, place_name
from drift_exporter.sources.kafka.client import TIMEOUT, connect, partition_of, words_of
from drift_exporter.sources.kafka.settings import KafkaSettings, TopicFacts
from drift_exporter.sources.kafka.trouble import Trouble

log = logging.getLogger(__name__)

LOT = 1000
"""Messages that are asked for at a time: few enough to be found in the processor's cache again."""


class Holder(Protocol):
    """Who reads what a member collects."""

    def taken(
        self, keys: Sequence[Key], committed: Mapping[Key, int], topics: Mapping[str, TopicFacts]
    ) -> Mapping[Key, int]:
        """Partitions come; returns the offsets to begin at, or -1 where the beginning is yet to be chosen.

        ``committed`` are the group's offsets, as far as brokers tell them.
        """
        ...

    def given_up(self, keys: Collection[Key], *, lost: bool) -> None:
        """Partitions go when this returns; those that are ``lost`` are somebody else's already."""
        ...

    def made_anew(self, key: Key) -> None:
        """What was known of a partition does not hold any more: it begins anew, or was cut."""
        ...

    def durable(self) -> Mapping[Key, int]:
        """Offsets that no crash takes back: the group may be told."""
        ...

    def starts_early(self, key: Key) -> bool:
        """Whether a partition of which nothing was read yet is read from its beginning."""
        ...


class _Nobody:
    """Reads no more."""

    def taken(
        self, keys: Sequence[Key], committed: Mapping[Key, int], topics: Mapping[str, TopicFacts]
    ) -> Mapping[Key, int]:
        del topics
        return {key: committed.get(key, -1) for key in keys}

    def given_up(self, keys: Collection[Key], *, lost: bool) -> None:
        pass

    def made_anew(self, key: Key) -> None:
        pass

    def durable(self) -> Mapping[Key, int]:
        return {}

    def starts_early(self, _key: Key) -> bool:
        return True


NOBODY = _Nobody()
"""The holder of a client that is given back."""


class Collector:
    """One client, all of which is used by one thread at a time: it lets no other in, even while it waits.

    ``owned`` are the partitions that it holds, ``assigned`` whether it was told of any yet.

    ``unfinished`` are those whose end is waited for, ``floors`` offsets below which messages of a partition
    are left out, ``gone`` partitions that were given up, ``resets`` those whose position does not exist (with
    the position). ``drained`` says that the last look took all there was. ``keys`` are all partitions that
    were ever seen, by their numbers.
    """

    def __init__(self, settings: KafkaSettings, holder: Holder) -> None:
        """Set up; raises SourceError where the configuration cannot be used."""
        self.settings = settings
        self.holder = holder
        self.trouble = Trouble(settings)
        self.owned: set[Key] = set()
        self.assigned = False
        self.unfinished: set[Key] = set()
        self.floors: dict[Key, int] = {}
        self.gone: set[Key] = set()
        self.resets: list[tuple[Key, int]] = []
        self.held = False
        self.drained = True
        self.keys: list[Key] = []
        self._numbers: dict[Key, int] = {}
        self._ends: dict[Key, tuple[int, int]] = {}
        self.consumer = connect(settings, error_cb=self.trouble.note, on_commit=self.on_commit)

    def take(self, wait: float) -> Messages:
        """The next messages, as many as there are within ``wait`` seconds, up to ``LOT``.

        Partitions that were given up meanwhile are in ``gone``: whoever holds their messages drops them, but
        for those that this returns.
        """
        try:
            lot = self.consumer.consume(LOT, wait)
        except KafkaException as error:
            self.trouble.note(error.args[0])
            lot = []
        self.drained = len(lot) < LOT
        messages = self._messages(lot)
        return self._begin_anew(messages) if self.resets else messages

    def note_ends(self) -> None:
        """Take note of where partitions end, as brokers told with the last messages."""
        ends = {}
        for key in self.owned:
            low, high = self.consumer.get_watermark_offsets(partition_of(key, 0), cached=True) or (-1, -1)
            if high >= 0:
                ends[key] = low, high
        self._ends = ends

    def lag(self, positions: Mapping[Key, int]) -> int | None:
        """Records that were not read yet, as of ``note_ends``; None where nothing was told. On any thread."""
        ends, owned = self._ends, len(self.owned)
        if not self.assigned or (owned and not ends):
            return None
        return sum(max(0, high - max(0, positions.get(key, low))) for key, (low, high) in ends.items())

    def hold(self, *, held: bool) -> None:
        """Collect nothing but the group's news, or go on."""
        if held != self.held:
            self.held = held
            self.resume(self.owned)

    def probe(self) -> None:
        """Where there was a problem, find out whether it is over."""
        self.trouble.probe(self.consumer)

    def commit(self, offsets: Mapping[Key, int], *, wait: bool) -> None:
        """Tell the group how far partitions were read, where there is a group."""

    def close(self, offsets: Mapping[Key, int]) -> None:
        """Commit the offsets and give the client back."""
        self.commit(offsets, wait=True)
        self.consumer.close()

    def on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Take note of what became of a commit."""

    def ended(self, key: Key) -> None:
        """Take note of that a partition was read to its end, as it is now."""

    def resume(self, keys: Collection[Key]) -> None:
        """Let partitions' messages come, or not, as is decided for all."""
        partitions = [partition_of(key, 0) for key in keys]
        if partitions:
            (self.consumer.pause if self.held else self.consumer.resume)(partitions)

    def _messages(self, lot: list[Message]) -> Messages:
        ends: list[tuple[int, Key, int]] = []
        # By truth: an error that is compared with None leaves an exception behind that comes up anywhere.
        if any(map(Message.error, lot)) or self.floors:
            lot = self._without_events(lot, ends)
        if not lot:
            return Messages(self.keys, ends=ends)
        self.trouble.served()
        topic = self.settings.only_topic
        count = len(lot)
        partitions = np.fromiter(cast("Iterator[int]", map(Message.partition, lot)), np.int64, count)
        if topic is None:
            keys = zip(cast("Iterator[str]", map(Message.topic, lot)), partitions.tolist(), strict=True)
            partitions = np.fromiter(map(self._number, keys), np.int64, count)
        else:
            # So a partition's number is its number.
            for number in range(len(self.keys), int(partitions.max()) + 1):
                self._number((topic, number))
        offsets = offsets_of(lot, partitions)
        return Messages(self.keys, list(map(Message.value, lot)), partitions, offsets, ends)

    def _number(self, key: Key) -> int:
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.keys)
            self.keys.append(key)
        return number

    def _without_events(self, lot: list[Message], ends: list[tuple[int, Key, int]]) -> list[Message]:
        """The messages that are none of the client's own; what those tell is taken note of."""
        good = []
        for message in lot:
            error, key = message.error(), (message.topic() or "", message.partition() or 0)
            offset = message.offset()
            offset = -1 if offset is None else offset
            if error is None:
                if offset >= self.floors.get(key, -1):
                    self.floors.pop(key, None)
                    good.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
                if key in self.owned:
                    ends.append((len(good), key, offset))
                    self.ended(key)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001  # as above
                if key in self.owned:
                    self.resets.append((key, offset))
            else:
                self.trouble.note(error)
        return good

    def _begin_anew(self, messages: Messages) -> Messages:
        """Where a position does not exist, go on at the first one that does; tells how far in addition."""
        resets, self.resets = self.resets, []
        ends, lost = list(messages.ends), {}
        for key, position in resets:
            if key not in self.owned:
                continue
            try:
                if position < 0:
                    # The group turned out to have read nothing.
                    early = OFFSET_BEGINNING if self.holder.starts_early(key) else OFFSET_END
                    self._move(key, self.floors.pop(key, early))
                    continue
                low, _ = self.consumer.get_watermark_offsets(partition_of(key, 0), timeout=TIMEOUT)
                self._move(key, low)
            except (KafkaException, TypeError) as error:
                self.trouble.note_text(f"{place_name(key)}: where to go on is not known: {words_of(error)}")
                self.resets.append((key, position))
                continue
            self.holder.made_anew(key)
            ends.append((len(messages.values), key, low))
            if position < low:
                lost[key] = low - position
            log.warning(
                "%s: %s; going on at %d",
                place_name(key),
                f"records {position} to {low - 1} were gone before they were read"
                if position < low
                else f"record {position}, which is next, is beyond its end: it was made anew, or cut",
                low,
            )
        return replace(messages, ends=ends, lost=lost)

    def _move(self, key: Key, offset: int) -> None:
        # A seek is not possible where the position does not exist.
        self.consumer.incremental_unassign([partition_of(key, offset)])
        self.consumer.incremental_assign([partition_of(key, offset)])
        if self.held:
            self.resume([key])


def offsets_of(lot: Sequence[Message], partitions: Integers) -> Integers:
    """The offset of each message of at least one; those of a partition come in a row, and grow.

    Where the first and the last of a row are as far apart as it is long, none is missing between them.
    """
    edges = [0, *(np.flatnonzero(partitions[1:] != partitions[:-1]) + 1).tolist(), len(lot)]
    rows = []
    for start, end in pairwise(edges):
        first, last = (cast("int", lot[index].offset()) for index in (start, end - 1))
        if last - first == end - start - 1:
            rows.append(np.arange(first, last + 1, dtype=np.int64))
        else:
            rows.append(np.array([message.offset() for message in lot[start:end]], dtype=np.int64))
    return np.concatenate(rows)
