"""Saving what is known of signals in the store of all models, and going on from there."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from drift_exporter.infrastructure.book import Book, Key
from drift_exporter.infrastructure.queries import Query
from drift_exporter.infrastructure.saved import (
    COUNTERS,
    Counted,
    changes,
    from_counters,
    from_series,
    to_counters,
    to_series,
)
from drift_exporter.state.rows import INFRASTRUCTURE
from drift_exporter.state.store import Store

MODEL = "model/"
"""What the names of queries about models begin with; no signal can be called so."""


def query_of(key: Key) -> str:
    """The name of the query that a series comes from."""
    return key[0] if len(key) == 1 else MODEL + key[0]


@dataclass
class Keeper:
    """Keeps series with their forecasts, and counters. Without a store nothing is kept."""

    store: Store | None
    written: set[Key] = field(default_factory=set)
    _counted: bytes = b""

    def save(
        self, now: float, book: Book, queries: Sequence[Query], counted: Counted, keys: Iterable[Key]
    ) -> None:
        """Write the series of these keys, and what is counted where that changed. Raises StateError."""
        if self.store is None:
            return
        by_name = {query.name: query for query in queries}
        marks = {}
        for key in keys:
            query = by_name.get(query_of(key))
            followed = book.series.get(key)
            if followed is not None and query is not None and query.learns:
                marks[_mark(key)] = to_series(followed, query.text, book.forecast(key), query.complete)
        gone = self.written - book.series.keys()
        counters = to_counters(counted)
        if counters != self._counted:
            marks[COUNTERS] = counters
        if marks or gone:
            written = changes(marks, [_mark(key) for key in gone])
            self.store.save(INFRASTRUCTURE, written, now)
        self._counted = counters
        self.written = (self.written - gone) | {_key(mark) for mark in marks if mark != COUNTERS}

    def restore(self, now: float, book: Book, queries: Sequence[Query]) -> Counted | None:
        """Go on with series where the last save was; what was counted, None where nothing was saved.

        Raises StateError where that cannot be read.
        """
        if self.store is None:
            return None
        with self.store.reading(INFRASTRUCTURE) as state:
            if state is None:
                return None
            counted = None
            complete: dict[str, list[int]] = {}
            for mark, data in state.marks.items():
                if mark == COUNTERS:
                    counted = from_counters(data)
                    continue
                key = _key(mark)
                self.written.add(key)
                query = next((one for one in queries if one.name == query_of(key)), None)
                if query is not None and (len(key) == 1 or key[1] in book.models):
                    followed = book.series[key] if len(key) == 1 else book.of_model(key)
                    saved = from_series(data)
                    place = saved.restore(followed, query.text, book.forecast(key), now)
                    complete.setdefault(query.name, []).append(place)
        for query in queries:
            query.complete = min(complete.get(query.name, [-1]))
        return counted


def _mark(key: Key) -> str:
    return json.dumps(key)


def _key(mark: str) -> Key:
    key = json.loads(mark)
    if not isinstance(key, list) or len(key) not in {1, 3} or not all(isinstance(one, str) for one in key):
        raise ValueError(f"the mark {mark[:40]!r} is of no series")
    return tuple(key)
