import re
from itertools import product

import pytest
from scipy import stats

from drift_exporter.judge.estimation.estimate import magnitude, ratio
from drift_exporter.judge.estimation.validity import (
    HIGHER_IS_BETTER,
    estimation_error_confidence,
    kind_of_drift,
    performance_drop_confidence,
)


@pytest.mark.parametrize(
    ("metric", "value", "deviation", "realised", "expected"),
    [
        ("accuracy", 0.9, 0.01, 0.9, stats.norm.cdf(-2)),
        ("accuracy", 0.9, 0.01, 0.85, stats.norm.cdf(3)),
        ("accuracy", 0.85, 0.01, 0.9, stats.norm.cdf(3)),
        ("root_mean_squared_error", 120.0, 5.0, 100.0, stats.norm.cdf(2)),
        ("mean_absolute_error", 101.0, 0.0, 100.0, 0.0),
        ("mean_absolute_error", 120.0, 0.0, 100.0, 1.0),
    ],
)
def test_estimation_error(
    metric: str, value: float, deviation: float, realised: float, expected: float
) -> None:
    estimate = magnitude(value, deviation**2)
    assert expected == pytest.approx(estimation_error_confidence(metric, estimate, realised))


def test_ends_of_intervals() -> None:
    assert (0.5, 0.1, 0.5 - 0.1959964, 0.5 + 0.1959964) == pytest.approx(ratio(0.5, 0.01))
    assert (0.99, 0.1, 0.99 - 0.1959964, 1.0) == pytest.approx(ratio(0.99, 0.01))
    assert magnitude(1.0, 4.0).lower == 0.0


def drop(metric: str, value: float, reach: float = 0.0196, **more: float) -> float | None:
    sides = {"rows": 1_000, "reference": 0.9, "reference_rows": 10**9, "tolerance": 0.05} | more
    return performance_drop_confidence(metric, value, value - reach, value + reach, **sides)


def test_a_drop() -> None:
    # 0.855 is what is tolerated; the deviation is 0.01.
    assert drop("accuracy", 0.855) == pytest.approx(0.5, abs=1e-4)
    assert drop("accuracy", 0.835) == pytest.approx(stats.norm.cdf(2), abs=1e-4)
    assert drop("accuracy", 0.95) == pytest.approx(0.0, abs=1e-4)
    # More errors are worse: 0.945 is tolerated.
    assert drop("log_loss", 0.965) == pytest.approx(stats.norm.cdf(2), abs=1e-4)
    assert drop("log_loss", 0.8) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("false_rate", ["false_negative_rate", "false_positive_rate"])
@pytest.mark.parametrize("value", [0.8, 0.84, 0.855, 0.88])
def test_a_false_rate_rises_as_surely_as_the_true_one_falls(false_rate: str, value: float) -> None:
    more = {"reference_rows": 5_000}
    true_rate = drop("recall", value, **more)
    assert true_rate == pytest.approx(drop(false_rate, 1 - value, reference=0.1, **more))


def test_a_small_reference_limits_how_sure_one_may_be() -> None:
    large, small = drop("accuracy", 0.82), drop("accuracy", 0.82, reference_rows=500)
    assert large is not None
    assert small is not None
    assert large > 0.999
    assert small == pytest.approx(stats.norm.cdf(3.5 / (1 + 0.95**2 * 2) ** 0.5), abs=1e-4)


def test_what_cannot_fall() -> None:
    assert drop("bias", 0.5) is None
    assert drop("accuracy", 0.5, rows=0) is None
    assert drop("accuracy", 0.5, reference_rows=0) is None


def test_the_table_is_what_is_done() -> None:
    """Every row of the docstring's table, with all that it leaves open."""
    sure = {"sure": [0.99], "not": [0.3], "unknown": [None], "any": [0.99, 0.3, None]}
    rows = re.findall(
        r"^ *\| (.+?) \| (.+?) \| (.+?) \| ``(.+?)``", kind_of_drift.__doc__ or "", re.MULTILINE
    )
    assert len(rows) == 5
    seen = set()
    for concept, dropped, moved, kind in rows:
        options = [
            [value for word in re.findall(r"sure|not|unknown|any", cell) for value in sure[word]]
            for cell in (concept, dropped, moved)
        ]
        if kind == "data":
            options[0].append(None)
        for values in product(*options):
            place = 1 if "scores are" in moved else 0
            columns = (None, values[2]) if place else (values[2], None)
            if kind == "harmless" and values[:2] == (None, None) and columns[1] is not None:
                continue
            seen.add(kind)
            assert kind_of_drift(*columns, *values[:2]) == kind, values
    assert seen == {"concept", "data", "loss", "early warning", "harmless"}
    assert kind_of_drift(0.3, None, None, 0.2) is None


def test_every_metric_has_a_better_end() -> None:
    assert {"bias"}.isdisjoint(HIGHER_IS_BETTER)
    assert HIGHER_IS_BETTER["roc_auc"]
    assert not HIGHER_IS_BETTER["brier"]
