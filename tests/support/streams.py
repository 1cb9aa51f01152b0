"""Streams of values for tests."""

from collections.abc import Sequence

import numpy as np

from drift_exporter.reference.model import FloatArray
from drift_exporter.streams.detector import Detector, State


def steps(seed: int, parts: Sequence[tuple[int, float]]) -> FloatArray:
    """Values of 0 and 1: so many with this share of 1, then so many with that."""
    random = np.random.default_rng(seed)
    return np.concatenate([(random.random(size) < share).astype(np.float64) for size, share in parts])


def in_pieces(detector: Detector, values: FloatArray, cuts: Sequence[int]) -> tuple[State, list[int]]:
    """State and alarms after values that come in pieces of these lengths, and the rest as one."""
    state, done = detector.start(), 0
    alarms: list[int] = []
    for length in (*cuts, len(values)):
        step = detector.update(state, values[done : done + length])
        alarms += [done + alarm for alarm in step.alarms]
        state, done = step.state, min(done + length, len(values))
    return state, alarms
