"""Fairness metrics are those of fairlearn on the joined table."""

from pathlib import Path

import duckdb
import fairlearn.metrics as fair
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics

from drift_exporter.judge.fairness.evaluate import Fairness, fairness
from drift_exporter.judge.performance.estimates import Estimate
from drift_exporter.reference.model import FloatArray, IntArray
from support.outcomes import UNLABELLED, binary_outcomes, multiclass_outcomes

EMPLOYMENT = Path(__file__).parents[3] / "examples" / "employment" / "data" / "2015.parquet"
Rows = tuple[FloatArray, IntArray, IntArray, NDArray[np.str_]]


@pytest.fixture(scope="module")
def table() -> dict[str, np.ndarray]:
    """Scores, answers, labels, sex and race of 10,000 people."""
    return duckdb.sql(
        f"SELECT predicted_probability, prediction, employed, SEX, RAC1P FROM '{EMPLOYMENT}' LIMIT 10000"
    ).fetchnumpy()


def by_group(rows: Rows, favourable: int, minimum: int, effect: float = 1.0) -> Fairness:
    score, predicted, label, groups = rows
    outcomes = {
        str(name): binary_outcomes(*(part[groups == name] for part in (score, predicted, label)))
        for name in np.unique(groups)
    }
    return fairness(outcomes, favourable, minimum, effect)


def rows_of(table: dict[str, np.ndarray], attribute: str, minimum: int) -> Rows:
    """Rows of the groups that have enough of them."""
    names, counts = np.unique(table[attribute].astype(str), return_counts=True)
    kept = np.isin(table[attribute].astype(str), names[counts >= minimum])
    columns = ("predicted_probability", "prediction", "employed")
    score, predicted, label = (np.asarray(table[name])[kept] for name in columns)
    return score, predicted, label, table[attribute].astype(str)[kept]


@pytest.mark.parametrize("attribute", ["SEX", "RAC1P"])
@pytest.mark.parametrize("favourable", [0, 1])
def test_of_real_people_they_are_those_of_fairlearn(
    table: dict[str, np.ndarray], attribute: str, favourable: int
) -> None:
    everyone = rows_of(table, attribute, 1)
    found = by_group(everyone, favourable, 100)
    score, predicted, label, groups = rows_of(table, attribute, 100)
    if favourable == 0:
        score, predicted, label = 1 - score, 1 - predicted, 1 - label
    told = {"y_true": label, "y_pred": predicted, "sensitive_features": groups}
    precision = fair.MetricFrame(metrics=metrics.precision_score, **told)
    calibration = {name: float((score - label)[groups == name].mean()) for name in np.unique(groups)}
    expected = {
        "demographic_parity_difference": fair.demographic_parity_difference(**told),
        "demographic_parity_ratio": fair.demographic_parity_ratio(**told),
        "equal_opportunity_difference": fair.equal_opportunity_difference(**told),
        "equalized_odds_difference": fair.equalized_odds_difference(**told),
        "predictive_parity_difference": precision.difference(),
        "calibration_difference": max(calibration.values()) - min(calibration.values()),
    }
    assert expected == pytest.approx({name: own.value for name, own in found.attribute.items()}, abs=1e-9)
    frame = fair.MetricFrame(
        metrics={
            "selection_rate": fair.selection_rate,
            "true_positive_rate": fair.true_positive_rate,
            "false_positive_rate": fair.false_positive_rate,
            "positive_predictive_value": metrics.precision_score,
        },
        **told,
    )
    for group in np.unique(groups):
        own = frame.by_group.loc[group].to_dict() | {
            "calibration_error": calibration[group],
            "records": float((groups == group).sum()),
        }
        values = {name: estimate.value for name, estimate in found.groups[group].items()}
        assert own == pytest.approx(values, abs=1e-9)
    for estimate in (*found.attribute.values(), *found.groups[groups[0]].values()):
        if estimate.lower is not None:
            assert estimate.upper is not None
            assert estimate.lower <= estimate.value <= estimate.upper


