"""Contents that were read already, and what a file may be to them."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from drift_exporter.sources.compressed import CorruptArchiveError
from drift_exporter.sources.known import KnownFile
from drift_exporter.sources.listing import FileKey
from drift_exporter.sources.position import HEAD, TAIL, Position
from drift_exporter.sources.recognition import EVIDENCE
from drift_exporter.sources.rotation import (
    families,
    is_compressed,
    may_be_copy,
    originals,
    without_compression,
)
from drift_exporter.sources.text import Glimpse, TextFile


class Verdict(IntEnum):
    """What a file is to an original; the greater, the surer."""

    OTHER = 0
    """Another content."""

    UNREAD = 1
    """Cannot be told before the original was read."""

    UNREADABLE = 2
    """Cannot be told before more of it can be decompressed."""

    PART = 3
    """A copy of the beginning, as of one still being made."""

    COPY = 4
    """A copy of all that was read."""


@dataclass(frozen=True, slots=True)
class Original:
    """What was read already: a file that is there (``file``), or a position only.

    ``lives`` says that the original still has a name.
    """

    position: Position
    file: KnownFile | None = None
    lives: bool = False


Index = Mapping[tuple[str, str], list[Original]]
"""Originals by folder and base name."""


def index_originals(
    files: Iterable[KnownFile], leaving: Iterable[FileKey], gone: Iterable[Position]
) -> Index:
    """All that copies may be made of: what is there first, then what was longest."""
    nameless = set(leaving)
    there = [Original(file.position(), file, file.identity not in nameless) for file in files]
    index: dict[tuple[str, str], list[Original]] = {}
    for group in (there, [Original(position) for position in gone]):
        for original in sorted(group, key=lambda each: -each.position.offset):
            for family in families(original.position.path):
                index.setdefault(family, []).append(original)
    return index


def candidates(file: KnownFile, index: Index) -> list[Original]:
    """The originals that ``file`` may be a copy of, by its name."""
    folder, name = os.path.split(file.path)
    found: dict[int, Original] = {}
    for base in originals(name):
        for original in index.get((folder, base), ()):
            if may_be_copy(file.path, original.position.path, original_lives=original.lives):
                found.setdefault(original.position.serial, original)
    return list(found.values())


def judge(file: KnownFile, original: Original) -> Verdict:
    """What ``file`` is to ``original``, whose name allows it to be a copy. Raises OSError."""
    position = original.position
    if position.head.length < EVIDENCE:
        return _judge_unread(file, original)
    try:
        if file.holds(position):
            return Verdict.COPY
    except CorruptArchiveError:
        # It may be just being made.
        return Verdict.UNREADABLE
    if not isinstance(file, TextFile):
        return Verdict.OTHER
    return _judge_text(file, original)


def _judge_text(file: TextFile, original: Original) -> Verdict:
    """What a file is that did not hold all of the original when it was looked at."""
    position = original.position
    glimpse = file.glimpse(position.offset, HEAD, TAIL)
    if glimpse.damage and glimpse.length < EVIDENCE:
        return Verdict.UNREADABLE
    if not 0 < glimpse.length < position.offset:
        # Perhaps it was being made, and is whole since.
        begins = position.head.matches(glimpse.head[: position.head.length])
        return Verdict.COPY if begins and file.holds(position) else Verdict.OTHER
    if _begins_like(glimpse, original) or _was_cut(original):
        return Verdict.PART
    return Verdict.OTHER


def _was_cut(original: Original) -> bool:
    """Whether an original was cut off a moment ago: what a copy is to it can be told at the next look."""
    if original.file is None:
        return False
    try:
        return not original.file.holds(original.position)
    except FileNotFoundError:
        return True


def _begins_like(glimpse: Glimpse, original: Original) -> bool:
    """Whether a content that is shorter than what was read may become a copy of it."""
    if isinstance(original.file, TextFile):
        theirs = original.file.glimpse(glimpse.length, HEAD, TAIL)
        return (theirs.head, theirs.tail, theirs.length) == (glimpse.head, glimpse.tail, glimpse.length)
    # Of a content that is gone no copy is being made, but one that is compressed may have been cut off.
    head = original.position.head
    return glimpse.damage and head.matches(glimpse.head[: head.length])


def _judge_unread(file: KnownFile, original: Original) -> Verdict:
    """A compressed file may be just being made of the plain one whose name it has, or of one deleted."""
    ahead = (
        original.file is not None
        and original.file.has_unread(final=False)
        and is_compressed(file.path)
        and not (original.lives and without_compression(file.path) != original.file.path)
    )
    return Verdict.UNREAD if ahead else Verdict.OTHER
