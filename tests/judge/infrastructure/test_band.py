import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.judge.infrastructure.band import (
    WEEK,
    Band,
    Direction,
    band_score,
    confirmed,
    outside_share,
)
from drift_exporter.reference.model import FloatArray

SCORES = st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5, 3.0, np.nan, np.inf]), max_size=60)


def array(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float64)


BAND = Band(array(10, 10, 10, 10, 10), array(8, 8, 8, 8, 8), array(14, 14, 14, 14, 14))


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("both", [0.0, 1.0, 2.0, 1.0, 2.0]),
        ("up", [0.0, 1.0, 2.0, 0.0, 0.0]),
        ("down", [0.0, 0.0, 0.0, 1.0, 2.0]),
    ],
)
def test_a_score_is_the_distance_in_half_widths_on_the_values_side(
    direction: Direction, expected: list[float]
) -> None:
    assert expected == band_score(array(10, 14, 18, 8, 6), BAND, direction).tolist()


def test_what_is_not_known_has_no_score() -> None:
    band = Band(array(1, np.nan, 1), array(0, np.nan, np.nan), array(2, np.nan, 2))
    assert np.isnan(band_score(array(np.nan, 1, 0.5), band)).all()


def test_a_side_without_width_is_measured_by_the_other_one() -> None:
    band = Band(array(0, 0, 0), array(0, 0, 0), array(4, 4, 0))
    assert [0.5, 0.0, np.inf] == band_score(array(-2, 0, -2), band).tolist()


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0, 1.5, 0, 0, 0], [0, 0, 0, 0, 0]),
        ([0, 1.5, 1.5, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0, 0]),
        ([0, 1.5, 0, 1.5, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0]),
        ([0, 1.5, 0, 0, 1.5, 0, 0], [0, 0, 0, 0, 0, 0, 0]),
        ([0, 2.5, 0, 0, 0], [0, 1, 1, 1, 0]),
        ([1.5, np.nan, 1.5, np.nan, np.nan, np.nan], [0, 0, 1, 1, 1, 0]),
        ([np.inf, 1.0], [1, 1]),
        ([], []),
    ],
)
def test_two_of_three_values_outside_or_one_far_outside_are_an_anomaly(
    scores: list[float], expected: list[int]
) -> None:
    assert expected == confirmed(array(*scores)).astype(int).tolist()


@given(SCORES)
def test_what_is_confirmed_depends_on_the_past_alone(scores: list[float]) -> None:
    whole = confirmed(array(*scores)).tolist()
    assert whole == [bool(confirmed(array(*scores[: n + 1]))[-1]) for n in range(len(scores))]


def test_a_band_leaves_out_so_few_values_that_two_of_them_are_had_once_a_week() -> None:
    assert pytest.approx(1) == outside_share(60) * WEEK / 60 / 2
    assert pytest.approx(1) == outside_share(300) * WEEK / 300 / 2
    assert 0.004 == outside_share(86400)
