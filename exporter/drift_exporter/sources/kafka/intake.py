"""What a Kafka client collects, put together as batches of the size that is wanted."""

import time
from collections import deque
from collections.abc import Callable, Collection

from drift_exporter.errors import SourceError
from drift_exporter.sources.kafka.batch import Batch, Key, Lines, Messages, make_batch
from drift_exporter.sources.kafka.collector import Collector
from drift_exporter.sources.kafka.pile import Pile
from drift_exporter.sources.memory import MemoryFile

_WAIT, _NO_WAIT, _LONGEST = 0.1, 0.02, 1.0
"""Seconds: for a first message, for more of them, for all of a batch."""


class Intake:
    """Reads the messages of ``collector`` by ``lines``; records over ``line_limit`` bytes are rejected.

    ``full`` says that the last batch was as large as was wanted. ``problem`` is why messages cannot be read
    yet: they wait. ``broken`` says that messages were lost on the way: they have to be asked for again.
    """

    def __init__(self, collector: Collector, lines: Lines, line_limit: int) -> None:
        self.collector = collector
        self.full = False
        self.broken = False
        self.problem: str | None = None
        self._lines = lines
        self._line_limit = line_limit
        self._unread: deque[Messages] = deque()
        self._memories: list[MemoryFile] = []
        self._free: list[MemoryFile] = []

    def collect(self, size: int, halted: Callable[[], bool]) -> Batch | None:
        """A batch of about ``size`` bytes, or of what there is; None where there is nothing.

        Waits a moment for the first message.
        """
        try:
            return self._collect(size, halted)
        except BaseException:
            self.broken = True
            raise

    @property
    def finished(self) -> bool:
        """Whether all that is read once was collected."""
        collector = self.collector
        ended = collector.assigned and not collector.unfinished
        return collector.settings.final and ended and not self._unread

    def drop(self, keys: Collection[Key]) -> None:
        """Drop the messages of partitions that wait to be read."""
        self._unread = deque(messages.without(keys) for messages in self._unread)

    def give_back(self, batch: Batch) -> None:
        """A batch is not needed any more."""
        if batch.memory is not None:
            self._free.append(batch.memory)

    def close(self) -> None:
        """Give the memory back."""
        for memory in self._memories:
            memory.close()
        self._memories.clear()
        self._free.clear()

    def _collect(self, size: int, halted: Callable[[], bool]) -> Batch | None:
        end = time.monotonic() + _LONGEST
        memory = self._memory()
        pile = Pile(memory)
        wait = _NO_WAIT if self.collector.settings.final else _WAIT
        self.collector.commit(self.collector.holder.durable(), wait=False)
        while not halted():
            messages = self.collector.take(wait)
            if self.collector.gone:
                pile.drop(self.collector.gone)
                self.drop(self.collector.gone)
                self.collector.gone.clear()
            if messages:
                self._unread.append(messages)
            self._read(pile)
            wait = _NO_WAIT
            if self._unread or self.collector.drained or memory.size >= size or time.monotonic() > end:
                break
        self.full = memory.size >= size
        self.collector.note_ends()
        # Where messages cannot be read, the group must go on hearing from us.
        self.collector.hold(held=bool(self._unread))
        if not pile:
            self._free.append(memory)
            return None
        return pile.batch()

    def _memory(self) -> MemoryFile:
        if not self._free:
            self._memories.append(MemoryFile())
            return self._memories[-1]
        return self._free.pop()

    def _read(self, pile: Pile) -> None:
        try:
            while self._unread:
                pile.add(make_batch(self._unread[0], self._lines, self._line_limit))
                self._unread.popleft()
        except SourceError as error:
            self.problem = str(error)
        else:
            self.problem = None
