"""Messages of Kafka put together as one chunk of NDJSON, each of which can be found again in it."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import repeat
from operator import contains

import numpy as np
from numpy.typing import NDArray

from drift_exporter.sources.chunk import RAW_LIMIT, Chunk, Rejection
from drift_exporter.sources.longlines import reject_long_lines
from drift_exporter.sources.memory import MemoryFile

Key = tuple[str, int]
"""A topic and the number of a partition of it."""

Lines = Callable[[Sequence[bytes]], tuple[Sequence[bytes], Mapping[int, str]]]
"""From messages to the JSON text of each, and what is wrong with those (by their number) that have none."""

NEWLINE = 10

Integers = NDArray[np.int64]


def _none() -> Integers:
    return np.zeros(0, dtype=np.int64)


def place_name(key: Key) -> str:
    """How a partition is called in dead letters and messages."""
    return f"kafka://{key[0]}/{key[1]}"


@dataclass(frozen=True)
class Messages:
    """Some messages as they came, in order: value, partition (by its number in ``keys``) and offset of each.

    ``keys`` may grow. ``ends`` says how far partitions were read beside that: (number of messages before,
    partition, next offset). ``lost`` is how many records of a partition were gone before they were read.
    """

    keys: Sequence[Key]
    values: Sequence[bytes | None] = ()
    partitions: Integers = field(default_factory=_none)
    offsets: Integers = field(default_factory=_none)
    ends: Sequence[tuple[int, Key, int]] = ()
    lost: Mapping[Key, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.values or self.ends or self.lost)

    def without(self, keys: Collection[Key]) -> "Messages":
        """The messages of other partitions."""
        gone = [number for number, key in enumerate(self.keys) if key in keys]
        kept = np.flatnonzero(~np.isin(self.partitions, gone))
        before = np.searchsorted(kept, [index for index, _, _ in self.ends]).tolist()
        ends = [(index, key, end) for index, (_, key, end) in zip(before, self.ends, strict=True)]
        return Messages(
            self.keys,
            [self.values[index] for index in kept.tolist()],
            self.partitions[kept],
            self.offsets[kept],
            [end for end in ends if end[1] not in keys],
            {key: lost for key, lost in self.lost.items() if key not in keys},
        )


@dataclass(frozen=True)
class Batch:
    """Messages as text, a line or more each, with the partition and offset of each message.

    The text is ``data``, or is in ``memory``. ``ends`` are the next offsets of partitions after this batch;
    ``lines`` says how many lines messages have, where not each has one; ``rejections`` name places in the
    text.
    """

    keys: Sequence[Key]
    data: bytes
    partitions: Integers
    offsets: Integers
    ends: Mapping[Key, int]
    lost: Mapping[Key, int]
    lines: Integers | None = None
    rejections: tuple[Rejection, ...] = ()
    memory: MemoryFile | None = None

    @property
    def size(self) -> int:
        """Bytes of text."""
        return len(self.data) if self.memory is None else self.memory.size

    @property
    def text(self) -> bytes:
        """The text; a copy where it is in a file in memory."""
        return self.data if self.memory is None else self.memory.content()

    @cached_property
    def starts(self) -> Integers:
        """Where in the text each message begins; seldom asked for, and only while there is the text."""
        ends = np.flatnonzero(np.frombuffer(self.text, dtype=np.uint8) == NEWLINE)
        begins = np.concatenate(([0], ends + 1))[:-1]
        return begins if self.lines is None else begins[np.cumsum(self.lines) - self.lines]

    def chunk(self, path: str) -> Chunk:
        """The chunk to hand on."""
        return Chunk(
            path,
            "ndjson",
            0,
            self.data,
            memory=self.memory,
            size=self.size,
            rejections=self.rejections,
            divisible=len(self.offsets) > 1,
            locate=self.locate,
        )

    def locate(self, offset: int) -> tuple[str, int]:
        """Partition and offset of the message that a place in the text is in."""
        index = int(np.searchsorted(self.starts, offset, side="right")) - 1
        return place_name(self.keys[int(self.partitions[index])]), int(self.offsets[index])

    def halves(self) -> tuple["Batch", "Batch"]:
        """The batch as two, for those that hold more than one message."""
        middle = len(self.offsets) // 2
        cut, text = int(self.starts[middle]), self.text
        first = self._part(slice(0, middle), text[:cut], 0)
        second = self._part(slice(middle, None), text[cut:], cut)
        ends = {
            self.keys[number]: int(first.offsets[first.partitions == number][-1]) + 1
            for number in np.unique(first.partitions).tolist()
        }
        return replace(first, ends=ends, lost={}), second

    def without(self, keys: Collection[Key]) -> "Batch":
        """The messages of other partitions."""
        gone = [number for number, key in enumerate(self.keys) if key in keys]
        kept = np.flatnonzero(~np.isin(self.partitions, gone))
        text = self.text
        edges = np.append(self.starts, len(text))
        pieces = [text[edges[index] : edges[index + 1]] for index in kept.tolist()]
        starts = _starts(pieces)
        moved = dict(zip(self.starts[kept].tolist(), (starts - self.starts[kept]).tolist(), strict=True))
        rejections = []
        for rejection in self.rejections:
            start = int(self.starts[np.searchsorted(self.starts, rejection.offset, side="right") - 1])
            if start in moved:
                rejections.append(replace(rejection, offset=rejection.offset + moved[start]))
        return Batch(
            self.keys,
            b"".join(pieces),
            self.partitions[kept],
            self.offsets[kept],
            {key: end for key, end in self.ends.items() if key not in keys},
            {key: lost for key, lost in self.lost.items() if key not in keys},
            None if self.lines is None else self.lines[kept],
            tuple(rejections),
        )

    def _part(self, which: slice, text: bytes, cut: int) -> "Batch":
        rejections = tuple(
            replace(rejection, offset=rejection.offset - cut)
            for rejection in self.rejections
            if cut <= rejection.offset < cut + len(text)
        )
        return replace(
            self,
            data=text,
            partitions=self.partitions[which],
            offsets=self.offsets[which],
            lines=None if self.lines is None else self.lines[which],
            rejections=rejections,
            memory=None,
        )


def make_batch(messages: Messages, lines: Lines, line_limit: int) -> Batch:
    """Put messages together; those without content (tombstones) only move the position on.

    Raises what ``lines`` raises where it cannot read messages yet.
    """
    partitions, offsets, ends = messages.partitions, messages.offsets, _ends(messages)
    contents = list(filter(None, messages.values))
    if len(contents) < len(messages.values):
        kept = [index for index, value in enumerate(messages.values) if value]
        partitions, offsets = partitions[kept], offsets[kept]
    texts, faults = lines(contents)
    counts = None
    if any(map(contains, texts, repeat(NEWLINE))):
        # Messages that end in a newline, hold several records, or one over several lines.
        texts = [straighten(text) if NEWLINE in text else text for text in texts]
        counts = np.array([text.count(b"\n") + 1 for text in texts], dtype=np.int64)
    data = b"\n".join([*texts, b""]) if texts else b""
    starts = _starts(texts, 1) if faults else _none()
    rejections = [
        Rejection(
            "",
            int(starts[index]),
            "malformed",
            detail,
            contents[index][:RAW_LIMIT],
            len(contents[index]),
        )
        for index, detail in faults.items()
    ]
    data, too_long = reject_long_lines("", 0, data, line_limit)
    rejected = (*rejections, *too_long)
    return Batch(messages.keys, data, partitions, offsets, ends, messages.lost, counts, rejected)


def straighten(text: bytes) -> bytes:
    """A message with newlines in it: as it is where it holds several records, else as one line.

    Outside of texts a newline means nothing to JSON, and inside of them there can be none.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or _is_json(lines[0]) or (not _is_json(text) and any(map(_is_object, lines[1:]))):
        return text
    return text.replace(b"\n", b" ")


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_object(line: bytes) -> bool:
    return line.lstrip()[:1] == b"{" and _is_json(line)


def _starts(pieces: Sequence[bytes], between: int = 0) -> Integers:
    """Where each piece begins when they are joined by so many bytes."""
    lengths = np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces)) + between
    return np.cumsum(lengths) - lengths


def _ends(messages: Messages) -> dict[Key, int]:
    """How far partitions were read: messages of one come in a row, and of each row the last one tells."""
    numbers, count = messages.partitions, len(messages.partitions)
    last = [*np.flatnonzero(numbers[1:] != numbers[:-1]).tolist(), count - 1] if count else []
    places = {messages.keys[int(numbers[index])]: index for index in last}
    ends = {key: int(messages.offsets[index]) + 1 for key, index in places.items()}
    return ends | {key: end for before, key, end in messages.ends if places.get(key, -1) < before}
