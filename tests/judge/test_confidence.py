import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from drift_exporter.judge.confidence import (
    DriftStatistic,
    drift_confidence,
    drift_p_value,
    drift_statistic,
    p_values,
)
from drift_exporter.judge.scores import psi
from drift_exporter.reference.bins import numeric_column
from drift_exporter.reference.model import FloatArray, IntArray

WINDOWS = 300
DECILES = special.ndtri(np.arange(1, 10) / 10)


def alarms(
    reference_shares: FloatArray, current_shares: FloatArray, m: int, n: int, tolerance: float
) -> float:
    """Share of windows of categories that reach confidence 0.95, each against a reference of its own."""
    random = np.random.default_rng([m, n])
    references = random.multinomial(m, reference_shares, WINDOWS)
    currents = random.multinomial(n, current_shares, WINDOWS)
    found = [
        drift_confidence(reference, current, tolerance) >= 0.95
        for reference, current in zip(references, currents, strict=True)
    ]
    return float(np.mean(found))


def numeric_alarms(shift: float, m: int, n: int, tolerance: float, missing: float = 0.0) -> float:
    """Share of windows of a shifted normal distribution that reach confidence 0.95."""
    random = np.random.default_rng([m, n])
    found = []
    for _ in range(WINDOWS // 10):
        values = random.normal(size=m)
        values[random.random(m) < missing] = np.nan
        column = numeric_column("x", "feature", values)
        reference = column.export(column.counts)
        shares = np.diff(special.ndtr(column.edges - shift), prepend=0.0, append=1.0)
        currents = random.multinomial(n, np.append(shares * (1 - missing), missing), 10)
        found += [drift_confidence(reference, c, tolerance, quantiles=True) >= 0.95 for c in currents]
    return float(np.mean(found))


def skewed(categories: int, exponent: float) -> FloatArray:
    weights = 1 / np.arange(1, categories + 1) ** exponent
    return np.append(weights / weights.sum(), 0.0)


CATEGORIES = {
    "two even": np.array([0.5, 0.5, 0.0]),
    "two, one rare": np.array([0.99, 0.01, 0.0]),
    "two, one very rare": np.array([0.9999, 0.0001, 0.0]),
    "three and rarely missing": np.array([0.6, 0.398, 0.002]),
    "five": skewed(5, 1.5),
    "fifty": skewed(50, 1.0),
    "fifty, very skewed": skewed(50, 3.0),
}


@pytest.mark.parametrize("tolerance", [0.01, 0.05])
@pytest.mark.parametrize("n", [50, 100, 1000, 30_000, 1_000_000])
@pytest.mark.parametrize("m", [1000, 100_000])
@pytest.mark.parametrize("name", CATEGORIES)
def test_no_drift_of_categories_is_silent(name: str, m: int, n: int, tolerance: float) -> None:
    assert alarms(CATEGORIES[name], CATEGORIES[name], m, n, tolerance) <= 0.05


@pytest.mark.parametrize("tolerance", [0.01, 0.05])
@pytest.mark.parametrize("n", [50, 70, 100, 1000, 30_000, 1_000_000])
@pytest.mark.parametrize(("m", "missing"), [(1000, 0.0), (1000, 0.001), (20_000, 0.0), (20_000, 0.35)])
def test_no_drift_of_numbers_is_silent(m: int, missing: float, n: int, tolerance: float) -> None:
    assert numeric_alarms(0.0, m, n, tolerance, missing) <= 0.05


@pytest.mark.parametrize("m", [2000, 20_000])
def test_half_a_deviation_is_found_at_a_thousand_records(m: int) -> None:
    assert numeric_alarms(0.5, m, 1000, 0.05) >= 0.98


@pytest.mark.parametrize("n", [1000, 100_000, 1_000_000])
def test_a_tenth_of_a_deviation_is_tolerated_however_many_records_say_so(n: int) -> None:
    assert numeric_alarms(0.1, 20_000, n, 0.05) == 0.0


@pytest.mark.parametrize("n", [100, 1000, 10_000])
def test_at_the_tolerated_shift_one_window_in_twenty_alarms(n: int) -> None:
    tolerated = 0.2288  # deviations: PSI 0.05 on ten deciles
    shares = np.diff(special.ndtr(DECILES - tolerated), prepend=0.0, append=1.0)
    assert np.sum((shares - 0.1) * np.log(shares / 0.1)) == pytest.approx(0.05, abs=2e-4)
    assert numeric_alarms(tolerated, 20_000, n, 0.05) == pytest.approx(0.05, abs=0.04)


@pytest.mark.parametrize("name", CATEGORIES)
@pytest.mark.parametrize("m", [1000, 100_000])
def test_a_sudden_mass_of_missing_or_new_values_is_found(name: str, m: int) -> None:
    now = CATEGORIES[name] * 0.7
    now[-1] += 0.3
    assert alarms(CATEGORIES[name], now, m, 100, 0.05) >= 0.95


def test_missing_numbers_are_found_in_the_smallest_window() -> None:
    reference = np.array([10_000] * 10 + [0])
    current = np.array([4, 3, 4, 3, 4, 3, 4, 3, 4, 3, 15])
    assert drift_confidence(reference, current, 0.05, quantiles=True) >= 0.99


def test_one_record_of_a_rare_category_does_not_alarm() -> None:
    reference = np.array([60_000, 39_990, 10, 0])
    assert psi(reference, np.array([29, 20, 1, 0])) > 0.1
    assert drift_confidence(reference, np.array([29, 20, 1, 0]), 0.05) < 0.9
    assert drift_confidence(reference, np.array([26, 18, 6, 0]), 0.05) > 0.99


def test_repeated_records_need_their_design_effect() -> None:
    random = np.random.default_rng(4)
    shares = np.full(10, 0.1)
    pairs = [
        (4 * random.multinomial(2500, shares), 4 * random.multinomial(500, shares)) for _ in range(WINDOWS)
    ]
    naive = np.mean([drift_p_value(r, c, 0.0) <= 0.05 for r, c in pairs])
    corrected = np.mean([drift_p_value(r, c, 0.0, design_effect=4.0) <= 0.05 for r, c in pairs])
    assert naive > 0.5
    assert corrected == pytest.approx(0.05, abs=0.04)


def test_well_filled_bins_are_the_non_central_chi_square_test_of_their_psi() -> None:
    reference = np.array([1000] * 10)
    current = np.array([80, 90, 100, 110, 120, 130, 90, 95, 105, 80])
    size = 10_000 * 1000 / 11_000
    statistic = drift_statistic(reference, current, tolerance=0.005)
    assert (statistic.value, statistic.bins, statistic.size) == pytest.approx(
        (size * psi(reference, current), 10, size), rel=1e-9
    )
    usual = statistic.freedom + size * 0.005
    value = usual + (statistic.value - usual) / np.sqrt(statistic.spread)
    plain = stats.ncx2.sf(value, statistic.freedom, size * 0.005)
    assert drift_p_value(reference, current, 0.005) == pytest.approx(plain * (1.3 - 0.3 * plain), rel=1e-9)
    # So small a shift is hardly different from none.
    assert (statistic.freedom, statistic.spread) == pytest.approx((9.0, 1.0), rel=0.02)
    assert drift_p_value(reference, current, 0.0) == pytest.approx(
        stats.chi2.sf(size * psi(reference, current), 9), rel=1e-9
    )


def test_the_non_central_distribution_is_right_wherever_it_is_used() -> None:
    statistics, expected = [], []
    for freedom in (1, 2, 4, 9, 51):
        for non_centrality in (1e-6, 0.5, 5.0, 50.0, 500.0, 5e3, 5e4, 1e6):
            mean, deviation = freedom + non_centrality, np.sqrt(2 * (freedom + 2 * non_centrality))
            for distance in (-4.0, -2.0, -1.0, 0.0, 1.0, 1.645, 3.0, 6.0):
                value = mean + distance * deviation
                if value > 0:
                    size = non_centrality / 0.05
                    statistics.append(DriftStatistic(value, freedom + 1, size, float(freedom)))
                    plain = stats.ncx2.sf(value, freedom, non_centrality)
                    expected.append(plain * (1.3 - 0.3 * plain))
    np.testing.assert_allclose(p_values(statistics, [0.05] * len(statistics)), expected, atol=1e-9)


def test_mean_and_variance_of_a_tolerated_shift_are_those_of_the_statistic() -> None:
    """Against 200,000 windows of a shift so large that the chi-square distribution is off."""
    random = np.random.default_rng(11)
    before, now = np.array([0.9, 0.07, 0.03]), np.array([0.75, 0.1, 0.15])
    tolerance = float(np.dot(now - before, np.log(now / before)))
    m, n, windows = 4000, 2000, 200_000
    references, currents = random.multinomial(m, before, windows), random.multinomial(n, now, windows)
    p, q = (references + 0.5) / (m + 1.5), (currents + 0.5) / (n + 1.5)
    values = m * n / (m + n) * ((q - p) * np.log(q / p)).sum(axis=1)
    tolerated = m * n / (m + n) * tolerance

    statistic = drift_statistic(before * m, now * n, tolerance=tolerance)

    assert statistic.spread == pytest.approx(values.var() / (4 * tolerated), rel=0.03)
    assert statistic.spread > 1.1
    assert statistic.freedom == pytest.approx(values.mean() - tolerated, abs=0.3)


def test_missing_values_are_not_lost_beside_a_rare_category() -> None:
    """Both are too few for a chi-square test of their own."""
    reference, current = (
        np.array([30782, 28206, 5434, 3555, 808, 0, 0]),
        np.array([128, 117, 23, 15, 3, 0, 15]),
    )
    assert drift_confidence(reference, current, 0.05) > 0.99


def test_extremes_are_certain_and_finite() -> None:
    reference = np.array([10**9, 10**9])
    assert drift_confidence(reference, np.array([10**9, 0]), 0.05) == 1.0
    assert drift_confidence(reference, np.array([10**9, 10**9]), 0.05) == 0.0


@pytest.mark.parametrize(
    ("reference", "current"),
    [([0, 0], [5, 5]), ([5, 5], [0, 0]), ([900, 0], [60, 0]), ([10, 20], [3, 4]), ([0, 0], [0, 0])],
)
def test_what_cannot_be_tested_is_not_drift(reference: list[int], current: list[int]) -> None:
    assert drift_p_value(np.array(reference), np.array(current), 0.05) >= 0.5
    assert drift_p_value(np.array(reference), np.array(current), 0.05, quantiles=True) >= 0.5


COUNTS = st.integers(2, 40).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(0, 2000), min_size=size, max_size=size)] * 2)
)


