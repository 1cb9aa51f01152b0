"""Time as it passes: the cluster's counters are scraped, predictions and verdicts are logged."""

import contextlib
import heapq
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from fraud.cluster import PREDICTIONS_PER_SECOND, Cluster
from fraud.traffic import Event, events
from support.listeners import StaticTarget
from support.stack import TICK_SECONDS

PREDICTIONS, VERDICTS = Path("logs") / "predictions.ndjson", Path("labels") / "verdicts.ndjson"

DRAINED = 6.0
"""Seconds after which look-ups begin to fail, once the network is partitioned."""


@dataclass
class World:
    """What happens. ``partitioned_at`` (seconds since the epoch) is None while the network is whole."""

    cluster: Cluster
    number: int = 0
    partitioned_at: float | None = None
    _due: list[tuple[float, int, Event]] = field(default_factory=list)

    def partition(self) -> None:
        """Cut the network apart."""
        self.partitioned_at, self.cluster.partitioned = time.time(), True

    def heal(self) -> None:
        """Join it again."""
        self.partitioned_at, self.cluster.partitioned = None, False

    def between(self, start: float, end: float, per_second: float) -> tuple[list[Event], list[Event]]:
        """Predictions made from ``start`` on, before ``end``, and the verdicts that have come by then."""
        predictions = []
        count = max(0, round((end - start) * per_second))
        for place in range(count):
            at = start + (end - start) * place / count
            drained = self.partitioned_at is not None and at > self.partitioned_at + DRAINED
            prediction, verdict = events(self.number, at, partitioned=drained)
            predictions.append(prediction)
            heapq.heappush(self._due, (verdict.time, self.number, verdict))
            self.number += 1
        verdicts = []
        while self._due and self._due[0][0] <= end:
            verdicts.append(heapq.heappop(self._due)[2])
        return predictions, verdicts


def write_past(world: World, folder: Path, end: float, seconds: float) -> None:
    """Write the logs of the time before ``end``."""
    predictions, verdicts = world.between(end - seconds, end, PREDICTIONS_PER_SECOND)
    for path, found in ((PREDICTIONS, predictions), (VERDICTS, verdicts)):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(b"".join(event.line for event in found))


@contextlib.contextmanager
def live(world: World, folder: Path, target: StaticTarget, since: float) -> Iterator[None]:
    """Go on to the end of the context, from ``since`` (seconds since the epoch) on."""
    ended = threading.Event()

    def go_on() -> None:
        before = since
        with (folder / PREDICTIONS).open("ab") as predictions, (folder / VERDICTS).open("ab") as verdicts:
            while not ended.wait(TICK_SECONDS):
                now = time.time()
                target.text = world.cluster.advance(now)
                made, come = world.between(before, now, PREDICTIONS_PER_SECOND)
                _append(predictions, made)
                _append(verdicts, come)
                before = now

    thread = threading.Thread(target=go_on, name="live traffic", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=10)


def _append(log: IO[bytes], found: list[Event]) -> None:
    log.write(b"".join(event.line for event in found))
    log.flush()
