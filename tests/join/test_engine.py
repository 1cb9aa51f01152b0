"""Labels joined to predictions, compared to the same rules in plain Python."""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drift_exporter.errors import StateError
from drift_exporter.join.engine import LabelJoin
from drift_exporter.join.matched import Matched
from drift_exporter.join.rows import NEVER
from drift_exporter.state.check import check_state
from drift_exporter.state.rows import Changes, ModelState
from drift_exporter.state.store import Store
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
from support.states import model_counters

DELAY = 128
STEP = 2
HORIZON = 10**6


def a_join(value: np.dtype[Any] = VALUE, **options: Any) -> LabelJoin:  # noqa: ANN401  # whatever a join takes
    return LabelJoin(PREDICTION, value, DELAY, **{"fetch": Disk().fetch, **options})


@dataclass(frozen=True)
class Step:
    """What comes at a time, and whether it is saved, and all begins anew, after it."""

    labels: bool
    events: list[Event]
    saved: bool
    restarted: bool
    unread: int | None

    def take_one_by_one(self, plain: PlainJoin, *, whole: bool) -> None:
        """Do the same to the rules."""
        if whole and not self.labels and not self.events:
            # A batch of none lets go of what has expired.
            plain.expire(self.unread)
        for event in self.events:
            if self.labels:
                plain.label(event, HORIZON)
            else:
                plain.predict(event, HORIZON, self.unread)


IDS = st.integers(0, 12)
TIMES = st.one_of(st.integers(0, 400), st.just(HORIZON + 5))


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    found = []
    for place in range(draw(st.integers(1, 10))):
        labels = draw(st.booleans())
        times = st.one_of(TIMES, st.just(NEVER)) if labels and draw(st.integers(0, 3)) == 0 else TIMES
        drift = draw(st.integers(0, 40)) * place
        events = draw(st.lists(st.tuples(IDS, times, st.integers(0, 2)), max_size=25))
        shifted = [
            (id_, time if time == NEVER or time > HORIZON else time + drift, value)
            for id_, time, value in events
        ]
        unread = draw(st.none() | st.integers(0, 600))
        found.append(Step(labels, shifted, draw(st.booleans()), draw(st.booleans()), unread))
    return found


def match(join: LabelJoin, events: list[Event], *, labels: bool, unread: int | None = None) -> Matched:
    if labels:
        return join.match_labels(rows_of(events, LABEL), HORIZON)
    return join.match_predictions(rows_of(events, PREDICTION), HORIZON, unread)


def take(join: LabelJoin, events: list[Event], *, labels: bool, unread: int | None = None) -> Matched:
    matched = match(join, events, labels=labels, unread=unread)
    join.take(matched)
    return matched


def go_on(join: LabelJoin, other: LabelJoin) -> LabelJoin:
    """The other one, where this one was."""
    other.restore(
        join.document(), {tree.side: list(tree.runs.values()) for tree in (join.predictions, join.labels)}
    )
    return other


@settings(max_examples=150, deadline=None)
@given(
    what=steps(),
    run_rows=st.sampled_from([4, 16, 1000]),
    chunk=st.sampled_from([1, 3, 0]),
    whole=st.booleans(),
)
def test_like_the_rules_however_the_records_are_cut_and_saved(
    what: list[Step], run_rows: int, chunk: int, *, whole: bool
) -> None:
    plain = PlainJoin(DELAY, STEP)
    disk = Disk()
    value = np.dtype("<f8") if whole else VALUE
    options: dict[str, Any] = {"value": value, "fetch": disk.fetch, "run_rows": run_rows, "chunk": chunk}
    join = a_join(**options)
    counts: Counter[str] = Counter()
    outcomes: list[Outcome] = []
    for step in what:
        step.take_one_by_one(plain, whole=whole)
        for events in [step.events] if whole else [[event] for event in step.events]:
            matched = take(join, events, labels=step.labels, unread=step.unread)
            counts.update(matched.counts)
            outcomes += outcomes_of(matched)
        assert len(plain.waiting) == join.early
        assert sum(held.label is None for held in plain.known.values()) == join.pending
        if step.saved:
            save(join, disk)
            if step.restarted:
                join = go_on(join, a_join(**options))
    assert +plain.counts == +counts
    assert sorted(plain.outcomes, key=repr) == sorted(outcomes, key=repr)


class BrokenError(Exception):
    """Stands for a kill."""


