import numpy as np
import pytest

from drift_exporter.judge.anomaly.encoding import fit_encoding
from drift_exporter.judge.anomaly.settings import Scale
from support.detectors import category, drawn, numbers, numeric_columns


def test_numbers_stay_as_they_are() -> None:
    values = numbers(300, np.random.default_rng(1))
    encoding = fit_encoding(values, numeric_columns(values), "none", values[:0])
    assert (values == encoding.encode(values)).all()
    assert np.median(values, axis=0).tolist() == encoding.centres.tolist()
    assert 1 == len(set(encoding.surprisal(values).tolist()))


@pytest.mark.parametrize("scale", ["standard", "robust"])
def test_numbers_are_scaled(scale: Scale) -> None:
    values = numbers(300, np.random.default_rng(2)) * 1e4
    points = fit_encoding(values, numeric_columns(values), scale, values[:0]).encode(values)
    if scale == "standard":
        np.testing.assert_allclose([points.mean(axis=0), points.std(axis=0)], [[0] * 4, [1] * 4], atol=1e-9)
    else:
        low, middle, high = np.quantile(points, [0.25, 0.5, 0.75], axis=0)
        np.testing.assert_allclose([middle, high - low], [[0] * 4, [1] * 4], atol=1e-9)


def test_missing_numbers_stand_at_the_median_and_huge_ones_are_cut() -> None:
    values = np.append(np.arange(100.0), np.nan)[:, None]
    encoding = fit_encoding(values, numeric_columns(values), "standard", values[:0])
    points = encoding.encode(np.array([[np.nan], [49.5], [1e300], [-1e300], [1e7]]))[:, 0]
    assert points[0] == points[1] == encoding.centres[0]
    assert np.isfinite(points).all()
    assert points[2] > points[4] > 1e5
    assert points[3] < -1e5


@pytest.mark.parametrize("constant", [0.0, 5.0])
@pytest.mark.parametrize("scale", ["none", "standard", "robust"])
def test_a_constant_column_is_a_finite_coordinate(scale: Scale, constant: float) -> None:
    values = np.full((60, 1), constant)
    encoding = fit_encoding(values, numeric_columns(values), scale, values[:0])
    points = encoding.encode(np.array([[constant], [constant + 1], [np.nan]]))[:, 0]
    assert points[2] == points[0] < points[1] < np.inf


def test_categories_are_as_far_out_as_they_are_rare() -> None:
    random = np.random.default_rng(3)
    counts = {"a": 700, "b": 250, "c": 49, "d": 1}
    values = drawn(list(counts.values()), random)[:, None]
    encoding = fit_encoding(values, [category("x", counts)], "none", values[:0])
    found = encoding.encode(np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]))[:, 0]
    np.testing.assert_allclose(-np.log(np.array([700.5, 250.5, 49.5, 1.5, 0.5, 0.5]) / 1003), found)
    assert found[0] == encoding.centres[0]


def test_rows_that_are_held_out_are_not_known() -> None:
    values = drawn([90, 9, 1], np.random.default_rng(4))[:, None]
    column = category("x", {"a": 90, "b": 9, "c": 1})
    held = values[values[:, 0] == 2]
    found = fit_encoding(values, [column], "none", held).encode(np.array([[2.0], [3.0]]))[:, 0]
    # To the others the category is one that was never seen.
    assert found[0] == found[1]


def test_missing_is_as_odd_as_it_is_rare() -> None:
    random = np.random.default_rng(5)
    values = random.normal(size=(1_000, 3))
    values[:300, 1] = np.nan
    values[:2, 2] = np.nan
    encoding = fit_encoding(values, numeric_columns(values), "none", values[:0])
    row, nan = [0.0, 0.0, 0.0], np.nan
    asked = np.array([row, [nan, 0, 0], [0, nan, 0], [0, 0, nan], [nan, nan, nan]])
    found = encoding.surprisal(asked)
    assert [0, 2, 3, 1, 4] == np.argsort(found).tolist()
    np.testing.assert_allclose(np.log(0.7 / 0.3), found[2] - found[0], rtol=0.01)
    assert [[False, False, False], [True, True, True]] == encoding.missing(asked)[[0, 4]].tolist()
