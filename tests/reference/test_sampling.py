import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.reference.sampling import Keys, Reservoir


def run(rows: int, size: int, cuts: list[int], seed: int = 3) -> Reservoir:
    keys, reservoir = Keys(seed), Reservoir(np.empty((1, size)))
    for part in np.split(np.arange(rows, dtype=np.float64), sorted(min(cut, rows) for cut in cuts)):
        reservoir.add(keys.draw(len(part)), [part])
    return reservoir


@given(st.integers(0, 80), st.integers(0, 30), st.lists(st.integers(0, 80), max_size=6))
def test_the_sample_does_not_depend_on_the_pieces(rows: int, size: int, cuts: list[int]) -> None:
    whole, pieces = run(rows, size, []), run(rows, size, cuts)
    expected = np.sort(np.argsort(np.random.default_rng(3).random(rows))[:size])
    for found in (whole, pieces):
        assert found.used == min(rows, size)
        np.testing.assert_array_equal(expected, found.values[0, found.order()])


@given(st.integers(1, 60), st.integers(1, 20), st.lists(st.integers(0, 60), max_size=4))
def test_what_was_added_is_where_it_says(rows: int, size: int, cuts: list[int]) -> None:
    keys, reservoir, shadow = Keys(9), Reservoir(np.empty((1, size))), np.full(size, -1.0)
    for part in np.split(np.arange(rows, dtype=np.float64), sorted(min(cut, rows) for cut in cuts)):
        taken, slots = reservoir.add(keys.draw(len(part)), [part])
        assert len(set(slots.tolist())) == len(slots)
        shadow[slots] = part[taken]
    np.testing.assert_array_equal(shadow[: reservoir.used], reservoir.values[0, : reservoir.used])


def test_every_row_is_as_likely() -> None:
    seen = np.zeros(50)
    for seed in range(2000):
        reservoir = run(50, 10, [7, 8, 30], seed)
        seen[reservoir.values[0].astype(int)] += 1
    # 400 each; the standard deviation of one count is 17.9.
    assert np.abs(seen - 400).max() < 5 * 17.9


def test_another_seed_gives_another_sample() -> None:
    one, other = run(1000, 20, [], 1), run(1000, 20, [], 2)
    assert set(one.values[0]) != set(other.values[0])
