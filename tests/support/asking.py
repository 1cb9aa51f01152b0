"""An HTTP source of numbered records that is saved and started again, and what was counted of it."""

import json
import time
from collections.abc import Callable
from typing import Any

from drift_exporter.sources.chunk import Chunk, Rejection
from drift_exporter.sources.http.options import Options, Server, Way
from drift_exporter.sources.http.source import HttpSource
from drift_exporter.sources.source import REQUESTS, Counts, SourceState

PATIENCE = 30.0
NOON = 1_800_000_000.0


def record(number: int, **fields: object) -> bytes:
    """A record, without a newline."""
    return json.dumps({"number": number, **fields}).encode()


def lines(*numbers: int) -> bytes:
    """Records, one a line."""
    return b"".join(record(number) + b"\n" for number in numbers)


def numbers_of(chunk: Chunk) -> list[int]:
    """The numbers of a chunk's records."""
    if chunk.format == "csv":
        column = chunk.header.strip().split(b",").index(b"number")
        return [int(line.split(b",")[column]) for line in chunk.content.splitlines() if line.strip()]
    return [json.loads(line)["number"] for line in chunk.content.splitlines() if line.strip()]


class Reading:
    """Asks a server; ``now`` is its clock, which stands still."""

    def __init__(
        self,
        url: str,
        way: Way | None = None,
        server: dict[str, Any] | None = None,
        take: Callable[[Chunk], list[int]] = numbers_of,
        **options: Any,  # noqa: ANN401
    ) -> None:
        self.now = 0.0
        self.counted: list[int] = []
        self.chunks: list[Chunk] = []
        self.rejections: list[Rejection] = []
        self._take = take
        given = {key: options.pop(key) for key in ("line_limit", "chunk_size", "final") if key in options}
        self._given = {"line_limit": 1000, "chunk_size": 1 << 20} | given
        self.options = Options(Server(url, **(server or {})), way=way or Way(), **options)
        self.source = self.new()
        self._stored = SourceState()
        self._stored_counted: list[int] = []

    def new(self, options: Options | None = None) -> HttpSource:
        """A source that knows nothing yet."""
        return HttpSource(
            options or self.options,
            clock=lambda: self.now,
            wall=lambda: NOON + self.now,
            chance=lambda: 1.0,
            **self._given,
        )

    @property
    def requests(self) -> dict[str, int]:
        """Requests by what became of them."""
        return {label: count for (kind, label), count in self.source.counts.items() if kind == REQUESTS}

    def look(self, chunks: int | None = None, *, accept: bool = True) -> list[int]:
        """Numbers counted until no request is being made; of ``chunks`` the last may be given back."""
        found: list[int] = []
        end = time.monotonic() + PATIENCE
        taken = 0
        while True:
            polling = self.source.poll()
            for chunk in polling:
                taken += 1
                if taken == chunks and not accept:
                    polling.close()
                    return self._count(found)
                found += self._take(chunk)
                self.chunks.append(chunk)
                self.rejections += chunk.located(chunk.rejections)
                if taken == chunks:
                    self.source.accept()
                    polling.close()
                    return self._count(found)
            if self.source.resting and not self.source.more:
                return self._count(found)
            assert time.monotonic() < end, "the request does not end"

    def later(self, seconds: float = 15.0) -> list[int]:
        """Look again after some time."""
        self.now += seconds
        return self.look()

    def _count(self, found: list[int]) -> list[int]:
        self.counted += found
        return found

    def save(self) -> None:
        """Store what was counted together with the place, as the exporter does."""
        changes = self.source.changes()
        marks = dict(self._stored.marks) | dict(changes.marks)
        for key in changes.unmarked:
            marks.pop(key, None)
        self._stored = SourceState(
            marks=marks, lost_bytes=self.source.lost_bytes, counts=Counts(self.source.counts)
        )
        self._stored_counted = list(self.counted)
        self.source.saved()

    def restart(self, options: Options | None = None) -> None:
        """Go on as after a kill: with what was saved last."""
        self.source.close()
        self.source = self.new(options)
        self.source.restore(self._stored)
        self.counted = list(self._stored_counted)
