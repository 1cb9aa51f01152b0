"""Numbers as people read them, and what bins are called."""

import numpy as np
import pytest

from drift_exporter.expose.report.words import bin_labels, is_special, moment, number, percent, sureness
from support import snapshots as build

NARROW = "\u202f"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (68785.0, "68,785"),
        (0.03125, "0.03125"),
        (12.3456, "12.35"),
        (123456.7, "123,457"),
        (1.25e12, "1.25 T"),
        (12_345_678.0, "12.35 M"),
        (1e15, "1e+15"),
        (-2.5, "-2.5"),
        (float("inf"), "inf"),
    ],
)
def test_number(value: float, expected: str) -> None:
    assert expected.replace(" ", NARROW) == number(value)


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(0.0, "0 %"), (0.0001, "< 0.1 %"), (0.12345, "12.3 %"), (0.99999, "> 99.9 %"), (1.0, "100 %")],
)
def test_percent(ratio: float, expected: str) -> None:
    assert expected.replace(" ", NARROW) == percent(ratio)


@pytest.mark.parametrize(("confidence", "expected"), [(0.0, "< 0.1 %"), (0.5, "50.0 %"), (1.0, "> 99.9 %")])
def test_nothing_is_entirely_sure(confidence: float, expected: str) -> None:
    assert expected.replace(" ", NARROW) == sureness(confidence)


def test_moment_of_what_is_no_date() -> None:
    assert moment(0.0) == '<time datetime="1970-01-01T00:00:00Z">1970-01-01 00:00 UTC</time>'
    assert moment(1e300) == "<span>1e+300 s</span>"
    assert moment(float("nan")) == "<span>nan s</span>"


def test_ranges_are_told_apart_with_as_few_digits_as_it_takes() -> None:
    column = build.numeric_column("n", [1.0, 1.00001, 1.00002, 1.00002], bins=2)
    labels = bin_labels(column)
    assert len(set(labels)) == len(column.bins) == len(labels)


def test_numeric_bins_are_ranges() -> None:
    [age, _] = build.small_snapshot().models[0].versions[0].columns
    assert bin_labels(age.column) == ("≤ 30", "30 \N{EN DASH} 50", "> 50", "missing")


def test_ranges_below_zero_read_without_two_dashes() -> None:
    column = build.numeric_column("n", np.arange(-50.0, 50.0), bins=4, fine=4)
    assert bin_labels(column) == ("≤ -26", "-26 to -1", "-1 to 24", "> 24", "missing")


def test_bins_of_one_value_each_are_called_by_it() -> None:
    column = build.numeric_column("n", [0.0, 0.0, 1.0, 2.0, 2.0, 3.0])
    assert bin_labels(column) == ("≤ 0", "1", "2", "≥ 3", "missing")


def test_a_constant_has_one_bin() -> None:
    assert bin_labels(build.numeric_column("n", [5.0, 5.0])) == ("any value", "missing")


def test_categories_called_like_special_bins_are_not_special() -> None:
    column = build.categorical_column("c", {"missing": 3, "other": 2, "": 1})
    assert bin_labels(column) == ("missing (category)", "other (category)", "(empty)", "other", "missing")
    assert [is_special(column, i) for i in range(5)] == [False, False, False, True, True]


def test_the_longest_range_of_labels_covers_every_bin_of_real_columns() -> None:
    for column in build.fraud_columns():
        assert len(bin_labels(column)) == len(column.bins)
        assert np.unique(bin_labels(column)).size == len(column.bins)
