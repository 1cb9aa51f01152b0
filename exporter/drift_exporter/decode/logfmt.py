"""logfmt: lines of key=value, brought into NDJSON and read as that.

Whatever has dots in its path is a key with dots. A line is rejected where a quote is not closed, or where no
key has a value.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from drift_exporter.decode.lines import broken_line, line_spans, plain_lines, without_broken
from drift_exporter.decode.logfmt_text import as_ndjson
from drift_exporter.decode.ndjson import NdjsonDecoder
from drift_exporter.decode.plan import FieldPath, Names, Plan, Truth
from drift_exporter.decode.records import UNBOUNDED, Bounds, Records, Text
from drift_exporter.reference.model import IntArray
from drift_exporter.sources.chunk import RAW_LIMIT, Chunk, Rejection

LONGER = 4
"""So many times as long as a line of logfmt may be what is made of it."""


@dataclass(frozen=True)
class Translation:
    """A chunk as NDJSON, where its lines stood in ``body``, and those that could not be brought into it.

    ``starts`` and ``ends`` (lines of the NDJSON,) are places in ``body``, which begins at ``offset``.
    """

    chunk: Chunk
    body: bytes
    offset: int
    starts: IntArray
    ends: IntArray
    rejections: tuple[Rejection, ...]


def translate(chunk: Chunk) -> Translation:
    """Bring a chunk of logfmt into NDJSON."""
    body, offset = plain_lines(chunk)
    readable, broken = without_broken(body)
    text, wrong = as_ndjson(readable)
    starts, ends = line_spans(body)
    rejections: list[Rejection] = []
    if broken or wrong:
        rejections = [
            broken_line(chunk.path, offset + int(starts[n]), body[starts[n] : ends[n]]) for n in broken
        ]
        whole = np.ones(len(starts), dtype=bool)
        whole[broken] = False
        starts, ends = starts[whole], ends[whole]
        for number, why in wrong.items():
            raw = body[starts[number] : ends[number]]
            place = offset + int(starts[number])
            detail = f"not logfmt: {why}"
            rejections.append(Rejection(chunk.path, place, "malformed", detail, raw[:RAW_LIMIT], len(raw)))
        good = np.ones(len(starts), dtype=bool)
        good[list(wrong)] = False
        starts, ends = starts[good], ends[good]
    lines = Chunk(chunk.path, "ndjson", 0, text, size=len(text), divisible=chunk.divisible)
    return Translation(lines, body, offset, starts, ends, tuple(rejections))


def flat(path: FieldPath) -> FieldPath:
    """The key that a path leads to."""
    return (".".join(path),)


class LogfmtDecoder:
    """Decodes chunks of logfmt under one plan. Not safe to share between threads."""

    def __init__(self, plan: Plan, line_limit: int = 1 << 20, bounds: Bounds = UNBOUNDED) -> None:
        self.plan = plan
        self._inner = NdjsonDecoder(_flat_plan(plan), LONGER * line_limit, bounds)
        self._last: tuple[Chunk, Translation, Records] | None = None

    def close(self) -> None:
        """Give back what the reader of NDJSON holds."""
        self._inner.close()

    def decode(self, chunk: Chunk) -> Records:
        """Decode whole lines. Bad ones are rejections, with their offset in the file."""
        translation = translate(chunk)
        records = self._inner.decode(translation.chunk)
        self._last = (chunk, translation, records) if self.plan.looked_up else None
        rejections = [*translation.rejections, *_led_back(records.rejections, translation)]
        rejections.sort(key=lambda rejection: rejection.offset)
        return replace(records, rejections=tuple(rejections))

    def unknown(self, chunk: Chunk, names: Names) -> tuple[str, ...]:
        """Names in a chunk that are not known yet, most frequent first."""
        if names.path is None:
            return ()
        own = None if names.own is None else flat(names.own)
        return self._inner.unknown(translate(chunk).chunk, Names(flat(names.path), names.known, own))

    def texts(self, chunk: Chunk, rows: Sequence[int], records: Records, path: FieldPath) -> tuple[Text, ...]:
        """What some accepted records (numbers in the arrays) of a chunk just decoded hold at a path."""
        if self._last is None or self._last[0] is not chunk:
            return ()
        _, translation, inner = self._last
        own = replace(records, rejections=inner.rejections)
        return self._inner.texts(translation.chunk, rows, own, flat(path))


def _flat_plan(plan: Plan) -> Plan:
    def key(path: FieldPath | None) -> FieldPath | None:
        return None if path is None else flat(path)

    return replace(
        plan,
        numeric=tuple(replace(leaf, path=flat(leaf.path)) for leaf in plan.numeric),
        categorical=tuple(replace(leaf, path=flat(leaf.path)) for leaf in plan.categorical),
        derived=tuple(replace(leaf, path=flat(leaf.path)) for leaf in plan.derived),
        timestamp=key(plan.timestamp),
        version=key(plan.version),
        error=key(plan.error),
        latency=key(plan.latency),
        trace_id=key(plan.trace_id),
        shown_id=key(plan.shown_id),
        id=key(plan.id),
        model=key(plan.model),
        truth=None if plan.truth is None else _flat_truth(plan.truth),
    )


def _flat_truth(truth: Truth) -> Truth:
    prediction = None if truth.prediction is None else flat(truth.prediction)
    return replace(truth, label=flat(truth.label), prediction=prediction)


def _led_back(rejections: Sequence[Rejection], translation: Translation) -> list[Rejection]:
    """Rejections of lines of the NDJSON as such of the lines that they were made of."""
    if not rejections:
        return []
    starts, _ = line_spans(translation.chunk.data)
    rows = np.searchsorted(starts, [rejection.offset for rejection in rejections])
    found = []
    for rejection, row in zip(rejections, rows.tolist(), strict=True):
        start, end = int(translation.starts[row]), int(translation.ends[row])
        raw = translation.body[start:end]
        detail = rejection.detail
        if not rejection.reason.startswith("timestamp"):
            detail = "not logfmt that can be read: an escape in quotes is none, or the line is too long"
        found.append(
            replace(
                rejection,
                offset=translation.offset + start,
                detail=detail,
                raw=raw[:RAW_LIMIT],
                length=len(raw),
            )
        )
    return found
