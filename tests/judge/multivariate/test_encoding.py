import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from drift_exporter.judge.multivariate.encoding import MOST_INDICATORS, fit_encoding, varying
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import FloatArray


def test_numbers_become_normal_scores_whatever_their_scale() -> None:
    raw = np.random.default_rng(1).normal(size=900)
    points = []
    for values in (raw, np.exp(5 * raw), raw * 1e-9 + 3):
        encoding = fit_encoding(values[:, None], [numeric_column("x", "feature", values)])
        points.append(encoding.encode(values[:, None])[:, 0])
    expected = stats.norm.ppf((stats.rankdata(raw) - 0.5) / len(raw))
    np.testing.assert_allclose(expected / expected.std(), points[0], atol=1e-9)
    np.testing.assert_allclose(points[0], points[1], atol=1e-9)
    np.testing.assert_allclose(points[0], points[2], atol=1e-6)


def test_outliers_are_cut_and_missing_values_stand_at_the_mean() -> None:
    values = np.append(np.arange(99.0), np.nan)
    column = numeric_column("x", "feature", values)
    encoding = fit_encoding(values[:, None], [column])
    points = encoding.encode(np.array([[1e300], [98.0], [-1e300], [0.0], [np.nan], [49.0]]))
    assert points[0, 0] == points[1, 0]
    assert points[2, 0] == points[3, 0]
    assert points[0, 0] == pytest.approx(-points[2, 0])
    assert 0.0 == points[4, 0]
    assert abs(points[5, 0]) < 1e-12
    # The second coordinate says what is missing: 1 in 100 was.
    assert [-0.1, -0.1, -0.1, -0.1, 9.9, -0.1] == np.round(points[:, 1], 1).tolist()
    assert [0, 0] == encoding.owner.tolist()


def test_categories_become_indicators_of_the_frequent_ones_and_the_rest() -> None:
    shares = np.array([0.3, 0.2, 0.1, 0.1, 0.08, 0.07, 0.05, 0.04, 0.03, 0.02, 0.01])
    codes = np.repeat(np.arange(11.0), (1000 * shares).astype(int))
    column = categorical_column(
        "c", "feature", {f"{i:02d}": int(n) for i, n in enumerate(np.bincount(codes.astype(int)))}, 0, 50
    )
    encoding = fit_encoding(codes[:, None], [column])
    # Seven that are frequent beside the most frequent, the rest, missing.
    assert 9 == len(encoding.owner)
    points = encoding.encode(np.array([[0.0], [1.0], [10.0], [11.0], [12.0]]))
    assert points[2].tolist() == points[3].tolist()
    assert 1.0 == points[1, 0] * np.sqrt(0.16) + 0.2
    raised = [(points[row] - points[0] > 1).nonzero()[0].tolist() for row in (1, 2, 4)]
    assert [[0], [7], [8]] == raised
    np.testing.assert_allclose(encoding.encode(codes[:, None]).mean(axis=0), 0, atol=1e-12)


def test_many_columns_of_many_categories_stay_narrow() -> None:
    codes = np.random.default_rng(2).integers(0, 30, (500, 200)).astype(float)
    column = categorical_column("c", "feature", {f"{i:02d}": 30 - i for i in range(30)}, 0, 50)
    assert len(fit_encoding(codes, [column] * 200).owner) <= 200 * 2 + MOST_INDICATORS


TABLES = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 2.5, -1e9, np.nan]), st.integers(0, 3)), min_size=1, max_size=30
)


@settings(deadline=None, max_examples=50)
@given(reference=TABLES, current=TABLES)
def test_every_record_has_a_place(
    reference: list[tuple[float, int]], current: list[tuple[float, int]]
) -> None:
    columns = (
        numeric_column("x", "feature", np.array([0.0, 1.0])),
        categorical_column("c", "feature", {"a": 2, "b": 1}, 0, 50),
    )
    tables: list[FloatArray] = [np.array(one, dtype=np.float64) for one in (reference, current)]
    encoding = fit_encoding(tables[0], columns)
    points = [encoding.encode(table) for table in tables]
    assert np.isfinite(points[0]).all()
    assert np.isfinite(points[1]).all()
    np.testing.assert_allclose(points[0].mean(axis=0), 0, atol=1e-9)
    used = varying(*points)
    for coordinate in range(len(encoding.owner)):
        both = np.concatenate([one[:, coordinate] for one in points])
        assert (coordinate in used) == (both.min() < both.max())
