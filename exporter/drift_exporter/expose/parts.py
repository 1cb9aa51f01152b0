"""Series, and which of them go together."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from drift_exporter.expose.definition import MetricDefinition
from drift_exporter.snapshot import Histogram


class Series(NamedTuple):
    """One series (or one histogram, which is several): its metric, label values and value."""

    metric: MetricDefinition
    labels: tuple[str, ...]
    value: float | Histogram

    @property
    def size(self) -> int:
        """Number of series as Prometheus counts them."""
        return len(self.value.counts) + 2 if isinstance(self.value, Histogram) else 1


@dataclass(frozen=True)
class Part:
    """Series kept or left out together. A smaller ``rank`` is kept before a larger one.

    ``model`` is who the left out series are counted for.
    """

    model: str
    rank: tuple[int, int, int, int]
    series: tuple[Series, ...]

    @property
    def size(self) -> int:
        """Number of series as Prometheus counts them."""
        return sum(s.size for s in self.series)


def present(
    *candidates: tuple[MetricDefinition, tuple[str, ...], float | Histogram | None],
) -> Iterator[Series]:
    """Leave out what has no value: absent data has no series."""
    for metric, labels, value in candidates:
        if value is None or (isinstance(value, float) and math.isnan(value)):
            continue
        yield Series(metric, labels, value)
