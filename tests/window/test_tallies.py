import numpy as np

from drift_exporter.count.tally import Tally
from drift_exporter.window.slices import MICROSECONDS, make_levels, make_windows
from drift_exporter.window.tallies import TallyRing, reaching_back, told_of

HOUR = 3600 * MICROSECONDS
WINDOWS = make_windows({"1h": 3600, "24h": 86_400})


def one(count: int) -> Tally:
    return Tally(np.array([7]), np.array([count]), np.zeros(1), np.zeros((1, 0)))


def ring(offset: int) -> TallyRing:
    return TallyRing(make_levels(reaching_back(WINDOWS, offset), None), offset)


def counted(made: TallyRing, watermark: int) -> list[int]:
    return [
        sum(int(tally.counts.sum()) for tally in made.window(level, watermark).values())
        for level in range(len(made.levels))
    ]


def test_a_slice_counts_in_all_coarser_windows() -> None:
    made = ring(0)
    made.add(0, 100 * HOUR, one(3))
    made.add(0, 100 * HOUR, one(4))
    made.add(1, 80 * HOUR, one(10))
    assert [7, 17] == counted(made, 100 * HOUR + 1)
    # An hour later the short window has left the slice behind.
    assert [0, 17] == counted(made, 101 * HOUR + 60 * MICROSECONDS)


def test_windows_end_an_offset_before_the_newest_prediction() -> None:
    made = ring(3 * HOUR)
    assert WINDOWS == tuple(told_of(level, 3 * HOUR) for level in made.levels)
    made.add(0, 100 * HOUR, one(3))
    made.add(0, 103 * HOUR, one(5))
    assert [3, 3] == counted(made, 103 * HOUR + 1)
    assert [0, 8] == counted(made, 107 * HOUR)


def test_slices_go_when_no_window_reaches_back_to_them() -> None:
    made = ring(3 * HOUR)
    made.add(0, 100 * HOUR, one(3))
    made.evict(104 * HOUR - 60 * MICROSECONDS)
    assert [1, 1] == [len(slices) for slices in made.slices]
    made.changed.clear()
    made.evict(105 * HOUR)
    assert [0, 1] == [len(slices) for slices in made.slices]
    assert {0} == made.evicted.keys()
    made.evict(200 * HOUR)
    assert [0, 0] == [len(slices) for slices in made.slices]
    assert set() == made.changed
