import json

import numpy as np
import pytest

from drift_exporter.judge.infrastructure.history import DAY, WEEK, History, on_grid
from drift_exporter.judge.infrastructure.width import Width, fit_width

START = 1_760_000_400.0


def past(span: float, values: np.ndarray | None = None) -> History:
    times = START + np.arange(0, span, 300.0)
    found = on_grid(times, np.full(len(times), 10.0) if values is None else values, 300.0)
    assert found is not None
    return found


def noise(history: History, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, len(history.values))


def half(width: Width, times: np.ndarray) -> np.ndarray:
    expected = np.full(len(times), 10.0)
    return width.around(times, expected, expected, expected).upper - expected


def test_hours_with_more_noise_have_a_wider_band() -> None:
    history = past(4 * WEEK)
    day = np.floor(history.times / 3600) % 24 < 12
    width = fit_width(history, noise(history) * np.where(day, 5.0, 1.0), step=60)
    morning, evening = half(width, START // DAY * DAY + np.array([6.0, 18.0]) * 3600)
    assert 3.5 < morning / evening < 7


def test_minutes_with_more_noise_have_a_wider_band() -> None:
    history = past(4 * WEEK)
    job = np.floor(history.times % DAY / 300) == 24
    errors = noise(history) * np.where(job, 20.0, 1.0)
    width = fit_width(history, errors, step=60, minutes=True)
    at, after = half(width, START // DAY * DAY + np.array([2.0, 4.0]) * 3600)
    assert at > 5 * after
    assert after < 7


def test_what_was_foretold_can_only_widen_the_band() -> None:
    history = past(4 * WEEK)
    errors = noise(history)
    later = np.where(np.arange(len(errors)) > len(errors) / 2, 4 * errors, np.nan)
    plain = fit_width(history, errors, step=60)
    assert fit_width(history, errors, step=60, foretold=later).above > 3 * plain.above
    assert plain.above == fit_width(history, errors, step=60, foretold=later / 16).above
    assert plain.above == fit_width(history, errors, step=60, foretold=np.full(len(errors), np.nan)).above


@pytest.mark.parametrize(("span", "factor"), [(DAY, 2.414), (2 * DAY, 1.464), (WEEK, 1.25), (2 * WEEK, 1.0)])
def test_what_has_not_seen_two_weeks_is_wider(span: float, factor: float) -> None:
    history = past(span)
    found = [fit_width(history, noise(history, seed), step=60) for seed in range(30)]
    # The half-width of normal noise in mean absolute errors, and more for what fewer values leave open.
    usual = factor * 3.89 / np.sqrt(2 / np.pi)
    assert usual < np.median([width.above for width in found]) < 1.5 * usual


def test_a_band_is_never_narrower_than_rounding_and_never_below_what_cannot_be() -> None:
    history = past(WEEK)
    width = fit_width(history, np.zeros(len(history.values)), step=60)
    times, zero = START + np.arange(3.0), np.zeros(3)
    band = width.around(times, zero - 1, zero, zero)
    assert [0.0] * 3 == band.expected.tolist()
    assert [0.0] * 3 == band.lower.tolist()
    assert [1e-12] * 3 == band.upper.tolist()
    assert half(width, times) == pytest.approx(1e-3)


def test_a_width_survives_being_saved() -> None:
    history = past(4 * WEEK)
    width = fit_width(history, noise(history), step=60, minutes=True)
    again = Width.from_document(json.loads(json.dumps(width.to_document())))
    times = START + np.arange(0, WEEK, 999.0)
    assert half(width, times).tolist() == half(again, times).tolist()
