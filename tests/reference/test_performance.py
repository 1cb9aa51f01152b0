import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from drift_exporter.reference.performance import (
    Errors,
    Scores,
    average_precision,
    classification,
    positive_class,
    roc_auc,
)

FLAGS = st.integers(0, 1)
PARTS = st.integers(1, 5)


def test_classification_by_hand() -> None:
    # 50 true negatives, 10 false negatives, 5 false positives, 35 true positives.
    confusion = np.array([[50, 10], [5, 35]])
    assert classification(confusion, 1) == pytest.approx(
        {
            "accuracy": 85 / 100,
            "precision": 35 / 40,
            "recall": 35 / 45,
            "f1": 70 / 85,
            "false_negative_rate": 10 / 45,
            "false_positive_rate": 5 / 55,
            "click_through_rate": 45 / 100,
        }
    )
    assert classification(confusion, 0)["precision"] == pytest.approx(50 / 60)
    # f1 by class: 100/115 and 70/85.
    assert classification(confusion, None) == pytest.approx(
        {
            "accuracy": 0.85,
            "f1_macro": (100 / 115 + 70 / 85) / 2,
            "precision_macro": (50 / 60 + 35 / 40) / 2,
            "recall_macro": (50 / 55 + 35 / 45) / 2,
        }
    )


def test_ratios_of_nothing_are_left_out() -> None:
    assert not classification(np.zeros((2, 2), dtype=np.int64), 1)
    always = {"accuracy", "false_positive_rate", "click_through_rate"}
    found = set(classification(np.array([[3, 2], [0, 0]]), 1))
    assert found == always | {"recall", "f1", "false_negative_rate"}
    assert set(classification(np.array([[3, 0], [2, 0]]), 1)) == always | {"precision", "f1"}
    assert set(classification(np.array([[3, 0], [0, 0]]), 1)) == always
    # The third class was never seen.
    macro = {"f1_macro": 1.0, "precision_macro": 1.0, "recall_macro": 1.0}
    assert classification(np.diag([4, 6, 0]), None) == {"accuracy": 1.0, **macro}


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["0", "1"], "1"),
        (["1", "2"], "1"),
        (["-1", "1"], "1"),
        (["false", "true"], "true"),
        (["no", "yes"], "yes"),
        (["approved", "denied"], "denied"),
        (["1"], "1"),
        (["a", "b", "c"], None),
        ([], None),
    ],
)
def test_positive_class(classes: list[str], expected: str | None) -> None:
    assert positive_class(classes) == expected


@given(st.lists(st.tuples(st.integers(-4, 4), FLAGS), min_size=2, max_size=60))
def test_roc_auc_is_the_share_of_pairs_in_order(rows: list[tuple[int, int]]) -> None:
    scores, labels = np.array(rows, dtype=np.float64).T
    pairs = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high, low in product(scores[labels == 1], scores[labels == 0])
    ]
    expected = sum(pairs) / len(pairs) if pairs else None
    assert roc_auc(scores, labels) == (None if expected is None else pytest.approx(expected))


@given(st.lists(st.tuples(st.integers(-4, 4), FLAGS), min_size=1, max_size=60))
def test_average_precision(rows: list[tuple[int, int]]) -> None:
    scores, labels = np.array(rows, dtype=np.float64).T
    expected = average_precision_score(labels, scores) if labels.any() else None
    assert average_precision(scores, labels) == (None if expected is None else pytest.approx(expected))


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=50),
    st.lists(st.integers(0, 50), max_size=4),
)
def test_errors_do_not_depend_on_the_pieces(rows: list[tuple[float, float]], cuts: list[int]) -> None:
    predictions, labels = np.array(rows).T
    errors = Errors()
    for part in np.split(np.arange(len(rows)), sorted(min(cut, len(rows)) for cut in cuts)):
        errors.add(predictions[part], labels[part])
    found = errors.metrics()
    assert found["mean_absolute_error"] == pytest.approx(np.abs(predictions - labels).mean(), rel=1e-9)
    squared = float(np.square(predictions - labels).mean())
    assert found["root_mean_squared_error"] == pytest.approx(math.sqrt(squared), rel=1e-9)
    if labels.std() > 1e-3 * (1 + np.abs(labels).max()):
        assert found["r2"] == pytest.approx(1 - squared / labels.var(), rel=1e-6, abs=1e-6)


def test_errors_pass_over_what_is_missing() -> None:
    errors = Errors()
    assert not errors.metrics()
    errors.add(np.array([1.0, np.nan, 3.0, 4.0]), np.array([2.0, 1.0, np.nan, 4.0]))
    assert errors.rows == 2
    assert errors.metrics() == pytest.approx(
        {
            "mean_absolute_error": 0.5,
            "root_mean_squared_error": math.sqrt(0.5),
            "mean_absolute_percentage_error": (1 / 2 + 0 / 4) / 2,
            "bias": -0.5,
            "r2": 1 - 1 / 2,
        }
    )
    constant = Errors()
    constant.add(np.array([1.0, 2.0]), np.array([2.0, 2.0]))
    assert "r2" not in constant.metrics()


def test_log_loss_of_the_positive_class() -> None:
    scores = Scores()
    assert scores.log_loss() is None
    scores.add(np.array([0.9, 0.2]), np.array([1.0, 0.0]), np.array([1.0, 1.0]))
    scores.add(np.array([0.4, np.nan, 0.1]), np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0, np.nan]))
    assert not scores.answers
    assert scores.log_loss() == pytest.approx(-(math.log(0.9) + math.log(0.2) + math.log(0.6)) / 3)


def test_log_loss_of_the_answer() -> None:
    scores = Scores()
    scores.add(np.array([0.9, 0.8]), np.array([1.0, 0.0]), np.array([1.0, 1.0]))
    assert scores.answers
    assert scores.log_loss() == pytest.approx(-(math.log(0.9) + math.log(0.2)) / 2)


def test_log_loss_of_certainty_is_finite_and_other_scores_have_none() -> None:
    certain = Scores()
    certain.add(np.array([1.0, 0.0]), np.array([1.0, 0.0]), np.array([0.0, 0.0]))
    assert certain.log_loss() == pytest.approx(-math.log(np.finfo(float).eps) / 2, rel=1e-3)
    margin = Scores()
    margin.add(np.array([-2.0, 3.0]), np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    assert margin.log_loss() is None
