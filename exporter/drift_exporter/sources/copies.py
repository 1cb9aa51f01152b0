"""New files that are rotated copies of what was already read: those are not read twice.

``copytruncate`` copies a log and cuts it off; ``gzip`` writes a second file and then deletes the first. While
the original is there the copy stands aside. When the original's content is gone the copy goes on from where
reading had got to, so what was not read yet is read from the copy. A copy is never told by content alone: its
name must be a rotated form of the original's name, too.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from drift_exporter.sources.known import KnownFile
from drift_exporter.sources.ledger import Ledger
from drift_exporter.sources.listing import FileKey, State
from drift_exporter.sources.originals import Index, Original, Verdict, candidates, index_originals, judge
from drift_exporter.sources.position import Position
from drift_exporter.sources.text import TextFile


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a file is not read: what it is to the position ``serial``, in which state, since when."""

    serial: int
    verdict: Verdict
    state: State
    since: float


@dataclass
class Copies:
    """Files of which it is not decided yet whether they are copies, or which are and stand aside.

    A file that waits for more than its original to go is decided after ``grace`` seconds. Where ``final``, no
    file is still being made.
    """

    ledger: Ledger
    grace: float
    final: bool
    waiting: dict[FileKey, Waiting | None] = field(default_factory=dict)

    def resolve(
        self, files: dict[FileKey, KnownFile], leaving: Iterable[FileKey], now: float
    ) -> tuple[list[KnownFile], list[tuple[KnownFile, OSError]]]:
        """Decide what can be decided: the files that are to be read, and those that cannot be looked at."""
        decided: list[KnownFile] = []
        problems: list[tuple[KnownFile, OSError]] = []
        # Compressed files last: they may be copies of plain ones that are as new.
        for compressed in (False, True):
            live = {file.serial for file in files.values() if file.serial} if self.waiting else set()
            due = [
                files[key]
                for key, waiting in self.waiting.items()
                if compressed == files[key].compressed and _is_due(waiting, files[key], live)
            ]
            if not due:
                continue
            there = (file for file in files.values() if file.serial)
            index = index_originals(there, leaving, self.ledger.gone.values())
            for file in due:
                try:
                    if self._decide(file, index, now):
                        decided.append(file)
                except OSError as error:
                    problems.append((file, error))
        return decided, problems

    def take_for_new(self, file: KnownFile) -> None:
        """Give a file a position of its own."""
        with file.guard:
            file.serial = self.ledger.new_serial()
            self.ledger.touch(file.serial)
        del self.waiting[file.identity]

    def _decide(self, file: KnownFile, index: Index, now: float) -> bool:
        """Give the file a position, True, or let it wait."""
        waiting = self.waiting[file.identity]
        original = self.ledger.gone.get(waiting.serial) if waiting is not None else None
        if (
            isinstance(file, TextFile)
            and waiting is not None
            and original is not None
            and waiting.verdict >= Verdict.PART
            and _is_shorter(file, original)
        ):
            # All that it holds was read from the original, which had grown beyond it.
            with file.guard:
                file.resume_at_end(original)
                self.take_for_new(file)
            return True
        verdict, best = Verdict.OTHER, None
        for each in candidates(file, index):
            if each.file is None and each.position.serial not in self.ledger.gone:
                continue
            found = judge(file, each)
            if found > verdict:
                verdict, best = found, each
        if best is None or (verdict is Verdict.UNREAD and self.final):
            self._recover(file, candidates(file, index))
            self.take_for_new(file)
            return True
        if best.file is None and verdict is Verdict.COPY:
            return self._go_on(file, best.position)
        still = waiting is not None and waiting.state == file.seen
        since = waiting.since if waiting is not None and still else now
        if best.file is None and now - since >= self.grace:
            self.take_for_new(file)
            return True
        self.waiting[file.identity] = Waiting(best.position.serial, verdict, file.seen, since)
        return False

    def _recover(self, file: KnownFile, originals: list[Original]) -> None:
        """What nothing was read of cannot be told from a new file that may hold it; that is read now."""
        for original in originals:
            position = original.position
            large_enough = file.compressed or position.unread <= file.seen[0]
            if original.file is None and position.offset == 0 and large_enough:
                with file.guard:
                    self.ledger.find(position.serial)

    def _go_on(self, file: KnownFile, position: Position) -> bool:
        whole = not isinstance(file, TextFile) or file.compressed
        held = position.unread if whole else max(0, file.seen[0] - position.offset)
        with file.guard:
            file.resume(self.ledger.claim(position.serial, held))
        del self.waiting[file.identity]
        return True


def _is_shorter(file: TextFile, original: Position) -> bool:
    """Whether ``file`` ends before ``original``, and begins like it."""
    glimpse = file.glimpse(original.offset, original.head.length, 0)
    return glimpse.length < original.offset and original.head.matches(glimpse.head)


def _is_due(waiting: Waiting | None, file: KnownFile, live: set[int]) -> bool:
    """Whether a file is to be looked at, or again."""
    if file.seen[0] == 0:
        return False
    return (
        waiting is None
        or waiting.state != file.seen
        or waiting.verdict is Verdict.UNREAD
        or waiting.serial not in live
    )
