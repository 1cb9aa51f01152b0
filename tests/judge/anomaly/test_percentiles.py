import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from drift_exporter.judge.anomaly.percentiles import HIGHEST, fit_percentiles

scores = st.lists(st.floats(-1e9, 1e9) | st.integers(-3, 3).map(float), min_size=1, max_size=60)


@given(scores)
def test_a_reference_score_has_the_share_that_is_below_it(known: list[float]) -> None:
    expected = [sum(other < one for other in known) / (len(known) + 1) for one in known]
    assert expected == fit_percentiles(np.array(known)).of(np.array(known)).tolist()


@given(scores, scores)
def test_larger_scores_have_no_smaller_percentile(known: list[float], others: list[float]) -> None:
    found = fit_percentiles(np.array(known)).of(np.sort(others))
    assert (np.diff(found) >= 0).all()
    assert (found >= 0).all()
    assert (found < 1).all()


def test_the_order_is_kept_between_and_beyond_the_reference_scores() -> None:
    random = np.random.default_rng(1)
    for known in (random.normal(size=500), random.pareto(0.5, 500), random.integers(0, 9, 500) * 1.0):
        low, high = float(known.min()), float(known.max())
        asked = np.unique(np.concatenate([np.linspace(low, high, 997), high + np.geomspace(1e-3, 1e6, 200)]))
        assert (np.diff(fit_percentiles(known).of(asked)) > 0).all()


@pytest.mark.parametrize("levels", [0, 200, 3])
def test_no_more_records_than_promised_are_beyond_also_where_scores_are_equal(levels: int) -> None:
    random = np.random.default_rng(2)
    share = []
    for _ in range(200):
        known, fresh = random.normal(size=(2, 1_000))
        if levels:
            known, fresh = np.floor(known * levels / 4), np.floor(fresh * levels / 4)
        share.append((fit_percentiles(known).of(fresh) > 0.95).mean())
    mean = float(np.mean(share))
    assert mean <= 0.05 + 3 * float(np.std(share)) / np.sqrt(len(share))
    # Equal scores are told apart by nothing, so that with three values there may be fewer.
    assert mean >= (0.04 if levels != 3 else 0.0)


@pytest.mark.parametrize(("draw", "shape"), [(stats.expon, 0.0), (stats.genpareto(0.5), 0.5)])
def test_beyond_the_largest_score_the_tail_goes_on(draw: stats.rv_continuous, shape: float) -> None:
    """A score ten times as rare as the rarest of the reference is told to be so within a factor of 4."""
    ratios, shapes = [], []
    for seed in range(60):
        found = fit_percentiles(draw.rvs(size=2_000, random_state=seed))
        ratios.append(20_000 * (1 - found.of(np.array([draw.isf(1 / 20_000)]))[0]))
        shapes.append(found.shape)
    assert 0.25 < float(np.median(ratios)) < 4
    assert abs(float(np.median(shapes)) - shape) < 0.15


def test_what_is_no_number_has_no_percentile_and_the_largest_is_below_1() -> None:
    found = fit_percentiles(np.arange(9.0)).of(np.array([np.nan, np.inf, -np.inf, 1e308]))
    assert np.isnan(found[0])
    assert [HIGHEST, 0.0] == found[1:3].tolist()
    assert 0.99 < found[3] < 1


@pytest.mark.parametrize("known", [[0.0], [2.0] * 50, [-1.0, 5.0]])
def test_few_and_constant_scores(known: list[float]) -> None:
    found = fit_percentiles(np.array(known)).of(np.array([known[-1], known[-1] + 1, known[-1] + 2]))
    assert found[0] < found[1] < found[2] < 1
