import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from drift_exporter.judge import scores
from drift_exporter.judge.scores import drift_scores
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import CategoricalColumn, FloatArray, IntArray, NumericColumn
from support.counting import count_categories, count_numbers

Draw = Callable[[np.random.Generator, int], FloatArray]

COUNTS = st.lists(st.integers(0, 10_000), min_size=2, max_size=60).filter(any)
ON_COUNTS = (scores.psi, scores.jensenshannon, scores.hellinger, scores.chi2, scores.linf, scores.ks)


def normal(mean: float = 0.0, deviation: float = 1.0) -> Draw:
    return lambda random, size: random.normal(mean, deviation, size)


def lognormal(mean: float, sigma: float) -> Draw:
    return lambda random, size: random.lognormal(mean, sigma, size)


def student(freedom: float, scale: float = 1.0, shift: float = 0.0) -> Draw:
    return lambda random, size: shift + scale * random.standard_t(freedom, size)


def poisson(mean: float) -> Draw:
    return lambda random, size: random.poisson(mean, size).astype(float)


def rounded(mean: float, digits: int) -> Draw:
    return lambda random, size: np.round(random.normal(mean, 1, size), digits)


def zero_inflated(zeros: float, mean: float) -> Draw:
    return lambda random, size: np.where(random.random(size) < zeros, 0.0, random.exponential(mean, size))


def binary(share: float, high: float = 1.0) -> Draw:
    return lambda random, size: (random.random(size) < share) * high


def two_humps(apart: float, width: float) -> Draw:
    return lambda random, size: (
        random.normal(0, width, size) + np.where(random.random(size) < 0.5, -apart, apart)
    )


PAIRS: dict[str, tuple[Draw, Draw]] = {
    "no drift": (normal(), normal()),
    "half a deviation": (normal(), normal(0.5)),
    "three deviations up": (normal(), normal(3.0)),
    "three deviations down": (normal(), normal(-3.0)),
    "wider": (normal(), normal(0, 3)),
    "narrower": (normal(), normal(0, 0.3)),
    "all alike": (normal(), normal(0.123, 0.0)),
    "far from zero": (normal(1e9), normal(1e9 + 0.5)),
    "lognormal": (lognormal(0, 2), lognormal(0.4, 2)),
    "lognormal with a longer tail": (lognormal(0, 1), lognormal(0, 1.3)),
    "heavy tails": (student(3), student(3, shift=0.3)),
    "heavier tails": (student(2), student(2, scale=1.5)),
    "counts": (poisson(3), poisson(3.5)),
    "many counts": (poisson(3000), poisson(3020)),
    "rounded": (rounded(0, 1), rounded(0.2, 1)),
    "rounded to many values": (rounded(0, 2), rounded(0.2, 2)),
    "rounded no more": (rounded(0, 1), normal(0.2)),
    "zeros": (zero_inflated(0.6, 1.0), zero_inflated(0.5, 1.3)),
    "nearly all zeros": (zero_inflated(0.95, 1.0), zero_inflated(0.9, 1.0)),
    "binary": (binary(0.3), binary(0.4)),
    "binary with another value": (binary(0.3), binary(0.3, high=7.0)),
    "into the gap": (two_humps(10, 0.1), normal()),
    "out of the gap": (normal(), two_humps(3, 0.5)),
}


def compared(pair: str, size: int = 5000) -> tuple[NumericColumn, FloatArray, FloatArray, dict[str, float]]:
    random = np.random.default_rng(list(PAIRS).index(pair))
    draw_reference, draw_current = PAIRS[pair]
    reference, current = draw_reference(random, 4 * size), draw_current(random, size)
    column = numeric_column("x", "feature", reference)
    return column, reference, current, drift_scores(column, *count_numbers(column, current))


@pytest.mark.parametrize("pair", PAIRS)
def test_ks_is_that_of_the_raw_values(pair: str) -> None:
    _, reference, current, actual = compared(pair)
    expected = stats.ks_2samp(reference, current, method="asymp").statistic
    assert actual["ks"] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("pair", PAIRS)
