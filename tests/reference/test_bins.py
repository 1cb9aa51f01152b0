import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.bins import categorical_column, numeric_column, numeric_column_from_distinct
from drift_exporter.reference.model import FloatArray, NumericColumn

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture
def random() -> np.random.Generator:
    """Anew for every test: its values do not depend on which tests ran before it."""
    return np.random.default_rng(20)


def column_of(values: FloatArray) -> NumericColumn:
    return numeric_column("x", "feature", values)


def test_continuous_values_have_ten_bins_at_the_deciles(random: np.random.Generator) -> None:
    values = random.normal(size=10_000)
    column = column_of(values)

    np.testing.assert_array_equal(
        np.quantile(values, np.arange(1, 10) / 10, method="inverted_cdf"), column.edges
    )
    assert column.export(column.counts).tolist() == [1000] * 10 + [0]


def test_continuous_values_have_128_fine_bins_and_a_few_in_the_tails(random: np.random.Generator) -> None:
    values = random.uniform(size=128_000)
    column = column_of(values)
    assert len(column.fine_counts) == 128
    assert column.fine_counts.max() <= math.ceil(128_000 / 120)

    normal = column_of(random.normal(size=100_000))
    assert 128 <= len(normal.fine_counts) <= 150


def test_every_exported_edge_is_a_fine_edge(random: np.random.Generator) -> None:
    for values in (
        random.normal(size=5000),
        random.integers(0, 90, 5000).astype(float),
        random.integers(0, 400, 5000).astype(float),
        np.round(random.lognormal(0, 2, 5000), 1),
        np.array([4.0]),
    ):
        column = column_of(values)
        assert np.isin(column.edges, column.fine_edges).all()


def test_bounds_are_inclusive_and_the_ends_are_open() -> None:
    column = column_of(np.arange(1.0, 101.0))
    assert column.edges.tolist() == [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0]
    assert column.export(column.counts).tolist() == [10] * 10 + [0]


@pytest.mark.parametrize("distinct", [2, 3, 9, 10])
def test_few_distinct_values_have_an_exported_bin_each(distinct: int) -> None:
    values = np.arange(distinct) * 1.5
    counts = np.arange(distinct) + 1
    column = column_of(np.repeat(values, counts))
    np.testing.assert_array_equal(values[:-1], column.edges)
    assert [*counts.tolist(), 0] == column.export(column.counts).tolist()


@pytest.mark.parametrize("distinct", [2, 10, 11, 63, 64, 100, 127, 128])
def test_up_to_128_distinct_values_have_a_fine_bin_each(distinct: int, random: np.random.Generator) -> None:
    values = random.choice(random.normal(size=distinct), 20_000)
    _, counts = np.unique(values, return_counts=True)
    column = column_of(values)
    assert counts.tolist() == column.fine_counts[column.fine_counts > 0].tolist()


def test_a_heavy_value_among_continuous_ones_has_a_fine_bin_of_its_own(random: np.random.Generator) -> None:
    values = np.where(random.random(20_000) < 0.3, 1.0, random.normal(size=20_000))
    column = column_of(values)
    place = int(np.searchsorted(column.fine_edges, 1.0))
    assert column.fine_edges[place] == 1.0
    assert column.fine_edges[place - 1] == math.nextafter(1.0, -math.inf)
    assert (values == 1.0).sum() == column.fine_counts[place]


def test_a_heavy_value_leaves_the_other_bins_even(random: np.random.Generator) -> None:
    values = np.where(np.arange(20_000) < 11_000, 0.0, random.exponential(size=20_000))
    column = column_of(values)
    assert column.export(column.counts).tolist() == [11_000] + [1000] * 9 + [0]


def test_fine_bins_of_several_values_hold_little(random: np.random.Generator) -> None:
    for values in (
        random.lognormal(0, 2, 30_000),
        np.round(random.normal(size=30_000), 2),
        np.where(random.random(30_000) < 0.9, 0.0, random.normal(size=30_000)),
        np.concatenate([np.repeat(np.arange(100.0), 290), random.uniform(40, 41, 1000)]),
    ):
        column = column_of(values)
        place = np.searchsorted(column.fine_edges, np.unique(values))
        several = np.flatnonzero(np.bincount(place, minlength=column.size - 1) > 1)
        assert column.fine_counts[several].max(initial=0) <= 0.012 * len(values)


def test_a_constant_has_bins_below_at_and_above_it() -> None:
    column = column_of(np.full(50, 7.0))
    assert [math.nextafter(7.0, 0.0), 7.0] == column.edges.tolist()
    assert column.export(column.counts).tolist() == [0, 50, 0, 0]
    assert column.standard_deviation == 0.0


def test_missing_values_are_counted_apart() -> None:
    column = column_of(np.array([1.0, np.nan, 2.0, np.nan, 2.0]))
    assert column.missing == 2
    assert column.export(column.counts).tolist() == [1, 2, 2]
    assert column.mean == pytest.approx(5 / 3)


