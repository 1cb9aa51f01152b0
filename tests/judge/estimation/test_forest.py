import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.judge.estimation.forest import BINS, DEPTH, Forest, fit_forest


@given(st.integers(0, 2**32 - 1))
def test_a_record_finds_its_leaf(seed: int) -> None:
    random = np.random.default_rng(seed)
    trees, columns, rows = 3, 4, 20
    forest = Forest(
        random.integers(0, columns, (trees, DEPTH)),
        random.integers(0, BINS + 1, (trees, DEPTH)).astype(np.uint8),
        random.normal(size=(trees, 1 << DEPTH, 2)),
    )
    codes = random.integers(0, BINS, (columns, rows)).astype(np.uint8)
    expected = np.zeros((2, rows))
    for row in range(rows):
        for tree in range(trees):
            answers = [
                codes[column, row] > threshold
                for column, threshold in zip(forest.columns[tree], forest.thresholds[tree], strict=True)
            ]
            leaf = int("".join(str(int(answer)) for answer in answers), 2)
            expected[:, row] += forest.values[tree, leaf]
    np.testing.assert_allclose(forest.predict(codes), expected, atol=1e-12)


def test_it_learns_what_columns_tell_together() -> None:
    random = np.random.default_rng(1)
    codes = random.integers(0, BINS, (5, 6_000)).astype(np.uint8)
    high = (codes[0] > 15) != (codes[1] > 15)
    targets = np.stack([high + 0.0, codes[2] / BINS])
    targets += 0.1 * random.normal(size=targets.shape)
    forest = fit_forest(codes[:, :4_000], targets[:, :4_000], random, 60, 0.2, 2_000, 10)
    rest = targets[:, 4_000:] - forest.predict(codes[:, 4_000:])
    assert (rest.std(axis=1) < 0.2).all()


def test_the_same_seed_gives_the_same_trees() -> None:
    codes = np.random.default_rng(2).integers(0, BINS, (3, 500)).astype(np.uint8)
    targets = codes[:1].astype(np.float64)
    found = [fit_forest(codes, targets, np.random.default_rng(7), 5, 0.5, 300, 5) for _ in range(2)]
    np.testing.assert_array_equal(found[0].values, found[1].values)
    np.testing.assert_array_equal(found[0].columns, found[1].columns)


def test_what_cannot_be_parted_has_one_value() -> None:
    codes = np.zeros((2, 100), dtype=np.uint8)
    forest = fit_forest(codes, np.full((1, 100), 3.0), np.random.default_rng(3), 200, 0.5, 100, 5)
    np.testing.assert_allclose(forest.predict(codes), 3.0, rtol=1e-6)
