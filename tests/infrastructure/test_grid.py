import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.infrastructure.grid import Grid

SIZE = 7
STARTS = st.integers(0, 40)
RUNS = st.lists(st.tuples(STARTS, st.lists(st.booleans(), min_size=1, max_size=12)), max_size=8)


@given(RUNS, st.integers(0, 60), st.integers(1, 12))
def test_it_holds_the_newest_values_and_nothing_else(
    runs: list[tuple[int, list[bool]]], end: int, count: int
) -> None:
    grid = Grid(60.0, SIZE)
    known: dict[int, float] = {}
    for start, taken in runs:
        places = start + np.flatnonzero(taken)
        values = places + len(known) / 100
        grid.put(places, values)
        known |= dict(zip(places.tolist(), values.tolist(), strict=True))
        newest = max(known, default=-1)
        known = {place: value for place, value in known.items() if place > newest - SIZE}

    assert max(known, default=-1) == grid.newest
    expected = [known.get(place, np.nan) for place in range(end - count + 1, end + 1)]
    np.testing.assert_array_equal(expected, grid.tail(count, end))


def test_places_are_multiples_of_the_step() -> None:
    grid = Grid(300.0, 3)

    assert [2, 2, 3] == [grid.place(time) for time in (600.0, 899.9, 900.0)]
    assert [2, 3] == grid.places(np.array([600.0, 900.001])).tolist()
    assert [600.0, 900.0] == grid.times(np.array([2, 3])).tolist()
