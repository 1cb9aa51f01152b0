"""Metrics of ranked lists are those of scikit-learn where a list has one click at most."""

import numpy as np
import pytest
from sklearn import metrics

from drift_exporter.judge.performance.evaluate import performance
from drift_exporter.reference.model import FloatArray
from support.outcomes import ranking_outcomes

PLACES = 8


def lists(seed: int, number: int) -> FloatArray:
    """Clicks (lists, places): one in each of about half of the lists."""
    random = np.random.default_rng(seed)
    clicks = np.zeros((number, PLACES))
    clicked = np.flatnonzero(random.random(number) < 0.5)
    clicks[clicked, random.integers(0, PLACES, len(clicked))] = 1
    return clicks


def test_they_are_those_of_scikit_learn() -> None:
    clicks = lists(1, 500)
    position = np.tile(np.arange(1.0, PLACES + 1), 500)
    found = performance(ranking_outcomes(position, clicks.ravel()), 30)
    scores = np.tile(-np.arange(PLACES), (500, 1))
    reciprocal = (clicks / np.arange(1, PLACES + 1)).sum(axis=1).mean()
    assert metrics.ndcg_score(clicks, scores) == pytest.approx(found["ndcg"].value, abs=1e-9)
    assert reciprocal == pytest.approx(found["mean_reciprocal_rank"].value, abs=1e-9)
    assert clicks.mean() == pytest.approx(found["click_through_rate"].value, abs=1e-9)
    for name, own in found.items():
        assert own.lower is not None, name
        assert own.upper is not None, name
        assert own.lower < own.value < own.upper, name


def test_with_more_clicks_than_lists_there_is_the_share_of_clicks() -> None:
    position = np.tile([1.0, 2.0, 3.0], 20)
    assert ["click_through_rate"] == list(performance(ranking_outcomes(position, np.ones(60)), 30))


def test_without_places_there_is_the_share_of_clicks() -> None:
    clicks = lists(2, 50).ravel()
    found = performance(ranking_outcomes(np.full(len(clicks), np.nan), clicks), 30)
    assert ["click_through_rate"] == list(found)
    assert not performance(ranking_outcomes(np.ones(20), np.full(20, np.nan)), 1)