def write_and_break(store: Store, changes: Changes) -> None:
    with store.changing() as connection:
        store._write(connection, "fraud", changes, 0.0)  # noqa: SLF001
        raise BrokenError


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(what=steps())
def test_a_save_that_is_cut_short_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, what: list[Step]
) -> None:
    folder = tmp_path_factory.mktemp("state")
    plain = PlainJoin(DELAY, STEP)
    counts: Counter[str] = Counter()
    outcomes: list[Outcome] = []

    def opened(store: Store) -> LabelJoin:
        return a_join(fetch=store.fetcher("fraud"), run_rows=12, chunk=3)

    store = Store(folder)
    join = opened(store)
    for step in what:
        step.take_one_by_one(plain, whole=True)
        matched = take(join, step.events, labels=step.labels, unread=step.unread)
        merges = join.merges()
        state = ModelState(model_counters(join=join.document()))
        if step.restarted:
            # All is written, but for the end of the transaction.
            with pytest.raises(BrokenError):
                write_and_break(store, Changes(state, merges=merges))
            store.close()
            store = Store(folder)
            again = opened(store)
            found = store.load("fraud")
            if found is not None:
                again.restore(found.counters["join"], found.runs)
            # It is read again, and means the same.
            join, matched = again, take(again, step.events, labels=step.labels, unread=step.unread)
            merges = join.merges()
        store.save("fraud", Changes(state, merges=merges), 0.0)
        join.saved(merges)
        counts.update(matched.counts)
        outcomes += outcomes_of(matched)
    store.close()
    assert [] == check_state(folder).problems
    assert +plain.counts == +counts
    assert sorted(plain.outcomes, key=repr) == sorted(outcomes, key=repr)


@given(order=st.permutations([(5, 0), (6, 1), (7, 0), (7, 1), (9, 1), (9, 1), (300, 0)]), first=st.booleans())
def test_what_holds_does_not_depend_on_the_order_of_labels(
    order: list[tuple[int, int]], *, first: bool
) -> None:
    join = a_join()
    for labels in (not first, first):
        take(join, [(1, time, value) for time, value in order] if labels else [(1, 3, 9)], labels=labels)
    found = take(join, [(1, 100, 5)], labels=True)
    assert [(1, 3, 9, 5.0, 1.0, 97)] == outcomes_of(found)


def test_each_rule_by_an_example() -> None:
    join = a_join()
    take(join, [(1, 10, 7), (2, 20, 8), (2, 21, 9), (0, 22, 9)], labels=False)
    assert 2 == join.pending

    found = take(
        join,
        [(1, 15, 1), (1, 16, 1), (1, 17, 0), (1, 16, 1), (2, 149, 1), (0, 1, 1), (3, 40, 1)],
        labels=True,
    )
    assert {
        "joined": 1,
        "duplicate": 1,
        "correction": 1,
        "superseded": 1,
        "late": 1,
        "no_id": 1,
    } == found.counts
    assert [(1, 10, 7, 0.0, 1.0, 7), (1, 10, 7, 1.0, None, 5)] == outcomes_of(found)
    assert (1, 1) == (join.pending, join.early)

    found = take(join, [(3, 30, 5), (4, 168, 6)], labels=False)
    assert [(3, 30, 5, 1.0, None, 10)] == outcomes_of(found)
    # From here on what was predicted at 38 is no more.
    assert (1, 0) == (join.pending, join.early)
    found = take(join, [(3, 41, 0), (4, 170, 0), (5, 39, 0)], labels=True)
    assert {"joined": 1, "unknown": 1} == found.counts
    assert [(4, 168, 6, 0.0, None, 2)] == outcomes_of(found)
    assert {"unknown": 1} == take(join, [(6, 300, 5)], labels=False).counts


def test_nothing_is_done_before_it_is_taken() -> None:
    join = a_join()
    take(join, [(1, 10, 7)], labels=False)
    for _ in range(2):
        assert {"joined": 1} == match(join, [(1, 12, 1)], labels=True).counts
        assert {"duplicate_prediction": 1} == match(join, [(1, 12, 1)], labels=False).counts
    assert (1, 0) == (join.pending, join.early)


def test_nothing_comes_of_nothing() -> None:
    join = a_join()
    for labels in (False, True):
        found = take(join, [], labels=labels)
        assert ({}, []) == (found.counts, outcomes_of(found))
    assert [] == join.merges()


def test_a_grace_keeps_predictions_for_labels_that_arrive_late() -> None:
    for grace, reason in ((0, "unknown"), (DELAY, "late")):
        join = a_join(grace=grace)
        take(join, [(1, 10, 7), (2, 150, 7)], labels=False)
        early = join.early
        counts = Counter(take(join, [(1, 139, 1)], labels=True).counts)
        counts.update(take(join, [(3, 500, 7)], labels=False).counts)
        assert (0, {reason: 1}) == (early, counts)


