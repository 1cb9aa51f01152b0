import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from drift_exporter.judge.multivariate.boosting import BINS, boost, score
from drift_exporter.judge.multivariate.classifier import (
    TOLERANCE,
    area_under_curve,
    bin_codes,
    classifier_drift,
)
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import Column, FloatArray


def columns(count: int) -> tuple[Column, ...]:
    return tuple(numeric_column(f"x{i}", "feature", np.arange(10.0)) for i in range(count))


def test_the_column_that_has_moved_is_found_and_named() -> None:
    random = np.random.default_rng(1)
    reference, current = random.normal(size=(1_000, 6)), random.normal(size=(700, 6))
    current[:, 4] += 1
    area, confidence, shares = classifier_drift(reference, current, columns(6), 0)
    # The best there is: the area of two normal distributions one deviation apart.
    assert 0.70 < area < 0.77
    assert confidence > 0.999
    assert 4 == shares.argmax()
    assert shares[4] > 0.5
    assert (area, confidence) == classifier_drift(reference, current, columns(6), 0)[:2]


def test_two_columns_that_tell_only_together_are_found() -> None:
    random = np.random.default_rng(2)
    reference, current = random.normal(size=(1_500, 5)), random.normal(size=(1_500, 5))
    current[:, 3] = np.abs(current[:, 3]) * np.sign(current[:, 1])
    area, confidence, shares = classifier_drift(reference, current, columns(5), 0)
    assert area > 0.65
    assert confidence > 0.999
    assert {1, 3} == set(np.argsort(-shares)[:2].tolist())


def test_the_same_is_not_told_apart() -> None:
    random = np.random.default_rng(3)
    for records in (50, 400):
        reference, current = random.normal(size=(1_000, 4)), random.normal(size=(records, 4))
        area, confidence, _ = classifier_drift(reference, current, columns(4), 0)
        assert abs(area - 0.5) < 0.15
        assert confidence < 0.5


def test_what_nothing_overlaps_is_told_surely() -> None:
    reference = np.random.default_rng(4).normal(size=(100, 2))
    area, confidence, _ = classifier_drift(reference, reference + 100, columns(2), 0)
    # A bin may hold some of both sides.
    assert area > 0.95
    assert confidence > 0.999


def test_bins_of_numbers_categories_and_what_is_missing() -> None:
    both = (
        numeric_column("x", "feature", np.arange(10.0)),
        categorical_column("c", "feature", {f"{i:02d}": 100 - i for i in range(50)}, 0, 50),
    )
    values = np.array([[0.0, 0.0], [5.0, 1.0], [np.nan, 51.0], [9.0, 50.0], [9.0, 49.0], [9.0, 29.0]])
    codes = bin_codes(values, both)
    assert [1, 2, 0, BINS - 1, BINS - 2, BINS - 2] == codes[:, 1].tolist()
    assert 0 == codes[2, 0]
    assert 0 < codes[0, 0] < codes[1, 0] < codes[3, 0] == codes[4, 0] < BINS
    assert not bin_codes(np.full((3, 1), np.nan), both[:1]).any()


@settings(deadline=None, max_examples=50)
@given(
    above=st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=1, max_size=30),
    below=st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=1, max_size=30),
)
def test_areas_are_those_of_scikit_learn(above: list[float], below: list[float]) -> None:
    scores = np.array(above + below)
    positive = np.arange(len(scores)) < len(above)
    area, variance = area_under_curve(scores, positive)
    assert area == pytest.approx(roc_auc_score(positive, scores))
    assert variance > 0


@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_the_variance_is_that_of_repeated_draws(shift: float) -> None:
    random = np.random.default_rng(5)
    areas, variances = [], []
    for _ in range(600):
        scores: FloatArray = np.append(random.normal(shift, 1, 60), random.normal(size=150))
        area, variance = area_under_curve(scores, np.arange(210) < 60)
        areas.append(area)
        variances.append(variance)
    assert np.mean(variances) >= 0.9 * np.var(areas)
    if not shift:
        assert np.mean(variances) == pytest.approx(np.var(areas), rel=0.2)


def test_trees_learn_what_they_are_shown() -> None:
    random = np.random.default_rng(6)
    codes = random.integers(0, BINS, (800, 3)).astype(np.uint8)
    labels = ((codes[:, 0] > 10) & (codes[:, 2] <= 20)).astype(float)
    trees, gains = boost(codes, labels, np.ones(800), random)
    assert np.mean((score(trees, codes) > 0) == (labels == 1)) > 0.99
    assert gains[1] < 0.05 * gains.sum()
    unseen = random.integers(0, BINS, (800, 3)).astype(np.uint8)
    truth = (unseen[:, 0] > 10) & (unseen[:, 2] <= 20)
    assert np.mean((score(trees, unseen) > 0) == truth) > 0.98


def test_what_is_tolerated_is_not_drift() -> None:
    # Two normal distributions with an area of 0.55, 0.178 deviations apart: not seen better than that.
    random = np.random.default_rng(7)
    pairs = [(random.normal(size=(600, 1)), random.normal(0.178, 1, (600, 1))) for _ in range(20)]
    sure = [classifier_drift(*pair, columns(1), 0)[1] for pair in pairs]
    assert TOLERANCE == 0.55
    assert np.mean(np.array(sure) >= 0.95) <= 0.15
