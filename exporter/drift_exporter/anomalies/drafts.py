"""One version's records scored by one detector; what those are called that are shown is looked up for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from drift_exporter.anomalies.detectors import Detector
from drift_exporter.anomalies.examples import LONGEST, Example, Examples
from drift_exporter.anomalies.parts import NEVER, Part, Place, Stretch, Texts
from drift_exporter.anomalies.scoring import Scores, counts_by, odd_columns, score
from drift_exporter.count.layout import Layout
from drift_exporter.decode.plan import Plan
from drift_exporter.reference.model import IntArray
from drift_exporter.snapshot import Exemplar
from drift_exporter.window.draw import gather
from drift_exporter.window.slices import MICROSECONDS


@dataclass(frozen=True)
class Draft:
    """A part before it is known what the shown records are called.

    ``odd`` are the rows of its examples, ``last`` those of its exemplars by bucket.
    """

    part: Part
    odd: IntArray
    last: Mapping[int, int]


def draft(  # noqa: PLR0913, PLR0917  # who scores what, and what is known of it
    place: Place,
    detector: Detector,
    layout: Layout,
    stretch: Stretch,
    rows: tuple[IntArray, IntArray],
    known: Examples,
) -> Draft:
    """Score the first of two sets of ``rows``, and count the second as skipped.

    ``known`` are the most anomalous records so far. Raises whatever the detector does.
    """
    scored, skipped = rows
    group, groups = stretch.assignment.key, len(stretch.assignment.level)
    scores = score(detector.model, layout, stretch.records, scored)
    counts = counts_by(scores, group[scored], group[skipped], groups)
    odd = np.flatnonzero(scores.anomalous)
    newest, kept = stretch.assignment.watermark, odd[:0]
    if newest != NEVER:
        kept = odd[known.candidates(stretch.times[scored[odd]], scores.percentiles[odd], newest)]
    columns = []
    if len(kept):
        values = gather(layout, stretch.records, scored[kept])
        columns = odd_columns(detector.model, values, detector.section.show)
    times = stretch.times[scored]
    examples = [
        Example(int(times[number]), float(scores.percentiles[number]), own)
        for number, own in zip(kept.tolist(), columns, strict=True)
    ]
    last = _last_of_each(scores, odd)
    exemplars = {
        bucket: Exemplar("", float(scores.percentiles[number]), float(times[number]) / MICROSECONDS)
        for bucket, number in last.items()
    }
    rows_of = {bucket: int(scored[number]) for bucket, number in last.items()}
    return Draft(Part(place, counts, examples, exemplars), scored[kept], rows_of)


def named(drafts: Sequence[Draft], plan: Plan, texts: Texts) -> list[Part]:
    """Parts with the ids and traces of the records that they show, which are all read at once."""
    wanted = sorted({row for one in drafts for row in (*one.odd.tolist(), *one.last.values())})
    ids, traces = (
        {} if path is None or not wanted else {one.row: one.text for one in texts(path, wanted)}
        for path in (plan.shown_id, plan.trace_id)
    )
    parts = []
    for one in drafts:
        examples = [
            replace(example, id=_cut(ids.get(row)), trace_id=_cut(traces.get(row)))
            for example, row in zip(one.part.examples, one.odd.tolist(), strict=True)
        ]
        exemplars = {}
        for bucket, row in one.last.items():
            label = "trace_id" if row in traces else "id"
            text = traces.get(row, ids.get(row))
            if text is not None:
                exemplars[bucket] = replace(one.part.exemplars[bucket], trace_id=text, label=label)
        parts.append(replace(one.part, examples=examples, exemplars=exemplars))
    return parts


def _last_of_each(scores: Scores, odd: IntArray) -> dict[int, int]:
    """The last of the anomalies (their numbers) in each bucket."""
    last = np.full(int(scores.bucket.max(initial=0)) + 1, -1, dtype=np.int64)
    last[scores.bucket[odd]] = odd
    return {bucket: int(last[bucket]) for bucket in np.flatnonzero(last >= 0).tolist()}


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:LONGEST]
