"""Samples of records by slice: the smallest keys, whatever the cut into chunks, in proportion to traffic."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.reference.model import FloatArray, IntArray
from drift_exporter.window.ring import Ring
from drift_exporter.window.sample import (
    NO_LIMIT,
    Sample,
    keys_of,
    merge,
    sampled_values,
    slice_size,
    smallest,
)
from drift_exporter.window.slices import MICROSECONDS, Window, assign, make_windows

SIZE = 5
BASE = 1_767_225_600 * MICROSECONDS


def test_keys_follow_from_numbers_alone_and_are_uniform() -> None:
    keys = keys_of(0, 100_000)
    np.testing.assert_array_equal(keys, np.concatenate([keys_of(0, 12_345), keys_of(12_345, 87_655)]))
    assert len(np.unique(keys)) == 100_000
    shares = np.bincount((keys >> 56).astype(np.int64), minlength=128)
    # Chi-square of 127 degrees of freedom; 99.99 % of them are in this range.
    assert 75 < float(((shares - 781.25) ** 2 / 781.25).sum()) < 200
    assert abs(np.corrcoef(keys[:-1], keys[1:])[0, 1]) < 0.015
    # What is known of SplitMix64 with seed 0: its first numbers, halved.
    assert [0xE220A8397B1DCDAF >> 1, 0x6E789E6AA1B965F4 >> 1] == keys[:2].tolist()


@settings(deadline=None, max_examples=100)
@given(
    groups=st.lists(st.integers(0, 3), min_size=1, max_size=400),
    limits=st.lists(
        st.sampled_from([-1, 0, NO_LIMIT // 50, NO_LIMIT // 3, NO_LIMIT]), min_size=4, max_size=4
    ),
    size=st.integers(1, 9),
)
def test_the_smallest_keys_of_each_group(groups: list[int], limits: list[int], size: int) -> None:
    keys, group = keys_of(7, len(groups)), np.array(groups)
    expected = []
    for number, limit in enumerate(limits):
        own = [row for row in range(len(groups)) if groups[row] == number and keys[row] <= limit]
        expected += sorted(own, key=lambda row: keys[row])[:size]
    assert expected == smallest(keys, group, np.array(limits), size).tolist()


def feed(windows: tuple[Window, ...], times: IntArray, cuts: list[int]) -> tuple[Ring, int]:
    """A ring that keeps SIZE records of each slice, whose one value is the record's number."""
    ring, watermark = Ring(windows, 1, 0), None
    for start, end in pairwise([0, *cuts, len(times)]):
        if start == end:
            continue
        found = assign(times[start:end], watermark, 2**62, windows)
        watermark = found.watermark
        keys, numbers = keys_of(start, end - start), np.arange(float(start), float(end))
        for number, (level, begin) in enumerate(zip(found.level.tolist(), found.start.tolist(), strict=True)):
            mine = np.flatnonzero(found.key == number)
            if level < 0:
                continue
            ring.add(level, begin, np.array([len(mine)]), np.empty(0), len(mine))
            limit = ring.key_limit(level, begin, SIZE)
            own = mine[smallest(keys[mine], np.zeros(len(mine), dtype=np.int64), np.array([limit]), SIZE)]
            if len(own):
                drawn = Sample(keys[own], numbers[own, None], limit)
                ring.keep(level, begin, merge(None, drawn, SIZE), SIZE)
        ring.evict(watermark)
    assert watermark is not None
    return ring, watermark


def naive(window: Window, times: IntArray, watermark: int, most: int) -> list[int]:
    """Numbers of the sampled records, from all there are: the smallest keys up to every slice's limit."""
    keys = keys_of(0, len(times))
    first = window.first_slice(watermark) * window.slice
    slices: dict[int, list[int]] = {}
    for number, time in enumerate(times.tolist()):
        if first <= time <= watermark:
            slices.setdefault(time // window.slice, []).append(number)
    limit = min(sorted(keys[own])[SIZE - 1] if len(own) >= SIZE else NO_LIMIT for own in slices.values())
    kept = [number for own in slices.values() for number in own if keys[number] <= limit]
    return sorted(kept, key=lambda number: keys[number])[:most]


@settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(st.integers(-30, 60), min_size=1, max_size=200),
    cuts=st.lists(st.integers(0, 200), max_size=4),
    most=st.integers(1, 60),
)
def test_any_cut_keeps_what_looking_at_all_records_keeps(
    steps: list[int], cuts: list[int], most: int
) -> None:
    windows = make_windows({"1s": 1.0, "2m": 120.0, "1h": 3600.0})
    times = BASE + np.cumsum(steps) * MICROSECONDS // 2
    ring, watermark = feed(windows, times, sorted(cut for cut in cuts if cut <= len(times)))
    # No record of these is late: the longest window holds them all.
    for level, window in enumerate(windows):
        found = sampled_values(ring.sum(level, watermark).samples, most)
        assert naive(window, times, watermark, most) == found[:, 0].astype(int).tolist()


def test_busy_slices_have_more_in_proportion() -> None:
    sizes = [40_000, 4_000, 400, 40]
    first, parts = 0, []
    for number, size in enumerate(sizes):
        keys = keys_of(first, size)
        own = smallest(keys, np.zeros(size, dtype=np.int64), np.array([NO_LIMIT]), 1_000)
        parts.append(merge(None, Sample(keys[own], np.full((len(own), 1), float(number))), 1_000))
        first += size
    values = sampled_values(parts, 2_000)[:, 0]
    shares = np.bincount(values.astype(int), minlength=4) / len(values)
    np.testing.assert_allclose(np.array(sizes) / sum(sizes), shares, atol=0.02)
    # In random order: a part of it is a sample, too.
    assert abs(np.mean(values[:500] == 0) - 0.9) < 0.05


def sample_of(numbers: FloatArray, limit: int = NO_LIMIT) -> Sample:
    keys = np.sort(keys_of(int(numbers[0]), len(numbers)))
    return Sample(keys, np.repeat(numbers[:, None], 3, axis=1), limit)


def test_what_changes_nothing_is_no_change() -> None:
    full = merge(None, sample_of(np.arange(500.0)), 10)
    above = Sample(np.array([full.limit + 1]), np.zeros((1, 3)))
    assert merge(full, above, 10) is full
    below = Sample(np.array([full.limit - 1]), np.zeros((1, 3)))
    assert merge(full, below, 10) is not full
    assert 10 == len(merge(full, below, 10).keys)


def test_a_smaller_size_cuts_what_was_kept_and_a_larger_one_invents_nothing() -> None:
    full = merge(None, sample_of(np.arange(500.0)), 20)
    smaller = merge(full, sample_of(np.arange(500.0, 900.0)), 10)
    assert 10 == len(smaller.keys)
    assert smaller.limit == smaller.keys[-1]
    larger = merge(full, sample_of(np.arange(500.0, 900.0)), 1_000)
    # Above the old limit nothing is known of the first 500.
    assert full.limit == larger.limit
    assert np.all(larger.keys <= full.limit)


def test_nothing_sampled_is_nothing() -> None:
    assert (0, 0) == sampled_values([], 10).shape


@pytest.mark.parametrize(("window", "part"), [(2_000, 250), (200, 25), (1_001, 126)])
def test_the_part_of_a_slice(window: int, part: int) -> None:
    assert part == slice_size(window)
