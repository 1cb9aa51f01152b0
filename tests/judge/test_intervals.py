"""Intervals hold the true score as often as they say, by simulation, and never contradict the score."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special

from drift_exporter.judge.compared import Compared, compare
from drift_exporter.judge.intervals import all_intervals, intervals
from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.model import CategoricalColumn, Column, FloatArray, NumericColumn, Reference
from drift_exporter.reference.stacked import stack
from support.counting import count_numbers

REFERENCE_ROWS = 5000
COLUMNS = 200
DIVERGENCES = ("psi", "jensenshannon", "hellinger")


def reference_of(columns: list[Column]) -> Reference:
    return Reference("m", REFERENCE_ROWS, tuple(columns), 0.0, "f")


@pytest.fixture(scope="module")
def normal_columns() -> list[NumericColumn]:
    """Columns of normal values, each a reference of its own."""
    random = np.random.default_rng(1)
    return [numeric_column(f"x{i}", "feature", random.normal(size=REFERENCE_ROWS)) for i in range(COLUMNS)]


def numeric_window(
    columns: list[NumericColumn], shift: float, records: int, seed: int, repeats: int = 1
) -> Compared:
    """Records whose mean has moved, each of them ``repeats`` times."""
    random = np.random.default_rng(seed)
    contents = [
        count_numbers(column, np.repeat(random.normal(shift, 1, records), repeats)) for column in columns
    ]
    return compare(
        reference_of(list(columns)),
        np.concatenate([counts for counts, _ in contents]),
        np.concatenate([sums for _, sums in contents]),
    )


def true_scores(p: FloatArray, q: FloatArray, weight: float) -> dict[str, float]:
    """Scores of true shares; ``weight`` is the share of the window's records among all."""
    used = (p > 0) | (q > 0)
    p, q = p[used], q[used]
    middle, pooled = (p + q) / 2, (1 - weight) * p + weight * q
    bits = (special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum() / (2 * math.log(2))
    return {
        "psi": float((special.rel_entr(q, p) + special.rel_entr(p, q)).sum()),
        "jensenshannon": math.sqrt(bits),
        "hellinger": math.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2),
        "chi2": math.sqrt(weight * (1 - weight) * ((q - p) ** 2 / pooled).sum()),
        "linf": float(np.abs(q - p).max()),
    }


def numeric_truth(column: NumericColumn, shift: float) -> dict[str, float]:
    p, q = (np.diff(special.ndtr(column.edges - moved), prepend=0.0, append=1.0) for moved in (0.0, shift))
    apart = special.ndtr(column.fine_edges) - special.ndtr(column.fine_edges - shift)
    scores = true_scores(p, q, 0.5)
    return {
        **{method: scores[method] for method in DIVERGENCES},
        "ks": float(np.abs(apart).max()),
        "wasserstein": shift / column.standard_deviation,
    }


def covered(compared: Compared, truths: list[Mapping[str, float]], effect: float = 1.0) -> dict[str, float]:
    """Share of the columns whose interval holds the true score, by method."""
    ends = intervals(compared, np.full(len(truths), effect))
    shares = {}
    for method in truths[0]:
        true = np.array([truth[method] for truth in truths])
        lower, upper = ends[method]
        shares[method] = float(((lower <= true + 1e-9) & (true <= upper + 1e-9)).mean())
    return shares


