"""Series as metric families of ``prometheus_client``, within the limit of series.

Families are made anew from each snapshot and kept in no registry, so no label set outlives what it describes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar as ClientExemplar

from drift_exporter.expose import catalogue
from drift_exporter.expose.definition import MetricDefinition
from drift_exporter.expose.parts import Series
from drift_exporter.expose.series import exporter_series, model_parts
from drift_exporter.snapshot import SERIES_LIMIT, Exemplar, Histogram, Snapshot

# OpenMetrics allows 128 characters for all names and values of an exemplar's labels.
_EXEMPLAR_LIMIT = 128


@dataclass(frozen=True)
class Selection:
    """What is exposed of a snapshot. ``dropped`` counts, by model, the series that did not fit now."""

    series: tuple[Series, ...]
    dropped: Mapping[str, int]


def select(snapshot: Snapshot, limit: int) -> Selection:
    """Series of ``snapshot``, models' series up to ``limit`` in all.

    Parts are taken by rank (see ``model_parts``) until one does not fit; it and all after it are left out.
    What is left out now is in the counter of a model whose state is kept only from the next snapshot on, when
    it is saved.
    """
    parts = tuple(model_parts(snapshot))
    by_rank = sorted(range(len(parts)), key=lambda i: parts[i].rank)
    ends = accumulate(parts[i].size for i in by_rank)
    kept = {i for i, end in zip(by_rank, ends, strict=True) if end <= limit}
    dropped: dict[str, int] = {}
    for i, part in enumerate(parts):
        if i not in kept:
            dropped[part.model] = dropped.get(part.model, 0) + part.size
    series = (
        *(s for i, part in enumerate(parts) if i in kept for s in part.series),
        *exporter_series(snapshot),
        *_dropped_series(snapshot, dropped),
    )
    return Selection(series, dropped)


def _dropped_series(snapshot: Snapshot, dropped: Mapping[str, int]) -> Iterable[Series]:
    for model in snapshot.models:
        # Always there, also at 0, so that an increase can be seen from the first one on.
        reasons = {SERIES_LIMIT: 0, **model.dropped_series}
        if model.checkpoint is None:
            reasons[SERIES_LIMIT] += dropped.get(model.name, 0)
        for reason, count in reasons.items():
            yield Series(catalogue.DROPPED_SERIES, (model.name, reason), count)


def families(series: Iterable[Series]) -> list[Metric]:
    """Metric families of ``series``, in the catalogue's order; a metric without series has no family."""
    by_metric: dict[MetricDefinition, list[Series]] = {metric: [] for metric in catalogue.METRICS}
    for one in series:
        by_metric[one.metric].append(one)
    return [_family(metric, members) for metric, members in by_metric.items() if members]


def _family(metric: MetricDefinition, members: list[Series]) -> Metric:
    if metric.type == "histogram":
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for member in members:
            if isinstance(member.value, Histogram):
                histogram.add_metric(_clean(member.labels), _buckets(member.value), member.value.total)
        return histogram
    make = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
    family = make(metric.name, metric.help, labels=metric.labels)
    for member in members:
        if not isinstance(member.value, Histogram):
            family.add_metric(_clean(member.labels), member.value)
    return family


def _clean(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Label values as UTF-8 can carry them: a lone surrogate becomes a question mark."""
    return tuple(
        label if label.isascii() else label.encode("utf-8", "replace").decode("utf-8") for label in labels
    )


def _buckets(histogram: Histogram) -> list[tuple[str, float] | tuple[str, float, ClientExemplar]]:
    """Cumulative buckets, each with its newest trace where there is one."""
    names = [*(repr(float(bound)) for bound in histogram.bounds), "+Inf"]
    buckets: list[tuple[str, float] | tuple[str, float, ClientExemplar]] = []
    for i, (name, count) in enumerate(zip(names, accumulate(histogram.counts.tolist()), strict=True)):
        exemplar = histogram.exemplars.get(i)
        if exemplar is not None and 0 < len(exemplar.trace_id) <= _EXEMPLAR_LIMIT - len(exemplar.label):
            buckets.append((name, count, _exemplar(exemplar)))
        else:
            buckets.append((name, count))
    return buckets


def _exemplar(exemplar: Exemplar) -> ClientExemplar:
    labels = dict(zip((exemplar.label,), _clean((exemplar.trace_id,)), strict=True))
    return ClientExemplar(labels, exemplar.value, exemplar.timestamp)
