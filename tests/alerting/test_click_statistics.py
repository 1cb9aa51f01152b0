"""How often the two-proportion test of clicks.yml is wrong, by simulation.

The rule computes what ``z`` does: alerting/tests/clicks.yml has the same two figures.
"""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

from support.alerting import rules

Array = NDArray[np.float64]
CONSTANTS = {
    r["record"].rsplit(":", 1)[1].removeprefix("click_through_rate_"): float(r["expr"][len("vector(") : -1])
    for r in rules()
    if ":threshold:click_through_rate_" in r.get("record", "")
}


def z(before: Array, labels_before: float, now: Array, labels_now: float) -> Array:
    """Statistic of a fall by more than the tolerated share; rates before and now with their labels."""
    kept = 1 - CONSTANTS["tolerance"]
    variance = kept**2 * before * (1 - before) / labels_before + now * (1 - now) / labels_now
    return np.asarray((kept * before - now) / np.sqrt(variance), dtype=np.float64)


def alarms(true_before: float, true_now: float, labels: int, quantile: str) -> float:
    """Share of 40,000 pairs of weeks that alert."""
    rng = np.random.default_rng(20)
    before = rng.binomial(labels, true_before, 40_000) / labels
    now = rng.binomial(labels, true_now, 40_000) / labels
    fallen = now <= (1 - CONSTANTS["drop"]) * before
    return float(np.mean(fallen & (z(before, labels, now, labels) >= CONSTANTS[quantile])))


def test_the_figures_are_those_of_the_rule() -> None:
    found = [
        float(z(np.array(before), labels, np.array(now), labels))
        for before, now, labels in ((0.05, 0.04, 33_600), (0.1, 0.075, 1680))
    ]
    assert found == pytest.approx([4.822, 2.112], abs=5e-4)


def test_the_quantiles_are_those_of_the_normal_distribution() -> None:
    assert CONSTANTS["z_certain"] == pytest.approx(ndtri(0.99), abs=1e-3)
    assert CONSTANTS["z_likely"] == pytest.approx(ndtri(0.9), abs=1e-3)


@pytest.mark.parametrize("labels", [1000, 10_000, 100_000])
@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_a_fall_that_is_tolerated_alerts_no_more_often_than_promised(labels: int, rate: float) -> None:
    tolerated = rate * (1 - CONSTANTS["tolerance"])
    assert alarms(rate, tolerated, labels, "z_certain") < 0.013
    assert alarms(rate, tolerated, labels, "z_likely") < 0.105


@pytest.mark.parametrize("labels", [1000, 10_000, 100_000])
def test_weeks_that_are_alike_hardly_ever_page(labels: int) -> None:
    assert alarms(0.05, 0.05, labels, "z_certain") < 0.006
    assert alarms(0.05, 0.05, labels, "z_likely") < 0.07


def test_a_fall_of_a_fifth_is_found_from_a_thousand_clicks_on() -> None:
    assert alarms(0.05, 0.04, 20_000, "z_certain") > 0.8
    assert alarms(0.05, 0.04, 100_000, "z_certain") > 0.99
