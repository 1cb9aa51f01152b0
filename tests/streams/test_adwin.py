"""ADWIN against its definition, written out plainly, and against river's."""

import json
import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.drift import ADWIN

from drift_exporter.reference.model import FloatArray
from drift_exporter.streams.adwin import BLOCK, BUCKETS, Adwin
from support.streams import in_pieces, steps


def plainly(values: FloatArray, delta: float) -> list[int]:
    """Rows at which ADWIN2 finds a change: one bucket after the other, one cut after the other."""
    buckets: list[tuple[int, float, float]] = []
    found = []
    for block in range(len(values) // BLOCK):
        held = values[block * BLOCK : (block + 1) * BLOCK]
        buckets.append((1, float(held.sum()), float((held**2).sum())))
        size = 1
        while sum(bucket[0] == size for bucket in buckets) > BUCKETS:
            first = next(i for i, bucket in enumerate(buckets) if bucket[0] == size)
            one, other = buckets[first : first + 2]
            buckets[first : first + 2] = [(2 * size, one[1] + other[1], one[2] + other[2])]
            size *= 2
        place = cut(buckets, delta)
        if place is not None:
            found.append((block + 1) * BLOCK - 1)
        while place is not None:
            buckets = buckets[place:]
            place = cut(buckets, delta)
    return found


def cut(buckets: Sequence[tuple[int, float, float]], delta: float) -> int | None:
    """Before which bucket the older part differs most from the newer one, None where it is chance."""
    most, place = 1.0, None
    n = sum(bucket[0] for bucket in buckets) * BLOCK
    total, squares = sum(bucket[1] for bucket in buckets), sum(bucket[2] for bucket in buckets)
    variance = max(squares / n - (total / n) ** 2, 0)
    chance = math.log(2 * math.log(n) / delta)
    for split in range(1, len(buckets)):
        n0 = sum(bucket[0] for bucket in buckets[:split]) * BLOCK
        mean0 = sum(bucket[1] for bucket in buckets[:split]) / n0
        mean1 = (total - mean0 * n0) / (n - n0)
        inverse = 1 / n0 + 1 / (n - n0)
        bound = math.sqrt(2 * inverse * variance * chance) + 2 / 3 * inverse * chance
        if abs(mean0 - mean1) / bound > most:
            most, place = abs(mean0 - mean1) / bound, split
    return place


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("delta", [0.3, 1e-3])
def test_changes_are_found_where_the_definition_finds_them(seed: int, delta: float) -> None:
    values = steps(seed, [(900, 0.1), (700, 0.3), (1500, 0.25), (333, 0.9), (1200, 0.05)])

    step = Adwin(delta).update(Adwin(delta).start(), values)

    expected = plainly(values, delta)
    assert len(expected) >= 2
    assert expected == list(step.alarms)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), max_size=1500),
    st.lists(st.integers(0, 400), max_size=12),
    st.sampled_from([1e-6, 0.9]),
)
def test_it_makes_no_difference_how_values_are_cut(
    values: list[float], cuts: list[int], delta: float
) -> None:
    detector, stream = Adwin(delta), np.array(values)

    whole = detector.update(detector.start(), stream)
    state, alarms = in_pieces(detector, stream, cuts)

    detector.check(state)
    assert whole.state == state
    assert list(whole.alarms) == alarms


def test_the_window_holds_what_came_since_the_change_in_buckets_of_powers_of_two() -> None:
    detector = Adwin(1e-6)
    step = detector.update(detector.start(), steps(1, [(20_000, 0.1), (20_007, 0.6)]))

    sizes = step.state["sizes"]
    window = sum(sizes) * BLOCK + len(step.state["rest"])
    assert 1 == len(step.alarms)
    assert 20_000 <= step.alarms[0] <= 20_200
    assert 19_000 <= window <= 20_040
    assert 40_007 % BLOCK == len(step.state["rest"])
    assert all(size & (size - 1) == 0 for size in sizes)
    assert all(older >= newer for older, newer in pairwise(sizes))
    assert max(sizes.count(size) for size in sizes) <= BUCKETS
    mean = detector.mean(step.state)
    assert mean is not None
    assert 0.6 == pytest.approx(mean, abs=0.02)


@pytest.mark.parametrize(("up", "down", "expected"), [(True, True, 2), (True, False, 1), (False, True, 1)])
def test_only_changes_in_a_direction_that_counts_raise_alarms(up: bool, down: bool, expected: int) -> None:  # noqa: FBT001
    values = steps(2, [(5_000, 0.1), (5_000, 0.5), (5_000, 0.1)])
    detector = Adwin(1e-6, up=up, down=down)

    step = detector.update(detector.start(), values)

    assert expected == len(step.alarms)
    assert sum(step.state["sizes"]) * BLOCK < 5_200


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("after", [0.2, 0.3, 0.5])
def test_changes_are_found_where_river_finds_them(seed: int, after: float) -> None:
    """River grows its window by single values, so its buckets end elsewhere: within four looks."""
    values = steps(seed, [(8_000, 0.1), (4_000, after)])
    river, theirs = ADWIN(delta=0.002, clock=BLOCK), []
    for row, value in enumerate(values.tolist()):
        river.update(value)
        if river.drift_detected:
            theirs.append(row)

    ours = Adwin(0.002).update(Adwin(0.002).start(), values).alarms

    assert 8_000 <= ours[0]
    assert abs(ours[0] - theirs[0]) <= 4 * BLOCK
    assert json.loads(json.dumps(ours)) == list(ours)


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": None},
        {"sizes": [3]},
        {"sizes": [1, 2]},
        {"sizes": [1] * 6, "sums": [0.0] * 6, "squares": [0.0] * 6},
        {"sizes": [2**60]},
        {"sizes": [1, 1]},
        {"sums": [-1.0]},
        {"squares": ["x"]},
        {"rest": [0.0] * BLOCK},
        {"rest": [float("nan")]},
    ],
)
def test_a_damaged_state_is_refused(change: dict[str, object]) -> None:
    detector = Adwin(1e-6)
    state = detector.update(detector.start(), np.ones(BLOCK)).state
    detector.check(state)

    with pytest.raises(ValueError, match="the stream's"):
        detector.check({**state, **change})
