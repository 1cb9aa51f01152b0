"""Since when a column has been off: seen to begin, or dated once."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from drift_exporter.judge.onset import Dating, Onsets
from drift_exporter.snapshot import ColumnDrift, Onset, WindowSnapshot
from support import snapshots as build


def drift(confidence: float, name: str = "country") -> ColumnDrift:
    column = build.categorical_column(name, {"DE": 50, "FR": 50})
    one = build.column_drift(column, build.count_categories(column, {"DE": 60, "FR": 40}))
    return replace(one, adjusted_confidence=confidence)


def window(end: float, *confidences: float) -> WindowSnapshot:
    return build.window("1h", [drift(one, f"c{i}") for i, one in enumerate(confidences)], end=end)


def never(_columns: Sequence[ColumnDrift]) -> Sequence[Onset | None]:
    raise AssertionError("it knows by itself")


def at_ten(columns: Sequence[ColumnDrift]) -> Sequence[Onset | None]:
    """A dating that finds all columns off since the tenth second, give or take one."""
    return [Onset(10.0, earliest=9.0, latest=11.0) for _ in columns]


def follow(follower: Onsets, window: WindowSnapshot, date: Dating = never) -> WindowSnapshot:
    return follower.follow("1", window, 15.0, date)


def onsets(follower: Onsets, ends: Sequence[tuple[float, float]], date: Dating = never) -> list[Onset | None]:
    """Of one column that has these confidences at these ends of a window."""
    return [follow(follower, window(end, one), date).columns[0].since for end, one in ends]


def test_it_begins_with_the_first_evaluation_at_which_it_is_likely() -> None:
    began = Onset(20.0)
    assert [None, began, began, began] == onsets(Onsets(), [(10, 0.5), (20, 0.9), (30, 0.99), (40, 1.0)])


def test_it_ends_and_begins_anew() -> None:
    assert [None, Onset(20.0), None, Onset(40.0)] == onsets(
        Onsets(), [(10, 0.5), (20, 0.95), (30, 0.89), (40, 0.95)]
    )


def test_what_is_likely_at_the_first_look_is_dated_once() -> None:
    follower = Onsets()
    (first,) = at_ten([drift(0.95)])
    assert [first] == onsets(follower, [(20, 0.95)], at_ten)
    assert [first, None, Onset(50.0)] == onsets(follower, [(30, 0.95), (40, 0.5), (50, 0.95)])


def test_what_cannot_be_dated_stays_so() -> None:
    follower = Onsets()
    assert [None] == onsets(follower, [(20, 0.95)], lambda columns: [None] * len(columns))
    assert [None] == onsets(follower, [(30, 0.95)])


def test_what_became_likely_while_much_was_read_is_dated() -> None:
    follower = Onsets()
    assert [None] == onsets(follower, [(10, 0.5)])
    assert at_ten([drift(0.95)]) == onsets(follower, [(26, 0.95)], at_ten)


def test_only_new_columns_are_dated() -> None:
    follower, asked = Onsets(), []

    def date(columns: Sequence[ColumnDrift]) -> Sequence[Onset | None]:
        asked.extend([one.column.name for one in columns])
        return at_ten(columns)

    follow(follower, window(10, 0.95, 0.5, 0.5), date)
    follow(follower, window(60, 0.95, 0.5, 0.95), date)
    assert ["c0", "c2"] == asked


def test_a_window_that_was_not_judged_before_begins_when_it_is() -> None:
    follower = Onsets()
    assert () == follow(follower, window(10)).columns
    assert [Onset(20.0)] == onsets(follower, [(20, 0.95)])


def test_columns_windows_and_versions_are_apart() -> None:
    follower = Onsets()
    (first,) = at_ten([drift(0.95)])
    follow(follower, window(10, 0.5, 0.95), at_ten)
    both = follow(follower, window(20, 0.95, 0.95))
    assert [Onset(20.0), first] == [one.since for one in both.columns]
    other_version = follower.follow("2", window(20, 0.95), 15.0, at_ten)
    assert [first] == [one.since for one in other_version.columns]
    other_window = follow(follower, replace(window(20, 0.95), name="24h"), at_ten)
    assert [first] == [one.since for one in other_window.columns]


@pytest.mark.parametrize("anew", [False, True])
def test_a_model_configured_anew_goes_on_with_it(*, anew: bool) -> None:
    follower = Onsets()
    onsets(follower, [(10, 0.5), (20, 0.95)])
    if anew:
        old, follower = follower, Onsets()
        follower.adopt(old)
    assert [Onset(20.0)] == onsets(follower, [(30, 0.95)])
