"""Fits by the name of their method: made from values, and read from what was saved of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drift_exporter.config.infrastructure import Forecast
from drift_exporter.infrastructure.followed import Fit
from drift_exporter.judge.infrastructure.seasonal import SeasonalFit, fit_seasonal
from drift_exporter.reference.model import FloatArray


@dataclass(frozen=True)
class Task:
    """What is to be learnt: from values (n,), NaN where absent, at times (n,), read every ``step`` seconds.

    What is expected has to hold until ``until``. Times are in seconds since the epoch.
    """

    forecast: Forecast
    times: FloatArray
    values: FloatArray
    step: float
    until: float


def learn(task: Task) -> Fit | None:
    """The fit; None where there is too little to learn from."""
    if task.forecast.method == "prophet":
        from drift_exporter.judge.infrastructure.prophet import (  # noqa: PLC0415  # only where configured
            fit_prophet,
        )

        options = {
            key: getattr(task.forecast, key)
            for key in ("holidays", "changepoint_prior_scale", "seasonality_mode")
            if getattr(task.forecast, key) is not None
        }
        return fit_prophet(task.times, task.values, options, step=task.step, until=task.until)
    return fit_seasonal(task.times, task.values, step=task.step)


def read_fit(method: str, document: Mapping[str, Any]) -> Fit:
    """The fit that ``to_document`` gave; KeyError, TypeError or ValueError where it is none."""
    if method == "prophet":
        from drift_exporter.judge.infrastructure.prophet import ProphetFit  # noqa: PLC0415  # as above

        return ProphetFit.from_document(document)
    return SeasonalFit.from_document(document)
