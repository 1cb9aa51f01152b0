"""All columns at once get what each would get on its own."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.judge.compared import Compared, compare
from drift_exporter.judge.scores import CATEGORICAL_SCORES, all_scores
from drift_exporter.judge.segments import Segments
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import Column, FloatArray, IntArray, NumericColumn, Reference
from drift_exporter.reference.stacked import stack
from support import plain_scores
from support.counting import count_numbers


def columns_of_all_sorts(random: np.random.Generator) -> list[Column]:
    """Smooth, tied, constant, huge, small and long-tailed numbers; few and many categories."""
    return [
        numeric_column("smooth", "feature", random.normal(size=3000)),
        categorical_column("two", "feature", {"a": 2000, "b": 1000}, 0, 50),
        numeric_column("tied", "feature", random.poisson(3, 3000).astype(float)),
        numeric_column("constant", "feature", np.full(3000, 4.0)),
        numeric_column("huge", "feature", random.normal(size=3000) * 1e300),
        categorical_column("many", "feature", {f"c{i}": 900 // (i + 1) for i in range(60)}, 40, 50),
        numeric_column("tails", "feature", random.lognormal(0, 2, 3000)),
        numeric_column("small", "feature", random.normal(size=3000) * 1e-300),
        categorical_column("one", "label", {"only": 3000}, 0, 50),
    ]


def counted(column: Column, records: int, random: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """Counts and sums of so many records that are not quite like the reference."""
    if isinstance(column, NumericColumn):
        values = column.mean + column.standard_deviation * random.normal(0.3, 1.2, records)
        values[random.random(records) < 0.05] = np.nan
        return count_numbers(column, values)
    shares = (column.counts + 1.0) * random.uniform(0.5, 2.0, column.size)
    return random.multinomial(records, shares / shares.sum()).astype(np.int64), np.empty(0)


def window(
    columns: list[Column], records: int, seed: int
) -> tuple[Compared, list[tuple[IntArray, FloatArray]]]:
    random = np.random.default_rng(seed)
    contents = [counted(column, records, random) for column in columns]
    counts = np.concatenate([counts for counts, _ in contents])
    sums = np.concatenate([sums for _, sums in contents])
    return compare(Reference("m", 3000, tuple(columns), 0.0, "f"), counts, sums), contents


@pytest.mark.parametrize("records", [1, 7, 60, 2000, 100_000])
def test_scores_are_those_of_each_column_alone(records: int) -> None:
    columns = columns_of_all_sorts(np.random.default_rng(1))
    compared, contents = window(columns, records, seed=records)
    for column, (counts, sums), actual in zip(columns, contents, all_scores(compared), strict=True):
        own_sums = sums if isinstance(column, NumericColumn) else None
        expected = plain_scores.drift_scores(column, counts, own_sums)
        assert actual == pytest.approx(expected, rel=1e-9, abs=1e-12), column.name
        assert list(actual) == list(expected)


def test_exported_counts_and_means_are_those_of_each_column_alone() -> None:
    columns = columns_of_all_sorts(np.random.default_rng(1))
    compared, contents = window(columns, 500, seed=2)
    exported = compared.shares.columns.parts(compared.shares.current)
    means = compared.means()
    for i, (column, (counts, sums)) in enumerate(zip(columns, contents, strict=True)):
        assert column.export(counts).tolist() == exported[i].tolist()
        expected = sums.sum() / counts[:-1].sum() if isinstance(column, NumericColumn) else math.nan
        assert means[i] == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_a_column_without_values_leaves_the_others_alone() -> None:
    columns = columns_of_all_sorts(np.random.default_rng(1))
    compared, contents = window(columns, 500, seed=3)
    emptied = [(counts.copy(), sums.copy()) for counts, sums in contents]
    emptied[2][0][:-1] = 0
    emptied[2][0][-1] = 500
    emptied[2][1][:] = 0
    emptied[4][1][:] = np.inf
    other = Compared(
        compared.stacked,
        np.concatenate([counts for counts, _ in emptied]),
        np.concatenate([sums for _, sums in emptied]),
    )
    before, after = all_scores(compared), all_scores(other)
    assert {"psi", "jensenshannon", "hellinger"} == set(after[2])
    assert set(before[4]) - {"wasserstein"} == set(after[4])
    untouched = [i for i in range(len(columns)) if i not in {2, 4}]
    assert [before[i] for i in untouched] == [after[i] for i in untouched]


def test_only_categorical_columns_and_no_columns() -> None:
    columns: list[Column] = [categorical_column("two", "feature", {"a": 20, "b": 10}, 0, 50)]
    assert [set(CATEGORICAL_SCORES)] == [set(scores) for scores in all_scores(window(columns, 90, 1)[0])]
    assert all_scores(Compared(stack([]), np.empty(0, dtype=np.int64), np.empty(0))) == []


@settings(deadline=None)
@given(data=st.data())
def test_segments_do_to_each_part_what_is_done_to_it_alone(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=8))
    total = sum(sizes)
    counts = np.array(data.draw(st.lists(st.integers(0, 9), min_size=total, max_size=total)), dtype=np.int64)
    values = counts * 1.5
    segments = Segments.of(sizes)
    parts = [part.tolist() for part in np.split(counts, np.cumsum(sizes)[:-1])]
    assert parts == [part.tolist() for part in segments.parts(counts)]
    assert [sum(part) for part in parts] == segments.sum(counts).tolist()
    assert [max(part) for part in parts] == segments.max(counts).tolist()
    assert [n for part in parts for n in np.cumsum(part).tolist()] == segments.running(counts).tolist()
    assert [1.5 * n for part in parts for n in np.cumsum(part).tolist()] == segments.running_sums(
        values
    ).tolist()
    assert [n for part in parts for n in [0, *part[:-1]]] == (segments.previous(values) / 1.5).tolist()
    assert [len(part) for part in parts for _ in part] == segments.spread(segments.sizes).tolist()
