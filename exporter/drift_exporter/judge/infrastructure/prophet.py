"""What a signal is expected to be by Prophet: a piecewise linear trend, seasons as Fourier series, holidays.

Taylor and Letham (2018), Forecasting at scale, The American Statistician 72(1). What it foresees is computed
once on a grid and interpolated after that. Its own intervals are not used: they take errors as independent,
normal and alike at all hours. The band is calibrated as that of ``seasonal`` is, on errors of forecasts for
times that the forecast was not fitted on: four times with the last days left out (rolling origin).

Prophet is imported when a signal first asks for it; it comes with the extra ``prophet``.
"""

import importlib
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from drift_exporter.errors import ConfigurationError
from drift_exporter.judge.infrastructure.band import Band
from drift_exporter.judge.infrastructure.history import DAY, WEEK, History, on_grid
from drift_exporter.judge.infrastructure.prophet_options import check_prophet_options
from drift_exporter.judge.infrastructure.width import Width, fit_width
from drift_exporter.reference.model import FloatArray

GRID = 900.0
"""Seconds between times for which a forecast is computed; also the least between values that it is fitted on:
its seasons know nothing finer."""
KEPT = WEEK
"""What was expected is known for so long before the newest value."""

_ORIGINS = 4
_LEAST = 2 * DAY
_PATIENCE = 120


@dataclass(frozen=True)
class ProphetFit:
    """What is expected of a signal: ``expected`` (g,) every ``GRID`` seconds from ``start`` on, and its band.

    ``fitted`` is the time of the newest value learnt from.
    """

    fitted: float
    start: float
    expected: FloatArray
    width: Width

    def predict(self, times: FloatArray) -> Band:
        """What is expected at times (k,), epoch seconds; NaN outside of what was computed."""
        place = (times - self.start) / GRID
        known = np.arange(len(self.expected))
        expected = np.interp(place, known, self.expected, left=np.nan, right=np.nan)
        return self.width.around(times, expected, expected, expected)

    def to_document(self) -> dict[str, Any]:
        """As JSON can have it."""
        return {
            "fitted": self.fitted,
            "start": self.start,
            "expected": self.expected.tolist(),
            "width": self.width.to_document(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """What ``to_document`` gave."""
        return cls(
            fitted=document["fitted"],
            start=document["start"],
            expected=np.array(document["expected"]),
            width=Width.from_document(document["width"]),
        )


def fit_prophet(
    times: FloatArray, values: FloatArray, options: Mapping[str, Any], *, until: float, step: float = 60.0
) -> ProphetFit | None:
    """The fit of values (n,), NaN where absent, at times (n,), epoch seconds; foreseen to ``until``.

    ``options`` are those of ``prophet_options``; ``step`` is how often the signal is read. None with less
    than two days. Raises ConfigurationError where Prophet is not installed or refuses an option.
    """
    check_prophet_options(options)
    prophet = _load()
    history = on_grid(times, values, step)
    if history is None or history.span < _LEAST:
        return None
    start = max(history.start, history.newest - KEPT)
    grid = np.arange(start, max(until, history.newest) + GRID, GRID)
    own = history.times
    found = _foresee(prophet, options, history, len(own), np.concatenate([grid, own]))
    expected, errors = found[: len(grid)], history.values - found[len(grid) :]
    foretold = _foretold(prophet, options, history, max(until - history.newest, 2 * DAY))
    width = fit_width(history, errors, step=step, foretold=foretold)
    return ProphetFit(fitted=history.newest, start=start, expected=expected, width=width)


def _foretold(
    prophet: ModuleType, options: Mapping[str, Any], history: History, horizon: float
) -> FloatArray:
    """Errors (n,) of forecasts over ``horizon`` seconds at the end of the history; NaN before these."""
    errors = np.full(len(history.values), np.nan)
    ahead = round(horizon / history.cell)
    for origin in range(1, _ORIGINS + 1):
        cut = len(errors) - origin * ahead
        if cut * history.cell < max(_LEAST, history.span / 2) or np.isfinite(history.values[:cut]).sum() < 30:
            break
        part = slice(cut, cut + ahead)
        errors[part] = history.values[part] - _foresee(prophet, options, history, cut, history.times[part])
    return errors


def _foresee(
    prophet: ModuleType, options: Mapping[str, Any], history: History, count: int, times: FloatArray
) -> FloatArray:
    """What is expected at times (k,) by the first ``count`` values of the history."""
    frame = importlib.import_module("pandas").DataFrame
    own = {name: value for name, value in options.items() if name != "holidays"}
    every = max(round(GRID / history.cell), 1)
    past_times, past_values = history.times[:count:every], history.values[:count:every]
    try:
        model = prophet.Prophet(uncertainty_samples=0, **own)
        if "holidays" in options:
            model.add_country_holidays(options["holidays"])
        model.fit(frame({"ds": _dates(past_times), "y": past_values}), seed=0, timeout=_PATIENCE)
    except (ValueError, AttributeError, NotImplementedError) as error:
        raise ConfigurationError(f"prophet cannot be fitted with {dict(options)}: {error}") from error
    # Its answers are in the order of time.
    order = np.argsort(times, kind="stable")
    found = np.empty(len(times))
    found[order] = model.predict(frame({"ds": _dates(times[order])}))["yhat"].to_numpy(np.float64)
    return found


def _dates(times: FloatArray) -> npt.NDArray[np.datetime64]:
    return (times * 1000).astype("datetime64[ms]")


def _load() -> ModuleType:
    """Prophet, with what it tells of each fit kept quiet."""
    # It calls pandas in ways that will go; an equal filter is not added twice.
    warnings.filterwarnings("ignore", module=r"prophet\.", category=DeprecationWarning)
    warnings.filterwarnings("ignore", module=r"prophet\.", category=FutureWarning)
    # What it runs tells of every fit, and without a handler makes itself one.
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)
    stan = logging.getLogger("cmdstanpy")
    stan.setLevel(logging.WARNING)
    if not stan.handlers:
        stan.addHandler(logging.NullHandler())
    try:
        prophet = importlib.import_module("prophet")
    except ImportError as error:
        raise ConfigurationError(
            f"forecast prophet needs what is not installed ({error}); pip install 'drift-exporter[prophet]'"
        ) from error
    logging.getLogger("prophet").setLevel(logging.WARNING)
    return prophet