def test_selection_is_of_all_predictions_and_the_others_of_labelled_ones(
    table: dict[str, np.ndarray],
) -> None:
    score, predicted, label, groups = rows_of(table, "SEX", 1)
    plain = by_group((score, predicted, label, groups), 1, 100)
    partly = label.copy()
    partly[np.arange(len(label)) % 3 != 0] = UNLABELLED
    found = by_group((score, predicted, partly, groups), 1, 100)
    assert plain.attribute["demographic_parity_ratio"] == found.attribute["demographic_parity_ratio"]
    kept = partly != UNLABELLED
    own = by_group((score[kept], predicted[kept], label[kept], groups[kept]), 1, 100)
    for name in set(own.attribute) - {"demographic_parity_difference", "demographic_parity_ratio"}:
        assert own.attribute[name] == found.attribute[name], name


def test_groups_below_the_minimum_have_a_number_of_records_only(table: dict[str, np.ndarray]) -> None:
    rows = rows_of(table, "SEX", 1)
    sizes = {str(name): int((rows[3] == name).sum()) for name in np.unique(rows[3])}
    smaller = min(sizes, key=lambda name: sizes[name])
    found = by_group(rows, 1, sizes[smaller] + 1)
    assert {"records": Estimate(float(sizes[smaller]))} == found.groups[smaller]
    assert not found.attribute
    assert not found.confidence
    unlabelled = (rows[0], rows[1], np.full_like(rows[2], UNLABELLED), rows[3])
    assert {"demographic_parity_difference", "demographic_parity_ratio"} == set(
        by_group(unlabelled, 1, 100).attribute
    )


def test_confidence_and_intervals_know_a_design_effect() -> None:
    random = np.random.default_rng(1)
    groups = np.repeat(["a", "b"], 500)
    predicted = (random.random(1000) < np.where(groups == "a", 0.5, 0.33)).astype(np.int64)
    rows = (np.full(1000, np.nan), predicted, predicted, groups)
    plain, wider = by_group(rows, 1, 100), by_group(rows, 1, 100, 4.0)
    assert plain.confidence["demographic_parity_ratio"] > wider.confidence["demographic_parity_ratio"] > 0.5
    ratio, wide = (own.attribute["demographic_parity_ratio"] for own in (plain, wider))
    assert ratio.value == wide.value
    assert (wide.lower or 0) < (ratio.lower or 0) < (ratio.upper or 0) < (wide.upper or 0)
    assert "calibration_difference" not in plain.attribute


def test_a_single_record_has_no_spread_to_compare_its_calibration_by() -> None:
    groups = {
        "one": binary_outcomes([0.3], [0], [1]),
        "more": binary_outcomes([0.3, 0.6, 0.7], [0, 1, 1], [1, 1, 0]),
    }
    found = fairness(groups, favourable=1, minimum_group=1)
    assert found.groups["one"]["calibration_error"].value == pytest.approx(-0.7)
    assert found.groups["one"]["calibration_error"].lower is None
    assert "calibration_difference" not in found.attribute
    assert "demographic_parity_difference" in found.attribute


def test_of_a_multiclass_model_one_class_is_favourable() -> None:
    random = np.random.default_rng(2)
    parts = {
        name: (random.integers(0, 3, 300), random.integers(0, 3, 300), random.dirichlet([1, 1, 1], 300))
        for name in "ab"
    }
    found = fairness(
        {name: multiclass_outcomes("xyz", *part) for name, part in parts.items()},
        favourable=2,
        minimum_group=50,
    )
    for name, (predicted, label, scores) in parts.items():
        assert found.groups[name]["selection_rate"].value == pytest.approx((predicted == 2).mean())
        expected = ((predicted == 2) & (label != 2)).sum() / (label != 2).sum()
        assert expected == pytest.approx(found.groups[name]["false_positive_rate"].value)
        calibration = scores[:, 2].mean() - (label == 2).mean()
        assert calibration == pytest.approx(found.groups[name]["calibration_error"].value)


def test_there_may_be_no_groups() -> None:
    assert Fairness({}, {}, {}) == fairness({}, 1, 100)
