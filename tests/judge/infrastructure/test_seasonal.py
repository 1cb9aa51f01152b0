import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.judge.infrastructure.band import band_score
from drift_exporter.judge.infrastructure.seasonal import SeasonalFit, fit_seasonal
from drift_exporter.reference.model import FloatArray

START = 1_760_000_400.0
DAY, WEEK = 86400.0, 7 * 86400.0


def clock(span: float, step: float) -> FloatArray:
    return START + np.arange(round(span / step)) * step


def season(times: FloatArray) -> FloatArray:
    weekend = np.floor(times / DAY) % 7 >= 5
    return 100 + 30 * np.sin(2 * np.pi * times / DAY) + np.where(weekend, -20.0, 0.0)


def noise(count: int, seed: int) -> FloatArray:
    return np.random.default_rng(seed).normal(0, 2, count)


def known(fit: SeasonalFit | None) -> SeasonalFit:
    assert fit is not None
    return fit


def test_the_week_is_learnt_and_foreseen() -> None:
    times = clock(4 * WEEK, 300)
    fit = known(fit_seasonal(times, season(times) + noise(len(times), 1), step=60))
    later = START + 4 * WEEK + np.arange(0, WEEK, 60.0)
    band = fit.predict(later)
    assert np.abs(band.expected - season(later)).mean() < 1.0
    assert 168 == len(fit.profile)
    assert times[-1] == fit.fitted
    scores = band_score(season(later) + noise(len(later), 2), band)
    assert (scores > 1).mean() < 0.001
    assert (band_score(season(later) + 20, band) > 1).mean() > 0.99


@pytest.mark.parametrize(("span", "slots"), [(4 * WEEK, 168), (10 * DAY, 24), (1.5 * DAY, 1), (3600.0, 1)])
def test_less_past_makes_a_simpler_profile(span: float, slots: int) -> None:
    times = clock(span, 60)
    fit = known(fit_seasonal(times, season(times) + noise(len(times), 3), step=60))
    assert slots == len(fit.profile)


@pytest.mark.parametrize("count", [0, 1, 29])
def test_too_little_is_not_learnt_from(count: int) -> None:
    times = clock(DAY, 300)
    values = np.full(len(times), np.nan)
    values[:count] = 1.0
    assert fit_seasonal(times, values, step=60) is None
    assert fit_seasonal(times[:11], np.ones(11), step=60) is None


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    step=st.sampled_from([15.0, 60.0, 300.0, 3600.0, DAY]),
    count=st.integers(30, 3000),
    absent=st.floats(0, 0.9),
    kind=st.sampled_from(["normal", "constant", "counts", "rare"]),
)
def test_bands_are_in_order_and_survive_being_saved(
    seed: int, step: float, count: int, absent: float, kind: str
) -> None:
    random = np.random.default_rng(seed)
    values = {
        "normal": random.normal(0, 1, count),
        "constant": np.full(count, 7.5),
        "counts": random.poisson(0.4, count).astype(np.float64),
        "rare": (random.random(count) < 0.004).astype(np.float64),
    }[kind]
    values[random.random(count) < absent] = np.nan
    times = clock(count * step, step)
    fit = fit_seasonal(times, values, step=step)
    if fit is None:
        return
    later = times[-1] + np.arange(1, 200) * 77.0
    band = fit.predict(later)
    assert (band.lower <= band.expected).all()
    assert (band.expected < band.upper).all()
    assert np.isfinite(band.upper).all()
    if kind != "normal":
        assert (band.lower >= 0).all()
    again = SeasonalFit.from_document(json.loads(json.dumps(fit.to_document()))).predict(later)
    assert band.expected.tolist() == again.expected.tolist()
    assert band.lower.tolist() == again.lower.tolist()
    assert band.upper.tolist() == again.upper.tolist()


def test_any_change_of_a_constant_is_odd_but_rounding_is_not() -> None:
    times = clock(WEEK, 300)
    fit = known(fit_seasonal(times, np.full(len(times), 50.0), step=60))
    band = fit.predict(np.full(3, times[-1] + 60))
    scores = band_score(np.array([50.0, 50.0 * (1 + 1e-9), 51.0]), band)
    assert 0.0 == scores[0]
    assert scores[1] < 0.001
    assert scores[2] > 100


def test_incidents_in_the_past_hardly_change_the_band() -> None:
    times = clock(4 * WEEK, 300)
    values = season(times) + noise(len(times), 4)
    clean = known(fit_seasonal(times, values, step=60))
    for start, length, by in ((900, 24, 150.0), (3000, 60, -80.0), (6500, 12, 400.0)):
        values[start : start + length] += by
    fit = known(fit_seasonal(times, values, step=60))
    later = times[-1] + np.arange(1, 2017) * 300.0
    before, after = clean.predict(later), fit.predict(later)
    assert np.abs(after.expected - before.expected).max() < 2.0
    assert np.median((after.upper - after.lower) / (before.upper - before.lower)) < 1.2
