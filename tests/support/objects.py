"""A source of objects with numbered lines that is saved and started again, and what was counted of it."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from drift_exporter.sources.chunk import Chunk
from drift_exporter.sources.objects.source import ObjectSource
from drift_exporter.sources.source import SourceState

INTERVAL = 60.0
PATIENCE = 30.0


class ObjectWatch:
    """Reads what is under a pattern; keeps the numbers counted, and what was saved of all that.

    The clock stands still but for what a test adds to ``now``.
    """

    def __init__(self, url: str, kind: str = "ndjson", **options: Any) -> None:  # noqa: ANN401
        self.now = 1_000_000.0
        self.counted: list[int] = []
        self.stored: dict[str, bytes] = {}
        self.stored_counted: list[int] = []
        self.stored_lost = 0
        self._url, self._kind, self._options = url, kind, options
        self.source = self._new()

    def _new(self) -> ObjectSource:
        options = {"chunk_size": 200, "interval": INTERVAL, "clock": lambda: self.now} | self._options
        options.setdefault("wall", time.time)
        return ObjectSource(self._url, self._kind, 1000, **options)

    def poll(self, chunks: int | None = None, *, accept: bool = True) -> list[int]:
        """Numbers of new lines; at most ``chunks`` chunks, of which the last may be given back."""
        found: list[int] = []
        polling = self.source.poll()
        for taken, chunk in enumerate(polling, start=1):
            numbers = [int(text[11:19]) for text in chunk.content.splitlines() if text.strip()]
            if taken == chunks and not accept:
                break
            found += numbers
            if taken == chunks:
                self.source.accept()
                break
        polling.close()
        self.counted += found
        return found

    def first(self, chunks: int = 1) -> list[int]:
        """Numbers of the lines of the next chunks, as soon as there are some."""
        deadline = time.monotonic() + PATIENCE
        while not (found := self.poll(chunks)):
            assert time.monotonic() < deadline, f"in vain; problem: {self.source.problem}"
        return found

    def until(self, condition: Callable[[], object]) -> list[int]:
        """Poll until something holds; numbers of the lines that came."""
        found: list[int] = []
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"in vain; problem: {self.source.problem}"
            found += self.poll()
        return found

    def look(self) -> list[int]:
        """All there is to read as of a new listing, and of all it leads to."""
        self.now += INTERVAL
        found = self.poll()
        return found + self.until(lambda: not self.source.under_way and not self.source.more)

    def settle(self) -> list[int]:
        """All there is to read, and what is gone is known to be."""
        return [number for _ in range(3) for number in self.look()]

    def save(self) -> None:
        """Store what was counted together with the marks, as the exporter does."""
        changes = self.source.changes()
        self.stored |= changes.marks
        for url in changes.unmarked:
            self.stored.pop(url, None)
        self.stored_counted = list(self.counted)
        self.stored_lost = self.source.lost_bytes
        self.source.saved()

    def restart(self, *, save: bool = False) -> None:
        """Begin again from what was saved last, as after a kill."""
        if save:
            self.save()
        self.source.close()
        self.counted = list(self.stored_counted)
        self.source = self._new()
        self.source.restore(SourceState(marks=self.stored, lost_bytes=self.stored_lost))

    def close(self) -> None:
        """Give everything back."""
        self.source.close()


def all_chunks(source: ObjectSource) -> Iterator[Chunk]:
    """Chunks until all that is listed was read."""
    deadline = time.monotonic() + PATIENCE
    while source.lag().bytes != 0:
        assert time.monotonic() < deadline, f"in vain; problem: {source.problem}"
        polling = source.poll()
        try:
            yield from polling
        finally:
            polling.close()


def stored_marks(watch: ObjectWatch) -> Mapping[str, bytes]:
    """All that there is to save."""
    with watch.source.guard:
        return watch.source.changes(everything=True).marks
