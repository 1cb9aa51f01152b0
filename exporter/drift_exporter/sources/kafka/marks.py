"""How far the partitions of topics were counted, and how that is stored."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drift_exporter.errors import StateError
from drift_exporter.sources.kafka.batch import Key, place_name
from drift_exporter.sources.kafka.settings import TopicFacts

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mark:
    """The next offset of a partition, and what tells its topic from another of that name ("": not known)."""

    offset: int
    topic: str


@dataclass
class Marks:
    """Positions of all partitions that were ever read, also of those that others hold now.

    ``early`` says that partitions of which nothing was read are read from their beginning. Those that were
    added to a topic later are in any case: nobody can have meant to leave them out. ``durable`` are offsets
    that no crash takes back: they may be told to the group.
    """

    early: bool = True
    durable: dict[Key, int] = field(default_factory=dict)
    _marks: dict[Key, Mark] = field(default_factory=dict)
    _sizes: dict[str, int] = field(default_factory=dict)
    _identities: dict[str, str] = field(default_factory=dict)
    _anew: set[Key] = field(default_factory=set)
    _changed: set[str] = field(default_factory=set)
    _given: Mapping[str, Mark | int] = field(default_factory=dict)

    def offsets(self) -> Mapping[Key, int]:
        """Next offsets by partition. May be called without a lock."""
        return {key: mark.offset for key, mark in list(self._marks.items())}

    def taken(
        self, keys: Sequence[Key], committed: Mapping[Key, int], topics: Mapping[str, TopicFacts]
    ) -> Mapping[Key, int]:
        """Where partitions begin that come to us; -1 where nothing was read yet."""
        for topic, facts in topics.items():
            self._identities[topic] = facts.identity
            if topic not in self._sizes:
                self._sizes[topic] = facts.partitions
                self._changed.add(topic)
        starts = {}
        for key in keys:
            mark, identity = self._marks.get(key), self._identities.get(key[0], "")
            if mark is not None and identity and mark.topic and identity != mark.topic:
                log.warning(
                    "%s: the topic is another one than the one that was read to record %d; it is read from "
                    "its beginning",
                    place_name(key),
                    mark.offset,
                )
                self.made_anew(key)
                mark = None
            start = max(-1 if mark is None else mark.offset, committed.get(key, -1))
            starts[key] = start
            if start >= 0:
                self._marks[key] = Mark(start, identity or ("" if mark is None else mark.topic))
                # Saved here or told to the group by whoever has saved it.
                self.durable[key] = start
        return starts

    def made_anew(self, key: Key) -> None:
        """What was known of a partition does not hold any more."""
        self._marks.pop(key, None)
        self.durable.pop(key, None)
        self._anew.add(key)

    def starts_early(self, key: Key) -> bool:
        """Whether a partition of which nothing was read yet is read from its beginning."""
        return self.early or key in self._anew or key[1] >= self._sizes.get(key[0], key[1] + 1)

    def advance(self, ends: Mapping[Key, int]) -> None:
        """Partitions were counted up to these offsets."""
        for key, end in ends.items():
            self._marks[key] = Mark(end, self._identities.get(key[0], ""))
            self._changed.add(_stored(key))

    def changes(self, *, everything: bool = False) -> Mapping[str, bytes]:
        """What changed since it was saved, or everything, as it is stored."""
        everything_known = {_stored(key): mark for key, mark in self._marks.items()} | self._sizes
        self._given = (
            everything_known
            if everything
            else {key: everything_known[key] for key in self._changed if key in everything_known}
        )
        return {key: _encoded(value) for key, value in self._given.items()}

    def saved(self) -> None:
        """What ``changes`` gave last is stored."""
        for stored, value in self._given.items():
            if isinstance(value, Mark):
                key = _key_of(stored)
                if key in self._marks:
                    self.durable[key] = value.offset
                if self._marks.get(key) == value:
                    self._changed.discard(stored)
            else:
                self._changed.discard(stored)
        self._given = {}

    def restore(self, stored: Mapping[str, bytes]) -> None:
        """Take over what was stored; raises StateError where it cannot be understood."""
        for name, value in stored.items():
            try:
                document = json.loads(value)
                if "/" in name:
                    key = _key_of(name)
                    self._marks[key] = Mark(int(document["offset"]), str(document["topic"]))
                    self.durable[key] = self._marks[key].offset
                else:
                    self._sizes[name] = int(document["partitions"])
            except (ValueError, KeyError, TypeError) as error:
                raise StateError(
                    f"the saved position {name!r} of a Kafka source cannot be read: {error!r}; "
                    "begin anew with drift-exporter state reset"
                ) from error

    def copy(self, *, early: bool) -> "Marks":
        """All positions, to go on with; partitions that are new begin as ``early`` says."""
        return Marks(
            early,
            dict(self.durable),
            dict(self._marks),
            dict(self._sizes),
            dict(self._identities),
            set(self._anew),
            set(self._changed),
        )


def _stored(key: Key) -> str:
    return f"{key[0]}/{key[1]}"


def _key_of(stored: str) -> Key:
    topic, _, number = stored.rpartition("/")
    return topic, int(number)


def _encoded(value: Mark | int) -> bytes:
    document = (
        {"offset": value.offset, "topic": value.topic} if isinstance(value, Mark) else {"partitions": value}
    )
    return json.dumps(document).encode()
