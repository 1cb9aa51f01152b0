from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drift_exporter.reference.bins import categorical_column, numeric_column
from drift_exporter.reference.document import fingerprint
from drift_exporter.reference.model import Reference
from drift_exporter.reference.outcomes import ReferenceOutcomes, count_outcomes
from drift_exporter.reference.show import show_reference


def make_reference() -> Reference:
    values = np.concatenate([np.arange(1, 9) * 1.0, [8.0] * 8, [np.nan] * 4])
    columns = (
        categorical_column("prediction", "prediction", {"yes": 15, "no": 5}, 0, 50),
        numeric_column("amount", "feature", values),
        categorical_column("land", "feature", {"de": 10, "fr": 5, "at": 2, "ch": 1}, 2, 3),
    )
    return Reference(
        "loans",
        20,
        columns,
        1700000000.0,
        fingerprint(columns),
        1704067200.0,
        1704067259.0,
        {"accuracy": 0.87654321, "f1": 1.0},
        ("land: the 3 most frequent of 4 categories are told apart, " * 2,),
        "loans.sample.parquet",
    )


def test_the_table() -> None:
    reference = make_reference()
    assert show_reference(reference).splitlines() == [
        "model        loans",
        "rows         20",
        "time         2024-01-01 00:00:00 UTC to 2024-01-01 00:00:59 UTC",
        "built        2023-11-14 22:13:20 UTC",
        f"fingerprint  {reference.fingerprint[:16]}",
        "sample       loans.sample.parquet",
        "performance  accuracy 0.8765, f1 1",
        "note         land: the 3 most frequent of 4 categories are told apart, land: the 3 most frequent of",
        "             4 categories are told apart,",
        "",
        "column      kind        type      bins  missing  shape       values",
        "prediction  prediction  category     2      0 %  █▃          yes 75 %, no 25 %",
        "amount      feature     numeric      8     20 %  ▁▁▁▁▁▁▁█    6.25 ± 2.385, 1 to 8",
        "land        feature     category     3     10 %  █▄▂         de 50 %, fr 25 %, at 10 %, other 5.0 %",
        "",
        "calibration  none, for there is too little data for it: records are taken as independent of each",
        "             other",
    ]


def test_nothing_that_is_not_known_is_shown() -> None:
    reference = replace(make_reference(), start=None, end=None, performance={}, notes=(), sample=None)
    shown = show_reference(reference)
    assert not [word for word in ("time ", "performance", "note ", "sample") if word in shown]


@given(
    st.dictionaries(st.text(min_size=1, max_size=60), st.integers(1, 10**9), min_size=1, max_size=70),
    st.text(min_size=1, max_size=80),
    st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=40),
    st.booleans(),
)
def test_it_fits_a_terminal(
    categories: dict[str, int],
    name: str,
    values: list[float],
    ascii_only: bool,  # noqa: FBT001
) -> None:
    rows = sum(categories.values())
    columns = (
        categorical_column(name, "prediction", categories, 0, 50),
        numeric_column(name, "feature", np.array(values)),
    )
    reference = Reference("m", rows, columns, 0.0, fingerprint(columns), notes=(name * 3,))
    shown = show_reference(reference, ascii_only=ascii_only)
    lines = shown.split("\n")
    assert max(map(len, lines)) <= 100
    assert shown.isascii() or not ascii_only
    assert all(line.isprintable() for line in lines)


def test_labels() -> None:
    labels = np.array([0.0, 0.0, 1.0, 1.0])
    counted = count_outcomes(("no", "yes"), labels, labels, (1,), (np.full(4, 0.5),), (None,))
    shown = show_reference(replace(make_reference(), outcomes=counted))
    assert "labels       4 rows: no 50 %, yes 50 %; scores of yes" in shown.splitlines()
    errors = replace(make_reference(), outcomes=ReferenceOutcomes(12_000, errors={"squared": 1.0}))
    assert "labels       12,000 rows" in show_reference(errors).splitlines()
