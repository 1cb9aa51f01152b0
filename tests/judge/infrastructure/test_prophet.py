import json
import re
import sys

import numpy as np
import pytest

from drift_exporter.errors import ConfigurationError
from drift_exporter.judge.infrastructure.band import band_score
from drift_exporter.judge.infrastructure.prophet import GRID, ProphetFit, fit_prophet
from drift_exporter.reference.model import FloatArray

DAY = 86400.0
START = 1_765_756_800.0  # 2025-12-15
TIMES = START + np.arange(0, 14 * DAY, 900.0)
UNTIL = TIMES[-1] + DAY
HOLIDAY = START + 10.5 * DAY  # noon of the 25th


def signal(times: FloatArray, seed: int) -> FloatArray:
    """A day's course and a trend; a third of it at Christmas."""
    values = 100 + (times - START) / DAY + 30 * np.sin(2 * np.pi * times / DAY)
    day = np.floor((times - START) / DAY)
    low = np.where((day == 10) | (day == 11), 0.3, 1.0)
    noise = np.random.default_rng(seed).normal(0, 2, len(times))
    return np.asarray(values * low + noise, dtype=np.float64)


def known(fit: ProphetFit | None) -> ProphetFit:
    assert fit is not None
    return fit


@pytest.fixture(scope="module")
def plain() -> ProphetFit:
    values = signal(TIMES, 1)
    values[100:140] = np.nan
    return known(fit_prophet(TIMES, values, {}, until=UNTIL))


@pytest.fixture(scope="module")
def with_holidays() -> ProphetFit:
    return known(fit_prophet(TIMES, signal(TIMES, 1), {"holidays": "DE"}, until=UNTIL))


def test_trend_and_season_are_foreseen(with_holidays: ProphetFit) -> None:
    later = np.arange(TIMES[-1] + 60, UNTIL, 60.0)
    band = with_holidays.predict(later)
    assert np.abs(band.expected - signal(later, 2)).mean() < 6.0
    assert (band_score(signal(later, 2), band) <= 1).mean() > 0.99
    assert TIMES[-1] == with_holidays.fitted


def test_holidays_of_a_country_are_known(plain: ProphetFit, with_holidays: ProphetFit) -> None:
    day = HOLIDAY + np.arange(-11 * 3600, 11 * 3600, 900.0)
    missed = abs((plain.predict(day).expected - signal(day, 2)).mean())
    assert abs((with_holidays.predict(day).expected - signal(day, 2)).mean()) < missed / 4


def test_nothing_is_said_beyond_what_was_computed(plain: ProphetFit) -> None:
    band = plain.predict(np.array([TIMES[-1] - 8 * DAY, TIMES[-1] - 6 * DAY, UNTIL, UNTIL + 2 * GRID]))
    assert [False, True, True, False] == np.isfinite(band.expected).tolist()
    assert [False, True, True, False] == np.isfinite(band.lower).tolist()
    assert [False, True, True, False] == np.isfinite(band.upper).tolist()


def test_a_fit_survives_being_saved(with_holidays: ProphetFit) -> None:
    times = np.arange(TIMES[-1], UNTIL, 777.0)
    again = ProphetFit.from_document(json.loads(json.dumps(with_holidays.to_document())))
    expected, actual = with_holidays.predict(times), again.predict(times)
    assert expected.expected.tolist() == actual.expected.tolist()
    assert expected.lower.tolist() == actual.lower.tolist()
    assert expected.upper.tolist() == actual.upper.tolist()
    assert (expected.lower < expected.expected).all()
    assert (expected.expected < expected.upper).all()


def test_fits_are_alike_and_quiet(
    plain: ProphetFit, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    values = signal(TIMES, 1)
    values[100:140] = np.nan
    again = known(fit_prophet(TIMES, values, {}, until=UNTIL))
    assert plain.expected.tolist() == again.expected.tolist()
    assert ("", "") == capfd.readouterr()
    assert [] == caplog.messages


def test_less_than_two_days_are_too_little() -> None:
    times = START + np.arange(0, 2 * DAY - 900, 300.0)
    assert fit_prophet(times, np.ones(len(times)), {}, until=times[-1] + DAY) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"changepoints": 3}, "prophet has no option 'changepoints' here; did you mean n_changepoints?"),
        ({"interval_width": 0.9}, "prophet has no option 'interval_width' here; there are growth"),
        ({"growth": "logistic"}, "option growth of prophet is 'logistic'; it has to be linear or flat"),
        ({"changepoint_prior_scale": 0}, "it has to be a number above 0"),
        ({"changepoint_range": 1.5}, "it has to be a number above 0, at most 1"),
        ({"n_changepoints": -1}, "it has to be a whole number of at least 0"),
        ({"holidays": 49}, "it has to be a country's code such as DE"),
        ({"weekly_seasonality": "yes"}, "it has to be auto, true, false or a number of Fourier terms"),
        ({"holidays": "ZZ"}, "prophet cannot be fitted with {'holidays': 'ZZ'}: "),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        fit_prophet(TIMES, signal(TIMES, 1), options, until=UNTIL)


def test_options_reach_prophet() -> None:
    options = {
        "growth": "flat",
        "seasonality_mode": "multiplicative",
        "daily_seasonality": 2,
        "weekly_seasonality": False,
        "n_changepoints": 0,
        "changepoint_prior_scale": 0.1,
    }
    times = TIMES[: 4 * 96]
    fit = known(fit_prophet(times, signal(times, 3), options, until=times[-1] + DAY))
    days = fit.predict(times[-1] + np.array([0.0, DAY])).expected
    assert days[0] == pytest.approx(days[1], rel=1e-6)


def test_without_prophet_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prophet", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'drift-exporter\[prophet\]'"):
        fit_prophet(TIMES, signal(TIMES, 1), {}, until=UNTIL)
