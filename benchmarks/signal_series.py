"""Made-up infrastructure signals of many kinds, clean, minute by minute."""

from collections.abc import Callable, Mapping
from itertools import accumulate

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Generator = np.random.Generator
DAY, WEEK = 86400.0, 7 * 86400.0


def daily(times: FloatArray) -> FloatArray:
    """A day's course (n,) between 0 and 1, lower at weekends."""
    course = 0.5 - 0.5 * np.cos(2 * np.pi * (times / DAY - 0.1)) + 0.15 * np.sin(4 * np.pi * times / DAY)
    weekend = np.floor(times / DAY + 3) % 7 >= 5
    return np.clip(course, 0, None) * np.where(weekend, 0.6, 1.0)


def autoregressive(random: Generator, count: int, coefficient: float) -> FloatArray:
    """A first-order autoregression (count,) of variance 1."""
    shocks = random.normal(0, np.sqrt(1 - coefficient**2), count)
    shocks[0] /= np.sqrt(1 - coefficient**2)
    return np.array(list(accumulate(shocks.tolist(), lambda before, shock: coefficient * before + shock)))


def normal(times: FloatArray, random: Generator) -> FloatArray:
    """Independent normal noise around a season."""
    return 100 + 50 * daily(times) + random.normal(0, 5, len(times))


def growing_noise(times: FloatArray, random: Generator) -> FloatArray:
    """Noise in proportion to the season."""
    return (20 + 100 * daily(times)) * (1 + random.normal(0, 0.1, len(times)))


def lognormal(times: FloatArray, random: Generator) -> FloatArray:
    """Latency: skewed, in proportion to the season."""
    return (0.05 + 0.1 * daily(times)) * np.exp(random.normal(0, 0.4, len(times)))


def gamma(times: FloatArray, random: Generator) -> FloatArray:
    """Waiting times: means of eight exponential ones."""
    return (1 + daily(times)) * random.gamma(8, 1 / 8, len(times))


def student(times: FloatArray, random: Generator) -> FloatArray:
    """No season, and heavy tails on both sides (Student's t with 4 degrees of freedom)."""
    return 10 + random.standard_t(4, len(times))


def counts(times: FloatArray, random: Generator) -> FloatArray:
    """Counts per minute, some tens."""
    return random.poisson(10 + 60 * daily(times)).astype(np.float64)


def few_counts(times: FloatArray, random: Generator) -> FloatArray:
    """Counts per minute, mostly none at night."""
    return random.poisson(0.05 + 1.5 * daily(times)).astype(np.float64)


def rare_counts(times: FloatArray, random: Generator) -> FloatArray:
    """Errors that happen some ten times a day."""
    return random.poisson(np.full(len(times), 10 / 1440)).astype(np.float64)


def rate(times: FloatArray, random: Generator) -> FloatArray:
    """Counts as rate over five minutes gives them: neighbouring values share four minutes."""
    return np.convolve(counts(times, random), np.full(5, 1 / 300))[: len(times)]


def rare_rate(times: FloatArray, random: Generator) -> FloatArray:
    """The same of errors that happen some ten times a day."""
    return np.convolve(rare_counts(times, random), np.full(5, 1 / 300))[: len(times)]


def ratio(times: FloatArray, random: Generator) -> FloatArray:
    """A share of errors among requests."""
    requests = random.poisson(50 + 500 * daily(times))
    return random.binomial(requests, 0.01) / np.maximum(requests, 1)


def minutes_alike(times: FloatArray, random: Generator) -> FloatArray:
    """A season and autoregressive noise that lasts for half an hour."""
    return 100 + 50 * daily(times) + 5 * autoregressive(random, len(times), 0.97)


def hours_alike(times: FloatArray, random: Generator) -> FloatArray:
    """A season and autoregressive noise that lasts for six hours."""
    return 100 + 50 * daily(times) + 5 * autoregressive(random, len(times), np.exp(-1 / 360))


def walk(times: FloatArray, random: Generator) -> FloatArray:
    """A random walk, as of a disk that fills and is emptied."""
    return 1000 + np.cumsum(random.normal(0, 1, len(times)))


def office(times: FloatArray, random: Generator) -> FloatArray:
    """Up at nine, down at five, from Monday to Friday; sharp edges."""
    hour = times % DAY / 3600
    open_now = (hour >= 9) & (hour < 17) & (np.floor(times / DAY + 3) % 7 < 5)
    return 10 + 40 * open_now + random.normal(0, 2, len(times))


def trend(times: FloatArray, random: Generator) -> FloatArray:
    """Traffic that grows by a twentieth a week."""
    growth = 1 + 0.05 * (times - times[0]) / WEEK
    return growth * (100 + 50 * daily(times)) + random.normal(0, 4, len(times))


def nightly_job(times: FloatArray, random: Generator) -> FloatArray:
    """A backup at two, for 20 to 30 minutes."""
    night = np.floor(times / DAY).astype(np.int64)
    lasts = random.uniform(20, 30, night.max() + 1)[night]
    minute = times % DAY / 60 - 120
    return 10 + 80 * ((minute >= 0) & (minute < lasts)) + random.normal(0, 1.5, len(times))


def hourly_job(times: FloatArray, random: Generator) -> FloatArray:
    """Something that runs at the full hour, for five to seven minutes."""
    hour = np.floor(times / 3600).astype(np.int64)
    hour -= hour.min()
    lasts = random.uniform(5, 7, hour.max() + 1)[hour]
    return 10 + 30 * (times % 3600 / 60 < lasts) + random.normal(0, 1.5, len(times))


def bursts(times: FloatArray, random: Generator) -> FloatArray:
    """Bursts of ten minutes at any time, three a day."""
    starts = random.random(len(times)) < 3 / 1440
    lasting = np.convolve(starts * random.uniform(10, 30, len(times)), np.ones(10))[: len(times)]
    return 20 + 10 * daily(times) + random.normal(0, 1, len(times)) + lasting


def constant(times: FloatArray, random: Generator) -> FloatArray:
    """Nothing ever changes, such as the number of nodes."""
    return np.full(len(times), 12.0 + random.integers(3))


CLEAN: Mapping[str, Callable[[FloatArray, Generator], FloatArray]] = {
    function.__name__: function
    for function in (
        normal,
        growing_noise,
        lognormal,
        gamma,
        student,
        counts,
        few_counts,
        rare_counts,
        rate,
        rare_rate,
        ratio,
        minutes_alike,
        hours_alike,
        walk,
        office,
        trend,
        nightly_job,
        hourly_job,
        bursts,
        constant,
    )
}