def test_moments_are_those_of_the_raw_values(random: np.random.Generator) -> None:
    values = random.lognormal(3, 1, 10_000)
    column = column_of(values)
    assert column.mean == pytest.approx(values.mean(), rel=1e-12)
    assert column.standard_deviation == pytest.approx(values.std(), rel=1e-12)
    assert values.min() == column.minimum
    assert values.max() == column.maximum
    assert column.fine_sums.sum() == pytest.approx(values.sum(), rel=1e-12)


def test_a_large_offset_does_not_spoil_the_deviation(random: np.random.Generator) -> None:
    values = 1e9 + random.normal(size=10_000)
    assert column_of(values).standard_deviation == pytest.approx(values.std(), rel=1e-6)


def test_counted_distinct_values_give_the_same_column_in_any_order(random: np.random.Generator) -> None:
    values = np.round(random.normal(size=5000), 2)
    distinct, counts = np.unique(values, return_counts=True)
    order = random.permutation(len(distinct))
    expected = column_of(values)
    actual = numeric_column_from_distinct("x", "feature", distinct[order], counts[order], 0)
    np.testing.assert_array_equal(expected.edges, actual.edges)
    np.testing.assert_array_equal(expected.fine_edges, actual.fine_edges)
    np.testing.assert_array_equal(expected.fine_counts, actual.fine_counts)


def test_negative_zero_is_zero() -> None:
    column = column_of(np.array([-0.0, 0.0, 1.0]))
    assert column.export(column.counts).tolist() == [2, 1, 0]
    assert not np.signbit(column.edges).any()


@settings(max_examples=150)
@given(
    npst.arrays(
        np.float64,
        st.integers(1, 400),
        elements=st.one_of(FINITE, st.just(float("nan")), st.integers(0, 12).map(float)),
    ).filter(lambda values: not np.isnan(values).all())
)
def test_whatever_the_values_edges_are_finite_and_ascend_and_nothing_is_lost(values: FloatArray) -> None:
    column = column_of(values)
    present = values[~np.isnan(values)]
    for edges in (column.edges, column.fine_edges):
        assert np.isfinite(edges).all()
        assert (edges[1:] > edges[:-1]).all()
    assert np.isin(column.edges, column.fine_edges).all()
    assert len(present) == column.fine_counts.sum()
    assert len(values) == column.counts.sum()
    expected = np.bincount(np.searchsorted(column.edges, present), minlength=len(column.edges) + 1)
    assert [*expected.tolist(), column.missing] == column.export(column.counts).tolist()
    assert len(column.edges) <= 9
    assert math.isfinite(column.mean)
    assert column.standard_deviation >= 0


def test_the_largest_and_the_smallest_doubles_can_be_binned() -> None:
    largest = sys.float_info.max
    column = column_of(np.array([-largest, -5e-324, 0.0, 5e-324, largest]))
    assert [-largest, -5e-324, 0.0, 5e-324] == column.edges.tolist()
    assert column.export(column.counts).tolist() == [1, 1, 1, 1, 1, 0]
    assert column_of(np.array([-largest])).export(np.array([1, 0, 0])).tolist() == [1, 0, 0]


def test_many_values_across_all_doubles_can_be_binned() -> None:
    largest = sys.float_info.max
    for values in (
        np.linspace(-1.0, 1.0, 401) * largest,
        np.concatenate([np.linspace(-1.0, -0.99, 200), np.linspace(0.99, 1.0, 200)]) * largest,
        np.concatenate([np.zeros(4000), np.linspace(0.0, 1.0, 400) * largest]),
        np.linspace(-1.0, 1.0, 401) * 1e-310,
    ):
        column = column_of(values)
        assert (column.fine_edges[1:] > column.fine_edges[:-1]).all()
        assert np.isfinite(column.fine_edges).all()
        assert column.fine_counts.sum() == len(values)
        assert len(column.fine_edges) < 400


@pytest.mark.parametrize("values", [np.array([]), np.array([np.nan, np.nan])])
def test_a_column_without_values_is_refused(values: FloatArray) -> None:
    with pytest.raises(ReferenceFileError, match="column 'x' has no values"):
        column_of(values)


def test_infinite_or_repeated_values_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="finite and distinct"):
        column_of(np.array([1.0, np.inf]))
    with pytest.raises(ValueError, match="finite and distinct"):
        numeric_column_from_distinct("x", "feature", np.array([1.0, 1.0]), np.array([1, 2]), 0)


def test_categories_are_ranked_by_frequency_then_name_and_limited() -> None:
    column = categorical_column("x", "feature", {"b": 3, "a": 3, "rare": 1, "d": 9, "never": 0}, 4, 3)
    assert column.categories == ("d", "a", "b")
    assert column.counts.tolist() == [9, 3, 3, 1, 4]


def test_a_categorical_column_without_values_is_refused() -> None:
    with pytest.raises(ReferenceFileError, match="missing in all 12 rows"):
        categorical_column("x", "feature", {}, 12, 50)
    with pytest.raises(ReferenceFileError, match="there are no rows"):
        categorical_column("x", "feature", {"a": 0}, 0, 50)
