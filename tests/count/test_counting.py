import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.count.binner import Binner
from drift_exporter.count.counting import count_columns, histogram_by
from drift_exporter.count.layout import make_layout
from drift_exporter.decode.plan import CODE_FIRST, CategoricalLeaf, NumericLeaf, Plan
from drift_exporter.reference.bins import categorical_column, numeric_column
from support.records import reference

AMOUNT = numeric_column("amount", "feature", np.concatenate([np.arange(50.0), np.full(30, 7.0)]))
AGE = numeric_column("age", "feature", np.array([1.0, 2.0, 3.0]))
COUNTRY = categorical_column("country", "feature", {"a": 3, "b": 2, "c": 1}, 0, 2)
# The plan's leaves stand in another order than the reference's columns and know more categories.
PLAN = Plan(
    numeric=(
        NumericLeaf(("score",), "score", "score"),
        NumericLeaf(("age",), "age", "feature"),
        NumericLeaf(("amount",), "amount", "feature"),
    ),
    categorical=(CategoricalLeaf(("country",), "country", "feature", ("z", "b", "a")),),
)
LAYOUT = make_layout(reference(AMOUNT, COUNTRY, AGE), PLAN)
VALUES = st.one_of(
    st.integers(-3, 60).map(float),
    st.floats(-1e6, 1e6),
    st.sampled_from([np.nan, np.inf, -np.inf, -0.0, 7.0]),
)


@given(
    rows=st.lists(
        st.tuples(VALUES, VALUES, st.integers(0, CODE_FIRST + 2).filter(lambda c: c != 2), st.integers(0, 2)),
        max_size=60,
    )
)
def test_counts_are_those_of_one_record_at_a_time(rows: list[tuple[float, float, int, int]]) -> None:
    amount = np.array([row[0] for row in rows], dtype=np.float64)
    age = np.array([row[1] for row in rows], dtype=np.float64)
    code = np.array([row[2] for row in rows], dtype=np.uint16)
    group = np.array([row[3] for row in rows], dtype=np.int64)
    counts = np.zeros((3, LAYOUT.size), dtype=np.int64)
    sums = np.zeros((3, LAYOUT.sums_size))
    invalid = {"amount": 0, "age": 0}
    known = {0: "missing", 1: "other", 3: "z", 4: "b", 5: "a"}
    for one_amount, one_age, one_code, one_group in rows:
        for column, value, sums_start in (
            (AMOUNT, one_amount, 0),
            (AGE, one_age, len(AMOUNT.fine_edges) + 1),
        ):
            start = LAYOUT.starts[column.kind, column.name]
            if np.isfinite(value):
                place = int(np.sum(value > column.fine_edges))
                counts[one_group, start + place] += 1
                sums[one_group, sums_start + place] += value
            else:
                counts[one_group, start + column.size - 1] += 1
                invalid[column.name] += bool(np.isinf(value))
        name = known[one_code]
        bins = COUNTRY.bins
        place = bins.index(name) if name in bins else bins.index("other")
        counts[one_group, LAYOUT.starts["feature", "country"] + place] += 1

    got = count_columns(LAYOUT, (np.zeros(len(rows)), age, amount), (code,), group, 3)

    np.testing.assert_array_equal(counts, got.counts)
    np.testing.assert_allclose(sums, got.sums, rtol=1e-12, atol=1e-9)
    assert {("feature", name): n for name, n in invalid.items() if n} == got.invalid
    assert [sum(group == g) for g in range(3)] == got.rows.tolist()


def test_a_sum_over_the_largest_number_keeps_the_counts() -> None:
    values = np.full(4, 1.7e308)

    got = count_columns(
        LAYOUT, (values, values, values), (np.zeros(4, dtype=np.uint16),), np.zeros(4, dtype=np.int64), 1
    )

    assert got.invalid == {}
    start = LAYOUT.starts["feature", "amount"]
    assert got.counts[0, start + AMOUNT.size - 2] == 4


@given(values=st.lists(VALUES, max_size=40), groups=st.integers(1, 3))
def test_histogram_by_group(values: list[float], groups: int) -> None:
    data = np.array(values, dtype=np.float64)
    group = np.arange(len(data)) % groups
    bounds = np.array([0.0, 5.0, 7.0])

    counts, sums = histogram_by(Binner(bounds), data.copy(), group, groups)

    for number in range(groups):
        mine = data[(group == number) & np.isfinite(data)]
        assert np.bincount(np.searchsorted(bounds, mine), minlength=4).tolist() == counts[number].tolist()
        np.testing.assert_allclose(mine.sum(), sums[number], rtol=1e-12, atol=1e-9)
