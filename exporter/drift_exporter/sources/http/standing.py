"""Where a source stands. It moves by pieces and ends of pages, alike for who asks and, later, who counts."""

from dataclasses import dataclass, field, replace

import numpy as np

from drift_exporter.sources.http.answer import Outcome
from drift_exporter.sources.http.options import Options
from drift_exporter.sources.http.pieces import Piece
from drift_exporter.sources.http.place import Place
from drift_exporter.sources.http.prints import MOST, NO_PRINTS, Prints, merged
from drift_exporter.sources.position import NOTHING

_EMPTY_PAGES = 1000
"""Pages without records in a row after which one that reads only once believes that there are no more."""


@dataclass(frozen=True)
class End:
    """The end of a page: what became of the request, whether it held something ``fresh``.

    ``goes_on`` says that the next request was made at once.
    """

    outcome: Outcome
    fresh: bool = False
    goes_on: bool = False


@dataclass(frozen=True)
class Standing:
    """A place, and of an answer to ``since`` the lines: ``seen`` in the one before, ``passed`` in this one.

    ``empty`` is how many pages without anything fresh came in a row.
    """

    place: Place = field(default_factory=Place)
    seen: Prints = field(default_factory=NO_PRINTS.copy)
    passed: tuple[Prints, ...] = ()
    empty: int = 0

    @property
    def all_passed(self) -> Prints:
        """Lines of this answer."""
        return np.concatenate([NO_PRINTS, *self.passed])

    def afresh(self) -> "Standing":
        """The same, at the beginning of an answer: the lines passed of one that broke off come again."""
        if not self.passed:
            return self
        return replace(self, seen=merged([self.seen, self.all_passed]), passed=())

    def past(self, piece: Piece, options: Options) -> "Standing":
        """After a piece."""
        place = replace(
            self.place,
            offset=piece.offset + piece.size,
            record=piece.record + piece.lines,
            fingerprint=piece.fingerprint,
            etag=None,
            last_modified=None,
        )
        passed = (*self.passed, piece.prints) if options.way.kind == "since" else ()
        return replace(self, place=place, passed=passed)

    def at_end(
        self, outcome: Outcome, options: Options, *, fresh: bool, final: bool
    ) -> tuple["Standing", bool]:
        """After a page, and whether the next request is due at once."""
        if outcome.error is not None or outcome.status == 304:
            return self, False
        if outcome.changed:
            return replace(self, place=Place(target=self.place.target)), True
        kind = options.way.kind
        moves = outcome.next is not None and outcome.next != self.place.target
        empty = 0 if fresh else self.empty + 1
        goes_on = fresh and (moves or outcome.rest)
        if final and moves and kind in {"cursor", "link"}:
            # There may be more behind a page without records.
            goes_on = empty < _EMPTY_PAGES
        place = Place(target=outcome.next) if moves else outcome.place
        seen = self.seen
        if kind == "since":
            # Some of these lines come again when it is asked from their time on.
            seen = lines if len(lines := self.all_passed[-MOST:]) else self.seen
            if not moves:
                place = replace(place, offset=0, record=0, fingerprint=NOTHING, header=b"")
        return Standing(place, seen, (), empty), goes_on
