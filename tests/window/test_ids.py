"""Ids seen within a window, compared to a dictionary of all of them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.decode.records import HashArray
from drift_exporter.window.ids import Block, SeenIds

HORIZON = 10**6
WINDOW = 20
NEVER = np.iinfo(np.int64).min


def hashes(values: list[int]) -> tuple[HashArray, HashArray]:
    """Halves of made-up hashes; ids 4 apart share the low half, -1 is no id."""
    low = [0 if value < 0 else value % 4 + 1 for value in values]
    return np.array(low, dtype=np.uint64), np.array([value + 1 for value in values], dtype=np.uint64)


def add(seen: SeenIds, records: list[tuple[int, int]]) -> list[bool]:
    low, high = hashes([id_ for id_, _ in records])
    times = np.array([time for _, time in records], dtype=np.int64)
    judged = seen.judge(low, high, times, HORIZON)
    seen.add(judged)
    fresh: list[bool] = judged.fresh.tolist()
    return fresh


def naive(records: list[tuple[int, int]]) -> list[bool]:
    newest, fresh = NEVER + WINDOW, []
    last: dict[int, int] = {}
    for id_, time in records:
        newest = max(newest, time) if time <= HORIZON else newest
        fresh.append(id_ < 0 or last.get(id_, NEVER) < newest - WINDOW)
        if id_ >= 0:
            last[id_] = max(time, last.get(id_, NEVER))
    return fresh


RECORDS = st.lists(
    st.tuples(st.integers(-1, 12), st.one_of(st.integers(0, 100), st.just(HORIZON + 5))), max_size=60
)


@settings(max_examples=300)
@given(records=RECORDS, cuts=st.lists(st.integers(0, 60), max_size=8), drift=st.integers(0, 10))
def test_like_a_dictionary_however_the_records_are_cut(
    records: list[tuple[int, int]], cuts: list[int], drift: int
) -> None:
    records = [
        (id_, time if time > HORIZON else time + place * drift) for place, (id_, time) in enumerate(records)
    ]
    seen = SeenIds(WINDOW, 1000)
    fresh: list[bool] = []
    edges = [0, *sorted(cuts), len(records)]
    for start, end in itertools.pairwise(edges):
        if records[start:end]:
            fresh += add(seen, records[start:end])
            # What is saved and read again at any time is the same.
            again = SeenIds(WINDOW, 1000)
            again.restore(dict(seen.blocks), seen.newest, seen.forgotten)
            seen = again

    assert naive(records) == fresh


def test_what_was_added_and_removed_since_a_save_makes_the_blocks() -> None:
    generator = np.random.default_rng(1)
    seen = SeenIds(1000, 10**6)
    kept: dict[int, Block] = {}
    for step in range(200):
        size = int(generator.integers(1, 50))
        add(seen, [(int(generator.integers(0, 10**6)), step * 20) for _ in range(size)])
        if step % 7 == 0:
            assert not seen.added & seen.removed
            kept = {number: block for number, block in kept.items() if number not in seen.removed}
            kept |= {number: seen.blocks[number] for number in seen.added}
            seen.saved()
            assert list(seen.blocks) == sorted(kept)
    sizes = [block.size for block in seen.blocks.values()]
    assert len(sizes) < 12
    # What is too old does not stay.
    assert sum(sizes) < 2 * 51 * 50


def test_a_limit_forgets_the_oldest_and_says_so() -> None:
    seen = SeenIds(10**9, 100)
    for time in range(300):
        add(seen, [(time, time)])
    size = sum(block.size for block in seen.blocks.values())

    assert size <= 100
    assert 300 == size + seen.forgotten
    assert [True] == add(seen, [(0, 300)])
    assert [False, False] == add(seen, [(299, 300), (280, 300)])


@pytest.mark.parametrize("size", [1, 1000])
def test_records_without_an_id_are_all_new(size: int) -> None:
    seen = SeenIds(WINDOW, 1000)
    none = np.zeros(size, dtype=np.uint64)
    judged = seen.judge(none, none, np.zeros(size, dtype=np.int64), HORIZON)
    seen.add(judged)

    assert judged.fresh.all()
    assert {} == seen.blocks