def test_wasserstein_is_that_of_the_raw_values(pair: str) -> None:
    _, reference, current, actual = compared(pair)
    expected = stats.wasserstein_distance(reference, current) / reference.std()
    assert actual["wasserstein"] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("pair", PAIRS)
def test_scores_on_bins_are_those_of_the_same_bins(pair: str) -> None:
    column, reference, current, actual = compared(pair)
    edges = [-np.inf, *column.edges, np.inf]
    # np.histogram's bins include their lower bound; on negated values they include the upper one.
    r = np.histogram(-reference, -np.array(edges)[::-1])[0][::-1]
    c = np.histogram(-current, -np.array(edges)[::-1])[0][::-1]
    p = (r + 0.5) / (r.sum() + 0.5 * len(r))
    q = (c + 0.5) / (c.sum() + 0.5 * len(c))
    assert actual["psi"] == pytest.approx(stats.entropy(q, p) + stats.entropy(p, q), rel=1e-9)
    assert actual["jensenshannon"] == pytest.approx(distance.jensenshannon(r, c, base=2), rel=1e-9)
    overlap = np.sqrt(r / r.sum() * c / c.sum()).sum()
    assert actual["hellinger"] == pytest.approx(math.sqrt(max(1 - overlap, 0.0)), abs=1e-6)
    assert set(actual) == set(scores.NUMERIC_SCORES)


def test_categorical_scores_are_those_of_the_raw_values() -> None:
    random = np.random.default_rng(3)
    names = np.array(["a", "b", "c", "d", None, "new"], dtype=object)
    reference = random.choice(names[:5], 4000, p=[0.5, 0.3, 0.1, 0.05, 0.05])
    current = random.choice(names, 1500, p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.1])
    r = np.array([(reference == name).sum() for name in names])
    c = np.array([(current == name).sum() for name in names])
    # Missing is equal to nothing but itself.
    r[4] = sum(value is None for value in reference)
    c[4] = sum(value is None for value in current)
    column = categorical_column("x", "feature", dict(zip("abcd", r[:4].tolist(), strict=True)), int(r[4]), 50)
    actual = drift_scores(column, count_categories(column, current.tolist()))

    p, q = (r + 0.5) / (r.sum() + 3), (c + 0.5) / (c.sum() + 3)
    expected = {
        "psi": stats.entropy(q, p) + stats.entropy(p, q),
        "jensenshannon": distance.jensenshannon(r, c, base=2),
        "hellinger": math.sqrt(1 - np.sqrt(r / r.sum() * c / c.sum()).sum()),
        "chi2": stats.contingency.association(np.array([r, c]), method="cramer"),
        "linf": distance.chebyshev(r / r.sum(), c / c.sum()),
    }
    assert actual == pytest.approx(expected, rel=1e-9)
    assert set(actual) == set(scores.CATEGORICAL_SCORES)


@pytest.mark.parametrize("score", ON_COUNTS)
@given(counts=COUNTS)
def test_identity_gives_zero(score: Callable[[IntArray, IntArray], float], counts: list[int]) -> None:
    array = np.array(counts)
    assert score(array, array) == 0.0


@pytest.mark.parametrize("score", [s for s in ON_COUNTS if s is not scores.psi])
@given(counts=COUNTS, times=st.integers(2, 1000))
def test_shares_count_and_not_counts(
    score: Callable[[IntArray, IntArray], float], counts: list[int], times: int
) -> None:
    array = np.array(counts)
    assert score(array, times * array) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("score", ON_COUNTS)
@given(data=st.data())
def test_symmetric_and_in_range(score: Callable[[IntArray, IntArray], float], data: st.DataObject) -> None:
    first = np.array(data.draw(COUNTS))
    second = np.array(
        data.draw(st.lists(st.integers(0, 10_000), min_size=len(first), max_size=len(first)).filter(any))
    )
    forward, backward = score(first, second), score(second, first)
    assert forward == pytest.approx(backward, rel=1e-9, abs=1e-12)
    assert forward >= 0
    assert math.isfinite(forward)
    if score is not scores.psi:
        assert forward <= 1 + 1e-12


