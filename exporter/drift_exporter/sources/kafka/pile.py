"""Batches put together as one, whose text is in memory that can be read as a file."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from drift_exporter.sources.kafka.batch import Batch, Integers, Key
from drift_exporter.sources.memory import MemoryFile


class Pile:
    """Batches that follow each other; the text of each goes to ``memory`` at once, from the cache."""

    def __init__(self, memory: MemoryFile) -> None:
        memory.empty()
        self.memory = memory
        self._batches: list[Batch] = []
        self._cuts: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._batches)

    def add(self, batch: Batch) -> None:
        """Put a batch on top."""
        self._cuts.append(self.memory.size)
        self.memory.append(batch.data)
        self._batches.append(replace(batch, data=b""))

    def drop(self, keys: Collection[Key]) -> None:
        """Drop the messages of partitions."""
        if self:
            kept = self.batch().without(keys)
            self.memory.empty()
            self._batches, self._cuts = [], []
            self.add(kept)

    def batch(self) -> Batch:
        """One batch of all of them (at least one)."""
        self.memory.cut(self.memory.size)
        lost: Counter[Key] = Counter()
        ends: dict[Key, int] = {}
        for batch in self._batches:
            lost.update(batch.lost)
            ends.update(batch.ends)
        return Batch(
            self._batches[0].keys,
            b"",
            np.concatenate([batch.partitions for batch in self._batches]),
            np.concatenate([batch.offsets for batch in self._batches]),
            ends,
            lost,
            _lines(self._batches),
            tuple(
                replace(rejection, offset=rejection.offset + cut)
                for batch, cut in zip(self._batches, self._cuts, strict=True)
                for rejection in batch.rejections
            ),
            self.memory,
        )


def _lines(batches: Sequence[Batch]) -> Integers | None:
    """How many lines the messages have; None where each has one."""
    if all(batch.lines is None for batch in batches):
        return None
    return np.concatenate(
        [np.ones_like(batch.offsets) if batch.lines is None else batch.lines for batch in batches]
    )
