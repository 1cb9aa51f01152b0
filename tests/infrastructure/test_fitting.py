"""Learning: of prophet in a process of its own, and whatever becomes of that."""

import sys
import threading

import numpy as np
import pytest

from drift_exporter.config.infrastructure import Forecast
from drift_exporter.infrastructure import fitting
from drift_exporter.infrastructure.fits import Task
from drift_exporter.infrastructure.fitting import Fitter
from drift_exporter.infrastructure.followed import Fit
from support.signals import DAY, NOW, WEEK, daily

TIMES = np.arange(NOW - 2 * WEEK, NOW, 900.0)
PROPHET = Forecast(method="prophet", seasonality_mode="additive")


def task(forecast: Forecast = PROPHET, count: int = len(TIMES)) -> Task:
    times = TIMES[:count]
    values = daily(times)
    values[::50] = np.nan
    return Task(forecast, times, values, 60.0, NOW + 2 * DAY)


def learnt(fitter: Fitter) -> tuple[object, str | None]:
    fitter.work()
    (one,) = fitter.news()
    return one.found, one.problem


def test_prophet_learns_elsewhere() -> None:
    fitter = Fitter()
    fitter.fit(("a",), task())
    fitter.fit(("b",), task(count=20))
    fitter.fit(("c",), task(Forecast(method="prophet", holidays="NOWHERE")))
    fitter.work()
    found = {one.key: one for one in fitter.news()}

    fit = found["a",].found
    assert isinstance(fit, Fit)
    ahead = np.arange(NOW, NOW + 2 * DAY, 3600.0)
    np.testing.assert_allclose(
        100 * (1 + 0.3 * np.sin(2 * np.pi * ahead / DAY)), fit.predict(ahead).expected, atol=6
    )
    assert (None, None) == (found["b",].found, found["b",].problem)
    assert "NOWHERE" in (found["c",].problem or "")
    assert "prophet" not in sys.modules


@pytest.mark.fault("process that learns killed")
def test_a_process_that_ends_is_told_of() -> None:
    fitter = Fitter(command=(sys.executable, "-c", "import sys; sys.stdin.readline(); sys.exit(3)"))
    fitter.fit(("a",), task())
    assert (None, "the process that learns ended with status 3; is there enough memory?") == learnt(fitter)


def test_a_process_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "LONGEST", 0.2)
    fitter = Fitter(command=(sys.executable, "-c", "import time; time.sleep(600)"))
    fitter.fit(("a",), task())
    found, problem = learnt(fitter)
    assert found is None
    assert "ended with status -9" in (problem or "")


def test_what_was_not_foreseen_is_told_of() -> None:
    fitter = Fitter()
    fitter.do(("a",), lambda: 1 / 0)
    assert (None, "ZeroDivisionError: division by zero") == learnt(fitter)


def test_its_end_is_waited_for_by_nobody_who_learns() -> None:
    begun = threading.Event()
    fitter = Fitter(command=(sys.executable, "-c", "import time; time.sleep(600)"))
    fitter.start()
    fitter.do(("a",), begun.set)
    fitter.fit(("b",), task())
    fitter.fit(("c",), task())
    assert begun.wait(30)
    fitter.stop()
    assert not fitter.waiting
