import numpy as np
import pytest

from drift_exporter.judge.backtest import crosswise_effects, own_alarms
from drift_exporter.judge.calibration import design_effect
from drift_exporter.judge.confidence import drift_confidence


def test_a_window_alarms_where_its_confidence_says_so() -> None:
    random = np.random.default_rng(3)
    windows = random.multinomial(40, np.full(10, 0.1), 40) * 10
    total = windows.sum(axis=0)
    effects = (10.0, 4.0)

    expected = [
        drift_confidence(total - window, window, 0.05, effects[i % 2], quantiles=True) >= 0.95
        for i, window in enumerate(windows)
    ]
    plain = [drift_confidence(total - window, window, 0.05, quantiles=True) >= 0.95 for window in windows]

    assert sum(plain) > sum(expected)
    assert (sum(expected), sum(plain)) == own_alarms(windows, total, 0.05, effects, quantiles=True)


def test_each_half_is_judged_by_the_other() -> None:
    random = np.random.default_rng(3)
    windows = random.multinomial(40, np.full(10, 0.1), 40)
    windows[::2] *= 10
    total = windows.sum(axis=0)

    even, odd = crosswise_effects(windows, total)

    assert even == pytest.approx(design_effect(windows[1::2], total))
    assert odd == pytest.approx(design_effect(windows[::2], total))
    assert odd > 3 * even
