"""Traffic of the records of one chunk, by version: how many, errors, latency, confidence, exemplars."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from drift_exporter.count.binner import Binner
from drift_exporter.count.counting import histogram_by
from drift_exporter.decode.plan import CODE_FIRST, UNVERSIONED
from drift_exporter.decode.records import Records, Text
from drift_exporter.reference.model import IntArray
from drift_exporter.snapshot import CONFIDENCE_BOUNDS, LATENCY_BOUNDS, Exemplar
from drift_exporter.window.slices import MICROSECONDS

OTHER_VERSION = "other"
"""What the records of further versions count as, once ``limits.versions`` are told apart."""

_LATENCY = Binner(np.array(LATENCY_BOUNDS))
_CONFIDENCE = Binner(np.array(CONFIDENCE_BOUNDS))
_NEVER = np.iinfo(np.int64).min
_EXEMPLAR_ROWS = 2048


@dataclass(frozen=True)
class Traffic:
    """What one version's records of a chunk add up to; histograms as counts by bucket and a sum.

    ``last_timestamp`` in microseconds, None where all are in the future; ``exemplars`` by bucket of latency.
    """

    version: str
    rows: int
    errors: int
    latency: tuple[IntArray, float] | None
    confidence: tuple[IntArray, float] | None
    last_timestamp: int | None
    exemplars: Mapping[int, Exemplar] = field(default_factory=dict)


def versions_of(records: Records, versions: Sequence[str]) -> tuple[list[str], IntArray]:
    """Names of the versions in a chunk and, for each record, the number of its name (rows,).

    ``versions`` are those that the records' codes stand for.
    """
    if records.versions is None:
        return [UNVERSIONED], np.zeros(records.rows, dtype=np.int64)
    table = [UNVERSIONED, OTHER_VERSION, UNVERSIONED, *versions]
    used = np.flatnonzero(np.bincount(records.versions, minlength=CODE_FIRST))
    names = list(dict.fromkeys(table[code] for code in used))
    number = np.zeros(len(table), dtype=np.int64)
    for code in used:
        number[code] = names.index(table[code])
    return names, number.take(records.versions)


def count_traffic(
    records: Records,
    times: IntArray,
    versions: tuple[list[str], IntArray],
    *,
    horizon: int,
    score: int | None,
) -> list[Traffic]:
    """Traffic of each version, given their names and the records' numbers of them (see ``versions_of``).

    ``times`` (rows,) and ``horizon`` in microseconds: what is after it is in the future. ``score`` is the
    place of the confidence among the numeric columns.
    """
    names, version = versions
    count = len(names)
    rows = np.bincount(version, minlength=count)
    errors = (
        np.zeros(count, dtype=np.int64)
        if records.error is None
        else np.bincount(version[records.error == 1], minlength=count)
    )
    latency = confidence = None
    if records.latency is not None:
        latency = histogram_by(_LATENCY, records.latency, version, count)
    if score is not None:
        confidence = histogram_by(_CONFIDENCE, records.numeric[score], version, count)
    # A wrong clock must not make a silent model look alive.
    past = times <= horizon
    last = np.full(count, _NEVER)
    np.maximum.at(last, version[past], times[past])
    return [
        Traffic(
            name,
            int(rows[i]),
            int(errors[i]),
            None if latency is None else (latency[0][i], float(latency[1][i])),
            None if confidence is None else (confidence[0][i], float(confidence[1][i])),
            int(last[i]) if last[i] != _NEVER else None,
        )
        for i, name in enumerate(names)
    ]


def with_exemplars(
    traffic: Sequence[Traffic],
    records: Records,
    arrays: tuple[IntArray, IntArray],
    traces: Callable[[Sequence[int]], Sequence[Text]],
) -> list[Traffic]:
    """Traffic with the last record with a latency and a trace in each bucket of latency.

    ``arrays`` are the records' times (microseconds) and the numbers of their versions (rows,); ``traces``
    looks up the traces of some of them.
    """
    times, version = arrays
    if records.latency is None:
        return list(traffic)
    # The newest ones do, and they are quickly found.
    first = max(0, records.rows - _EXEMPLAR_ROWS)
    rows = first + np.flatnonzero(np.isfinite(records.latency[first:]))
    bucket = _LATENCY.bin(records.latency[rows])
    place = version[rows] * _LATENCY.bins + bucket
    last = np.full(int(place.max(initial=0)) + 1, -1, dtype=np.int64)
    last[place] = rows
    place_of = {int(last[place]): int(place) for place in np.flatnonzero(last >= 0)}
    found: list[dict[int, Exemplar]] = [{} for _ in traffic]
    for trace in traces(list(place_of)):
        number, bucket_of_trace = divmod(place_of[trace.row], _LATENCY.bins)
        found[number][bucket_of_trace] = Exemplar(
            trace.text, float(records.latency[trace.row]), float(times[trace.row]) / MICROSECONDS
        )
    return [replace(one, exemplars=exemplars) for one, exemplars in zip(traffic, found, strict=True)]
