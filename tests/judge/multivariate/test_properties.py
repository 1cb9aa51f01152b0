"""What holds for any records, whatever they are."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_exporter.judge.multivariate.baseline import make_baseline
from drift_exporter.judge.multivariate.correlation import correlation_drift, correlations, members_of
from drift_exporter.judge.multivariate.evaluate import MOST_COLUMNS, MOST_PAIRS, judge_sample
from drift_exporter.judge.multivariate.mmd import mmd_drift
from drift_exporter.judge.multivariate.pca import fit_pca, pca_drift
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import Column, FloatArray

METHODS = ("pca", "domain_classifier", "mmd", "correlation")
SEEDS = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=15)
@given(seed=SEEDS, m=st.integers(4, 40), n=st.integers(4, 40))
def test_a_discrepancy_has_no_sides_and_knows_no_place(seed: int, m: int, n: int) -> None:
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(m, 3)), random.normal(0.5, 1, (n, 3))
    one, other, moved = mmd_drift(x, y, 0), mmd_drift(y, x, 0), mmd_drift(x + 7, y + 7, 0)
    assert one is not None
    assert other is not None
    assert moved is not None
    assert one.squared == pytest.approx(other.squared)
    assert one.squared == pytest.approx(moved.squared)
    assert 0 < one.p_value <= 1
    assert 0 <= one.confidence <= 1


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS)
def test_errors_do_not_depend_on_how_the_coordinates_are_turned(seed: int) -> None:
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(400, 5)) * np.array([4.0, 3.0, 2.0, 1.0, 0.5])
    window = random.normal(0.3, 1, (60, 5))
    turn, _ = np.linalg.qr(random.normal(size=(5, 5)))
    found = []
    for points, current in ((mixed, window), (mixed @ turn, window @ turn)):
        pca = fit_pca(points)
        assert pca is not None
        score, confidence, shares = pca_drift(pca, current, np.arange(5), 5)
        found.append((score, confidence))
        assert shares.min() >= 0
        assert shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(found[0], found[1], atol=1e-8)


MONOTONE: list[Callable[[FloatArray], FloatArray]] = [np.exp, np.cbrt, lambda x: 3 * x - 1, np.arctan]


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, first=st.sampled_from(MONOTONE), second=st.sampled_from(MONOTONE))
def test_correlations_know_no_scale(
    seed: int, first: Callable[[FloatArray], FloatArray], second: Callable[[FloatArray], FloatArray]
) -> None:
    random = np.random.default_rng(seed)
    columns = tuple(numeric_column(f"x{i}", "feature", np.arange(9.0)) for i in range(2))
    members = members_of(columns)
    sides = [random.normal(size=(n, 2)) for n in (90, 40)]
    scaled = [np.column_stack([first(side[:, 0]), second(side[:, 1])]) for side in sides]
    found = [
        correlation_drift(*(correlations(side, columns, members) for side in both), members[0])
        for both in (sides, scaled)
    ]
    assert found[0] is not None
    assert found[1] is not None
    np.testing.assert_allclose(found[0].change, found[1].change)
    np.testing.assert_allclose(found[0].p_values, found[1].p_values)


CELLS = st.tuples(
    st.sampled_from([0.0, 1.0, 2.0, 1e12, np.nan]), st.sampled_from([5.0, 5.5, np.nan]), st.integers(0, 3)
)


@settings(deadline=None, max_examples=12)
@given(reference=st.lists(CELLS, min_size=1, max_size=60), current=st.lists(CELLS, min_size=1, max_size=60))
def test_any_records_are_judged_or_left_out(
    reference: list[tuple[float, float, int]], current: list[tuple[float, float, int]]
) -> None:
    columns: tuple[Column, ...] = (
        numeric_column("x", "feature", np.array([0.0, 1.0])),
        numeric_column("y", "feature", np.array([5.0, 5.5])),
        categorical_column("c", "feature", {"a": 2, "b": 1}, 0, 50),
    )
    baseline = make_baseline(np.array(reference, dtype=np.float64), columns, METHODS, 200)
    for drift in judge_sample(baseline, np.array(current, dtype=np.float64), METHODS):
        assert np.isfinite(drift.score)
        assert 0 <= drift.confidence <= 1
        assert 0 < drift.records <= len(current)
        assert len(drift.columns) <= MOST_COLUMNS
        assert len(drift.pairs) <= MOST_PAIRS
        assert all(0 < share.ratio <= 1 for share in drift.columns)
        assert all(-2 <= pair.change <= 2 and 0.95 <= pair.confidence <= 1 for pair in drift.pairs)
