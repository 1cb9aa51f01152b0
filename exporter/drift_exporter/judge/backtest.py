"""Judging a reference's own windows against the rest of it: what alarms there are is a false one."""

import numpy as np

from drift_exporter.judge.calibration import design_effect
from drift_exporter.judge.confidence import drift_statistic, p_values
from drift_exporter.judge.evaluate import DRIFTED_CONFIDENCE
from drift_exporter.reference.model import FloatArray, IntArray


def own_alarms(
    windows: IntArray, total: IntArray, tolerance: float, effects: tuple[float, float], *, quantiles: bool
) -> tuple[int, int]:
    """How many windows (K, B) of the reference (B,) alarm: calibrated, and as if records were independent.

    ``effects`` are the design effects by which the windows at even and at odd places are judged; for these to
    be worth anything each was found from the others, see ``crosswise_effects``.
    """
    tolerances = [tolerance] * len(windows)
    plain, calibrated = [], []
    for place, window in enumerate(windows):
        rest = total - window
        plain.append(drift_statistic(rest, window, quantiles=quantiles, tolerance=tolerance))
        effect = effects[place % 2]
        calibrated.append(drift_statistic(rest, window, effect, quantiles=quantiles, tolerance=tolerance))
    return _alarms(p_values(calibrated, tolerances)), _alarms(p_values(plain, tolerances))


def crosswise_effects(windows: IntArray, total: IntArray) -> tuple[float, float]:
    """Design effects found from the windows (K, B) at odd places, and from those at even ones."""
    return design_effect(windows[1::2], total), design_effect(windows[::2], total)


def _alarms(p: FloatArray) -> int:
    return int(np.count_nonzero(1 - p >= DRIFTED_CONFIDENCE))
