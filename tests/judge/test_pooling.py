from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.judge.pooling import WELL_FILLED, pool

SIDES = st.integers(2, 40).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(0, 500), min_size=size, max_size=size).filter(any)] * 2)
)


@given(sides=SIDES, design_effect=st.floats(1, 10), quantiles=st.booleans())
def test_no_record_is_lost_and_only_the_rest_is_sparse(
    sides: tuple[list[int], list[int]], design_effect: float, *, quantiles: bool
) -> None:
    reference, current = (np.array(side) for side in sides)
    pooled = pool(reference, current, design_effect=design_effect, quantiles=quantiles)
    assert pooled.reference.sum() == reference.sum()
    assert pooled.current.sum() == current.sum()
    m, n = reference.sum(), current.sum()
    filled = pooled.reference[: len(pooled.reference) - pooled.rests]
    seen_once = (reference == 1).sum()
    assert (filled + seen_once >= WELL_FILLED * design_effect * m / min(m, n) - 1e-9).all()


@given(SIDES, st.randoms(use_true_random=False))
def test_quantile_bins_are_pooled_by_the_reference_alone(
    sides: tuple[list[int], list[int]], random: Random
) -> None:
    reference, current = (np.array(side) for side in sides)
    current += 1  # every bin is seen
    shuffled = current.copy()
    random.shuffle(shuffled)
    expected = pool(reference, current, design_effect=1.0, quantiles=True)
    actual = pool(reference, shuffled, design_effect=1.0, quantiles=True)
    assert expected.reference.tolist() == actual.reference.tolist()


def test_well_filled_bins_are_left_alone() -> None:
    pooled = pool(np.array([50, 0, 50]), np.array([20, 0, 30]), design_effect=1.0, quantiles=False)
    assert pooled.reference.tolist() == [50, 50]
    assert pooled.current.tolist() == [20, 30]
    assert pooled.rests == 0


def test_neighbours_are_pooled_until_they_are_filled() -> None:
    pooled = pool(
        np.array([940, 20, 20, 5, 5, 10]), np.array([190, 1, 2, 3, 4, 0]), design_effect=1.0, quantiles=True
    )
    # 5 of 200 records are to be expected where the reference has 25 of 1000.
    assert pooled.reference.tolist() == [940, 40, 20]
    assert pooled.current.tolist() == [190, 3, 7]
    assert pooled.rests == 1


def test_new_categories_are_kept_apart_in_a_small_window() -> None:
    reference = np.array([900, 60, 36, 1, 1, 2, 0, 0])
    current = np.array([60, 5, 5, 0, 2, 0, 20, 8])
    pooled = pool(reference, current, design_effect=1.0, quantiles=False)
    # 50 are needed: 900 and 60 are filled; the rare ones are not, nor is what was never seen.
    assert pooled.reference.tolist() == [900, 60, 38, 2]
    assert pooled.current.tolist() == [60, 5, 7, 28]
    assert pooled.rests == 2

    reference = np.array([900, 40, 30, 27, 1, 2, 0, 0])
    pooled = pool(reference, current, design_effect=1.0, quantiles=False)
    # Together they are, but for what was never seen, of which one record in a thousand is to be expected.
    assert pooled.reference.tolist() == [900, 99, 1]
    assert pooled.current.tolist() == [60, 12, 28]
    assert pooled.rests == 1


def test_new_categories_join_the_rare_ones_in_a_large_window_but_missing_does_not() -> None:
    reference = np.array([900, 93, 1, 2, 4, 0, 0])
    current = np.array([9000, 900, 20, 30, 40, 10, 0])
    pooled = pool(reference, current, design_effect=1.0, quantiles=False)
    assert pooled.reference.tolist() == [900, 93, 7]
    assert pooled.current.tolist() == [9000, 900, 100]
    assert pooled.rests == 0

    current[-1] = 500
    pooled = pool(reference, current, design_effect=1.0, quantiles=False)
    assert pooled.reference.tolist() == [900, 93, 7, 0]
    assert pooled.current.tolist() == [9000, 900, 100, 500]
    assert pooled.rests == 1


def test_what_is_rarely_missing_is_not_lost_among_rare_categories() -> None:
    pooled = pool(
        np.array([900, 40, 30, 28, 0, 2]), np.array([60, 5, 5, 2, 0, 28]), design_effect=1.0, quantiles=False
    )
    assert pooled.reference.tolist() == [900, 98, 2]
    assert pooled.current.tolist() == [60, 12, 28]
    assert pooled.rests == 1
