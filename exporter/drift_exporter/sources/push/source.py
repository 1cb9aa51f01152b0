"""What is sent to the exporter: taken into a spool of files, and read from there.

Taking and reading go on side by side. A record is acknowledged when it is on the disk; it counts once,
because the place up to which the spool was read is saved together with the counts. Files that were read, and
whose place is saved, are deleted.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

from drift_exporter.sources.chunk import SMALLEST_CHUNK, Chunk
from drift_exporter.sources.listing import State
from drift_exporter.sources.memory import MemoryFile
from drift_exporter.sources.position import Guard, new_guard
from drift_exporter.sources.push.events import Pairing, Step
from drift_exporter.sources.push.spool import Kind, Segment, Spool
from drift_exporter.sources.source import REQUESTS, UNPAIRED, Counts, Lag, SourceChanges, SourceState
from drift_exporter.sources.text import TextFile

KEPT_BYTES = 128 << 20
"""Bytes that were read and are not yet saved as read, at most; beyond, saving does not wait for its time."""

ANSWERS = ("202", "400", "401", "413", "415", "429", "503")
"""Status codes of answers that are to be expected."""

_TURN = 2.0
"""Seconds after which others may read."""

_EVENTS_CHUNK = 1 << 20
_PLACE = "place"


@dataclass(eq=False)
class _SegmentFile(TextFile):
    """A segment as it is read: only what is durable is there."""

    durable: Callable[[], int] = lambda: 0

    def state(self) -> State:
        """Size and modification time."""
        return self.durable(), super().state()[1]


@dataclass
class PushSource:
    """Records, or events to be joined to records, that are sent to the exporter.

    ``folder`` is where they are kept until they are read. ``final`` says that the source is to be read once
    by a process that nothing is sent to: it has nothing then. All that is stored changes under ``guard``.
    """

    folder: str
    pairing: Pairing
    line_limit: int
    chunk_size: int = 32 << 20
    final: bool = False
    clock: Callable[[], float] = time.time
    guard: Guard = field(default_factory=new_guard)
    segment_size: int = 32 << 20
    idle_cost: float = 0.0
    more: bool = False
    lost_bytes: int = 0
    counts: Counts = field(default_factory=Counts)
    spool: Spool = field(init=False)
    _adopted: bool = False
    _number: int = 0
    _offset: int = 0
    _saved_number: int = 0
    _changed: set[str] = field(default_factory=set)
    _file: _SegmentFile | None = None
    _step: Step | None = None
    _smaller: dict[Kind, int] = field(default_factory=dict)
    _again: bool = False
    _set_aside: str | None = None
    _memory: MemoryFile | None = None
    _save: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.spool = Spool(self.folder, self.segment_size)
        # So that the first of each shows as an increase.
        self.counts.update({(REQUESTS, code): 0 for code in ANSWERS})
        if self.pairing.events == "all":
            self.counts.update({(UNPAIRED, event): 0 for event in ("request", "response")})

    def bind(self, save: Callable[[], None]) -> None:
        """Have ``save`` called before more read files pile up than there should."""
        self._save = save

    @property
    def problem(self) -> str | None:
        """Why nothing can be taken or read, as of the last attempt."""
        if self.final:
            return (
                "records are sent to a running exporter (serve), there are none to read here; "
                "give once a configuration that reads files"
            )
        return self.spool.problem or self._set_aside

    @property
    def backlog(self) -> int:
        """Bytes that were taken, or are being taken, and not yet read."""
        return self.spool.waiting + self.spool.unread(self._number, self._offset)

    def append(self, data: bytes, kind: Kind) -> Future[None]:
        """Take whole lines; the future is done when they are durable, or raises SourceError, as this may."""
        self.spool.open(self._number)
        return self.spool.append(data, kind)

    def poll(self, stop: Callable[[], bool] = lambda: False) -> Generator[Chunk]:
        """Hand on what there is to read now, in the order in which it came, for a few seconds at most."""
        self.more = False
        if self.final:
            return
        self.spool.open(self._number)
        self._let_go()
        end = time.monotonic() + _TURN
        while (segment := self._segment()) is not None:
            complete = self.spool.is_complete(segment)
            try:
                with closing(self._read(segment)) as reading:
                    for chunk in reading:
                        yield chunk
                        if (time.monotonic() > end or stop()) and self._took_last():
                            self.more = True
                            return
            except FileNotFoundError:
                self._leave(segment)
                continue
            if self._again:
                continue
            if self._set_aside is not None:
                return
            if not complete:
                break
            self._leave(segment)
        self._expire()

    def accept(self) -> None:
        """Move past the last chunk: it was counted."""
        with self.guard:
            if self._file is None or not self._file.accept():
                return
            self._offset = self._file.offset
            self._changed.add(_PLACE)
            step, self._step = self._step, None
            if step is not None:
                touched, alone = self.pairing.apply(step)
                self._note(touched, alone)

    def note_time(self, time: int) -> None:
        """The order is that of arrival."""

    def set_aside(self, reason: str) -> None:
        """Read no further for now: what was acknowledged is never passed over. It is tried again."""
        self._set_aside = reason

    def read_smaller(self) -> None:
        """Hand on half as much from where the last chunk began."""
        self._again = True

    def lag(self) -> Lag:
        """Bytes that are durable and were not read yet."""
        return Lag(bytes=self.spool.unread(self._number, self._offset))

    def changes(self, *, everything: bool = False) -> SourceChanges:
        """The place in the spool and the waiting events that are new or gone; answers are counted here."""
        with self.guard:
            # Here, so that no counter is exposed that is not saved.
            for code, count in self.spool.take_answers().items():
                self.counts[REQUESTS, code] += count
            pending = self.pairing.pending
            keys = self._changed | {_PLACE, *pending} if everything else self._changed
            marks = {key: pending[key].line for key in keys if key in pending}
            if _PLACE in keys:
                place = {"segment": self._number, "offset": self._offset}
                marks[_PLACE] = json.dumps(place).encode()
            return SourceChanges(marks=marks, unmarked=sorted(keys - marks.keys()))

    def saved(self) -> None:
        """What ``changes`` gave last is stored."""
        with self.guard:
            self._changed.clear()
            self._saved_number = self._number

    def restore(self, state: SourceState) -> None:
        """Go on from a place in the spool, with the events that waited."""
        with self.guard:
            self.counts.update(state.counts)
            self.lost_bytes = state.lost_bytes
            marks = dict(state.marks)
            if (place := marks.pop(_PLACE, None)) is not None:
                known = json.loads(place)
                self._number, self._offset = known["segment"], known["offset"]
            self._saved_number = self._number
            self.pairing.restore(marks)

    def adopt(self, old: "PushSource") -> None:
        """Go on where another one stopped, with its spool: what is sent to that one comes here."""
        if self.folder != old.folder:
            return
        with self.guard:
            old._adopted = True  # noqa: SLF001  # of the same class, and below
            self.spool, self.counts, self.lost_bytes = old.spool, old.counts, old.lost_bytes
            self._number, self._offset = old._number, old._offset  # noqa: SLF001
            self._saved_number, self._changed = old._saved_number, old._changed  # noqa: SLF001
            self.pairing.adopt(old.pairing)

    def close(self) -> None:
        """Give the files back; what waits to be written is written before."""
        self._close_file()
        if self._memory is not None:
            self._memory.close()
            self._memory = None
        if not self._adopted:
            self.spool.close()

    def _read(self, segment: Segment) -> Generator[Chunk]:
        """Chunks of one segment, as far as it is durable."""
        self._again, self._set_aside = False, None
        if self._file is None:
            self._file = _SegmentFile(segment.path, (0, 0), "ndjson", self.line_limit, guard=self.guard)
            self._file.durable = lambda: segment.size
            self._file.offset = self._offset
        if self._memory is None:
            self._memory = MemoryFile()
        usual = self.chunk_size if segment.kind == "ndjson" else min(self.chunk_size, _EVENTS_CHUNK)
        size = self._smaller.get(segment.kind, usual)
        with closing(self._file.read(size, final=False, memory=self._memory)) as reading:
            for chunk in reading:
                joined = chunk if segment.kind == "ndjson" else self._join(chunk)
                if joined is None:
                    self._again = True
                else:
                    yield joined
                if not self._took_last():
                    self._smaller[segment.kind] = max(size // 2, SMALLEST_CHUNK)
                    return
        self._smaller.pop(segment.kind, None)

    def _took_last(self) -> bool:
        """Move past the last chunk, unless it is to come again."""
        if self._again or self._set_aside is not None:
            self._step = None
            return False
        self.accept()
        return True

    def _join(self, chunk: Chunk) -> Chunk | None:
        """The records that a chunk of events makes; None where they are too much for one chunk."""
        step = self.pairing.step(_lines(chunk), self.chunk_size if chunk.divisible else 1 << 62)
        if step is None:
            return None
        self._step = step
        size = len(step.text)
        rejections = [replace(one, offset=size + one.offset) for one in chunk.rejections]
        return Chunk(
            chunk.path,
            "ndjson",
            0,
            bytes(step.text),
            size=size,
            rejections=(*step.rejections(chunk.path, size), *rejections),
            divisible=chunk.divisible,
            locate=partial(step.locate, chunk.path, size),
        )

    def _segment(self) -> Segment | None:
        """The segment to read now, if there is one."""
        segment = self.spool.at(self._number)
        if segment is not None and segment.number != self._number:
            self._move_to(segment.number)
        return segment

    def _move_to(self, number: int) -> None:
        self._close_file()
        with self.guard:
            self._number, self._offset = number, 0
            self._changed.add(_PLACE)

    def _leave(self, segment: Segment) -> None:
        """Go on with the next one; what was not read of this one was deleted or cut off by somebody."""
        with self.guard:
            self.lost_bytes += max(0, segment.size - self._offset)
        self._move_to(segment.number + 1)

    def _expire(self) -> None:
        with self.guard:
            self._note(*self.pairing.expire(self.clock()))

    def _note(self, touched: set[str], alone: Counter[str]) -> None:
        self._changed |= touched
        for kind, count in alone.items():
            self.counts[UNPAIRED, kind] += count

    def _let_go(self) -> None:
        """Delete what was read and is saved as read; save for that where too much piles up."""
        if self.spool.size_before(self._number) > KEPT_BYTES:
            self._save()
        self.spool.remove_before(self._saved_number)

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _lines(chunk: Chunk) -> Iterator[tuple[int, bytes]]:
    """The lines of a chunk with their places in the file; blank ones left out."""
    place = chunk.offset
    for line in chunk.content.split(b"\n"):
        if line.strip():
            yield place, line
        place += len(line) + 1


def spool_folder(state_dir: str, model: str) -> str:
    """Where what is sent for a model is kept."""
    return os.path.join(state_dir, "spool", model)
