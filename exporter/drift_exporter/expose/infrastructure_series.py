"""Signals, and what moves together with models, as series."""

from collections.abc import Iterator, Mapping

from drift_exporter.expose import infrastructure_catalogue as catalogue
from drift_exporter.expose.parts import Part, Series, present
from drift_exporter.infrastructure.snapshot import QUERY_BOUNDS, InfrastructureSnapshot, SignalSnapshot
from drift_exporter.snapshot import Histogram


def infrastructure_series(snapshot: InfrastructureSnapshot) -> Iterator[Series]:
    """What is told of signals: bounded by the configuration, so never subject to a limit."""
    for signal in snapshot.signals:
        yield from _signal(signal)
    for group in snapshot.groups:
        yield Series(catalogue.GROUP_SCORE, (group.name,), group.score)
        yield Series(catalogue.GROUP_ANOMALOUS, (group.name,), int(group.anomalous))
    for query in snapshot.queries:
        yield from present(
            (catalogue.QUERY_SUCCESS, (query.name,), None if query.success is None else int(query.success)),
            (catalogue.QUERY_FAILURES, (query.name,), query.failures),
        )
    yield Series(catalogue.QUERY_DURATION, (), Histogram(QUERY_BOUNDS, snapshot.durations, snapshot.seconds))


def _signal(signal: SignalSnapshot) -> Iterator[Series]:
    name, standing = (signal.name,), signal.standing
    anomalous = None if standing.anomalous is None else int(standing.anomalous)
    yield from present(
        (catalogue.SIGNAL, name, standing.value),
        (catalogue.SIGNAL_EXPECTED, name, standing.expected),
        (catalogue.SIGNAL_LOWER, name, standing.lower),
        (catalogue.SIGNAL_UPPER, name, standing.upper),
        (catalogue.SIGNAL_SCORE, name, standing.score),
        (catalogue.SIGNAL_ANOMALOUS, name, anomalous),
        (catalogue.SIGNAL_TIMESTAMP, name, standing.timestamp),
        (catalogue.FIT_TIMESTAMP, name, standing.fitted),
    )


def infrastructure_parts(snapshot: InfrastructureSnapshot, places: Mapping[str, int]) -> Iterator[Part]:
    """What is told of models, a part each; ``places`` are those of models in the snapshot."""
    for model, place in places.items():
        series = tuple(_model(model, snapshot))
        if series:
            yield Part(model, (0, 2, place, 0), series)


def _model(model: str, snapshot: InfrastructureSnapshot) -> Iterator[Series]:
    for one in snapshot.metrics:
        if one.model == model:
            name = (one.model, one.version, one.metric)
            yield from present(
                (catalogue.MODEL_METRIC, name, one.value),
                (catalogue.MODEL_METRIC_EXPECTED, name, one.expected),
                (catalogue.MODEL_METRIC_LOWER, name, one.lower),
                (catalogue.MODEL_METRIC_UPPER, name, one.upper),
                (catalogue.MODEL_METRIC_SCORE, name, one.score),
            )
    for found in snapshot.correlations:
        if found.model == model:
            labels = (found.model, found.version, found.metric, found.signal, found.window)
            yield Series(catalogue.CORRELATION, labels, found.coefficient)
            yield Series(catalogue.CORRELATION_LAG, labels, found.lag)
            yield Series(catalogue.CORRELATION_CONFIDENCE, labels, found.confidence)
