"""Since when a column has been off: known only where an evaluation before said otherwise."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from drift_exporter.judge.onset import Onsets
from drift_exporter.snapshot import ColumnDrift, WindowSnapshot
from support import snapshots as build


def drift(confidence: float, name: str = "country") -> ColumnDrift:
    column = build.categorical_column(name, {"DE": 50, "FR": 50})
    one = build.column_drift(column, build.count_categories(column, {"DE": 60, "FR": 40}))
    return replace(one, adjusted_confidence=confidence)


def window(end: float, *confidences: float) -> WindowSnapshot:
    return build.window("1h", [drift(one, f"c{i}") for i, one in enumerate(confidences)], end=end)


def onsets(follower: Onsets, ends: Sequence[tuple[float, float]]) -> list[float | None]:
    """Of one column that has these confidences at these ends of a window."""
    return [follower.follow("1", window(end, one)).columns[0].since for end, one in ends]


def test_it_begins_with_the_first_evaluation_at_which_it_is_likely() -> None:
    assert [None, 20.0, 20.0, 20.0] == onsets(Onsets(), [(10, 0.5), (20, 0.9), (30, 0.99), (40, 1.0)])


def test_it_ends_and_begins_anew() -> None:
    assert [None, 20.0, None, 40.0] == onsets(Onsets(), [(10, 0.5), (20, 0.95), (30, 0.89), (40, 0.95)])


def test_what_is_likely_at_the_first_look_has_no_time_until_it_has_ended() -> None:
    assert [None, None, None, 40.0] == onsets(Onsets(), [(10, 0.95), (20, 0.95), (30, 0.5), (40, 0.95)])


def test_a_window_that_was_not_judged_before_begins_when_it_is() -> None:
    follower = Onsets()
    assert () == follower.follow("1", window(10)).columns
    assert [20.0] == onsets(follower, [(20, 0.95)])


def test_columns_windows_and_versions_are_apart() -> None:
    follower = Onsets()
    follower.follow("1", window(10, 0.5, 0.95))
    both = follower.follow("1", window(20, 0.95, 0.95))
    assert [20.0, None] == [one.since for one in both.columns]
    assert [None] == [one.since for one in follower.follow("2", window(20, 0.95)).columns]
    other = follower.follow("1", replace(window(20, 0.95), name="24h"))
    assert [None] == [one.since for one in other.columns]


@pytest.mark.parametrize("anew", [False, True])
def test_a_model_configured_anew_goes_on_with_it(*, anew: bool) -> None:
    follower = Onsets()
    onsets(follower, [(10, 0.5), (20, 0.95)])
    if anew:
        old, follower = follower, Onsets()
        follower.adopt(old)
    assert [20.0] == onsets(follower, [(30, 0.95)])
