import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drift_exporter.judge.confidence import drift_statistic
from drift_exporter.judge.ranking import contributions, excess_psi, weights_of
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import Column

EXCESSES = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=12)


def weighed(excesses: list[float], data: st.DataObject) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Excesses with drawn flags and weights, of which one at least counts."""
    size = len(excesses)
    drifted = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    weight = st.one_of(st.just(0.0), st.just(math.nan), st.floats(1e-3, 1e3))
    weights = data.draw(st.lists(weight, min_size=size, max_size=size))
    assume(any(flag and weight > 0 for flag, weight in zip(drifted, weights, strict=True)))
    return np.array(excesses), np.array(drifted), np.array(weights)


@settings(deadline=None)
@given(excesses=EXCESSES, data=st.data())
def test_shares_add_up_to_one_and_only_drifted_columns_with_a_weight_have_one(
    excesses: list[float], data: st.DataObject
) -> None:
    excess, drifted, weights = weighed(excesses, data)
    shares = contributions(excess, drifted, weights)
    assert (drifted & ~np.isnan(weights)).tolist() == (~np.isnan(shares)).tolist()
    assert np.nansum(shares) == pytest.approx(1.0)
    assert np.nanmin(shares) >= 0.0
    assert (shares[drifted & (weights == 0)] == 0.0).all()


@settings(deadline=None)
@given(excesses=EXCESSES, scale=st.floats(1e-200, 1e200), data=st.data())
def test_the_unit_of_the_weights_does_not_matter(
    excesses: list[float], scale: float, data: st.DataObject
) -> None:
    excess, drifted, weights = weighed(excesses, data)
    expected = contributions(excess, drifted, weights)
    assert contributions(excess, drifted, weights * scale) == pytest.approx(expected, rel=1e-9, nan_ok=True)


@settings(deadline=None)
@given(excesses=EXCESSES, more=st.floats(1e-3, 1e3), data=st.data())
def test_a_larger_excess_or_weight_never_makes_a_share_smaller(
    excesses: list[float], more: float, data: st.DataObject
) -> None:
    excess, drifted, weights = weighed(excesses, data)
    shares = contributions(excess, drifted, weights)
    i = data.draw(st.sampled_from(np.flatnonzero(~np.isnan(shares)).tolist()))
    for raised_excess, raised_weights in ((more, 0.0), (0.0, more)):
        excess_now, weights_now = excess.copy(), weights.copy()
        excess_now[i] += raised_excess
        weights_now[i] += raised_weights
        after = contributions(excess_now, drifted, weights_now)
        assert after[i] >= shares[i] - 1e-12
        others = np.arange(len(excess)) != i
        assert not (after[others] > shares[others] + 1e-12).any()


def test_nothing_to_share_out_is_no_share_and_not_zero() -> None:
    excess, weights = np.array([0.5, 0.2]), np.array([1.0, 1.0])
    nobody = np.array([False, False])
    assert np.isnan(contributions(excess, nobody, weights)).all()
    everybody = np.array([True, True])
    assert np.isnan(contributions(excess, everybody, np.zeros(2))).all()
    assert np.isnan(contributions(excess, everybody, np.full(2, np.nan))).all()
    assert np.isnan(contributions(np.zeros(2), everybody, weights)).all()
    assert contributions(np.empty(0), np.empty(0, dtype=bool), np.empty(0)).tolist() == []


def test_weights_are_those_of_the_map_and_of_features_only() -> None:
    columns: list[Column] = [
        numeric_column("amount", "feature", np.arange(9.0)),
        categorical_column("country", "feature", {"a": 1}, 0, 9),
        categorical_column("prediction", "prediction", {"a": 1}, 0, 9),
        categorical_column("label", "label", {"a": 1}, 0, 9),
        # A feature that is called like a role is a feature.
        numeric_column("score", "feature", np.arange(9.0)),
        numeric_column("score", "score", np.arange(9.0)),
    ]
    nan = math.nan
    assert weights_of(columns, None).tolist() == pytest.approx([1, 1, nan, nan, 1, nan], nan_ok=True)
    given_map = {"amount": 0.4, "score": 0.1, "prediction": 7.0}
    assert weights_of(columns, given_map).tolist() == pytest.approx([0.4, 0, nan, nan, 0.1, nan], nan_ok=True)


@pytest.mark.parametrize("size", [100, 1000, 10_000])
@pytest.mark.parametrize("shift", [0.0, 0.08])
def test_the_excess_is_on_average_what_the_psi_is_beyond_the_tolerance(size: int, shift: float) -> None:
    random = np.random.default_rng(size)
    p = np.full(10, 0.1)
    q = p + shift * np.where(np.arange(10) % 2, 1, -1)
    true_psi = float(((q - p) * np.log(q / p)).sum())
    references, currents = random.multinomial(20_000, p, 400), random.multinomial(size, q, 400)
    statistics = [drift_statistic(r, c) for r, c in zip(references, currents, strict=True)]
    # A tolerance of -1 keeps what is below 0.
    excess = excess_psi(statistics, [-1.0] * 400) - 1.0
    assert excess.mean() == pytest.approx(true_psi, rel=0.15, abs=4 * excess.std() / 20)


def test_what_is_within_chance_and_tolerance_is_no_excess() -> None:
    some = drift_statistic(np.array([50, 50]), np.array([60, 40]))
    statistics = [
        some._replace(value=value, bins=bins, size=size)
        for value, bins, size in ((8.0, 10, 100.0), (12.0, 10, 100.0), (29.0, 10, 100.0), (0.0, 1, 0.0))
    ]
    assert excess_psi(statistics, [0.05] * 4).tolist() == pytest.approx([0.0, 0.0, 0.15, 0.0])
    assert excess_psi([], []).tolist() == []
