"""Concept drift, by simulation: silent where labels given the scores are as they were."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from drift_exporter.judge.estimation.concept import (
    change_p_value,
    concept_drift_confidence,
    error_drift_confidence,
)
from drift_exporter.judge.estimation.dle import ErrorModel
from drift_exporter.judge.estimation.forest import Forest
from drift_exporter.judge.estimation.strata import make_strata
from drift_exporter.reference.model import FloatArray
from drift_exporter.reference.outcomes import ReferenceOutcomes
from support.estimation import as_scored, bent, draw_reference, draw_window

RUNS = 120


def found_at(  # a share of windows
    seed: int,
    middle: float = -1.0,
    rate: Callable[[FloatArray], FloatArray] = as_scored,
    factor: float = 1.0,
    rows: int = 5_000,
) -> float:
    """Share of windows with confidence of at least 0.99; a new reference for every other one."""
    random = np.random.default_rng(seed)
    sure = 0
    for run in range(RUNS):
        if run % 2 == 0:
            outcomes = draw_reference(random, 10_000, rate=rate)
        window = draw_window(random, outcomes, rows, middle, rate, factor)
        confidence = concept_drift_confidence(outcomes, window.cells, window.cell_sums, window.confusion)
        assert confidence is not None
        sure += confidence >= 0.99
    return sure / RUNS


@pytest.mark.parametrize(
    ("middle", "rate", "factor"),
    [
        (-1.0, as_scored, 1.0),
        (0.0, as_scored, 1.0),  # scores have moved up by a standard deviation: data drift
        (-2.0, as_scored, 1.0),
        (-1.0, bent, 1.0),  # the reference's own scores are off
        (0.0, bent, 1.0),
        (-1.0, as_scored, 0.95),  # what is tolerated
        (-1.0, as_scored, 1.05),
    ],
)
def test_silent(middle: float, rate: Callable[[FloatArray], FloatArray], factor: float) -> None:
    assert found_at(1, middle, rate, factor) <= 0.03


@pytest.mark.parametrize(("middle", "rows"), [(-1.0, 8_000), (0.0, 4_000)])
def test_a_fall_of_15_percent_is_found(middle: float, rows: int) -> None:
    assert found_at(2, middle, factor=0.85, rows=rows) >= 0.85


def test_without_scores() -> None:
    random = np.random.default_rng(3)
    rates = np.array([0.1, 0.6])
    confidences: dict[float, list[float]] = {1.0: [], 0.95: [], 0.8: []}

    def confusion(rows: tuple[int, int], factor: float) -> np.ndarray:
        positives = random.binomial(rows, np.minimum(rates * factor, 1))
        return np.column_stack([np.array(rows) - positives, positives])

    for _ in range(100):
        reference = ReferenceOutcomes(10_000, ("0", "1"), confusion=confusion((7_000, 3_000), 1.0))
        for factor, into in confidences.items():
            # More is predicted positive than was: data drift.
            window = np.zeros((3, 3), dtype=np.int64)
            window[:2, :2] = confusion((3_000, 4_000), factor)
            found = concept_drift_confidence(reference, np.zeros(0), np.zeros(0), window)
            assert found is not None
            into.append(found)
    sure = {factor: np.mean(np.array(own) >= 0.99) for factor, own in confidences.items()}
    assert sure[1.0] <= 0.02
    assert sure[0.95] <= 0.04
    assert sure[0.8] >= 0.95


def test_one_class_of_three_without_scores() -> None:
    reference = ReferenceOutcomes(3_000, ("a", "b", "c"), confusion=1_000 * np.eye(3, dtype=np.int64) + 200)
    window = np.zeros((4, 4), dtype=np.int64)
    window[:3, :3] = reference.confusion
    same = concept_drift_confidence(reference, np.zeros(0), np.zeros(0), window)
    window[0, :3] = [800, 600, 200]
    changed = concept_drift_confidence(reference, np.zeros(0), np.zeros(0), window)
    assert same is not None
    assert changed is not None
    assert same < 0.01
    assert changed > 0.999


def test_nothing_to_look_at() -> None:
    random = np.random.default_rng(4)
    outcomes = draw_reference(random, 1_000)
    few = draw_window(random, outcomes, 15)
    assert concept_drift_confidence(outcomes, few.cells, few.cell_sums, few.confusion) is None
    assert concept_drift_confidence(outcomes, 0 * few.cells, few.cell_sums, few.confusion) is None
    nothing = ReferenceOutcomes(0, ("0", "1"), confusion=np.zeros((2, 2), dtype=np.int64))
    assert concept_drift_confidence(nothing, few.cells, few.cell_sums, few.confusion) is None


def test_of_one_group_it_is_a_test_of_a_count() -> None:
    """For one group both statistics are normal, and the largest non-centrality is that of the tolerance."""
    found = change_p_value(np.array([-60.0]), np.array([400.0]), np.array([300.0]), np.array([[100.0]]), 0.05)
    variance = 1.05 * (300 + 1.05 * 100)
    of_groups = stats.ncx2.sf(60**2 / variance, 1, 20**2 / variance)
    of_sum = stats.norm.sf(40 / variance**0.5)
    assert 2.6 * min(of_groups, of_sum) == pytest.approx(found, rel=1e-6)


def test_a_design_effect_asks_for_more() -> None:
    random = np.random.default_rng(5)
    outcomes = draw_reference(random, 10_000)
    window = draw_window(random, outcomes, 5_000, factor=0.85)
    sides = outcomes, window.cells, window.cell_sums, window.confusion
    alone = concept_drift_confidence(*sides)
    dependent = concept_drift_confidence(*sides, design_effect=20.0)
    assert alone is not None
    assert dependent is not None
    assert alone > 0.9 > dependent


def test_strata_interpolate() -> None:
    negatives, positives = np.array([30, 0, 20, 10, 0]), np.array([10, 0, 20, 30, 0])
    strata = make_strata(negatives, positives, np.array([4.0, 0, 20.0, 32.0, 0]))
    assert strata is not None
    assert [0.1, 0.5, 0.8] == pytest.approx(strata.scores.tolist())
    assert [0.25, 0.5, 0.75] == strata.rates.tolist()
    assert [True, True, True, True, False] == strata.known.tolist()
    weights = strata.weights(np.array([0.0, 0.1, 0.3, 0.65, 0.9]))
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    np.testing.assert_allclose(weights @ strata.rates, [0.25, 0.25, 0.375, 0.625, 0.75])


def model(variance: float, rows: int) -> ErrorModel:
    """An error model of which only the doubt matters."""
    none = Forest(np.zeros((0, 6), dtype=np.int64), np.zeros((0, 6), dtype=np.uint8), np.zeros((0, 64, 2)))
    two = np.ones(2)
    return ErrorModel((), none, two, two, two, np.array([variance, variance]), rows)


def test_errors_of_a_regression() -> None:
    random = np.random.default_rng(6)
    sure = {1.0: 0, 1.05: 0, 1.15: 0}
    # Errors around an estimate of 1: exponential, so their variance is 1.
    for factor in sure:
        for _ in range(300):
            level = random.exponential(size=10_000).mean()
            absolute = float(factor * random.exponential(size=3_000).sum())
            found = error_drift_confidence(model(1.0, 10_000), absolute, 3_000 * level, 3_000)
            assert found is not None
            sure[factor] += found >= 0.99
    assert sure[1.0] <= 6
    assert sure[1.05] <= 9
    assert sure[1.15] >= 280
    assert error_drift_confidence(model(1.0, 10), 1.0, 1.0, 0) is None
