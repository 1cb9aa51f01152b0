import numpy as np
import pytest

from drift_exporter.judge.anomaly.overdispersion import find_overdispersion

HOUR = 3600.0


def bursts(rows: int, days: int, seed: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Anomalies (rows,) at 2 %, times ``spread`` in half of the hours and less in the others, and times."""
    random = np.random.default_rng(seed)
    times = np.sort(random.uniform(0, days * 24, rows))
    busy = random.permutation(np.repeat([1 + spread, 1 - spread], days * 12))
    flags = random.uniform(size=rows) < 0.02 * busy[times.astype(int)]
    return flags.astype(float), (times * HOUR * 1e6).astype(np.int64)


def test_the_correlation_of_anomalies_in_windows_is_found() -> None:
    found = []
    for seed in range(20):
        known = find_overdispersion(*bursts(30_000, 30, seed, 0.8))
        found.append([known.correlation(1, HOUR), known.correlation(10**6, 24 * HOUR)])
    # The share of an hour has the standard deviation 0.8 * 0.02; that of a day as much over the root of 24.
    expected = (0.8 * 0.02) ** 2 / (0.02 * 0.98)
    hour, day = np.mean(found, axis=0)
    assert 0.6 * expected < hour < 1.5 * expected
    assert 0.8 * expected / 24 < day < 5 * expected / 24


def test_it_does_not_depend_on_how_many_records_are_in_the_sample() -> None:
    few, many = (
        np.mean(
            [find_overdispersion(*bursts(rows, 30, seed, 1.0)).correlation(1, HOUR) for seed in range(20)]
        )
        for rows in (5_000, 40_000)
    )
    assert 0.5 < few / many < 2


def test_independent_anomalies_have_hardly_any() -> None:
    flags, times = bursts(60_000, 30, 1, 0.0)
    known = find_overdispersion(flags, times)
    assert known.lengths[-1] == pytest.approx(30 * 24 * HOUR / 8, rel=0.01)
    assert 8 == known.windows[-1]
    assert float(known.correlations.max()) < 5e-3
    assert known.of_reference < 1e-4


def test_beyond_the_longest_and_the_shortest_windows_theirs_holds() -> None:
    known = find_overdispersion(*bursts(30_000, 30, 2, 0.8))
    assert known.correlations[-1] == known.correlation(100, 365 * 24 * HOUR)
    assert known.correlations[0] == known.correlation(100, 1e-3)


def test_without_times_the_order_of_rows_stands_for_it() -> None:
    random = np.random.default_rng(3)
    flags = np.repeat(random.uniform(size=2_000) < 0.02, 10).astype(float)
    known = find_overdispersion(flags, None)
    assert known.by_records
    assert 0.5 < known.correlation(10, 1e9) < 0.8
    shuffled = find_overdispersion(random.permutation(flags), None)
    assert shuffled.correlation(10, 1e9) < 0.02


@pytest.mark.parametrize("flags", [np.zeros(500), np.ones(500), np.append(np.ones(1), np.zeros(9))])
def test_where_nothing_can_be_found_it_is_0(flags: np.ndarray) -> None:
    assert 0.0 == find_overdispersion(flags, np.arange(len(flags))).correlation(100, HOUR)


def test_records_of_one_moment() -> None:
    flags = np.append(np.ones(10), np.zeros(490))
    assert 0.0 == find_overdispersion(flags, np.full(500, 7)).correlation(100, HOUR)
