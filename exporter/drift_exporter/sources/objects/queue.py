"""Which objects are to be read, in which order, and which are gone."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from drift_exporter.sources.objects.copy import unread
from drift_exporter.sources.objects.marks import Marks
from drift_exporter.sources.objects.store import StoredObject

LONGEST_PAUSE = 60.0
"""Seconds after which a store that failed is tried again, at most."""

LONGEST_WAIT = 900.0
"""Seconds after which an object that failed is tried again, at most."""


def pause_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    return float(min(LONGEST_PAUSE, 2 ** min(failures - 1, 10)))


@dataclass
class ObjectQueue:
    """The objects of the last listing that were not read yet, those written first before the others.

    ``kind`` is the format. What is not there is missed only if it ``is_meant`` to be read. Objects last
    modified before ``start`` (epoch seconds) are left alone. ``put_off`` are those that failed, with how
    often and until when (by the source's clock); ``problems`` says why. ``set_aside`` are versions of which
    nothing more can be had. All of that is forgotten when they are not listed any more. Whoever calls
    ``take_in`` holds the guard of ``marks``.
    """

    kind: str
    marks: Marks
    is_meant: Callable[[str], bool] = lambda _url: True
    start: float | None = None
    problems: dict[str, str] = field(default_factory=dict)
    set_aside: dict[str, bytes] = field(default_factory=dict)
    put_off: dict[str, tuple[int, float]] = field(default_factory=dict)
    bytes: int = 0
    _waiting: list[StoredObject] = field(default_factory=list)
    _missing: set[str] = field(default_factory=set)
    _seen: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._waiting)

    def take_in(
        self,
        found: Iterable[StoredObject],
        held: Collection[str],
        copied: Collection[str],
        *,
        before: float | None,
        now: float,
    ) -> None:
        """Take note of what there is now (epoch seconds ``now``).

        Of ``copied`` there are whole copies already, and ``held`` are these and those that are being copied.
        What was modified after ``before`` may still be written.
        """
        listed = {each.url: each for each in found}
        self._note_gone(listed, copied, now)
        self.marks.note_there(listed)
        self.problems = {url: text for url, text in self.problems.items() if url in listed}
        self.put_off = {url: until for url, until in self.put_off.items() if url in listed}
        self.set_aside = {
            url: identity
            for url, identity in self.set_aside.items()
            if url in listed and listed[url].identity == identity
        }
        waiting = [
            each
            for url, each in listed.items()
            if url not in held
            and not self.marks.is_finished(url, each.identity)
            and url not in self.set_aside
            and (self.start is None or each.modified is None or each.modified >= self.start)
            and (before is None or each.modified is None or each.modified <= before)
        ]
        # The next one is the last.
        self._waiting = sorted(waiting, key=lambda each: (each.modified or 0.0, each.url), reverse=True)
        sizes = {each.url: each.size or 0 for each in waiting}
        self._seen |= sizes
        self.bytes = sum(sizes.values())

    def next(self, clock: float, fits: Callable[[int], bool]) -> StoredObject | None:
        """The object to be copied next, if one can be now; it ``fits`` or stays."""
        for index in range(len(self._waiting) - 1, -1, -1):
            each = self._waiting[index]
            _, until = self.put_off.get(each.url, (0, clock))
            if until > clock:
                continue
            if not fits(each.size or 0):
                return None
            del self._waiting[index]
            self.bytes -= each.size or 0
            return each
        return None

    def fail(self, stored: StoredObject, reason: str, clock: float) -> None:
        """Say why an object could not be copied; it is tried again after a while."""
        if stored.url not in self._seen:
            # It is gone, and known to be.
            return
        failures = self.put_off.get(stored.url, (0, 0.0))[0] + 1
        self.put_off[stored.url] = failures, clock + min(LONGEST_WAIT, 2.0 ** min(failures - 1, 20))
        self.problems[stored.url] = reason
        self._waiting.append(stored)
        self.bytes += stored.size or 0

    def done(self, stored: StoredObject) -> None:
        """Take note that an object was read to its end."""
        self.problems.pop(stored.url, None)
        self.put_off.pop(stored.url, None)
        self._seen.pop(stored.url, None)

    def give_up(self, stored: StoredObject, reason: str) -> None:
        """Leave this version of an object alone: nothing more can be had of it."""
        self.done(stored)
        self.set_aside[stored.url] = stored.identity
        self.problems[stored.url] = reason

    def _note_gone(self, listed: dict[str, StoredObject], copied: Collection[str], now: float) -> None:
        """Count what is lost with objects that are gone: those that are missing for the second time."""
        missing = {url for url in self._seen if url not in listed and url not in copied}
        for url, mark in self.marks.unlisted(listed):
            if mark.finished or mark.gone_at or url in self.set_aside:
                self.marks.age(url, mark, now)
            elif url not in copied and self.is_meant(url):
                missing.add(url)
        settled = missing & self._missing
        for url in settled:
            mark_of_it = self.marks.get(url)
            if mark_of_it is None or mark_of_it.finished:
                # Of a newer version at least what it was longer by.
                known = 0 if mark_of_it is None else mark_of_it.size
                self.marks.lost_bytes += max(0, self._seen[url] - known)
            else:
                self.marks.lost_bytes += unread(url, self.kind, mark_of_it)
                self.marks.age(url, mark_of_it, now)
        self._missing = missing - settled
        self._seen = {
            url: size
            for url, size in self._seen.items()
            if url in listed or url in copied or url in self._missing
        }
