"""Metrics of multiclass models are those of scikit-learn on the joined table."""

import warnings

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning

from drift_exporter.judge.performance.curves import roc_auc
from drift_exporter.judge.performance.evaluate import class_performances, performance
from drift_exporter.reference.model import FloatArray, IntArray
from support.outcomes import labelled_scores, multiclass_outcomes

CLASSES = ("prepaid", "credit", "debit", "never")


def rows(seed: int, number: int, classes: int) -> tuple[FloatArray, IntArray, IntArray]:
    """Probabilities (rows, classes), answers and labels."""
    random = np.random.default_rng(seed)
    probabilities = softmax(random.normal(0, 1.5, (number, classes)), axis=1)
    label = (probabilities.cumsum(axis=1) < random.random((number, 1))).sum(axis=1)
    return probabilities, probabilities.argmax(axis=1), np.minimum(label, classes - 1)


@pytest.mark.parametrize("number", [40, 5000])
def test_they_are_those_of_scikit_learn(number: int) -> None:
    probabilities, predicted, label = rows(1, number, 3)
    found = performance(multiclass_outcomes(CLASSES[:3], predicted, label, probabilities), 30)
    expected = {
        "accuracy": metrics.accuracy_score(label, predicted),
        "f1_macro": metrics.f1_score(label, predicted, average="macro"),
        "precision_macro": metrics.precision_score(label, predicted, average="macro"),
        "recall_macro": metrics.recall_score(label, predicted, average="macro"),
        "log_loss": metrics.log_loss(label, probabilities),
    }
    assert expected == pytest.approx({name: found[name].value for name in expected}, abs=1e-9)
    area = metrics.roc_auc_score(label, probabilities, multi_class="ovr", average="macro")
    assert area == pytest.approx(found["roc_auc_macro"].value, abs=0.002)
    assert {*expected, "roc_auc_macro"} == set(found)


def test_the_interval_of_the_mean_area_is_the_mean_of_the_intervals() -> None:
    probabilities, predicted, label = rows(6, 200, 3)
    found = performance(multiclass_outcomes(CLASSES[:3], predicted, label, probabilities), 30)[
        "roc_auc_macro"
    ]
    own = [roc_auc(labelled_scores(probabilities[None, :, k], (label[None] == k) * 1)) for k in range(3)]
    for part in ("value", "lower", "upper"):
        assert np.mean([getattr(area, part) for area in own]) == pytest.approx(getattr(found, part))


def test_a_class_without_labels_has_no_part_in_the_mean_area() -> None:
    probabilities, predicted, label = rows(7, 200, 3)
    label[label == 2] = 0
    found = performance(multiclass_outcomes(CLASSES[:3], predicted, label, probabilities), 30)
    areas = [metrics.roc_auc_score(label == k, probabilities[:, k]) for k in range(2)]
    assert np.mean(areas) == pytest.approx(found["roc_auc_macro"].value, abs=0.002)


def test_without_scores_there_are_the_metrics_of_answers() -> None:
    _, predicted, label = rows(2, 300, 3)
    found = performance(multiclass_outcomes(CLASSES[:3], predicted, label), 30)
    assert {"accuracy", "f1_macro", "precision_macro", "recall_macro"} == set(found)


def test_classes_that_are_never_seen_have_no_part_and_those_never_predicted_have_precision_nought() -> None:
    _, predicted, label = rows(3, 300, 3)
    predicted[predicted == 2] = 0
    found = performance(multiclass_outcomes(CLASSES, predicted, label), 30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        expected = metrics.precision_score(label, predicted, average="macro")
    assert expected == pytest.approx(found["precision_macro"].value, abs=1e-9)
    own = class_performances([multiclass_outcomes(CLASSES, predicted, label)], 30)[0]
    assert {"prepaid", "credit", "debit"} == set(own)
    assert {"recall", "f1"} == set(own["debit"])


def test_each_class_has_its_own_metrics() -> None:
    _, predicted, label = rows(4, 500, 3)
    outcomes = multiclass_outcomes(CLASSES[:3], predicted, label)
    (own,) = class_performances([outcomes], 30)
    for name, score in (
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
    ):
        expected = score(label, predicted, average=None)
        assert expected == pytest.approx([own[known][name].value for known in CLASSES[:3]], abs=1e-9)
    assert [{}] == class_performances([outcomes], 501)


def test_answers_of_no_known_class_are_wrong_and_no_class() -> None:
    _, predicted, label = rows(5, 500, 3)
    predicted[::7] = 3
    found = performance(multiclass_outcomes(CLASSES[:3], predicted, label), 30)
    assert metrics.accuracy_score(label, predicted) == pytest.approx(found["accuracy"].value)
    expected = metrics.f1_score(label, predicted, labels=[0, 1, 2], average="macro")
    assert expected == pytest.approx(found["f1_macro"].value, abs=1e-9)
