import numpy as np
import pytest

from drift_exporter.join.filter import FilterBuilder, may_contain


@pytest.mark.parametrize(("size", "most"), [(1, 0.03), (7, 0.03), (50_000, 0.008)])
def test_what_was_added_is_found_and_little_else(size: int, most: float) -> None:
    random = np.random.default_rng(size)
    low, high = random.integers(0, 2**64, (2, size + 100_000), dtype=np.uint64)
    builder = FilterBuilder(size)
    for part in (slice(0, size // 2), slice(size // 2, size)):
        builder.add(low[part], high[part])
    known = builder.build()
    assert -(-size * 12 // 8) == len(known)
    found = may_contain(known, low, high)
    assert found[:size].all()
    assert np.count_nonzero(found[size:]) < most * 100_000


def test_nothing_is_in_an_empty_one() -> None:
    none = np.empty(0, dtype=np.uint64)
    one = np.array([5], dtype=np.uint64)
    known = FilterBuilder(0).build()
    assert [False] == may_contain(known, one, one).tolist()
    assert [] == may_contain(known, none, none).tolist()
