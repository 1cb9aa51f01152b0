"""From series and queries to a snapshot."""

from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType

from drift_exporter.infrastructure.book import Book, Key
from drift_exporter.infrastructure.correlating import Companion
from drift_exporter.infrastructure.followed import Followed
from drift_exporter.infrastructure.keeping import query_of
from drift_exporter.infrastructure.queries import Query
from drift_exporter.infrastructure.saved import Counted
from drift_exporter.infrastructure.snapshot import (
    CorrelationSnapshot,
    GroupSnapshot,
    InfrastructureSnapshot,
    ModelMetricSnapshot,
    QuerySnapshot,
    SignalSnapshot,
)

MOST_TARGETS = 100
"""Metrics of models that are compared with signals at a time; of more the oddest ones."""


def targets_of(book: Book, queries: Sequence[Query], now: float) -> Mapping[Hashable, tuple[Followed, str]]:
    """Metrics of models that misbehaved within the window of correlation, each with its query."""
    steps = round(book.config.correlation.window.seconds / book.config.step)
    texts = {query.name: query.text for query in queries}
    found = [
        (key, followed)
        for key, followed in book.metrics()
        if query_of(key) in texts and followed.misbehaved(now, steps)
    ]
    if len(found) > MOST_TARGETS:
        found.sort(key=lambda one: -one[1].oddest(now, steps))
    return {key: (followed, texts[query_of(key)]) for key, followed in found[:MOST_TARGETS]}


def judge(  # noqa: PLR0913  # all that a snapshot is made of
    book: Book,
    queries: Sequence[Query],
    counted: Counted,
    now: float,
    *,
    companions: Mapping[Hashable, Sequence[Companion]] = MappingProxyType({}),
    groups: Sequence[GroupSnapshot] = (),
) -> InfrastructureSnapshot:
    """All that is known as of now."""
    return InfrastructureSnapshot(
        queries=tuple(
            QuerySnapshot(query.name, query.success, counted.failures.get(query.name, 0), query.problem)
            for query in queries
        ),
        signals=tuple(SignalSnapshot(name, followed.standing(now)) for name, followed in book.signals()),
        groups=tuple(groups),
        metrics=tuple(_metrics(book, now)),
        correlations=tuple(_correlations(book, companions)),
        durations=counted.durations,
        seconds=counted.seconds,
    )


def _metrics(book: Book, now: float) -> Sequence[ModelMetricSnapshot]:
    found = []
    for (metric, model, version), followed in book.metrics():
        own = followed.standing(now)
        figures = (own.score, own.value, own.expected, own.lower, own.upper)
        found.append(ModelMetricSnapshot(model, version, metric, *figures))
    return found


def _correlations(
    book: Book, companions: Mapping[Hashable, Sequence[Companion]]
) -> Sequence[CorrelationSnapshot]:
    window = book.config.correlation.window.name
    found = []
    for key in companions:
        metric, model, version = _parts(key)
        found += [
            CorrelationSnapshot(
                model, version, metric, one.signal, window, one.coefficient, one.lag, one.confidence
            )
            for one in companions[key]
        ]
    return found


def _parts(key: Hashable) -> Key:
    if not isinstance(key, tuple):
        raise TypeError(key)
    return key
