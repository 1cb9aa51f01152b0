import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from drift_exporter.judge.infrastructure.correlation import (
    FEWEST_SHIFTS,
    MOST,
    Correlation,
    correlate,
    correlate_all,
    harm,
    misbehaviour,
    significant,
)
from drift_exporter.reference.model import FloatArray

STEPS, LAG = 90, 6


def residuals(random: np.random.Generator, steps: int, memory: float = 0.8) -> FloatArray:
    """What is left of an ordinary series: autocorrelated, inside its band nearly always."""
    noise = random.normal(size=steps + 200)
    return np.asarray(0.3 * lfilter([np.sqrt(1 - memory**2)], [1, -memory], noise)[200:])


def plain(target: FloatArray, signal: FloatArray, most_lag: int) -> tuple[float, int] | None:
    """Largest coefficient and its lag, step by step."""
    best: tuple[float, int] | None = None
    steps, past = len(target), len(signal) - len(target)
    for lag in sorted(range(most_lag, -most_lag - 1, -1), key=abs):
        pairs = [
            (np.clip(target[t], -MOST, MOST), np.clip(signal[past + t - lag], -MOST, MOST))
            for t in range(steps)
            if past + t - lag < len(signal) and not np.isnan(target[t] + signal[past + t - lag])
        ]
        if 2 * len(pairs) < steps:
            continue
        x, y = np.array(pairs).T
        found = round(float(x @ y / np.sqrt((x @ x) * (y @ y))), 9) if x @ x > 1e-6 < y @ y else 0.0
        if best is None or abs(found) > abs(best[0]):
            best = found, lag
    return best


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    most_lag=st.integers(0, 5),
    gaps=st.floats(0, 0.5),
    flat=st.sampled_from([None, "target", "signal"]),
)
# A gap in the signal only.
@example(seed=2, most_lag=2, gaps=0.03125, flat=None)
def test_the_coefficient_is_the_largest_over_the_steps_that_both_have(
    seed: int, most_lag: int, gaps: float, flat: str | None
) -> None:
    random = np.random.default_rng(seed)
    sides = {"target": residuals(random, 24) * 5, "signal": residuals(random, 400) * 5}
    for name, values in sides.items():
        values[random.random(len(values)) < gaps] = np.nan
        if name == flat:
            values[~np.isnan(values)] = 0.0
    expected = plain(sides["target"], sides["signal"], most_lag)
    found = correlate(sides["target"], sides["signal"], most_lag=most_lag)
    if expected is None or found is None:
        # Where the past has too few shifts with enough steps there is no p-value, so nothing at all.
        assert found is None
    else:
        assert found.coefficient == pytest.approx(expected[0], abs=1e-8)
        assert found.lag == expected[1]
        assert 0 < found.p_value <= 1


@pytest.mark.parametrize("lag", [-5, -2, 0, 1, 6])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_common_disturbance_is_found_with_its_lag(lag: int, sign: int) -> None:
    random = np.random.default_rng(100 + lag)
    target, signal = residuals(random, STEPS), residuals(random, 3000)
    target[50:70] += 4.0
    signal[3000 - STEPS + 50 - lag : 3000 - STEPS + 70 - lag] += sign * 30.0
    found = correlate(target, signal, most_lag=LAG)
    assert found is not None
    assert sign * found.coefficient > 0.8
    assert abs(found.lag - lag) <= 1
    assert found.p_value < 0.01


def test_p_values_of_unrelated_series_are_uniform() -> None:
    random = np.random.default_rng(3)
    for memory in (0.5, 0.9):
        found = [
            correlate(residuals(random, STEPS, memory), residuals(random, 3000, memory), most_lag=LAG, seed=i)
            for i in range(800)
        ]
        p_values = np.array([c.p_value for c in found if c is not None])
        assert len(p_values) == 800
        for level in (0.02, 0.05, 0.1, 0.5):
            # Three standard deviations of a share of 800.
            assert np.mean(p_values <= level) <= level + 3 * np.sqrt(level * (1 - level) / 800)
        assert np.mean(p_values <= 0.5) > 0.4


def test_a_disturbance_at_another_time_is_no_correlation() -> None:
    random = np.random.default_rng(4)
    p_values = []
    for _ in range(300):
        target, signal = residuals(random, STEPS), residuals(random, 3000)
        target[60:80] += 4.0
        signal[3000 - STEPS + 20 : 3000 - STEPS + 40] += 4.0
        found = correlate(target, signal, most_lag=LAG)
        assert found is not None
        p_values.append(found.p_value)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05


def test_a_disturbance_that_was_over_when_a_model_began_to_misbehave_is_no_correlation() -> None:
    random = np.random.default_rng(9)
    raw, beyond = [], []
    for _ in range(300):
        target, signal = residuals(random, STEPS, 0.97), residuals(random, 3000)
        target[-6:] += 2.0
        signal[3000 - STEPS + 20 : 3000 - STEPS + 60] += 4.0
        for found, p_values in (
            (correlate(target, signal, most_lag=LAG), raw),
            (correlate(misbehaviour(target, "up"), harm(signal, "up"), most_lag=LAG), beyond),
        ):
            assert found is not None
            p_values.append(found.p_value)
    assert np.mean(np.array(raw) <= 0.05) > 0.2
    assert np.mean(np.array(beyond) <= 0.05) <= 0.05


