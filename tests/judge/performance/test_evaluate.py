import numpy as np
import pytest

from drift_exporter.judge.performance.evaluate import class_performances, performance, performances
from support.outcomes import binary_outcomes, multiclass_outcomes, ranking_outcomes, regression_outcomes

SIZES = [10, 200, 29, 30, 1000]


def test_many_groups_at_once_have_the_metrics_of_each() -> None:
    random = np.random.default_rng(1)
    kinds = {
        "binary": [
            binary_outcomes(random.random(n), random.integers(0, 2, n), random.integers(-1, 2, n))
            for n in [*SIZES, *[60] * 200]
        ],
        "multiclass": [
            multiclass_outcomes("abc", random.integers(0, 3, n), random.integers(0, 3, n)) for n in SIZES
        ],
        "regression": [regression_outcomes(random.normal(size=n), random.normal(size=n)) for n in SIZES],
        "ranking": [
            ranking_outcomes(random.integers(1, 5, n) * 1.0, random.integers(0, 2, n) * 1.0) for n in SIZES
        ],
    }
    for task, groups in kinds.items():
        found = performances(groups, 30)
        assert [performance(own, 30) for own in groups] == found, task
        assert [own.labelled >= 30 for own in groups] == [bool(own) for own in found], task


def test_there_may_be_no_groups_and_no_classes() -> None:
    assert [] == performances([], 30)
    assert [] == class_performances([], 30)


@pytest.mark.parametrize("effect", [2.0, 9.0])
def test_a_design_effect_widens_all_intervals_and_moves_no_value(effect: float) -> None:
    random = np.random.default_rng(2)
    score = random.random(4000)
    label = (random.random(4000) < score).astype(np.int64)
    predicted = (score > 0.5).astype(np.int64)
    three = np.minimum(np.arange(4000) % 4, 2)
    groups = [
        binary_outcomes(score, predicted, label),
        multiclass_outcomes("abc", three, random.permutation(three)),
        regression_outcomes(score, label.astype(np.float64)),
        ranking_outcomes(np.arange(4000) % 2 + 1.0, (np.arange(4000) % 8 < 2) * 1.0),
    ]
    for own in groups:
        plain, wider = performance(own, 30), performance(own, 30, effect)
        assert [estimate.value for estimate in plain.values()] == [
            estimate.value for estimate in wider.values()
        ]
        for name, estimate in plain.items():
            width, wide = (
                (found.upper or np.nan) - (found.lower or 0.0) for found in (estimate, wider[name])
            )
            if name != "expected_calibration_error":  # its lower end is 0
                assert np.sqrt(effect) == pytest.approx(wide / width, rel=0.15), name
