import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.window.ring import Ring
from drift_exporter.window.slices import MICROSECONDS, Window, assign, make_windows

WINDOWS = [
    {"1h": 3600.0, "24h": 86400.0, "7d": 604800.0},
    {"90s": 90.0},
    {"36h": 129600.0, "90s": 90.0, "30d": 2592000.0},
    {"1s": 1.0, "10s": 10.0, "2m": 120.0},
]
BASE = 1_767_225_600 * MICROSECONDS


@pytest.mark.parametrize("lengths", WINDOWS)
def test_slices_divide_one_another_and_fit_into_their_window(lengths: dict[str, float]) -> None:
    windows = make_windows(lengths)

    assert sorted(lengths.values()) == [window.length / MICROSECONDS for window in windows]
    for shorter, longer in itertools.pairwise(windows):
        assert longer.slice % shorter.slice == 0
    for window in windows:
        assert window.slice == MICROSECONDS or window.slice * 60 <= window.length


@pytest.mark.parametrize(
    ("seconds", "slice_seconds"),
    [(1.0, 1), (90.0, 1), (300.0, 5), (3600.0, 60), (86400.0, 900), (129600.0, 900), (604800.0, 10800 // 3)],
)
def test_length_of_slices(seconds: float, slice_seconds: int) -> None:
    assert slice_seconds * MICROSECONDS == make_windows({"w": seconds})[0].slice


def feed(
    windows: tuple[Window, ...], chunks: list[np.ndarray], horizon: int
) -> tuple[Ring, int | None, int, int]:
    """Put chunks of (timestamp, value) into a ring of one count and one sum."""
    ring, watermark, late, future = Ring(windows, 1, 1), None, 0, 0
    for chunk in chunks:
        found = assign(chunk[:, 0], watermark, horizon, windows)
        late, future = late + found.late, future + found.future
        if found.watermark > np.iinfo(np.int64).min:
            watermark = found.watermark
        for number, (level, start) in enumerate(zip(found.level, found.start, strict=True)):
            mine = chunk[found.key == number, 1]
            if level >= 0:
                ring.add(
                    int(level),
                    int(start),
                    np.array([len(mine)]),
                    np.array([float(mine.sum())]),
                    len(mine),
                )
        if watermark is not None:
            ring.evict(watermark)
    return ring, watermark, late, future


def naive(
    windows: tuple[Window, ...], records: np.ndarray, horizon: int
) -> tuple[list[tuple[int, float]], int | None, int, int]:
    """The same, record by record."""
    watermark, late, future = None, 0, 0
    kept = []
    for time, value in records.tolist():
        if time > horizon:
            future += 1
            continue
        watermark = time if watermark is None else max(watermark, time)
        if time <= watermark - windows[-1].length:
            late += 1
        else:
            kept.append((time, value))
    if watermark is None:
        return [(0, 0.0)] * len(windows), None, late, future
    sums = []
    for window in windows:
        first = -(-(watermark - window.length + 1) // window.slice) * window.slice
        inside = [value for time, value in kept if first <= time <= watermark]
        sums.append((len(inside), float(sum(inside))))
    return sums, watermark, late, future


OFFSETS = st.one_of(
    st.integers(0, 200 * MICROSECONDS),
    st.integers(0, 3 * 86400 * MICROSECONDS),
    st.integers(-40 * 86400, 40 * 86400).map(lambda s: s * MICROSECONDS),
)


@given(
    lengths=st.sampled_from(WINDOWS),
    offsets=st.lists(st.tuples(OFFSETS, st.integers(-5, 5)), min_size=1, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=5),
    horizon=st.sampled_from([0, 86400, 30 * 86400, 100 * 86400]),
)
def test_windows_are_what_the_raw_records_say_however_the_stream_is_cut(
    lengths: dict[str, float], offsets: list[tuple[int, int]], cuts: list[int], horizon: int
) -> None:
    windows = make_windows(lengths)
    records = np.array([(BASE + offset, value) for offset, value in offsets], dtype=np.int64)
    limit = BASE + horizon * MICROSECONDS
    chunks = [
        part for part in np.split(records, sorted({min(cut, len(records)) for cut in cuts})) if len(part)
    ]

    ring, watermark, late, future = feed(windows, chunks, limit)
    expected, expected_watermark, expected_late, expected_future = naive(windows, records, limit)

    assert (expected_watermark, expected_late, expected_future) == (watermark, late, future)
    if watermark is not None:
        got = [ring.sum(level, watermark) for level in range(len(windows))]
        assert expected == [(int(one.counts[0]), float(one.sums[0])) for one in got]
        assert [count for count, _ in expected] == [one.rows for one in got]


def test_a_record_of_the_future_is_not_late_too() -> None:
    windows = make_windows({"1h": 3600.0})

    found = assign(np.array([BASE + 10, BASE]), None, BASE + 5, windows)

    assert (found.late, found.future, found.watermark) == (0, 1, BASE)
    assert sorted(found.level.tolist()) == [-1, 0]


def test_only_records_of_the_future_leave_no_watermark() -> None:
    found = assign(np.array([BASE + 10, BASE + 9]), None, BASE, make_windows({"1h": 3600.0}))

    assert (0, 2, np.iinfo(np.int64).min) == (found.late, found.future, found.watermark)


def test_a_ring_holds_no_more_slices_than_its_windows_have() -> None:
    windows = make_windows({"90s": 90.0, "1h": 3600.0})
    times = BASE + np.arange(0, 3 * 3600 * MICROSECONDS, 500_000)

    ring, _, _, _ = feed(windows, [np.column_stack([part, part * 0]) for part in np.split(times, 24)], 2**62)

    assert [
        len(slices) <= window.length // window.slice + 1
        for window, slices in zip(windows, ring.slices, strict=True)
    ] == [True, True]