def test_a_common_disturbance_is_found_in_what_is_outside_the_band() -> None:
    random = np.random.default_rng(10)
    p_values = []
    for _ in range(100):
        target, signal = residuals(random, STEPS), residuals(random, 3000)
        target[-10:] += 2.0
        signal[-10 - 3 : -3] += 4.0
        found = correlate(misbehaviour(target, "up"), harm(signal, "up"), most_lag=LAG)
        assert found is not None
        p_values.append(found.p_value)
    assert np.mean(np.array(p_values) <= 0.01) > 0.9


def test_what_is_harmless_or_inside_of_the_band_is_none() -> None:
    values = np.array([-2.0, -0.5, 0.0, 0.5, 1.0, 2.0, np.nan])
    for direction, harmful, outside in (
        ("up", [0, 0, 0, 0.5, 1, 2, np.nan], [0, 0, 0, 0, 0, 2, np.nan]),
        ("down", [-2, -0.5, 0, 0, 0, 0, np.nan], [-2, 0, 0, 0, 0, 0, np.nan]),
        ("both", values, [-2, 0, 0, 0, 0, 2, np.nan]),
    ):
        np.testing.assert_array_equal(harmful, harm(values, direction))
        np.testing.assert_array_equal(outside, misbehaviour(values, direction))


def test_a_signal_that_is_often_disturbed_says_little() -> None:
    random = np.random.default_rng(5)
    target, signal = residuals(random, STEPS), residuals(random, 3000)
    target[30:40] += 4.0
    for start in range(0, 3000, 30):
        signal[start : start + 10] += 4.0
    found = correlate(target, signal, most_lag=LAG)
    assert found is not None
    assert found.coefficient > 0.5
    assert found.p_value > 0.05


def test_one_wild_value_says_no_more_than_one_outside_the_band() -> None:
    random = np.random.default_rng(6)
    target, signal = residuals(random, STEPS), residuals(random, 3000)
    target[40], signal[3000 - STEPS + 40] = MOST, MOST
    found = correlate(target, signal, most_lag=LAG)
    target[40], signal[3000 - STEPS + 40] = 1e9, 1e9
    assert correlate(target, signal, most_lag=LAG) == found


def test_a_signal_that_was_never_anything_but_expected_reaches_the_smallest_p_value() -> None:
    target, signal = np.zeros(STEPS), np.zeros(3000)
    target[-30:], signal[-35:] = 2.0, 2.0
    shifts = (3000 - 2 * STEPS - 2 * LAG) // (2 * LAG + 1)
    found = correlate(target, signal, most_lag=LAG)
    assert found is not None
    assert (found.coefficient, found.lag) == (1.0, 5)
    assert found.p_value in {1 / (1 + shifts), 1 / (2 + shifts)}
    fewer = correlate(target, signal, most_lag=LAG, permutations=50)
    assert fewer is not None
    assert fewer.p_value == 1 / 51


def test_there_is_no_answer_without_enough_steps_or_history() -> None:
    random = np.random.default_rng(7)
    target = residuals(random, STEPS)
    least = 2 * STEPS + 2 * LAG + (FEWEST_SHIFTS - 1) * (2 * LAG + 1)
    signal = residuals(random, least)
    assert correlate(target, signal, most_lag=LAG) is not None
    assert correlate(target, signal[1:], most_lag=LAG) is None
    assert correlate(target, signal, most_lag=LAG, permutations=FEWEST_SHIFTS - 1) is None
    assert correlate(np.full(STEPS, np.nan), signal, most_lag=LAG) is None
    late = signal.copy()
    late[: least - STEPS - LAG] = np.nan
    assert correlate(target, late, most_lag=LAG) is None


def test_all_pairs_are_what_each_pair_is() -> None:
    random = np.random.default_rng(8)
    targets = [residuals(random, STEPS) for _ in range(3)]
    signals = [residuals(random, steps) for steps in (1000, 1200, 1000, 100)]
    targets[1][10:30] = np.nan
    signals[2][700:] += random.choice([0.0, np.nan], 300)
    found = correlate_all(targets, signals, most_lag=LAG)
    assert [[correlate(t, s, most_lag=LAG) for s in signals] for t in targets] == found
    assert [row[3] for row in found] == [None] * 3
    assert correlate_all(targets, [], most_lag=LAG) == [[], [], []]


def test_lengths_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        correlate(np.zeros(10), np.zeros(9), most_lag=2)
    with pytest.raises(ValueError, match="lags shorter"):
        correlate(np.zeros(10), np.zeros(99), most_lag=10)


def test_what_is_significant_is_adjusted_for_the_number_of_tests() -> None:
    found = [Correlation(0.9, 0, 0.001), None, Correlation(0.5, 1, 0.02), Correlation(0.1, 2, 0.9)]
    assert significant(found, 0.05) == [pytest.approx(0.003), None, pytest.approx(0.03), None]
    assert significant(found, 0.01) == [pytest.approx(0.003), None, None, None]
    assert significant([None], 0.05) == [None]
    assert significant([], 0.05) == []
