import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from drift_exporter.judge.anomaly.confidence import anomaly_confidence, share_confidence
from drift_exporter.judge.anomaly.fit import fit_anomaly
from drift_exporter.judge.anomaly.model import AnomalyModel
from drift_exporter.judge.anomaly.overdispersion import NOTHING_KNOWN, find_overdispersion
from drift_exporter.judge.anomaly.settings import AnomalySettings
from support.detectors import numbers, numeric_columns

HOUR = 3600.0


@pytest.fixture(scope="module")
def model() -> AnomalyModel:
    rows = numbers(200, np.random.default_rng(1))
    return fit_anomaly(rows, numeric_columns(rows), None, AnomalySettings("ecod"))


@pytest.mark.parametrize("correlation", [1e-5, 1e-3, 0.05])
@pytest.mark.parametrize("scored", [50, 3_000, 200_000])
def test_it_is_the_beta_binomial_distribution(scored: int, correlation: float) -> None:
    spread = (1 - correlation) / correlation
    exact = stats.betabinom(scored, 0.02 * spread, 0.98 * spread)
    for anomalies in (1, *exact.ppf([0.1, 0.5, 0.9, 0.99]).astype(int).tolist(), scored):
        found = share_confidence(anomalies, scored, 0.02, correlation)
        assert found == pytest.approx(exact.cdf(anomalies - 1), abs=1e-4)


@settings(max_examples=20)
@given(st.integers(1, 10**7), st.floats(1e-6, 0.5))
def test_more_anomalies_are_surer(scored: int, correlation: float) -> None:
    counts = np.unique(np.append(0, np.geomspace(1, scored, 20).astype(int))).tolist()
    found = [share_confidence(count, scored, 0.02, correlation) for count in counts]
    assert sorted(found) == found
    assert 0.0 == found[0]
    assert found[-1] <= 1.0


def test_without_records_there_is_none(model: AnomalyModel) -> None:
    assert anomaly_confidence(0, 0, HOUR, model) is None


@pytest.mark.parametrize("spread", [0.0, 0.8])
@pytest.mark.parametrize(("scored", "days"), [(50, 0), (1_000, 0), (1_000_000, 7)])
def test_at_the_tolerated_ratio_no_more_windows_than_promised(
    model: AnomalyModel, scored: int, days: int, spread: float
) -> None:
    """Records with bursts of hours, in references and in windows in which twice as many are anomalies."""
    random = np.random.default_rng(scored)
    confidences = []
    for _ in range(30):
        rows, hours = 20_000, 24 * 28
        rates = random.permutation(np.repeat([1 + spread, 1 - spread], hours // 2))
        times = np.sort(random.uniform(0, hours, rows))
        scores = 1 - random.uniform(size=rows) / rates[times.astype(int)]
        threshold = np.sort(scores)[-200]
        flags = (scores >= threshold).astype(float)
        known = find_overdispersion(flags, (times * HOUR * 1e6).astype(np.int64))
        judged = dataclasses.replace(model, rows=rows, overdispersion=known)
        told: dict[int, float | None] = {}
        for _ in range(30):
            own = random.choice([1 + spread, 1 - spread], max(1, 24 * days)).mean()
            found = int(random.binomial(scored, 2 * (1 - threshold) * own))
            if found not in told:
                told[found] = anomaly_confidence(found, scored, max(1, 24 * days) * HOUR, judged)
            confidences.append(told[found])
    # Windows of one reference are alike, so that of 1,000 there may be some more by chance.
    assert np.mean(np.array(confidences) >= 0.9) <= 0.1 + 0.03
    assert np.mean(np.array(confidences) >= 0.99) <= 0.01 + 0.01


def test_a_ratio_far_above_is_sure_and_a_trifle_is_not(model: AnomalyModel) -> None:
    large = dataclasses.replace(model, rows=60_000, overdispersion=NOTHING_KNOWN)
    assert anomaly_confidence(60, 1_000, HOUR, large) > 0.999
    assert anomaly_confidence(15_000, 1_000_000, HOUR, large) < 0.001
    assert anomaly_confidence(25_000, 1_000_000, HOUR, large) > 0.999
    # One anomaly among few records is no news.
    assert anomaly_confidence(1, 50, HOUR, large) < 0.9
