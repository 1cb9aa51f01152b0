"""Topics of Kafka, read as a member of a consumer group.

How far each partition was counted is kept in our own state, together with the counts. Brokers are told after
that is saved, so that another member of the group begins where the counts end. While one chunk is counted,
the next one is collected on a thread of its own.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING

from drift_exporter.errors import SourceError, StateError
from drift_exporter.sources.chunk import SMALLEST_CHUNK, Chunk
from drift_exporter.sources.kafka.ahead import Ahead, Request
from drift_exporter.sources.kafka.batch import Batch, Key, place_name
from drift_exporter.sources.kafka.marks import Marks
from drift_exporter.sources.kafka.payload import reader_of
from drift_exporter.sources.kafka.settings import KafkaSettings, PayloadSettings, TopicFacts
from drift_exporter.sources.position import Guard, new_guard
from drift_exporter.sources.source import LOST_RECORDS, Counts, Lag, SourceChanges, SourceState

if TYPE_CHECKING:
    from drift_exporter.sources.kafka.intake import Intake

log = logging.getLogger(__name__)

CHUNK = 24 << 20
"""Bytes of messages that are put together at the most: two such chunks are held at a time."""

_FIRST = 1 << 20
"""Bytes that are put together where nothing else is there to be counted; those after it grow."""

_TURN = 2.0
"""Seconds after which others have their turn."""

_BEHIND = 20_000
"""Unread records from which on the next look is at once."""

_PATIENCE = 30.0
"""Seconds without any message after which a topic is not read on to its end, where it is read once."""


@dataclass
class KafkaSource:
    """Topics as ``settings`` say, with messages as ``payload`` says.

    Records longer than ``line_limit`` are rejected. Positions and counts change under ``guard``.
    """

    settings: KafkaSettings
    payload: PayloadSettings
    line_limit: int
    chunk_size: int = CHUNK
    guard: Guard = field(default_factory=new_guard)
    more: bool = False
    idle_cost: float = 0.0
    counts: Counts = field(default_factory=Counts)
    lost_bytes: int = 0
    marks: Marks = field(init=False)
    _intake: "Intake | None" = field(default=None, init=False)
    _queue: deque[Batch] = field(default_factory=deque, init=False)
    _requests: "SimpleQueue[Request | None]" = field(default_factory=SimpleQueue, init=False)

    def __post_init__(self) -> None:
        # So that the first one lost shows as an increase.
        self.counts[LOST_RECORDS, "retention"] = 0
        self.marks = Marks(early=self.settings.start == "earliest")
        self._size = min(self.chunk_size, CHUNK)
        self._reach = _FIRST
        self._save: Callable[[], None] = lambda: None
        self._current: Batch | None = None
        self._problem: str | None = None
        self._again = self._aside = False
        self._ahead: Ahead | None = None
        self._ending = threading.Event()
        self._reader = 0

    @property
    def problem(self) -> str | None:
        """What is wrong with the brokers, topics, schemas or permissions, as of the last look."""
        intake = self._intake
        if self._problem is not None or intake is None:
            return self._problem
        return intake.problem or intake.collector.trouble.text

    def bind(self, save: Callable[[], None]) -> None:
        """Save before a partition is given up, so that whoever gets it goes on where we ended."""
        self._save = save

    def poll(self, stop: Callable[[], bool] = lambda: False) -> Generator[Chunk]:
        """Hand on what there is to read, up to a few seconds' worth; waits a moment where there is nothing.

        Raises SourceError where the configuration cannot be used.
        """
        begun, cost = time.monotonic(), time.thread_time()
        self.more, self._reader = False, threading.get_ident()
        self._ending.clear()
        intake = self._connected()
        intake.collector.probe()
        handed_on = 0
        try:
            while not stop() and self._next(intake, stop, first=not handed_on):
                if handed_on and not self.settings.final and time.monotonic() > begun + _TURN:
                    self.more = True
                    break
                handed_on += yield from self._hand_on(intake)
                if self._aside:
                    break
        finally:
            self._current = None
            self._ending.set()
            if self._ahead is not None and (batch := self._finish(self._ahead)) is not None:
                self._queue.append(batch)
        self.more = self.more or ((self.lag().records or 0) > _BEHIND and not self.problem)
        if not handed_on:
            self.idle_cost = time.thread_time() - cost

    def accept(self) -> None:
        """Move the positions past the last chunk handed on: it was counted. More than once is once."""
        batch = self._current
        if batch is not None:
            self._current = None
            self._queue.popleft()
            self._apply(batch)

    def note_time(self, time: int) -> None:
        """Partitions are read in their order, whatever the time of their records."""

    def set_aside(self, reason: str) -> None:
        """Leave the messages of the last chunk for the next look: they could not be counted."""
        self._aside, self._problem = True, reason

    def read_smaller(self) -> None:
        """Hand on half as much from where the last chunk began: that one held too many records."""
        self._size = max(self._size // 2, SMALLEST_CHUNK)
        self._again = True

    def lag(self) -> Lag:
        """Records that were not read yet, by what the brokers told with the last messages."""
        intake = self._intake
        return Lag(records=None if intake is None else intake.collector.lag(self.marks.offsets()))

    def changes(self, *, everything: bool = False) -> SourceChanges:
        """Positions that changed since ``saved``, or all that are known."""
        with self.guard:
            return SourceChanges(marks=self.marks.changes(everything=everything))

    def saved(self) -> None:
        """What ``changes`` gave last is stored: the group is told with the next look.

        Not now: whoever collects may be waiting for the lock that is held here, and lets nobody in meanwhile.
        """
        with self.guard:
            self.marks.saved()

    def restore(self, state: SourceState) -> None:
        """Go on where a source stopped whose ``changes`` these were. To be called before the first look."""
        with self.guard:
            self.marks.restore(state.marks)
            self.lost_bytes = state.lost_bytes
            self.counts.update(state.counts)

    def adopt(self, old: "KafkaSource") -> None:
        """Go on where another source stopped; with its place in the group, where that stays the same."""
        with self.guard:
            self.marks = old.marks.copy(early=self.settings.start == "earliest")
            self.counts, self.lost_bytes = old.counts, old.lost_bytes
            if (self.settings, self.payload) == (old.settings, old.payload) and old._intake is not None:  # noqa: SLF001  # of the same class
                self._intake, old._intake = old._intake, None  # noqa: SLF001  # as above
                self._queue = old._queue  # noqa: SLF001  # as above
                self._intake.collector.holder = self

    def close(self) -> None:
        """Leave the group; brokers are told how far we are first."""
        with self.guard:
            intake, self._intake = self._intake, None
            durable = dict(self.marks.durable)
        self._queue = deque()
        if intake is not None:
            intake.collector.close(durable)
            intake.close()

    def taken(
        self, keys: Sequence[Key], committed: Mapping[Key, int], topics: Mapping[str, TopicFacts]
    ) -> Mapping[Key, int]:
        """Partitions come: each begins where we or the group ended, whichever is further."""
        with self.guard:
            return self.marks.taken(keys, committed, topics)

    def given_up(self, keys: Collection[Key], *, lost: bool) -> None:
        """Partitions go. Where they are not lost yet, what was counted of them is saved first."""
        if threading.get_ident() == self._reader:
            self._give_up(keys, lost=lost)
            return
        # On the thread that collects: the chunk that is being counted comes first.
        done = threading.Event()
        self._requests.put((keys, lost, done))
        done.wait()

    def made_anew(self, key: Key) -> None:
        """What was saved of a partition does not hold any more."""
        with self.guard:
            self.marks.made_anew(key)

    def durable(self) -> Mapping[Key, int]:
        """Offsets that no crash takes back: the group may be told."""
        with self.guard:
            return dict(self.marks.durable)

    def starts_early(self, key: Key) -> bool:
        """Whether a partition of which nothing was read yet is read from its beginning."""
        return self.marks.starts_early(key)

    def _next(self, intake: "Intake", stop: Callable[[], bool], *, first: bool) -> bool:
        """Have a batch to hand on; False where there is none now. Begins to collect the one after it."""
        since = time.monotonic()
        while not self._queue:
            if self._ahead is None:
                if intake.finished or not (first or intake.full or self.settings.final):
                    return False
                # Nothing is counted meanwhile: no more than lets it begin.
                self._reach = min(self._size, _FIRST)
                batch = intake.collect(self._reach, stop)
            else:
                batch = self._finish(self._ahead)
            if batch is not None:
                self._queue.append(batch)
            elif stop() or not self._waits_for_the_end(intake, since):
                return False
        if intake.full and self._ahead is None and len(self._queue) == 1:
            # Counting never waits for a batch that takes much longer than the one in hand.
            self._reach = min(2 * self._reach, self._size)
            size, ending = self._reach, self._ending
            self._ahead = Ahead(
                lambda: intake.collect(size, lambda: stop() or ending.is_set()), self._requests
            )
        return True

    def _hand_on(self, intake: "Intake") -> Generator[Chunk, None, int]:
        """Hand on the first batch; returns the number of chunks."""
        batch = self._queue[0]
        if not batch.size:
            # Tombstones, the end of a partition, lost records.
            self._queue.popleft()
            self._apply(batch)
            return 0
        self._again = self._aside = False
        self._current = batch
        yield batch.chunk("kafka://" + ",".join(self.settings.topics))
        if self._again and len(batch.offsets) > 1:
            self._queue.popleft()
            self._queue.extendleft(reversed(batch.halves()))
            intake.give_back(batch)
        elif not self._aside:
            self.accept()
        self._current = None
        return 1

    def _apply(self, batch: Batch) -> None:
        with self.guard:
            self.marks.advance(batch.ends)
            for lost in batch.lost.values():
                self.counts[LOST_RECORDS, "retention"] += lost
            self._problem = None
        if self._intake is not None:
            self._intake.give_back(batch)

    def _connected(self) -> "Intake":
        if self._intake is not None and (self._intake.broken or self._intake.collector.trouble.fatal):
            # What was collected and not counted is read again.
            self.close()
        if self._intake is None:
            self._intake = _new_intake(self)
        return self._intake

    def _finish(self, ahead: "Ahead") -> Batch | None:
        """What was collected ahead, as soon as it is there; whoever collects may have to wait for us."""
        while (request := self._requests.get()) is not None:
            keys, lost, done = request
            try:
                self._give_up(keys, lost=lost)
            finally:
                done.set()
        self._ahead = None
        ahead.join()
        if ahead.error is not None:
            raise ahead.error
        return ahead.batch

    def _give_up(self, keys: Collection[Key], *, lost: bool) -> None:
        intake = self._intake
        if intake is None:
            return
        if not lost:
            try:
                self._save()
            except (StateError, OSError) as error:
                log.error("%s: given up though it is not saved: %s", _names(keys), error)  # noqa: TRY400  # the text says it all
        log.info("%s: %s", _names(keys), "lost to another member" if lost else "given up")
        kept = deque(batch.without(keys) for batch in self._queue)
        for batch in self._queue:
            intake.give_back(batch)
        self._queue = kept

    def _waits_for_the_end(self, intake: "Intake", since: float) -> bool:
        """Whether there is more to come of what is read once."""
        unfinished = intake.collector.unfinished
        if not unfinished or self.problem is not None:
            return False
        if time.monotonic() < since + _PATIENCE:
            return True
        self._problem = f"{_names(unfinished)}: no end came within {_PATIENCE:g} s; what came is counted"
        return False


def _new_intake(source: KafkaSource) -> "Intake":
    try:
        from drift_exporter.sources.kafka.intake import Intake  # noqa: PLC0415  # an extra, and heavy
        from drift_exporter.sources.kafka.member import Member  # noqa: PLC0415  # as above
        from drift_exporter.sources.kafka.whole import Whole  # noqa: PLC0415  # as above
    except ImportError as error:
        raise SourceError(
            f"source kafka needs confluent-kafka ({error}); pip install 'drift-exporter[kafka]'"
        ) from error
    lines = reader_of(source.payload)
    kind = Whole if source.settings.final else Member
    return Intake(kind(source.settings, source), lines, source.line_limit)


def _names(keys: Collection[Key]) -> str:
    return ", ".join(map(place_name, sorted(keys)))