@given(counts=COUNTS, seed=st.integers(0, 2**32 - 1))
def test_identity_gives_zero_for_a_column_of_any_counts(counts: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.repeat(
        random.normal(size=len(counts)) * 10.0 ** random.integers(-5, 6), np.array(counts) % 50
    )
    assume(len(values) > 0)
    column = numeric_column("x", "feature", values)
    for score, value in drift_scores(column, *count_numbers(column, values)).items():
        assert value == pytest.approx(0.0, abs=1e-9), score


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 500), max_size=5))
def test_merge_equals_whole_in_any_order_and_any_chunks(seed: int, cuts: list[int]) -> None:
    random = np.random.default_rng(seed)
    column = numeric_column("x", "feature", random.lognormal(0, 1, 1000))
    current = random.lognormal(0.2, 1, 500)
    current[random.random(500) < 0.1] = np.nan
    expected = drift_scores(column, *count_numbers(column, current))

    parts = [count_numbers(column, part) for part in np.split(random.permutation(current), sorted(cuts))]
    counts = np.sum([counts for counts, _ in parts], axis=0)
    sums = np.sum([sums for _, sums in parts], axis=0)
    assert drift_scores(column, counts, sums) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("outlier", [1e300, -1e300, 1.7e308, 5e-324])
def test_one_outlier_cannot_hide_a_shift(outlier: float) -> None:
    random = np.random.default_rng(1)
    column = numeric_column("x", "feature", random.normal(size=10_000))
    current = random.normal(0.5, 1, 1000)
    without = drift_scores(column, *count_numbers(column, current))
    current[0] = outlier
    with_outlier = drift_scores(column, *count_numbers(column, current))
    for name in scores.NUMERIC_SCORES:
        assert with_outlier[name] >= 0.98 * without[name], name


def test_sums_that_overflow_leave_out_the_score_that_needs_them() -> None:
    column = numeric_column("x", "feature", np.arange(1000.0))
    counts, sums = count_numbers(column, np.full(60, 1.7e308))
    assert np.isinf(sums).any()
    assert set(drift_scores(column, counts, sums)) == set(scores.NUMERIC_SCORES) - {"wasserstein"}


def test_values_as_large_as_doubles_go() -> None:
    random = np.random.default_rng(1)
    column = numeric_column("x", "feature", random.normal(size=5000) * 1e300)
    actual = drift_scores(column, *count_numbers(column, random.normal(0.5, 1, 5000) * 1e300))
    assert actual["wasserstein"] == pytest.approx(0.5, abs=0.05)


def test_what_cannot_be_computed_is_left_out() -> None:
    column = numeric_column("x", "feature", np.arange(100.0))
    nothing = np.zeros(column.size, dtype=np.int64)
    assert drift_scores(column, nothing, np.zeros(column.size - 1)) == {}
    only_missing = nothing.copy()
    only_missing[-1] = 70
    actual = drift_scores(column, only_missing, np.zeros(column.size - 1))
    assert set(actual) == {"psi", "jensenshannon", "hellinger"}
    assert actual["jensenshannon"] == pytest.approx(1.0)
    constant = numeric_column("x", "feature", np.full(100, 4.0))
    assert set(drift_scores(constant, *count_numbers(constant, np.full(60, 5.0)))) == {
        "psi",
        "jensenshannon",
        "hellinger",
        "ks",
    }


def test_a_single_category_that_stays_is_no_drift() -> None:
    column = CategoricalColumn("x", "feature", ("a",), np.array([500]), 0, 0)
    assert drift_scores(column, np.array([80, 0, 0])) == dict.fromkeys(scores.CATEGORICAL_SCORES, 0.0)


def test_only_new_values_are_the_largest_drift_there_is() -> None:
    column = CategoricalColumn("x", "feature", ("a", "b"), np.array([500, 300]), 0, 0)
    actual = drift_scores(column, np.array([0, 0, 80, 0]))
    assert actual == pytest.approx(
        actual | {"jensenshannon": 1.0, "hellinger": 1.0, "chi2": 1.0, "linf": 1.0}
    )
    assert actual["psi"] > 5
