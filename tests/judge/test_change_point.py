"""Where slices began to be off: found where it is known, never outside, and as sure as it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.random import Generator
from scipy import special

from drift_exporter.judge.change_point import Change, Part, change_point
from drift_exporter.reference.model import FloatArray, IntArray

TOLERANCE = 0.05
BINS = np.diff(np.concatenate([[0], np.linspace(0.1, 1, 10)]))


def found_in(counts: IntArray, reference: IntArray, tolerance: float, effect: float = 1.0) -> Change:
    """The change in one column."""
    return change_point([Part(counts, reference, tolerance)], effect)


def shifted(shift: float) -> FloatArray:
    """Shares of ten bins at quantiles of a normal distribution that has moved by ``shift`` deviations."""
    edges = special.ndtri(np.cumsum(BINS)[:-1])
    return np.diff(np.concatenate([[0], special.ndtr(edges - shift), [1]]))


def drawn(random: Generator, shifts: FloatArray, records: float = 100.0) -> IntArray:
    """Counts of slices (slices, 10) with so many records each on the average, and at least one."""
    rows = np.maximum(random.poisson(records, len(shifts)), 1)
    return np.array([random.multinomial(n, shifted(one)) for n, one in zip(rows, shifts, strict=True)])


def steps(size: int, place: int, shift: float, before: float = 0.0) -> FloatArray:
    """A shift (size,) from a place on."""
    return np.where(np.arange(size) < place, before, shift)


REFERENCE = np.rint(20_000 * BINS).astype(np.int64)


@pytest.mark.parametrize("place", [1, 7, 40, 58])
def test_an_abrupt_shift_is_found_where_it_is(place: int) -> None:
    counts = drawn(np.random.default_rng(place), steps(60, place, 1.0))
    assert Change(place, place, place) == found_in(counts, REFERENCE, TOLERANCE)


def test_a_shift_that_is_older_than_the_slices_is_before_them() -> None:
    counts = drawn(np.random.default_rng(1), steps(60, 0, 0.5))
    assert Change(0, 0, 0) == found_in(counts, REFERENCE, TOLERANCE)


def test_one_slice_tells_only_that_it_was_before() -> None:
    counts = drawn(np.random.default_rng(1), np.ones(1))
    assert Change(0, 0, 0) == found_in(counts, REFERENCE, TOLERANCE)


def test_no_slice_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="no slice"):
        found_in(np.zeros((0, 10), dtype=np.int64), REFERENCE, TOLERANCE)


def test_what_is_tolerated_is_not_when_it_began() -> None:
    # A week of it weighs more than the hours of the shift, but is nearer than the tolerance.
    counts = drawn(np.random.default_rng(2), steps(168, 160, 0.6, before=-0.18), 1_000)
    assert Change(160, 160, 160) == found_in(counts, REFERENCE, TOLERANCE)


def test_what_is_more_than_tolerated_is_although_it_grew_later() -> None:
    counts = drawn(np.random.default_rng(2), steps(168, 160, 0.6, before=0.35), 1_000)
    assert 0 == found_in(counts, REFERENCE, TOLERANCE).place


def test_a_ramp_began_about_when_it_passed_what_is_tolerated() -> None:
    ramp = np.clip((np.arange(90) - 29) / 30, 0, 1)
    found = found_in(drawn(np.random.default_rng(3), ramp), REFERENCE, TOLERANCE)
    # A shift of 0.23 deviations is tolerated; that is at slice 36.
    assert 33 <= found.place <= 48


def test_a_daily_cycle_makes_it_less_sure_and_is_not_when_it_began() -> None:
    random = np.random.default_rng(4)
    cycle = 0.2 * np.sin(2 * np.pi * np.arange(168) / 24)
    wide, narrow = [
        found_in(drawn(random, steps(168, 100, 0.35) + one, 60), REFERENCE, TOLERANCE)
        for one in (cycle, 0 * cycle)
    ]
    assert wide.first <= 100 <= wide.last
    assert abs(wide.place - 100) <= 12
    assert wide.last - wide.first > narrow.last - narrow.first


def test_a_design_effect_makes_it_less_sure() -> None:
    counts = drawn(np.random.default_rng(5), steps(60, 30, 0.7), 20)
    sure, unsure = [found_in(counts, REFERENCE, TOLERANCE, effect) for effect in (1.0, 8.0)]
    assert unsure.first <= sure.first <= sure.place <= sure.last <= unsure.last
    assert sure.last - sure.first < unsure.last - unsure.first


def test_sparse_slices_hold_it_as_often_as_they_say() -> None:
    random = np.random.default_rng(6)
    found = [found_in(drawn(random, steps(60, 25, 0.8), 4), REFERENCE, TOLERANCE) for _ in range(200)]
    held = np.mean([one.first <= 25 <= one.last for one in found])
    assert held >= 0.93
    assert np.median([abs(one.place - 25) for one in found]) <= 2


def test_hundreds_of_rare_categories_do_not_move_it() -> None:
    random = np.random.default_rng(7)
    shares = np.append(0.7, np.full(300, 0.001))
    after = np.append(0.4, np.full(300, 0.002))
    counts = np.array([random.multinomial(20, shares if i < 35 else after / after.sum()) for i in range(60)])
    found = found_in(counts, np.rint(shares * 50_000).astype(np.int64), TOLERANCE)
    assert abs(found.place - 35) <= 2
    assert found.first <= 35 <= found.last


@st.composite
def slices(draw: st.DrawFn) -> IntArray:
    """Counts (slices, bins) with a record in each slice."""
    shape = draw(st.tuples(st.integers(1, 12), st.integers(2, 6)))
    counts = draw(arrays(np.int64, shape, elements=st.integers(0, 50)))
    counts[:, 0] += counts.sum(axis=1) == 0
    return counts


@settings(max_examples=150, deadline=None)
@given(
    counts=slices(),
    reference=arrays(np.int64, 6, elements=st.integers(0, 10_000)),
    tolerance=st.sampled_from([1e-6, 0.01, 0.05, 5.0]),
    effect=st.floats(1, 50),
)
def test_it_is_never_outside_of_what_is_kept(
    counts: IntArray, reference: IntArray, tolerance: float, effect: float
) -> None:
    found = found_in(counts, reference[: counts.shape[1]], tolerance, effect)
    assert 0 <= found.first <= found.place <= found.last < len(counts)


@settings(max_examples=100, deadline=None)
@given(counts=slices(), seed=st.integers(0, 1000))
def test_the_order_of_bins_does_not_matter(counts: IntArray, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(counts.shape[1])
    reference = np.arange(1, counts.shape[1] + 1) * 100
    one = found_in(counts * 50, reference, TOLERANCE)
    assert one == found_in(counts[:, order] * 50, reference[order], TOLERANCE)


@settings(max_examples=50, deadline=None)
@given(place=st.integers(0, 59), split=st.integers(0, 9), seed=st.integers(0, 1000))
def test_it_is_the_same_where_bins_are_split_that_move_together(place: int, split: int, seed: int) -> None:
    counts = drawn(np.random.default_rng(seed), steps(60, place, 1.5), 100) * 2
    place_before = found_in(counts, REFERENCE * 2, TOLERANCE).place
    halves = np.column_stack([counts, counts[:, split] // 2])
    halves[:, split] -= halves[:, -1]
    reference = np.append(REFERENCE * 2, REFERENCE[split])
    reference[split] = REFERENCE[split]
    assert abs(place_before - place) <= 1
    assert abs(found_in(halves, reference, TOLERANCE).place - place) <= 1
