"""Labels joined to predictions, compared to the same rules in plain Python."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.join.engine import LabelJoin
from drift_exporter.join.rows import NEVER
from support.joins import (
    LABEL,
    PREDICTION,
    VALUE,
    Disk,
    Event,
    Outcome,
    PlainJoin,
    outcomes_of,
    rows_of,
    save,
)

DELAY = 128
STEP = 2
HORIZON = 10**6


def a_join(disk: Disk, **options: int) -> LabelJoin:
    return LabelJoin(PREDICTION, VALUE, DELAY, fetch=disk.fetch, **options)


@dataclass(frozen=True)
class Batch:
    """What happens in one step; ``saved`` and ``restarted`` after it."""

    labels: bool
    events: list[Event]
    saved: bool
    restarted: bool


IDS = st.integers(0, 12)
TIMES = st.one_of(st.integers(0, 400), st.just(HORIZON + 5))


@st.composite
def batches(draw: st.DrawFn) -> list[Batch]:
    found = []
    for place in range(draw(st.integers(1, 10))):
        labels = draw(st.booleans())
        times = TIMES
        if labels and draw(st.integers(0, 3)) == 0:
            times = st.one_of(TIMES, st.just(NEVER))
        drift = draw(st.integers(0, 40)) * place
        events = draw(st.lists(st.tuples(IDS, times, st.integers(0, 2)), max_size=25))
        shifted = [
            (id_, time if time == NEVER or time > HORIZON else time + drift, value)
            for id_, time, value in events
        ]
        found.append(Batch(labels, shifted, draw(st.booleans()), draw(st.booleans())))
    return found


@settings(max_examples=400, deadline=None)
@given(
    steps=batches(),
    run_rows=st.sampled_from([4, 16, 1000]),
    chunk=st.sampled_from([1, 3, 0]),
    whole=st.booleans(),
)
def test_like_the_rules_one_by_one(steps: list[Batch], run_rows: int, chunk: int, *, whole: bool) -> None:
    plain = PlainJoin(DELAY, STEP)
    disk = Disk()
    join = a_join(disk, run_rows=run_rows, chunk=chunk)
    counts: Counter[str] = Counter()
    outcomes: list[Outcome] = []
    for step in steps:
        for event in step.events:
            (plain.label if step.labels else plain.predict)(event, HORIZON)
        for events in [step.events] if whole else [[event] for event in step.events]:
            if step.labels:
                matched = join.match_labels(rows_of(events, LABEL), HORIZON)
            else:
                matched = join.match_predictions(rows_of(events, PREDICTION), HORIZON)
            join.take(matched)
            counts.update(matched.counts)
            outcomes += outcomes_of(matched)
        assert len(plain.waiting) == join.early
        assert sum(held.label is None for held in plain.known.values()) == join.pending
        if step.saved:
            save(join, disk)
            if step.restarted:
                again = a_join(disk, run_rows=run_rows, chunk=chunk)
                again.restore(
                    join.document(),
                    {tree.side: list(tree.runs.values()) for tree in (join.predictions, join.labels)},
                )
                join = again
    assert +plain.counts == +counts
    assert sorted(plain.outcomes, key=repr) == sorted(outcomes, key=repr)
