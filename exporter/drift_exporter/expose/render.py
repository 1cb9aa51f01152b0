"""The metrics of one snapshot as bytes, made once and returned to every scrape."""

import gzip
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.exposition import generate_latest as generate_text
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from drift_exporter.expose.families import families, select
from drift_exporter.expose.negotiation import Format
from drift_exporter.expose.parts import Series
from drift_exporter.snapshot import Snapshot

# Higher levels cost several times the CPU for a few per cent of the size.
_GZIP_LEVEL = 4


class _Families(Collector):
    """Families that were made before, in the shape that ``prometheus_client`` renders."""

    def __init__(self, members: Iterable[Metric]) -> None:
        self._members = tuple(members)

    def collect(self) -> Iterator[Metric]:
        return iter(self._members)


@dataclass(frozen=True)
class Rendered:
    """A snapshot and its metrics. Each form is made once, by one thread, and then kept.

    ``dropped`` counts, by model, the series that a limit has left out.
    """

    snapshot: Snapshot
    dropped: Mapping[str, int]
    _series: tuple[Series, ...] = field(repr=False)
    _process: tuple[Metric, ...] = field(repr=False)
    _bodies: dict[tuple[Format, bool], bytes] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def cached(self, form: Format, *, compressed: bool) -> bytes | None:
        """The body if it is made already, without waiting."""
        return self._bodies.get((form, compressed))

    @property
    def made(self) -> tuple[tuple[Format, bool], ...]:
        """The forms that are made already, and whether compressed."""
        return tuple(self._bodies)

    def body(self, form: Format, *, compressed: bool = False) -> bytes:
        """The metrics in ``form``, with gzip if ``compressed``."""
        body = self.cached(form, compressed=compressed)
        if body is not None:
            return body
        with self._lock:
            return self._make(form, compressed=compressed)

    def _make(self, form: Format, *, compressed: bool) -> bytes:
        plain = self._bodies.get((form, False))
        if plain is None:
            collector = _Families((*families(self._series), *self._process))
            # The signature of the OpenMetrics one carries no types.
            plain = bytes(
                generate_openmetrics(collector)  # type: ignore[no-untyped-call]
                if form == "openmetrics"
                else generate_text(collector)
            )
            self._bodies[form, False] = plain
        if not compressed:
            return plain
        if (form, True) not in self._bodies:
            self._bodies[form, True] = gzip.compress(plain, _GZIP_LEVEL, mtime=0)
        return self._bodies[form, True]


def render(
    snapshot: Snapshot, *, series_limit: int, previous: Rendered | None = None, process: bool = True
) -> Rendered:
    """Get ``snapshot`` ready for scrapes.

    ``series_limit`` bounds the models' series. ``previous`` is what was served before, if anything: the forms
    that scrapers have asked of it are made right here, so that no scrape has to wait for them. With
    ``process`` the metrics of this process (CPU, memory, open files, Python) as of now are added.
    """
    selection = select(snapshot, series_limit)
    rendered = Rendered(
        snapshot,
        MappingProxyType(dict(selection.dropped)),
        selection.series,
        tuple(_process_families()) if process else (),
    )
    for form, compressed in () if previous is None else previous.made:
        rendered.body(form, compressed=compressed)
    return rendered


def _process_families() -> Iterator[Metric]:
    yield from ProcessCollector(registry=None).collect()
    yield from PlatformCollector(registry=None).collect()
