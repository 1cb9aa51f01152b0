import numpy as np
import pytest

from drift_exporter.count.counting import count_columns
from drift_exporter.count.layout import make_layout
from drift_exporter.decode.plan import (
    CODE_FIRST,
    CODE_MISSING,
    CODE_OTHER,
    CategoricalLeaf,
    NumericLeaf,
    Plan,
)
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.counted import with_counts, without_counts
from drift_exporter.reference.model import CategoricalColumn, NumericColumn
from support.records import reference

BINS = reference(
    categorical_column("country", "feature", {"a": 6, "b": 4}, 0, 50),
    numeric_column("amount", "feature", np.arange(10.0)),
    numeric_column("age", "feature", np.arange(20.0, 30.0)),
)


def test_the_counts_are_the_new_ones_and_the_bins_stay() -> None:
    plan = Plan(
        numeric=(NumericLeaf(("amount",), "amount", "feature"), NumericLeaf(("age",), "age", "feature")),
        categorical=(CategoricalLeaf(("country",), "country", "feature", ("a", "b")),),
    )
    layout = make_layout(BINS, plan)
    amount = np.array([1.0, 1.0, 99.0, np.nan])
    age = np.array([25.0, np.nan, np.nan, np.nan])
    country = np.array([CODE_FIRST + 1, CODE_OTHER, CODE_MISSING, CODE_FIRST + 1])
    found = count_columns(layout, (amount, age), (country,), np.zeros(4, dtype=np.int64), 1)

    made = with_counts(BINS, found.counts[0], found.sums[0], 4, (10.0, 20.0))

    assert (4, 10.0, 20.0, BINS.fingerprint) == (made.rows, made.start, made.end, made.fingerprint)
    names, amounts, ages = made.columns
    assert isinstance(names, CategoricalColumn)
    assert isinstance(amounts, NumericColumn)
    assert isinstance(ages, NumericColumn)
    assert ([0, 2], 1, 1) == (names.category_counts.tolist(), names.other, names.missing)
    assert {"1": 2, "9": 1, "missing": 1} == {
        name: count for name, count in zip(amounts.bins, amounts.exported_counts, strict=True) if count
    }
    assert (101.0, 101.0 / 3, 1) == (amounts.fine_sums.sum(), amounts.mean, amounts.missing)
    assert (25.0, 3, BINS.columns[2].standard_deviation) == (ages.mean, ages.missing, ages.standard_deviation)  # type: ignore[union-attr]
    for old, new in zip(BINS.columns, made.columns, strict=True):
        assert old.bins == new.bins


def test_bins_alone_have_no_counts() -> None:
    bare = without_counts(BINS)

    assert [0, 0, 0] == [int(column.exported_counts.sum()) for column in bare.columns]
    assert 0 == bare.rows
    amount = bare.columns[1]
    assert isinstance(amount, NumericColumn)
    assert pytest.approx(4.5) == amount.mean
