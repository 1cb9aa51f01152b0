"""Messages of Kafka put together as one chunk of NDJSON, each of which can be found again in it."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from drift_exporter.sources.chunk import RAW_LIMIT, Chunk, Rejection
from drift_exporter.sources.longlines import reject_long_lines

Key = tuple[str, int]
"""A topic and the number of a partition of it."""

Lines = Callable[[Sequence[bytes]], tuple[Sequence[bytes], Mapping[int, str]]]
"""From messages to the JSON text of each, and what is wrong with those (by their number) that have none."""

Integers = NDArray[np.int64]


def place_name(key: Key) -> str:
    """How a partition is called in dead letters and messages."""
    return f"kafka://{key[0]}/{key[1]}"


@dataclass
class Messages:
    """Messages as they came, in order: value, partition (by its number in ``keys``) and offset of each.

    ``ends`` says how far partitions were read beside that: (number of messages before, partition, next
    offset). ``lost`` is how many records of a partition were gone before they were read.
    """

    keys: dict[Key, int] = field(default_factory=dict)
    values: list[bytes | None] = field(default_factory=list)
    partitions: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    ends: list[tuple[int, Key, int]] = field(default_factory=list)
    lost: dict[Key, int] = field(default_factory=dict)
    size: int = 0

    def __bool__(self) -> bool:
        return bool(self.values or self.ends or self.lost)

    def number(self, key: Key) -> int:
        """The number of a partition."""
        return self.keys.setdefault(key, len(self.keys))

    def without(self, keys: Collection[Key]) -> "Messages":
        """The messages of other partitions."""
        gone = {number for key, number in self.keys.items() if key in keys}
        kept = [index for index, number in enumerate(self.partitions) if number not in gone]
        before = np.searchsorted(kept, [index for index, _, _ in self.ends]).tolist()
        return Messages(
            self.keys,
            [self.values[index] for index in kept],
            [self.partitions[index] for index in kept],
            [self.offsets[index] for index in kept],
            [
                (index, key, end)
                for index, (_, key, end) in zip(before, self.ends, strict=True)
                if key not in keys
            ],
            {key: lost for key, lost in self.lost.items() if key not in keys},
            self.size,
        )


@dataclass(frozen=True)
class Batch:
    """Messages as text, a line or more each: where each begins, and its partition and offset.

    ``ends`` are the next offsets of partitions after this batch; ``rejections`` name places in ``data``.
    """

    data: bytes
    keys: tuple[Key, ...]
    starts: Integers
    partitions: Integers
    offsets: Integers
    ends: Mapping[Key, int]
    lost: Mapping[Key, int]
    rejections: tuple[Rejection, ...] = ()

    def chunk(self, path: str) -> Chunk:
        """The chunk to hand on."""
        return Chunk(
            path,
            "ndjson",
            0,
            self.data,
            size=len(self.data),
            rejections=self.rejections,
            divisible=len(self.starts) > 1,
            locate=self.locate,
        )

    def locate(self, offset: int) -> tuple[str, int]:
        """Partition and offset of the message that a place in ``data`` is in."""
        index = int(np.searchsorted(self.starts, offset, side="right")) - 1
        return place_name(self.keys[int(self.partitions[index])]), int(self.offsets[index])

    def halves(self) -> tuple["Batch", "Batch"]:
        """The batch as two, for those that hold more than one message."""
        middle = len(self.starts) // 2
        cut = int(self.starts[middle])
        first = self._part(slice(0, middle), self.data[:cut], 0)
        second = self._part(slice(middle, None), self.data[cut:], cut)
        ends = {
            self.keys[number]: int(first.offsets[first.partitions == number][-1]) + 1
            for number in np.unique(first.partitions).tolist()
        }
        return replace(first, ends=ends, lost={}), second

    def without(self, keys: Collection[Key]) -> "Batch":
        """The messages of other partitions."""
        gone = [number for number, key in enumerate(self.keys) if key in keys]
        kept = np.flatnonzero(~np.isin(self.partitions, gone))
        edges = np.append(self.starts, len(self.data))
        pieces = [self.data[edges[index] : edges[index + 1]] for index in kept.tolist()]
        starts = _starts(pieces)
        moved = dict(zip(self.starts[kept].tolist(), (starts - self.starts[kept]).tolist(), strict=True))
        rejections = []
        for rejection in self.rejections:
            start = int(self.starts[np.searchsorted(self.starts, rejection.offset, side="right") - 1])
            if start in moved:
                rejections.append(replace(rejection, offset=rejection.offset + moved[start]))
        return Batch(
            b"".join(pieces),
            self.keys,
            starts,
            self.partitions[kept],
            self.offsets[kept],
            {key: end for key, end in self.ends.items() if key not in keys},
            {key: lost for key, lost in self.lost.items() if key not in keys},
            tuple(rejections),
        )

    def _part(self, which: slice, data: bytes, cut: int) -> "Batch":
        rejections = tuple(
            replace(rejection, offset=rejection.offset - cut)
            for rejection in self.rejections
            if cut <= rejection.offset < cut + len(data)
        )
        return replace(
            self,
            data=data,
            starts=self.starts[which] - cut,
            partitions=self.partitions[which],
            offsets=self.offsets[which],
            rejections=rejections,
        )


def make_batch(messages: Messages, lines: Lines, line_limit: int) -> Batch:
    """Put messages together; those without content (tombstones) only move the position on.

    Raises what ``lines`` raises where it cannot read messages yet.
    """
    partitions = np.array(messages.partitions, dtype=np.int64)
    offsets = np.array(messages.offsets, dtype=np.int64)
    keys = tuple(messages.keys)
    ends = _ends(messages, keys, partitions)
    values = messages.values
    if not all(values):
        kept = [index for index, value in enumerate(values) if value]
        values = [values[index] for index in kept]
        partitions, offsets = partitions[kept], offsets[kept]
    contents = [value for value in values if value]
    texts, faults = lines(contents)
    data = b"\n".join(texts) + b"\n" if texts else b""
    if data.count(b"\n") != len(texts):
        # Messages that end in a newline, hold several records, or one over several lines.
        texts = [straighten(text) if b"\n" in text else text for text in texts]
        data = b"\n".join(texts) + b"\n"
    starts = _starts(texts, 1)
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
    return Batch(data, keys, starts, partitions, offsets, ends, dict(messages.lost), (*rejections, *too_long))


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


def _ends(messages: Messages, keys: Sequence[Key], partitions: Integers) -> dict[Key, int]:
    ends, last = {}, {}
    for number in np.unique(partitions).tolist():
        last[keys[number]] = index = int(np.flatnonzero(partitions == number)[-1])
        ends[keys[number]] = messages.offsets[index] + 1
    return ends | {key: end for before, key, end in messages.ends if last.get(key, -1) < before}
