import numpy as np

from drift_exporter.judge.segments import Segments
from drift_exporter.judge.shares import Shares
from drift_exporter.judge.unseen import with_rare_together


def test_rare_categories_go_to_other_where_that_is_rare_and_missing_stays() -> None:
    # Categories, other, missing. Rare ones, and other seen now; other frequent; other never seen; numeric.
    reference = [[900, 40, 9, 1, 0, 5], [900, 3, 60, 7], [900, 2, 0, 0], [5, 5, 5]]
    current = [[80, 0, 3, 2, 4, 1], [90, 4, 6, 0], [98, 2, 0, 0], [5, 5, 5]]
    sizes = [len(counts) for counts in reference]
    shares = Shares(Segments.of(sizes), np.concatenate(reference), np.concatenate(current))
    found, together = with_rare_together(shares, np.array([0, 1, 2]))
    assert found.tolist() == [0]
    assert together.reference.tolist() == [900, 40, 0, 0, 10, 5]
    assert together.current.tolist() == [80, 0, 0, 0, 9, 1]


def test_there_may_be_none() -> None:
    shares = Shares(Segments.of([3]), np.array([10, 20, 0]), np.array([1, 2, 3]))
    found, _ = with_rare_together(shares, np.empty(0, dtype=np.int64))
    assert found.tolist() == []
