"""Keeps track of files: which are there, which are new, which went, and which have other content now."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from drift_exporter.sources.compressed import CorruptArchiveError
from drift_exporter.sources.copies import Copies
from drift_exporter.sources.known import KnownFile
from drift_exporter.sources.ledger import Ledger
from drift_exporter.sources.listing import FileKey, Listing, State
from drift_exporter.sources.position import Guard, Position
from drift_exporter.sources.recognition import same_files

OPEN_FILES = 200
"""How many files are held open, so that they can be read on though their name is gone."""


@dataclass
class Tracker:
    """The files of a source and their positions.

    ``leaving`` are files whose name is gone, and when they are taken to be complete. ``unusable`` are left
    alone in that state. ``restored`` are positions whose files were not looked for yet, ``adopted`` files
    that may not belong to the source any more.
    """

    make: Callable[[str, FileKey], KnownFile]
    guard: Guard
    grace: float
    final: bool
    ledger: Ledger = field(default_factory=Ledger)
    files: dict[FileKey, KnownFile] = field(default_factory=dict)
    leaving: dict[FileKey, float] = field(default_factory=dict)
    unusable: dict[FileKey, State] = field(default_factory=dict)
    restored: dict[int, Position] = field(default_factory=dict)
    adopted: set[FileKey] = field(default_factory=set)
    problem: str | None = None
    copies: Copies = field(init=False)
    _recent: dict[FileKey, None] = field(default_factory=dict)
    _now: float = 0.0
    _wall: float = 0.0

    def __post_init__(self) -> None:
        self.copies = Copies(self.ledger, self.grace, self.final)

    def refresh(self, listing: Listing, now: float, wall: float) -> list[FileKey]:
        """Take note of what is there now; returns the files that have something to read.

        ``now`` is the source's clock, ``wall`` epoch seconds.
        """
        self._now, self._wall = now, wall
        self.problem = listing.problems[0] if listing.problems else None
        settled = [serial for serial, due in self.ledger.due.items() if due <= now]
        changed, new = self._match(listing)
        unread = [key for key in changed if self._look(key)]
        ready = self._recognise(new)
        decided, problems = self.copies.resolve(self.files, self.leaving, now)
        for file, error in problems:
            self.note(file, error)
        unread += [file.identity for file in [*ready, *decided] if self._look(file.identity)]
        with self.guard:
            self.ledger.settle(settled, wall)
        return unread

    def is_final(self, key: FileKey) -> bool:
        """Whether a file does not grow any more."""
        return self.final or (key in self.leaving and self._now >= self.leaving[key])

    def done(self, key: FileKey) -> None:
        """There is nothing more to read of a file now: if it is leaving and its time is up, it is gone."""
        # What is not held open could not be found again.
        if key in self.leaving and (self.is_final(key) or not self.files[key].is_open):
            self._retire(key, self._now)

    def note(self, file: KnownFile, error: Exception) -> None:
        """Remember and say what is wrong with a file."""
        if isinstance(error, CorruptArchiveError):
            reason = error.told()
            # It is tried again only when it has changed.
            file.finish(file.state())
        elif isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        else:
            reason = file.named(str(error).splitlines()[0])
        file.problem = reason
        self.touch(file)
        self.say(f"{file.path}: {reason}")
        if file.identity in self.leaving:
            # It will not become better.
            self.leaving[file.identity] = self._now

    def say(self, text: str) -> None:
        """Tell of a problem, if it is the first."""
        self.problem = text if self.problem is None else self.problem

    def touch(self, file: KnownFile) -> None:
        """Note that a file's position has changed."""
        with self.guard:
            if file.serial:
                self.ledger.touch(file.serial)

    def opened(self, key: FileKey) -> None:
        """Note that a file is in use; of those held open, the ones that were not for longest are closed."""
        self._recent.pop(key, None)
        self._recent[key] = None
        while len(self._recent) > OPEN_FILES:
            oldest = next(iter(self._recent))
            del self._recent[oldest]
            if oldest in self.files and oldest not in self.leaving:
                self.files[oldest].close()

    def _match(self, listing: Listing) -> tuple[list[FileKey], list[KnownFile]]:
        """Files that are known and may have something to read, and files that are new."""
        changed: list[FileKey] = []
        new: list[KnownFile] = []
        matched = 0
        for key, (path, state) in listing.found.items():
            file = self.files.get(key)
            if file is None:
                file = self.make(path, key)
                file.seen = state
                new.append(file)
                continue
            matched += 1
            file.seen = state
            if file.path != path:
                file.move(path, state)
                self.touch(file)
            if self.leaving:
                self.leaving.pop(key, None)
            if file.finished != state or file.problem is not None or self.final:
                changed.append(key)
        if matched < len(self.files):
            missing = self.files.keys() - listing.found.keys()
            changed += [key for key in missing if self._is_leaving(key)]
        self.adopted.clear()
        return changed, new

    def _is_leaving(self, key: FileKey) -> bool:
        """Take note that a file's name is gone; whether it can be read on."""
        file = self.files[key]
        if key in self.adopted:
            self._forget(key)
        elif file.serial == 0 and (self.copies.waiting[key] is not None or not file.is_open):
            with self.guard:
                self.ledger.lost_bytes += file.seen[0] if self.copies.waiting[key] is None else 0
                self._remove(key)
        elif not file.is_open:
            # It could not be found again. Perhaps a copy holds what was not read.
            self._retire(key, self._now + self.grace)
        else:
            if file.serial == 0:
                self.copies.take_for_new(file)
            self.leaving.setdefault(key, self._now + self.grace)
            file.seen = file.state()
            return True
        return False

    def _look(self, key: FileKey) -> bool:
        """Whether a file has something to read; begins anew where it has other content."""
        file = self.files[key]
        if file.serial == 0:
            return False
        try:
            if self.unusable.get(key) == file.seen:
                self.say(f"{file.path}: {file.problem}")
                self.done(key)
                return False
            self.unusable.pop(key, None)
            if key in self.leaving and file.has_unread(final=False):
                self.leaving[key] = self._now + self.grace
            if not file.has_unread(final=self.is_final(key)):
                if file.problem is not None:
                    self.say(f"{file.path}: {file.problem}")
                self.done(key)
                return False
            if not file.unchanged():
                self._replace(file)
                return False
        except OSError as error:
            if key in self.leaving:
                self._retire(key, self._now)
            else:
                self.note(file, error)
            return False
        self.opened(key)
        self.touch(file)
        file.problem = None
        return True

    def _replace(self, file: KnownFile) -> None:
        """The file has other content now, and is as good as new; a copy may hold what it had."""
        with self.guard:
            self.ledger.bury(replace(file.gone_position(self._wall), device=0, inode=0), self._now)
            file.begin_anew()
            self.copies.waiting[file.identity] = None

    def _retire(self, key: FileKey, due: float) -> None:
        file = self.files[key]
        position = file.gone_position(self._wall)
        if file.is_open and file.status().st_nlink == 0:
            # The next file with this number is another one.
            position = replace(position, device=0, inode=0)
        with self.guard:
            self.ledger.bury(position, due)
            self._remove(key)

    def _forget(self, key: FileKey) -> None:
        with self.guard:
            self.ledger.drop(self.files[key].serial)
            self._remove(key)

    def _remove(self, key: FileKey) -> None:
        self.files.pop(key).close()
        self.leaving.pop(key, None)
        self.unusable.pop(key, None)
        self.copies.waiting.pop(key, None)
        self._recent.pop(key, None)

    def _recognise(self, new: list[KnownFile]) -> list[KnownFile]:
        """Take new files in; returns those that go on from a known position, the others may be copies."""
        restored, unclear = same_files(new, self.restored, just_restored=True)
        known = {file.identity for file in restored.values()} | unclear.keys()
        rest = [file for file in new if file.identity not in known]
        returned, also_unclear = same_files(rest, self.ledger.gone, just_restored=False)
        unclear |= also_unclear
        with self.guard:
            for file in new:
                if file.identity not in unclear:
                    self.files[file.identity] = file
                    self.copies.waiting[file.identity] = None
            for serial, file in restored.items():
                position = self.restored.pop(serial)
                file.resume(position)
                if file.position() != position:
                    self.ledger.touch(serial)
            for serial, file in returned.items():
                # The file is back, with all that it had.
                file.resume(self.ledger.claim(serial, self.ledger.gone[serial].unread))
            for position in self.restored.values():
                absent = self.make(position.path, (position.device, position.inode))
                absent.resume(position)
                self.ledger.bury(absent.gone_position(self._wall), self._now + self.grace)
            self.restored.clear()
        for file in new:
            if file.identity in unclear:
                self.note(file, unclear[file.identity])
        ready = [*restored.values(), *returned.values()]
        for file in ready:
            del self.copies.waiting[file.identity]
        return ready
