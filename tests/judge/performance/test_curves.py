import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn import metrics

from drift_exporter.judge.intervals import Z
from drift_exporter.judge.performance.curves import average_precision, roc_auc
from drift_exporter.judge.performance.intervals import logit_interval
from support.outcomes import labelled_scores

EDGES = np.arange(1, 40) / 40
"""Bins of one value each where scores are multiples of 1/40."""


def records(seed: int, number: int, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are multiples of 1/40, and labels."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, number)
    return np.clip(np.round(random.normal(18 + apart * label, 5)), 1, 40) / 40, label


def test_where_a_bin_is_a_value_the_area_and_its_interval_are_those_of_delong() -> None:
    score, label = records(1, 300, 5)
    positive, negative = score[label == 1], score[label == 0]
    # Hanley and Hajian-Tilaki (1997): the variances of the rows' and of the columns' means.
    ordered = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    variance = sum(ordered.mean(axis=axis).var(ddof=1) / ordered.shape[1 - axis] for axis in (0, 1))
    expected = logit_interval(np.array([ordered.mean()]), np.array([variance]))
    found = roc_auc(labelled_scores(score[None], label[None], EDGES))
    for part in ("value", "lower", "upper"):
        assert getattr(expected, part) == pytest.approx(getattr(found, part), abs=1e-9)


@pytest.mark.parametrize("number", [12, 40, 1000])
def test_where_both_sorts_are_apart_the_interval_is_that_of_newcombe(number: int) -> None:
    label = np.arange(number) % 2
    scores = labelled_scores(np.where(label == 1, 0.9, 0.2)[None], label[None], EDGES)
    found = roc_auc(scores)
    assert found.value.tolist() == found.upper.tolist() == [1.0]
    true, half = float(found.lower[0]), number / 2
    spread = 1 + (half - 1) * ((1 - true) / (2 - true) + true / (1 + true))
    assert (1 - true) == pytest.approx(Z * np.sqrt(true * (1 - true) * spread) / half, abs=1e-9)


def test_ties_have_the_precision_of_all_that_are_tied() -> None:
    score, label = records(2, 100_000, 3)
    found = average_precision(labelled_scores(score[None], label[None], EDGES))
    assert metrics.average_precision_score(label, score) == pytest.approx(found.value[0], abs=1e-9)
    assert metrics.roc_auc_score(label, score) == pytest.approx(
        roc_auc(labelled_scores(score[None], label[None], EDGES)).value[0], abs=1e-9
    )


def test_average_precision_varies_over_samples_as_its_interval_says() -> None:
    random = np.random.default_rng(3)
    label = (random.random((2000, 400)) < 0.3).astype(np.int64)
    score = np.clip(random.beta(2, 4, label.shape) + 0.2 * label, 0, 1)
    found = average_precision(labelled_scores(score, label))
    # Of an interval that is about symmetric, the ends are Z standard deviations away.
    expected = found.value.std()
    assert expected == pytest.approx(float(np.mean(found.upper - found.lower)) / (2 * Z), rel=0.05)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 1)), min_size=1, max_size=40))
@example([(301, 0), (302, 1)])
def test_curves_are_within_their_intervals_and_turn_with_the_labels(rows: list[tuple[int, int]]) -> None:
    score, label = np.array(rows).T
    scores = labelled_scores(score[None] / 400, label[None], EDGES)
    area = roc_auc(scores)
    if label.min() == label.max():
        assert np.isnan(area.value).all()
    else:
        assert 0 <= area.lower[0] <= area.value[0] + 1e-9
        assert area.value[0] - 1e-9 <= area.upper[0] <= 1
        turned = roc_auc(labelled_scores(score[None] / 400, 1 - label[None], EDGES))
        assert 1 - area.value[0] == pytest.approx(turned.value[0])
    precision = average_precision(scores)
    if label.any():
        assert 0 <= precision.lower[0] <= precision.value[0] <= precision.upper[0] <= 1
    else:
        assert np.isnan(precision.value).all()


def test_shorter_edges_that_end_in_infinities_are_the_same() -> None:
    random = np.random.default_rng(4)
    label = random.integers(0, 2, (1, 300))
    score = np.clip(random.normal(0.4 + 0.2 * label, 0.2), 0, 1)
    plain = labelled_scores(score, label, EDGES[::4])
    padded = labelled_scores(score, label, np.append(EDGES[::4], [np.inf, np.inf]))
    for curve in (roc_auc, average_precision):
        assert curve(plain).value == pytest.approx(curve(padded).value)


def test_scores_in_open_bins_count_as_ties() -> None:
    label = np.array([[0, 0, 1, 1]])
    scores = labelled_scores(np.array([[5.0, 9.0, 7.0, 8.0]]), label, np.array([-1.0, 0.0, 3.0]))
    assert [0.5] == roc_auc(scores).value.tolist()
