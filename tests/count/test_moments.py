import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.count.moments import (
    MOMENTS,
    moments_of_binary,
    moments_of_multiclass,
    moments_of_ranking,
    moments_of_regression,
)

NAN = np.nan


def test_of_binary_by_hand() -> None:
    found = moments_of_binary(np.array([0.2, 0.2, 1.0, 1 + 1e-7]), np.array([1.0, 0.0, 1.0, 1.0]))
    loss = -np.log([0.2, 0.8])
    expected = [[1, loss[0], loss[0] ** 2, 0.64, 0.64**2], [1, loss[1], loss[1] ** 2, 0.04, 0.04**2]]
    assert found[:2] == pytest.approx(np.array(expected))
    assert found[2:] == pytest.approx(np.array([[1, 0, 0, 0, 0]] * 2), abs=1e-12)


@pytest.mark.parametrize(("score", "positive"), [(NAN, 1), (0.5, NAN), (1.1, 1), (-0.1, 0), (np.inf, 1)])
def test_of_binary_what_is_no_probability_or_label_adds_nothing(score: float, positive: float) -> None:
    assert not moments_of_binary(np.array([score]), np.array([positive])).any()


def test_of_multiclass_by_hand() -> None:
    scores = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0], [0.2, NAN, 0.3], [0.2, 0.5, 0.3], [0.2, 0.5, 0.3]])
    found = moments_of_multiclass(scores, np.array([2, 0, 0, 3, -1]))
    own, least = -np.log(0.3), -np.log(np.finfo(np.float64).eps)
    assert found == pytest.approx(np.array([[1, own, own**2], [1, least, least**2], *[[0, 0, 0]] * 3]))


def test_of_regression_by_hand() -> None:
    found = moments_of_regression(np.array([5.0, NAN]), np.array([2.0, 2.0]), centre=1.0)
    assert [1, 3, 3, 9, 81, 1.5, 2.25, 1, 1, 1, 1, 9, 9] == found[0].tolist()
    assert not found[1].any()


def test_of_ranking_by_hand() -> None:
    position = np.array([1.0, 3.0, 3.0, NAN, 0.0, 1.0])
    found = moments_of_ranking(position, np.array([0.0, 1.0, 0.0, 1.0, 1.0, NAN]))
    expected = [
        [1, 0, 1, 0, 0, 0, 0],
        [1, 1, 0, 1 / 3, 1 / 9, 0.5, 0.25],
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ]
    assert found == pytest.approx(np.array(expected))


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=20))
def test_whatever_the_values_terms_are_finite_and_as_many_as_named(rows: list[tuple[float, float]]) -> None:
    first, second = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    label = (np.nan_to_num(second) > 0).astype(np.int64)
    for task, found in (
        ("binary", moments_of_binary(first, second)),
        ("multiclass", moments_of_multiclass(np.stack([first, second], axis=1), label)),
        ("regression", moments_of_regression(first, second)),
        ("ranking", moments_of_ranking(first, second)),
    ):
        assert (len(rows), len(MOMENTS[task])) == found.shape
        assert np.isfinite(found.sum(axis=0)).all()