@given(counts=COUNTS, tolerance=st.floats(0, 1), design_effect=st.floats(1, 20), quantiles=st.booleans())
def test_confidence_is_a_number_between_0_and_1(
    counts: tuple[list[int], list[int]], tolerance: float, design_effect: float, *, quantiles: bool
) -> None:
    reference, current = (np.array(side) for side in counts)
    actual = drift_confidence(reference, current, tolerance, design_effect, quantiles=quantiles)
    assert 0 <= actual <= 1


@given(counts=COUNTS, design_effect=st.floats(1, 20), quantiles=st.booleans())
def test_pooling_loses_no_record(
    counts: tuple[list[int], list[int]], design_effect: float, *, quantiles: bool
) -> None:
    reference, current = (np.array(side) for side in counts)
    statistic = drift_statistic(reference, current, design_effect, quantiles=quantiles)
    assert statistic.value >= 0
    assert 1 <= statistic.bins <= max(1, np.count_nonzero(reference + current))


@given(counts=COUNTS, quantiles=st.booleans())
def test_the_same_counts_are_no_drift(counts: tuple[list[int], list[int]], *, quantiles: bool) -> None:
    same: IntArray = np.array(counts[0])
    assert drift_confidence(same, same, 0.05, quantiles=quantiles) <= 0.5


@given(counts=COUNTS, quantiles=st.booleans(), first=st.floats(0, 0.5), second=st.floats(0, 0.5))
def test_more_tolerance_means_less_confidence(
    counts: tuple[list[int], list[int]], first: float, second: float, *, quantiles: bool
) -> None:
    reference, current = (np.array(side) for side in counts)
    low, high = sorted([first, second])
    less = drift_confidence(reference, current, high, quantiles=quantiles)
    assert less <= drift_confidence(reference, current, low, quantiles=quantiles) + 1e-9
