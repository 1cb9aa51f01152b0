"""The counters of a model and of a version as they are saved: JSON objects, read with care."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from drift_exporter.deadletter import Cursor
from drift_exporter.judge.persistence import Confidences
from drift_exporter.reference.model import IntArray, Kind
from drift_exporter.snapshot import (
    CHECKPOINT_BOUNDS,
    CONFIDENCE_BOUNDS,
    EVALUATION_BOUNDS,
    LATENCY_BOUNDS,
    Exemplar,
)
from drift_exporter.sources.source import COUNTED
from drift_exporter.sources.source import Counts as SourceCounts
from drift_exporter.state.rows import Document
from drift_exporter.window.ids import NEVER
from drift_exporter.window.totals import Totals

Durations = tuple[IntArray, float]


@dataclass(frozen=True)
class ModelCounters:
    """What is known of a model as a whole.

    ``watermark`` in microseconds; ``late`` and ``rejected`` count by reason, ``invalid`` by (kind, column);
    ``versions`` are those told apart; ``strangers`` counts records of models that are not configured by name,
    ``names`` are those told apart; ``duplicates`` are records that came twice, ``forgotten_ids`` ids that a
    limit has pushed out, ``newest_id`` the newest event time of an id (microseconds); ``dead_letter`` is
    where the dead-letter file ended (None: unknown); ``evaluations`` and ``saves`` are how long those took:
    counts by EVALUATION_BOUNDS and CHECKPOINT_BOUNDS, and a sum of seconds; ``source`` is what its source
    counts beside records. ``history`` are a model's last evaluations: version, window, step, and confidence
    by column.
    """

    records: int
    watermark: int | None
    late: Mapping[str, int]
    rejected: Mapping[str, int]
    invalid: Mapping[tuple[Kind, str], int]
    versions: Sequence[str]
    strangers: Mapping[str, int]
    names: Sequence[str]
    duplicates: int
    forgotten_ids: int
    newest_id: int
    bytes: int
    lost_bytes: int
    dropped_series: int
    dead_letter: Cursor | None
    evaluations: Durations
    saves: Durations
    source: SourceCounts
    history: Sequence[tuple[str, str, int, Confidences]]


def read_model_counters(document: Document) -> ModelCounters:
    """A model's counters; ValueError says which is missing or wrong."""
    invalid = {}
    for entry in _list(document, "invalid"):
        kind, column, count = _parts(entry, "invalid", (str, str, int))
        invalid[cast("Kind", kind), column] = count
    return ModelCounters(
        records=_count(document, "records"),
        watermark=_integer_or_none(document, "watermark"),
        late=_counts(document, "late"),
        rejected=_counts(document, "rejected"),
        invalid=invalid,
        versions=[_of_type(name, str, "versions") for name in _list(document, "versions")],
        strangers=_counts(document, "strangers"),
        names=[_of_type(name, str, "names") for name in _list(document, "names")],
        duplicates=_count(document, "duplicates"),
        forgotten_ids=_count(document, "forgotten_ids"),
        newest_id=int(_of_type(_get(document, "newest_id"), int, "newest_id")),
        bytes=_count(document, "bytes"),
        lost_bytes=_count(document, "lost_bytes"),
        dropped_series=_count(document, "dropped_series"),
        dead_letter=_cursor(_get(document, "dead_letter")),
        evaluations=_durations(document, "evaluations", len(EVALUATION_BOUNDS) + 1),
        saves=_durations(document, "saves", len(CHECKPOINT_BOUNDS) + 1),
        source=_source_counts(document),
        history=_history(document),
    )


def read_version_counters(document: Document) -> Totals:
    """A version's counters, without those by bin; ValueError says which is missing or wrong."""
    exemplars = {}
    for bucket, exemplar in _object(document, "exemplars").items():
        trace, value, timestamp = _parts(exemplar, "exemplars", (str, (int, float), (int, float)))
        exemplars[int(bucket)] = Exemplar(trace, value, timestamp)
    return Totals(
        columns=np.zeros(0, dtype=np.int64),
        predictions=_count(document, "predictions"),
        errors=_count(document, "errors"),
        latency=_histogram(document, "latency", len(LATENCY_BOUNDS) + 1),
        latency_sum=_number(document, "latency_sum"),
        confidence=_histogram(document, "confidence", len(CONFIDENCE_BOUNDS) + 1),
        confidence_sum=_number(document, "confidence_sum"),
        last_timestamp=_integer_or_none(document, "last_timestamp"),
        exemplars=exemplars,
    )


