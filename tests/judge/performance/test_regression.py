"""Metrics of regressions are those of scikit-learn on the joined table."""

import numpy as np
import pytest
from sklearn import metrics

from drift_exporter.judge.performance.evaluate import performance
from support.outcomes import regression_outcomes


@pytest.mark.parametrize(("offset", "centre"), [(0.0, 0.0), (30.0, 0.0), (1e6, 1e6 + 3)])
def test_they_are_those_of_scikit_learn(offset: float, centre: float) -> None:
    random = np.random.default_rng(1)
    label = offset + random.lognormal(1, 0.5, 2000)
    prediction = label + random.normal(0.1, 1, 2000)
    found = performance(regression_outcomes(prediction, label, centre), 30)
    expected = {
        "mean_absolute_error": metrics.mean_absolute_error(label, prediction),
        "root_mean_squared_error": metrics.root_mean_squared_error(label, prediction),
        "mean_absolute_percentage_error": metrics.mean_absolute_percentage_error(label, prediction),
        "r2": metrics.r2_score(label, prediction),
        "bias": float((prediction - label).mean()),
    }
    assert expected == pytest.approx({name: own.value for name, own in found.items()}, abs=1e-9)
    for name, own in found.items():
        assert own.lower is not None, name
        assert own.upper is not None, name
        assert own.lower < own.value < own.upper, name


def test_labels_of_nought_have_the_percentage_of_scikit_learn() -> None:
    label, prediction = np.array([0.0, 1.0, 2.0]), np.array([1e-17, 1.5, 2.0])
    found = performance(regression_outcomes(prediction, label), 1)
    expected = metrics.mean_absolute_percentage_error(label, prediction)
    assert expected == pytest.approx(found["mean_absolute_percentage_error"].value, rel=1e-9)


def test_what_cannot_be_known_is_left_out() -> None:
    constant = performance(regression_outcomes(np.array([1.0, 2.0, 3.0]), np.full(3, 2.0)), 1)
    assert "r2" not in constant
    far = performance(regression_outcomes(np.arange(3) + 1e9, np.arange(3) + 1e9), 1)
    assert "r2" not in far
    assert not performance(regression_outcomes(np.array([1e70]), np.array([1.0])), 1)
    single = performance(regression_outcomes(np.array([1.0]), np.array([2.0])), 1)
    assert single["bias"].value == -1
    assert single["bias"].lower is None


def test_records_without_a_prediction_or_a_label_do_not_count() -> None:
    prediction = np.array([1.0, np.nan, 3.0, np.inf])
    label = np.array([2.0, 1.0, np.nan, 1.0])
    assert performance(regression_outcomes(prediction, label), 1)["bias"].value == -1
    assert not performance(regression_outcomes(prediction, label), 2)