@pytest.mark.parametrize("records", [100, 1000, 10_000])
@pytest.mark.parametrize("shift", [0.0, 0.2, 1.0])
def test_of_numeric_columns_95_in_100_hold_the_true_score(
    normal_columns: list[NumericColumn], shift: float, records: int
) -> None:
    truths = [numeric_truth(column, shift) for column in normal_columns]
    windows = [numeric_window(normal_columns, shift, records, seed) for seed in range(400 // COLUMNS)]
    shares = [covered(window, truths) for window in windows]
    for method in truths[0]:
        # 400 intervals: 0.92 is 2.8 standard errors below 0.95.
        assert np.mean([share[method] for share in shares]) >= 0.92, method


CATEGORIES = {
    "even": np.array([0.5, 0.5]),
    "rare": np.array([0.9, 0.07, 0.02, 0.01]),
    "many rare": 1 / np.arange(1, 21) / (1 / np.arange(1, 21)).sum(),
}


@pytest.mark.parametrize("shares", CATEGORIES)
@pytest.mark.parametrize("records", [100, 1000, 10_000])
@pytest.mark.parametrize("tilt", [0.0, 0.2, 1.0])
def test_of_categorical_columns_95_in_100_hold_the_true_score(shares: str, records: int, tilt: float) -> None:
    random = np.random.default_rng([records, len(shares)])
    p = CATEGORIES[shares]
    q = p * np.exp(tilt * np.random.default_rng(4).normal(size=len(p)))
    q /= q.sum()
    columns: list[Column] = []
    truths: list[Mapping[str, float]] = []
    counts = []
    for i in range(800):
        # In the order of p, so that the shares need no sorting.
        seen = random.multinomial(REFERENCE_ROWS, p)
        names = tuple(str(j) for j in range(len(p)))
        columns.append(CategoricalColumn(f"x{i}", "feature", names, seen, 0, 0))
        truths.append(true_scores(p, q, records / (records + REFERENCE_ROWS)))
        counts.append([*random.multinomial(records, q), 0, 0])
    compared = compare(reference_of(columns), np.concatenate(counts), np.empty(0))
    for method, share in covered(compared, truths).items():
        # 2.6 standard errors below 0.95, and 0.90 for a few of a hundred records: those are said to be rough.
        assert share >= (0.93 if records > 100 else 0.9), method


def test_records_that_come_several_times_count_once_with_their_design_effect(
    normal_columns: list[NumericColumn],
) -> None:
    truths = [numeric_truth(column, 0.2) for column in normal_columns]
    # The reference's records are independent: with so many more of them its own part hardly matters.
    window = numeric_window(normal_columns, 0.2, 100, seed=5, repeats=5)
    taken_as_independent = covered(window, truths)
    with_their_effect = covered(window, truths, effect=5.0)
    for method in truths[0]:
        assert taken_as_independent[method] < 0.85, method
        assert with_their_effect[method] >= 0.92, method


def test_more_records_make_narrower_intervals(normal_columns: list[NumericColumn]) -> None:
    widths = []
    for records in (100, 1000, 10_000):
        ends = intervals(numeric_window(normal_columns, 0.5, records, seed=6), np.ones(COLUMNS))
        widths.append({method: float((upper - lower).mean()) for method, (lower, upper) in ends.items()})
    for method in numeric_truth(normal_columns[0], 0.5):
        assert widths[0][method] > widths[1][method] > widths[2][method] > 0


COUNTS = st.lists(st.integers(0, 3000), min_size=5, max_size=5)


@settings(deadline=None, max_examples=150)
@given(reference=COUNTS, current=COUNTS, effect=st.floats(1.0, 50.0))
def test_an_interval_is_in_range_and_in_order_and_has_its_score_where_that_is_no_chance(
    reference: list[int], current: list[int], effect: float
) -> None:
    assume(sum(reference) > 0 < sum(current))
    column = CategoricalColumn("x", "feature", ("a", "b", "c"), np.array(reference[:3]), *reference[3:])
    compared = Compared(stack([column]), np.array(current, dtype=np.int64), np.empty(0))
    [found] = all_intervals(compared, np.array([effect]))
    assert list(found) == list(compared.scores)[:5]
    for method, (lower, upper) in found.items():
        assert 0 <= lower <= upper, method
        assert upper <= 1 or method == "psi"
        assert lower <= compared.scores[method][0] + 1e-9, method


def test_what_has_no_score_has_no_interval() -> None:
    column = numeric_column("x", "feature", np.arange(100.0))
    constant = numeric_column("c", "feature", np.full(100, 4.0))
    only_missing = np.zeros(column.size, dtype=np.int64)
    only_missing[-1] = 70
    counts, sums = count_numbers(constant, np.full(70, 5.0))
    compared = compare(
        reference_of([column, constant]),
        np.concatenate([only_missing, counts]),
        np.concatenate([np.zeros(column.size - 1), sums]),
    )
    found = all_intervals(compared)
    assert ["psi", "jensenshannon", "hellinger"] == list(found[0])
    assert ["psi", "jensenshannon", "hellinger", "ks"] == list(found[1])
    assert all(math.isfinite(end) for ends in found for pair in ends.values() for end in pair)


def test_values_as_large_as_doubles_go_have_intervals() -> None:
    random = np.random.default_rng(1)
    column = numeric_column("x", "feature", random.normal(size=5000) * 1e300)
    window = count_numbers(column, random.normal(0.5, 1, 5000) * 1e300)
    lower, upper = all_intervals(compare(reference_of([column]), *window))[0]["wasserstein"]
    assert 0.4 < lower < 0.5 < upper < 0.6


def test_other_columns_do_not_matter() -> None:
    random = np.random.default_rng(2)
    columns: list[Column] = [
        numeric_column("x", "feature", random.normal(size=3000)),
        categorical_column("y", "feature", {"a": 2000, "b": 1000}, 0, 50),
        numeric_column("z", "feature", random.lognormal(0, 3, 3000)),
    ]
    contents = [
        count_numbers(columns[0], random.normal(0.3, 1, 500)),
        (np.array([300, 150, 0, 50]), np.empty(0)),
        count_numbers(columns[2], random.lognormal(0, 3, 500) * 1e9),
    ]
    together = all_intervals(
        compare(
            reference_of(columns),
            np.concatenate([counts for counts, _ in contents]),
            np.concatenate([sums for _, sums in contents]),
        ),
        np.array([1.0, 2.0, 3.0]),
    )
    for column, content, effect, found in zip(columns, contents, (1.0, 2.0, 3.0), together, strict=True):
        [alone] = all_intervals(compare(reference_of([column]), *content), np.array([effect]))
        assert list(found) == list(alone)
        for method, ends in alone.items():
            assert found[method] == pytest.approx(ends, rel=1e-9), method


def test_categories_that_the_reference_was_too_small_to_see_are_no_drift() -> None:
    random = np.random.default_rng(3)
    p = 1 / np.arange(1, 51) ** 1.5
    p /= p.sum()
    columns: list[Column] = []
    truths: list[Mapping[str, float]] = []
    counts = []
    for i in range(400):
        seen = {str(j): int(count) for j, count in enumerate(random.multinomial(1000, p))}
        column = categorical_column(f"x{i}", "feature", seen, 0, 50)
        known = [int(category) for category in column.categories]
        shares = np.concatenate([p[known], [np.delete(p, known).sum(), 0.0]])
        columns.append(column)
        counts.append(random.multinomial(10_000, shares))
        truths.append(true_scores(shares, shares, 0.5))
    compared = compare(reference_of(columns), np.concatenate(counts), np.empty(0))
    assert min(covered(compared, truths).values()) >= 0.92