def counters_anew(before: Document) -> Document:
    """Counters of a model at its beginning, but for where the dead-letter file ended; may raise ValueError.

    Positions that are kept need that: what was rejected after the last save is read, and written, again.
    """
    end = _get(before, "dead_letter")
    _cursor(end)
    return {
        "records": 0,
        "watermark": None,
        "late": {},
        "rejected": {},
        "invalid": [],
        "versions": [],
        "strangers": {},
        "names": [],
        "duplicates": 0,
        "forgotten_ids": 0,
        "newest_id": NEVER,
        "bytes": 0,
        "lost_bytes": 0,
        "dropped_series": 0,
        "dead_letter": end,
        "evaluations": [[0] * (len(EVALUATION_BOUNDS) + 1), 0.0],
        "saves": [[0] * (len(CHECKPOINT_BOUNDS) + 1), 0.0],
        "source": [],
    }


def _history(document: Document) -> list[tuple[str, str, int, Confidences]]:
    """The last evaluations; a state of a model without persistence has none."""
    if "history" not in document:
        return []
    found: list[tuple[str, str, int, Confidences]] = []
    for entry in _list(document, "history"):
        version, window, step, columns = _parts(entry, "history", (str, str, int, list))
        confidences: dict[tuple[Kind, str], float] = {}
        for column in columns:
            kind, name, confidence = _parts(column, "history", (str, str, (int, float)))
            confidences[cast("Kind", kind), name] = float(confidence)
        found.append((version, window, step, confidences))
    return found


def _get(document: Document, key: str) -> Any:  # noqa: ANN401  # whatever JSON holds
    if key not in document:
        raise ValueError(f"the counter {key} is missing")
    return document[key]


def _of_type(value: object, kinds: Any, key: str) -> Any:  # noqa: ANN401  # as isinstance has it
    # A bool is an int for isinstance.
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise ValueError(f"the counter {key} holds {str(value)[:40]!r}")  # noqa: TRY004  # damage, whatever it is
    return value


def _list(document: Document, key: str) -> list[Any]:
    return cast("list[Any]", _of_type(_get(document, key), list, key))


def _object(document: Document, key: str) -> dict[str, Any]:
    return cast("dict[str, Any]", _of_type(_get(document, key), dict, key))


def _parts(value: object, key: str, kinds: tuple[Any, ...]) -> list[Any]:
    parts = _of_type(value, list, key)
    if len(parts) != len(kinds):
        raise ValueError(f"the counter {key} holds {str(value)[:40]!r}")
    return [_of_type(part, kind, key) for part, kind in zip(parts, kinds, strict=True)]


def _number(document: Document, key: str) -> float:
    return float(_of_type(_get(document, key), (int, float), key))


def _count(document: Document, key: str) -> int:
    return _not_negative(_get(document, key), key)


def _not_negative(value: object, key: str) -> int:
    count = int(_of_type(value, int, key))
    if count < 0:
        raise ValueError(f"the counter {key} is below 0")
    return count


def _integer_or_none(document: Document, key: str) -> int | None:
    value = _get(document, key)
    return None if value is None else int(_of_type(value, int, key))


def _counts(document: Document, key: str) -> dict[str, int]:
    return {name: _not_negative(count, key) for name, count in _object(document, key).items()}


def _durations(document: Document, key: str, buckets: int) -> Durations:
    counts, total = _parts(_get(document, key), key, (list, (int, float)))
    return _buckets(counts, key, buckets), float(total)


def _histogram(document: Document, key: str, buckets: int) -> IntArray:
    return _buckets(_list(document, key), key, buckets)


def _buckets(found: list[Any], key: str, buckets: int) -> IntArray:
    counts = [_not_negative(count, key) for count in found]
    if len(counts) != buckets:
        raise ValueError(f"the counter {key} has {len(counts)} buckets, not {buckets}")
    return np.array(counts, dtype=np.int64)


def _source_counts(document: Document) -> SourceCounts:
    found: SourceCounts = SourceCounts()
    # States of before there was such a thing have none.
    for entry in _list(document, "source") if "source" in document else []:
        kind, label, count = _parts(entry, "source", (str, str, int))
        if kind not in COUNTED:
            raise ValueError(f"the counter source holds {kind[:40]!r}")
        found[kind, label] = _not_negative(count, "source")
    return found


def _cursor(value: object) -> Cursor | None:
    if value is None:
        return None
    inode, size, tail = _parts(value, "dead_letter", (int, int, str))
    return Cursor(inode, _not_negative(size, "dead_letter"), bytes.fromhex(tail))
