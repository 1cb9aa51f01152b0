"""At most one false event a week of a clean signal; of more kinds: benchmarks/signals.py."""

import numpy as np
import pytest

from drift_exporter.judge.infrastructure.band import WEEK, band_score, confirmed
from drift_exporter.judge.infrastructure.seasonal import fit_seasonal
from signal_series import CLEAN

QUARTER = 86400.0 / 4
KINDS = [
    "normal",
    "lognormal",
    "few_counts",
    "rate",
    "minutes_alike",
    "trend",
    "hourly_job",
    "bursts",
    "walk",
]


def events(kind: str, seed: int, step: float) -> int:
    """Events in a week, learnt anew every six hours."""
    random = np.random.default_rng(seed)
    minutes = 1_699_999_200.0 + seed * 5400 + np.arange(5 * 7 * 1440) * 60.0
    values = CLEAN[kind](minutes, random)
    scores = []
    for part in range(28):
        now = minutes[0] + 4 * WEEK + part * QUARTER
        past = slice(part * 360, round(4 * WEEK / 60) + part * 360, 5)
        ahead = (minutes >= now) & (minutes < now + QUARTER) & (minutes % step == 0)
        fit = fit_seasonal(minutes[past], values[past], step=step)
        assert fit is not None
        scores.append(band_score(values[ahead], fit.predict(minutes[ahead])))
    flags = confirmed(np.concatenate(scores))
    return int(flags[0]) + int(np.count_nonzero(flags[1:] & ~flags[:-1]))


@pytest.mark.parametrize("step", [60.0, 300.0])
@pytest.mark.parametrize("kind", KINDS)
def test_at_most_one_false_event_a_week(kind: str, step: float) -> None:
    assert sum(events(kind, seed, step) for seed in range(2)) <= 2
