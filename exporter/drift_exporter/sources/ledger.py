"""Positions to be stored: which changed, which are of files that are gone, and what was lost with those."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from drift_exporter.sources.known import KnownFile
from drift_exporter.sources.position import Position

KEPT_SECONDS = 8 * 86400.0
"""How long the position of a file that is gone is kept."""

KEPT_POSITIONS = 10_000
"""How many positions of files that are gone are kept; the oldest go first."""


@dataclass
class Ledger:
    """All that is known of positions beside those of the files that are there.

    ``gone`` has the positions of files and contents that are not there any more, oldest first: the file or a
    copy of it may turn up. ``due`` tells when (on the source's clock) what is unread of them counts as lost.
    Whoever changes something here holds the source's guard.
    """

    gone: dict[int, Position] = field(default_factory=dict)
    due: dict[int, float] = field(default_factory=dict)
    lost_bytes: int = 0
    _next_serial: int = 1
    _changed: set[int] = field(default_factory=set)
    _dropped: set[int] = field(default_factory=set)
    _given: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))

    def new_serial(self) -> int:
        """A serial that was never used."""
        self._next_serial += 1
        return self._next_serial - 1

    def touch(self, serial: int) -> None:
        """Note that a position is new or has changed."""
        self._changed.add(serial)

    def touch_all(self, files: Iterable[KnownFile], restored: Mapping[int, Position]) -> None:
        """Take all positions for changed, also those of ``files`` and those only just ``restored``."""
        self._changed |= self.gone.keys() | restored.keys() | {file.serial for file in files if file.serial}

    def drop(self, serial: int) -> None:
        """Note that a position is gone for good."""
        self._changed.discard(serial)
        self._dropped.add(serial)

    def bury(self, position: Position, due: float) -> None:
        """Keep the position of what is gone, if it may be of use; its unread bytes are lost when ``due``."""
        if position.offset == 0 and position.unread == 0:
            self.drop(position.serial)
            return
        self.gone[position.serial] = position
        self.touch(position.serial)
        if position.unread:
            self.due[position.serial] = due
        if len(self.gone) > KEPT_POSITIONS:
            self._let_go(next(iter(self.gone)))

    def claim(self, serial: int, recovered: int) -> Position:
        """Take a position out, for a file that goes on from it and holds ``recovered`` unread bytes."""
        position = self.gone.pop(serial)
        self.due.pop(serial, None)
        self.lost_bytes += max(0, position.unread - recovered)
        self.touch(serial)
        return position

    def find(self, serial: int) -> None:
        """Forget a position, since what it had is read from its beginning elsewhere."""
        self.gone.pop(serial, None)
        self.due.pop(serial, None)
        self.drop(serial)

    def settle(self, serials: Iterable[int], wall: float) -> None:
        """Count what is lost with these positions, and forget what is too old at ``wall`` (epoch seconds)."""
        for serial in serials:
            if self.due.pop(serial, None) is None:
                continue
            position = self.gone[serial]
            self.lost_bytes += position.unread
            if position.offset == 0:
                del self.gone[serial]
                self.drop(serial)
            else:
                self.gone[serial] = replace(position, unread=0)
                self.touch(serial)
        while self.gone:
            serial, position = next(iter(self.gone.items()))
            if wall - (position.gone_at or wall) <= KEPT_SECONDS:
                break
            self._let_go(serial)

    def changes(
        self, files: Iterable[KnownFile], restored: Mapping[int, Position]
    ) -> tuple[list[Position], list[int]]:
        """Positions that are new or have changed, and serials that are gone for good, since ``saved``."""
        self._given = (self._given[0] | self._changed, self._given[1] | self._dropped)
        self._changed, self._dropped = set(), set()
        changed, dropped = self._given
        if not changed:
            return [], sorted(dropped)
        live = {file.serial: file.position() for file in files if file.serial in changed}
        known = {**self.gone, **restored, **live}
        return [known[serial] for serial in sorted(changed - dropped)], sorted(dropped)

    def saved(self) -> None:
        """What ``changes`` gave last is stored."""
        self._given = (set(), set())

    def restore(
        self, positions: Iterable[Position], lost_bytes: int, *, due: float, wall: float
    ) -> list[Position]:
        """Take over what was stored; returns the positions of files that were there then."""
        live, gone = [], []
        for position in positions:
            self._next_serial = max(self._next_serial, position.serial + 1)
            if position.gone:
                gone.append(position if position.gone_at is not None else replace(position, gone_at=wall))
            else:
                live.append(position)
        for position in sorted(gone, key=lambda each: each.gone_at or wall):
            self.gone[position.serial] = position
            if position.unread:
                self.due[position.serial] = due
        self.lost_bytes = lost_bytes
        return live

    def _let_go(self, serial: int) -> None:
        self.lost_bytes += self.gone.pop(serial).unread if serial in self.due else 0
        self.due.pop(serial, None)
        self.drop(serial)