def test_a_column_of_codes_means_the_same_after_a_restart(tmp_path: Path) -> None:
    def remap(side: str, rows: Any, header: Any) -> Any:  # noqa: ANN401
        assert "predictions" == side
        codes = np.array([NAMES.index(name) for name in header["names"]], dtype="<u2")
        found = rows.copy()
        found["payload"] = codes[rows["payload"]]
        return found

    NAMES = ["b", "a", "c"]  # noqa: N806
    with closing(Store(tmp_path)) as store:
        options = {"fetch": store.fetcher("fraud"), "run_rows": 100, "chunk": 2}
        join = a_join(**options, header={"names": ["a", "b"]}, remap=remap)
        take(join, [(id_, 10, id_ % 2) for id_ in range(1, 9)], labels=False)
        merges = join.merges()
        store.save("fraud", Changes(ModelState(model_counters(join=join.document())), merges=merges))
        join.saved(merges)
        take(join, [(id_, 10, 1) for id_ in range(9, 15)], labels=False)
        join.relabel({"names": NAMES})
        found = take(join, [(1, 11, 1), (9, 11, 1)], labels=True)
        assert [0, 0] == [payload for _, _, payload, *_ in outcomes_of(found)]
        # Those that are merged are brought to the new names too.
        merges = join.merges()
        store.save("fraud", Changes(ModelState(model_counters(join=join.document())), merges=merges))
        join.saved(merges)
        assert 1 == len(join.predictions.runs)
        other = go_on(join, a_join(**options, header={"names": NAMES}))
        found = match(other, [(2, 11, 1), (3, 11, 1)], labels=True)
        assert [1, 0] == [payload for _, _, payload, *_ in outcomes_of(found)]
        stranger = go_on(join, a_join(**options))
        with pytest.raises(ValueError, match="has another layout"):
            match(stranger, [(2, 11, 1)], labels=True)


@pytest.mark.parametrize("place", [0, 2])
def test_a_damaged_chunk_is_refused(tmp_path: Path, place: int) -> None:
    with closing(Store(tmp_path)) as store:
        join = a_join(fetch=store.fetcher("fraud"), chunk=3)
        take(join, [(id_, 10, 0) for id_ in range(1, 9)], labels=False)
        merges = join.merges()
        store.save("fraud", Changes(ModelState(model_counters(join=join.document())), merges=merges))
        join.saved(merges)
        take(join, [(id_, 10, 0) for id_ in range(20, 29)], labels=False)
        store._connection.execute("UPDATE chunk SET data = zeroblob(78) WHERE number = ?", [place])  # noqa: SLF001
        what = f"chunk {place} of run 0 of its predictions is damaged or missing"
        with pytest.raises(StateError, match=rf"model fraud: {what}.*begin the model anew"):
            match(join, [(id_, 11, 1) for id_ in range(1, 9)], labels=True)
        # A save that has to read it fails as a whole.
        merges = join.merges()
        with pytest.raises(StateError, match=what):
            store.save("fraud", Changes(ModelState(model_counters(records=5)), merges=merges))
        (run,) = store._connection.execute("SELECT number FROM run").fetchall()  # noqa: SLF001
        assert (0,) == run
        assert "join" in store._connection.execute("SELECT counters FROM model").fetchone()[0]  # noqa: SLF001


def test_saves_make_few_runs_and_time_takes_them_away() -> None:
    disk = Disk()
    join = a_join(fetch=disk.fetch, run_rows=400)
    sizes = []
    for batch in range(300):
        events = [(1 + batch * 10 + place, batch, 0) for place in range(10)]
        take(join, events, labels=False)
        save(join, disk)
        sizes.append([run.size for run in join.predictions.runs.values()])
    # 129 to 131 batches are alive; the oldest run may hold some that are not, besides.
    assert max(len(runs) for runs in sizes) <= 12
    assert max(size for runs in sizes for size in runs) <= 400
    assert 1290 <= sum(sizes[-1]) <= 1310 + 400
    assert set(join.predictions.runs) == {number for _, number in disk.chunks}
    assert 1290 <= join.pending <= 1310


def test_a_label_is_joined_once_though_its_id_comes_again_and_again() -> None:
    disk = Disk()
    join = a_join(fetch=disk.fetch)

    def then(*events: Event, labels: bool) -> list[Outcome]:
        found = outcomes_of(take(join, list(events), labels=labels))
        save(join, disk)
        return found

    # The first label stays in a run of many, what becomes of it is in small ones that go before.
    then((1, 100, 1), *((id_, 300, 0) for id_ in range(20, 60)), labels=True)
    assert [(1, 0, 7, 1.0, None, 100)] == then((1, 0, 7), labels=False)
    assert [] == then((2, 130, 7), (1, 50, 8), labels=False)
    assert [(1, 50, 8, 0.0, None, 10)] == then((1, 60, 0), labels=True)
    assert [] == then((3, 180, 7), labels=False)
    assert [] == then((1, 90, 9), labels=False)


def test_predictions_wait_for_labels_that_are_not_yet_read() -> None:
    join = a_join()
    take(join, [(1, 10, 7), (2, 1000, 7)], labels=False, unread=0)
    assert {"joined": 1} == take(join, [(1, 11, 1)], labels=True).counts
    take(join, [(3, 1001, 7)], labels=False)
    assert 2 == join.pending
    assert {"joined": 1, "unknown": 1} == take(join, [(1, 12, 1), (3, 1002, 1)], labels=True).counts


def test_what_is_in_memory_is_told() -> None:
    disk = Disk()
    join = a_join(fetch=disk.fetch)
    take(join, [(1, 10, 7), (2, 11, 7)], labels=False)
    assert 2 * (PREDICTION.itemsize + 8) == join.unsaved
    save(join, disk)
    assert 0 == join.unsaved
