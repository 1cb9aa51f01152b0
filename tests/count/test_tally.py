from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from drift_exporter.count import tally
from drift_exporter.count.tally import (
    ANY,
    UNTOLD,
    Answers,
    GroupColumn,
    Tally,
    TallyLayout,
    count_answers,
    dense,
    empty,
)

LAYOUT = TallyLayout(
    task="binary",
    classes=("no", "yes"),
    scored=(1,),
    edges=(np.array([0.25, 0.5, 0.75]),),
    columns=(GroupColumn("country", ("de", "fr", "other", "missing")),),
    moments=2,
)


def made_up(random: np.random.Generator, rows: int, *, labelled: bool) -> Answers:
    score = np.where(random.random(rows) < 0.1, np.nan, random.random(rows))
    return Answers(
        groups=(random.integers(0, 4, rows),),
        predicted=np.where(random.random(rows) < 0.1, UNTOLD, random.integers(0, 2, rows)),
        scores=score[None, :],
        moments=random.random((rows, 2)) if labelled else np.zeros((rows, 2)),
        labels=random.integers(0, 2, rows) if labelled else None,
    )


def plain_cells(answers: Answers) -> Counter[tuple[int, ...]]:
    """Group, predicted, third index and bin of each record, one after the other."""
    found: Counter[tuple[int, ...]] = Counter()
    for row, score in enumerate(answers.scores[0]):
        if np.isnan(score) or answers.predicted[row] == UNTOLD:
            continue
        third = ANY if answers.labels is None else int(answers.labels[row])
        place = int(np.searchsorted(LAYOUT.edges[0], score))
        for group in (0, 1 + int(answers.groups[0][row])):
            found[group, int(answers.predicted[row]), third, place] += 1
    return found


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("places", [1 << 21, 10], ids=["by an array", "by sorting"])
def test_each_record_counts_in_its_slice_and_groups(
    monkeypatch: pytest.MonkeyPatch, places: int, *, labelled: bool
) -> None:
    monkeypatch.setattr(tally, "_DENSE", places)
    random = np.random.default_rng(1)
    answers, slices = made_up(random, 500, labelled=labelled), random.integers(0, 3, 500)
    found = count_answers(LAYOUT, answers, slices, 3)

    for number, own in enumerate(found):
        mine = np.flatnonzero(slices == number)
        some = Answers(
            (answers.groups[0][mine],),
            answers.predicted[mine],
            answers.scores[:, mine],
            answers.moments[mine],
            None if answers.labels is None else answers.labels[mine],
        )
        table = dense(LAYOUT, (own,))
        cells = {
            (group, predicted, third, place): int(count)
            for (group, _, predicted, third, place), count in np.ndenumerate(table.cells)
            if count
        }
        assert plain_cells(some) == cells
        told = table.labelled if labelled else table.rows
        assert [len(mine), *np.bincount(some.groups[0], minlength=4)] == told.tolist()
        assert answers.moments[mine].sum(axis=0) == pytest.approx(table.moments[0])
        known = np.isfinite(some.scores[0]) & (some.predicted != UNTOLD)
        assert some.scores[0][known].sum() == pytest.approx(table.cell_sums[0].sum())


def test_what_is_taken_back_leaves_nothing() -> None:
    random = np.random.default_rng(2)
    answers, slices = made_up(random, 200, labelled=True), np.zeros(200, dtype=np.int64)
    (once,) = count_answers(LAYOUT, answers, slices, 1)
    (back,) = count_answers(LAYOUT, replace(answers, weights=np.full(200, -1)), slices, 1)
    left = once.plus(back)

    assert 0 == len(left.places)
    assert left.moments == pytest.approx(np.zeros((5, 2)))


def test_tallies_add_up_in_any_order() -> None:
    random = np.random.default_rng(3)
    parts = [
        count_answers(LAYOUT, made_up(random, 50, labelled=bool(i % 2)), np.zeros(50, dtype=np.int64), 1)[0]
        for i in range(4)
    ]
    total: Tally = empty(LAYOUT)
    for part in parts[::-1]:
        total = total.plus(part)
    expected, actual = dense(LAYOUT, parts), dense(LAYOUT, (total,))

    for name in ("cells", "confusion", "predicted", "rows", "labelled"):
        np.testing.assert_array_equal(getattr(expected, name), getattr(actual, name))
    assert expected.cell_sums == pytest.approx(actual.cell_sums)


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ("no", "maybe")},
        {"edges": (np.array([0.25, 0.5, 0.8]),)},
        {"columns": ()},
        {"moments": 3},
        {"centre": 5.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_cannot_be_added_up_has_another_fingerprint(change: dict[str, object]) -> None:
    assert LAYOUT.fingerprint == replace(LAYOUT).fingerprint
    assert LAYOUT.fingerprint != replace(LAYOUT, **change).fingerprint  # type: ignore[arg-type]
