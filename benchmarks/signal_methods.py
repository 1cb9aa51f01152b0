"""Ways to score a signal against its own past: ours, and plain ones to compare with."""

import warnings
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from drift_exporter.judge.infrastructure.band import band_score, confirmed
from drift_exporter.judge.infrastructure.prophet import fit_prophet
from drift_exporter.judge.infrastructure.seasonal import fit_seasonal

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
HOUR, DAY, WEEK = 3600.0, 86400.0, 7 * 86400.0
LAGS = 12
COARSE = 300.0


def runs(count: int, times: FloatArray, every: float) -> list[tuple[int, int]]:
    """Ranges of places from ``count`` on that are ``every`` seconds long: between them a forecast is made."""
    places = np.floor((times[count:] - times[count]) / every)
    starts = count + np.flatnonzero(np.diff(places, prepend=-1.0) > 0)
    return list(zip(starts.tolist(), [*starts[1:].tolist(), len(times)], strict=True))


def past(times: FloatArray, values: FloatArray, end: int, length: float) -> tuple[FloatArray, FloatArray]:
    """Times and values of ``length`` seconds before place ``end``, no finer than five minutes."""
    start = int(np.searchsorted(times, times[end - 1] - length, "right"))
    spacing = float(np.median(np.diff(times[start:end])))
    every = max(round(COARSE / spacing), 1) if length >= 2 * DAY else 1
    return times[start:end:every], values[start:end:every]


def seasonal(times: FloatArray, values: FloatArray, count: int, step: float) -> FloatArray:
    """Scores (n - count,) by ``seasonal``, learnt anew every six hours (or 24 values) from four weeks."""
    found = np.full(len(values), np.nan)
    for start, end in runs(count, times, max(6 * HOUR, 24 * step)):
        fit = fit_seasonal(*past(times, values, start, max(4 * WEEK, 1000 * step)), step=step)
        if fit is not None:
            found[start:end] = band_score(values[start:end], fit.predict(times[start:end]))
    return found[count:]


def prophet(times: FloatArray, values: FloatArray, count: int, step: float) -> FloatArray:
    """Scores (n - count,) by ``prophet``, learnt anew every day (or 1,000 values) from four weeks."""
    found = np.full(len(values), np.nan)
    for start, end in runs(count, times, max(DAY, 1000 * step)):
        known = past(times, values, start, max(4 * WEEK, 1000 * step))
        fit = fit_prophet(*known, {}, until=times[end - 1], step=step)
        if fit is not None:
            found[start:end] = band_score(values[start:end], fit.predict(times[start:end]))
    return found[count:]


def three_sigma(times: FloatArray, values: FloatArray, count: int, step: float) -> FloatArray:  # noqa: ARG001
    """Distance from the mean of the past, in three standard deviations."""
    known = values[:count]
    return np.abs(values[count:] - known.mean()) / max(3 * known.std(), 1e-12)


def rolling_three_sigma(times: FloatArray, values: FloatArray, count: int, step: float) -> FloatArray:  # noqa: ARG001
    """Distance from the mean of the last day (or 288 values), in three of its standard deviations."""
    width = min(max(round(DAY / step), 288), count)
    sums = np.cumsum(np.concatenate([[0.0], values]))
    squares = np.cumsum(np.concatenate([[0.0], (values - values[:count].mean()) ** 2]))
    places = np.arange(count, len(values))
    mean = (sums[places] - sums[places - width]) / width
    shifted = mean - values[:count].mean()
    spread = np.sqrt(np.maximum((squares[places] - squares[places - width]) / width - shifted**2, 0))
    return np.abs(values[count:] - mean) / np.maximum(3 * spread, 1e-9)


def _lagged(name: str) -> Callable[[FloatArray, FloatArray, int, float], FloatArray]:
    def score(times: FloatArray, values: FloatArray, count: int, step: float) -> FloatArray:  # noqa: ARG001
        from drift_exporter.judge.anomaly.registry import make_detector  # noqa: PLC0415

        windows = np.lib.stride_tricks.sliding_window_view(values, LAGS)
        known, new = windows[: count - LAGS + 1], windows[count - LAGS + 1 :]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            detector = make_detector(name, {}, 0, 0.001)
            detector.fit(known)
            usual = detector.decision_function(known)
            raw = detector.decision_function(new)
        middle, high = np.quantile(usual, (0.5, 0.999))
        return np.maximum(raw - middle, 0) / max(float(high - middle), 1e-12)

    return score


def rules(times: FloatArray, values: FloatArray, count: int, step: float) -> FloatArray:  # noqa: ARG001
    """Scores (n - count,) by alerting/rules/infrastructure_bands.yml, its half-widths found once an hour.

    NaN where there are less than nine days, or where values are rarer than every half hour.
    """
    if step > HOUR / 2 or count * step < 9 * DAY:
        return np.full(len(values) - count, np.nan)
    day, week, quarter, hour = (round(length / step) for length in (DAY, WEEK, HOUR / 4, HOUR))
    level = np.full(len(values), np.nan)
    level[day - 1 :] = np.median(np.lib.stride_tricks.sliding_window_view(values, day), axis=1)
    sums = np.cumsum(np.concatenate([[0.0], values]))
    places = np.arange(len(values))
    low, high = np.maximum(places - quarter, 0), np.minimum(places + quarter, len(values))
    course = (sums[high] - sums[low]) / (high - low) - level
    weeks = np.full((3, len(values)), np.nan)
    for row in range(3):
        ago = (row + 1) * week
        weeks[row, ago:] = course[: max(len(values) - ago, 0)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = level + np.nanmedian(weeks, axis=0)
    distance = values - expected
    found = np.full(len(values), np.nan)
    for start in range(count, len(values), hour):
        end = min(start + hour, len(values))
        known = distance[max(start - week, 0) : start]
        known = known[np.isfinite(known)]
        least = 0.01 * np.abs(expected[start:end])
        above = np.maximum(2 * np.quantile(np.maximum(known, 0), 0.99), least)
        below = np.maximum(2 * np.quantile(np.maximum(-known, 0), 0.99), least)
        half = np.where(distance[start:end] > 0, above, below)
        found[start:end] = np.abs(distance[start:end]) / half
    return found[count:]


def two_of_three(scores: FloatArray) -> BoolArray:
    """What the rules call an anomaly."""
    outside = np.nan_to_num(scores) > 1
    return np.convolve(outside, np.ones(3))[: len(outside)] >= 2


def each(scores: FloatArray) -> BoolArray:
    """Every value that is too far."""
    return np.nan_to_num(scores) > 1


Scorer = Callable[[FloatArray, FloatArray, int, float], FloatArray]
METHODS: Mapping[str, tuple[Scorer, Callable[[FloatArray], BoolArray]]] = {
    "seasonal": (seasonal, confirmed),
    "prophet": (prophet, confirmed),
    "rules (PromQL)": (rules, two_of_three),
    "3 sigma of all": (three_sigma, each),
    "3 sigma of a day": (rolling_three_sigma, each),
    "PyOD hbos, 12 lags": (_lagged("hbos"), each),
    "PyOD iforest, 12 lags": (_lagged("iforest"), each),
}
