"""Between what is counted of odd records and what is saved of it, beside its counts by slice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from drift_exporter.anomalies.bucket import Bucket
from drift_exporter.anomalies.detectors import Tallied
from drift_exporter.anomalies.examples import Example
from drift_exporter.anomalies.model import ModelAnomalies
from drift_exporter.anomalies.scoring import SIZE
from drift_exporter.config.anomaly import BURST
from drift_exporter.reference.model import IntArray, Kind
from drift_exporter.snapshot import Exemplar, OddColumn
from drift_exporter.state.rows import Counts, Document, Evicted, ModelState, SavedSlice
from drift_exporter.window.ring import Slice

FOUND, TOKENS = "anomalies", "anomaly_tokens"
"""Keys of the documents of a version and of a model."""

Found = Mapping[str, tuple[str, Mapping[int, Exemplar], Sequence[Example]]]
"""Fingerprint, exemplars by bucket and examples by detector."""

_KINDS = get_args(Kind)


@dataclass(frozen=True)
class SavedAnomalies:
    """What is saved: counts since the beginning, slices that changed, and which are gone."""

    counts: Sequence[Counts]
    slices: Sequence[SavedSlice]
    evicted: Sequence[Evicted]


def anomalies_saved(anomalies: ModelAnomalies, *, anew: bool) -> SavedAnomalies:
    """What changed since the last save, or with ``anew`` all there is."""
    counts, slices, evicted = [], [], []
    for (version, _), tallied in anomalies.tallied.items():
        ring, fingerprint = tallied.ring, tallied.fingerprint
        counts.append(Counts(version, fingerprint, tallied.totals))
        places = ring.changed
        if anew:
            places = {(level, start) for level, own in enumerate(ring.slices) for start in own}
        for level, start in places:
            part, key = ring.slices[level][start], ring.windows[level].key
            slices.append(SavedSlice(version, fingerprint, key, start, part.rows, part.counts, part.sums))
        evicted += [
            Evicted(version, fingerprint, ring.windows[level].key, before)
            for level, before in ring.evicted.items()
        ]
    return SavedAnomalies(counts, slices, evicted)


def tokens_saved(anomalies: ModelAnomalies) -> Document:
    """What is known of a model's detectors as a whole."""
    return {TOKENS: {name: [bucket.tokens, bucket.second] for name, bucket in anomalies.buckets.items()}}


def found_saved(anomalies: ModelAnomalies | None, version: str) -> Document:
    """The records of a version that are shown."""
    own = {
        name: _document(tallied)
        for (of, name), tallied in ({} if anomalies is None else anomalies.tallied).items()
        if of == version
    }
    return {FOUND: own} if own else {}


def anomalies_restored(anomalies: ModelAnomalies, state: ModelState) -> None:
    """Go on from what was saved; what was found otherwise than now stays where it is.

    Raises ValueError where it cannot be read.
    """
    for name, (tokens, second) in read_tokens(state.counters).items():
        if name in anomalies.buckets:
            rate = next(one.rate for one in anomalies.model.detectors if one.detector == name)
            anomalies.buckets[name] = Bucket(min(tokens, rate * BURST), second)
    found: dict[tuple[str, str], Tallied] = {}
    for part in state.counts:
        tallied = anomalies.begun(part.version, part.fingerprint)
        if tallied is not None:
            _check_size(part.counts)
            tallied.totals = part.counts
            found[part.version, part.fingerprint] = tallied
    for version, document in state.versions.items():
        for fingerprint, exemplars, examples in read_found(document).values():
            tallied = found.get((version, fingerprint))
            if tallied is not None:
                tallied.exemplars.update(exemplars)
                tallied.examples.add(examples)
    levels = {window.key: level for level, window in enumerate(anomalies.levels)}
    for one in state.slices:
        own, level = found.get((one.version, one.fingerprint)), levels.get(one.window)
        if own is not None and level is not None:
            _check_size(one.counts)
            own.ring.slices[level][one.start] = Slice(one.counts, one.sums, one.rows)


def anomalies_forgotten(anomalies: ModelAnomalies) -> None:
    """All that changed is saved."""
    for tallied in anomalies.tallied.values():
        tallied.ring.changed.clear()
        tallied.ring.evicted.clear()


def read_tokens(document: Document) -> Mapping[str, tuple[int, int | None]]:
    """Tokens and second by detector among a model's counters; ValueError says what is wrong with them."""
    found = {}
    for name, entry in _of(document.get(TOKENS, {}), dict).items():
        tokens, second = _of(entry, list, 2)
        found[name] = _whole(tokens), None if second is None else _whole(second)
    return found


def read_found(document: Document) -> Found:
    """What was found, among a version's counters; ValueError says what is wrong with it."""
    found = {}
    for name, entry in _of(document.get(FOUND, {}), dict).items():
        fingerprint, exemplars, examples = (
            _of(entry, dict).get(key) for key in ("fingerprint", "exemplars", "examples")
        )
        found[name] = (
            _of(fingerprint, str),
            {int(bucket): _exemplar(one) for bucket, one in _of(exemplars, dict).items()},
            [_example(one) for one in _of(examples, list)],
        )
    return found


def _check_size(counts: IntArray) -> None:
    if len(counts) != SIZE:
        raise ValueError(f"{len(counts):,} counts of anomalies where there should be {SIZE}")


def _document(tallied: Tallied) -> dict[str, Any]:
    return {
        "fingerprint": tallied.fingerprint,
        "exemplars": {
            str(bucket): [one.label, one.trace_id, one.value, one.timestamp]
            for bucket, one in tallied.exemplars.items()
        },
        "examples": [
            [
                example.time,
                example.percentile,
                example.id,
                example.trace_id,
                [[one.kind, one.name, one.share, one.value] for one in example.columns],
            ]
            for own in tallied.examples.spans.values()
            for example in own
        ],
    }


def _exemplar(entry: object) -> Exemplar:
    label, text, value, timestamp = _of(entry, list, 4)
    return Exemplar(_of(text, str), _number(value), _number(timestamp), _of(label, str))


def _example(entry: object) -> Example:
    time, percentile, own_id, trace, columns = _of(entry, list, 5)
    return Example(
        _whole(time),
        _number(percentile),
        tuple(map(_column, _of(columns, list))),
        None if own_id is None else _of(own_id, str),
        None if trace is None else _of(trace, str),
    )


def _column(entry: object) -> OddColumn:
    kind, name, share, value = _of(entry, list, 4)
    if kind not in _KINDS:
        raise ValueError(f"an anomaly's column is of the kind {str(kind)[:40]!r}")
    return OddColumn(
        cast("Kind", kind), _of(name, str), _number(share), None if value is None else _of(value, str)
    )


def _of(value: object, kind: type, length: int | None = None) -> Any:  # noqa: ANN401  # as isinstance has it
    if not isinstance(value, kind) or (length is not None and len(cast("list[Any]", value)) != length):
        raise ValueError(f"what was found of anomalies holds {str(value)[:40]!r}")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"what was found of anomalies holds {str(value)[:40]!r}")  # noqa: TRY004  # damage
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"what was found of anomalies holds {str(value)[:40]!r}")  # noqa: TRY004  # damage
    return float(value)
