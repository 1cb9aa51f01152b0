import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from drift_exporter.judge.multiple import dataset_p_value
from drift_exporter.judge.multivariate.correlation import (
    Correlations,
    Pairs,
    correlation_drift,
    correlations,
    members_of,
    mid_ranks,
)
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import Column, FloatArray


def columns(count: int) -> tuple[Column, ...]:
    return tuple(numeric_column(f"x{i}", "feature", np.arange(10.0)) for i in range(count))


def compared(reference: FloatArray, current: FloatArray, of: tuple[Column, ...], tolerance: float) -> Pairs:
    members = members_of(of)
    sides = [correlations(values, of, members) for values in (reference, current)]
    found = correlation_drift(sides[0], sides[1], members[0], tolerance)
    assert found is not None
    return found


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 7.0]), min_size=1, max_size=40))
def test_ranks_are_those_of_scipy(values: list[float]) -> None:
    np.testing.assert_array_equal(stats.rankdata(values), mid_ranks(np.array(values)))


def test_correlations_are_those_of_scipy_without_the_missing() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(400, 3)).round(1)
    values[:, 1] += values[:, 0] ** 3
    found = correlations(values, columns(3), members_of(columns(3)))
    np.testing.assert_allclose(stats.spearmanr(values).statistic, found.values, atol=1e-12)
    assert np.all(found.records == 400)
    gaps = values.copy()
    gaps[random.random(400) < 0.2, 0] = np.nan
    found = correlations(gaps, columns(3), members_of(columns(3)))
    there = ~np.isnan(gaps[:, 0])
    assert found.records[0, 1] == np.count_nonzero(there)
    expected = stats.spearmanr(gaps[there, 0], gaps[there, 1]).statistic
    # Ranks are among all that the column has, not among those of the pair.
    assert found.values[0, 1] == pytest.approx(expected, abs=0.02)


def test_categories_stand_for_their_most_frequent_ones() -> None:
    of = (
        numeric_column("x", "feature", np.arange(10.0)),
        categorical_column("two", "feature", {"a": 60, "b": 40}, 0, 50),
        categorical_column("four", "feature", {"p": 40, "q": 30, "r": 20, "s": 10}, 0, 50),
    )
    owner, bins = members_of(of)
    assert ([0, 1, 2, 2, 2], [-1, 0, 0, 1, 2]) == (owner.tolist(), bins.tolist())
    random = np.random.default_rng(2)
    x = random.normal(size=3_000)
    loose = np.column_stack([x, random.random(3_000) < 0.4, random.choice(4, 3_000, p=[0.4, 0.3, 0.2, 0.1])])
    tied = loose.copy()
    tied[:, 2] = np.where(x > 0.8, 2, np.where(tied[:, 2] == 2, 0, tied[:, 2]))
    pairs = compared(loose, tied, of, 0.1)
    assert [(0, 1), (0, 2), (1, 2)] == list(zip(pairs.one.tolist(), pairs.other.tolist(), strict=True))
    assert pairs.adjusted[1] < 1e-9
    assert min(pairs.adjusted[0], pairs.adjusted[2]) > 0.5


def test_the_pair_that_has_changed_is_told_from_the_others() -> None:
    random = np.random.default_rng(3)
    reference, current = random.normal(size=(5_000, 30)), random.normal(size=(800, 30))
    reference[:, 7] += reference[:, 3]
    current[:, 7] -= current[:, 3]
    pairs = compared(reference, current, columns(30), 0.1)
    assert 30 * 29 // 2 == len(pairs.one)
    (drifted,) = np.flatnonzero(pairs.adjusted < 0.05)
    assert (3, 7) == (pairs.one[drifted], pairs.other[drifted])
    assert pairs.change[drifted] == pytest.approx(-1.37, abs=0.05)


def test_the_share_of_false_alarms_is_kept() -> None:
    random = np.random.default_rng(4)
    at_zero, at_edge, by_model = [], [], []
    for _ in range(150):
        draws = [random.multivariate_normal([0, 0], [[1, r], [r, 1]], n) for r, n in
                 ((0.3, 500), (0.3, 200), (0.4091, 200))]  # fmt: skip
        at_zero.append(compared(draws[0], draws[1], columns(2), 0.0).p_values[0])
        # Spearman's is 6 / pi asin(r / 2): 0.2876 and 0.3935, which is 0.106 more.
        at_edge.append(compared(draws[0], draws[2], columns(2), 0.106).p_values[0])
        many = [random.normal(size=(n, 12)) for n in (400, 100)]
        by_model.append(dataset_p_value(compared(many[0], many[1], columns(12), 0.0).p_values))
    assert np.mean(np.array(at_zero) < 0.05) == pytest.approx(0.05, abs=0.05)
    assert np.mean(np.array(at_edge) < 0.05) <= 0.07
    assert np.mean(np.array(by_model) < 0.05) <= 0.1


def test_a_change_within_the_tolerance_is_not_drift_however_many_records() -> None:
    sides = [Correlations(np.array([[1.0, r], [r, 1.0]]), np.full((2, 2), 1e7)) for r in (0.5, 0.59)]
    found = correlation_drift(sides[0], sides[1], np.arange(2))
    assert found is not None
    assert [1.0] == found.p_values.tolist()
    beyond = Correlations(np.array([[1.0, 0.62], [0.62, 1.0]]), np.full((2, 2), 1e7))
    found = correlation_drift(sides[0], beyond, np.arange(2))
    assert found is not None
    assert found.p_values[0] < 1e-6


def test_where_there_is_no_pair() -> None:
    of = columns(2)
    constant = np.ones((100, 2))
    side = correlations(constant, of, members_of(of))
    assert np.isnan(side.values).all()
    assert correlation_drift(side, side, members_of(of)[0]) is None
    empty = correlations(np.full((100, 2), np.nan), of, members_of(of))
    assert correlation_drift(empty, empty, np.arange(2)) is None
    one = correlations(constant[:, :1], of[:1], members_of(of[:1]))
    assert correlation_drift(one, one, np.arange(1)) is None
    # Perfectly related columns have no infinite z.
    line = np.arange(100.0)[:, None].repeat(2, axis=1)
    perfect = correlations(line, of, members_of(of))
    found = correlation_drift(perfect, perfect, np.arange(2))
    assert found is not None
    assert [0.0] == found.change.tolist()
