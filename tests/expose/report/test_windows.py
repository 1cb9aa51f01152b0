"""Since when: each window with its drift, and when that began."""

import html
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from drift_exporter.expose.report.page import report_page
from drift_exporter.expose.report.windows import windows_section
from drift_exporter.expose.report.words import began_between
from drift_exporter.snapshot import ModelSnapshot, Onset
from support import snapshots as build
from support.performance_feed import labelled_snapshot


def dated(onsets: Sequence[Onset | None]) -> ModelSnapshot:
    """The fraud model; the columns of its 24h window that drifted have these onsets, in order."""
    (model, _) = build.rich_snapshot().models
    older, version = model.versions
    one, day, week = version.windows
    left = iter(onsets)
    columns = tuple(replace(c, since=next(left)) if c.drifted else c for c in day.columns)
    day = replace(day, columns=columns)
    return replace(model, versions=(older, replace(version, windows=(one, day, week))))


def ago(*hours: float) -> list[Onset]:
    """Seen to begin so many hours ago."""
    return [Onset(build.NOW - one * build.HOUR) for one in hours]


def words(text: str) -> str:
    return " ".join(
        html.unescape(re.sub(r"<[^>]+>", " ", text)).replace("\N{NARROW NO-BREAK SPACE}", " ").split()
    )


def section(model: ModelSnapshot) -> str:
    windows = model.versions[1].windows
    return words("".join(windows_section(windows, windows[1])))


def test_each_window_says_how_many_drifted_how_sure_and_since_when() -> None:
    dash = "\N{EN DASH}"
    text = section(dated(ago(3, 2, 5, 1)))
    assert "Window From, to Records Drifted Confidence Likely since" in text
    assert f"1h 2025-12-31 23:00 UTC {dash} 2026-01-01 00:00 UTC 31 {dash} {dash} {dash}" in text
    # The earliest of its columns.
    assert "4,000 4 of 7 > 99.9 % 2025-12-31 19:00 UTC" in text


def test_a_time_that_is_not_known_is_not_told() -> None:
    dash = "\N{EN DASH}"
    assert f"4,000 4 of 7 > 99.9 % {dash} " in section(dated([None] * 4))
    page = words(report_page(dated([None] * 4), build.NOW, window="24h"))
    assert "Likely since 20" not in page
    assert "been off since" not in page


@pytest.mark.parametrize(
    ("onset", "said"),
    [
        (Onset(build.NOW), "2026-01-01 00:00 UTC"),
        (
            Onset(build.NOW, earliest=build.NOW - 3600, latest=build.NOW + 60),
            "about 2026-01-01 00:00 UTC (between 2025-12-31 23:00 and 2026-01-01 00:01 )",
        ),
        (
            Onset(build.NOW, earliest=build.NOW + 1, latest=build.NOW + 3600),
            "about 2026-01-01 00:00 UTC (between 00:00 and 01:00 )",
        ),
        (Onset(build.NOW, latest=build.NOW + 60), "about 2026-01-01 00:00 UTC ( 00:01 at the latest)"),
        (Onset(build.NOW, before=True), "2026-01-01 00:00 UTC or earlier"),
        (
            Onset(build.NOW, before=True, latest=build.NOW + 60),
            "2026-01-01 00:00 UTC or earlier ( 00:01 at the latest)",
        ),
        (Onset(1e20, latest=1e20), "about 1e+20 s ( 1e+20 s at the latest)"),
    ],
)
def test_how_an_onset_is_told(onset: Onset, said: str) -> None:
    assert said == words(began_between(onset))


def test_what_was_there_before_is_first() -> None:
    onset = Onset(build.NOW - 5 * build.HOUR, before=True)
    assert "99.9 % 2025-12-31 19:00 UTC or earlier" in section(dated([*ago(3, 5), onset, *ago(1)]))


def test_the_verdict_the_columns_and_the_findings_say_since_when() -> None:
    onset = Onset(build.NOW - 5 * build.HOUR, latest=build.NOW - 4 * build.HOUR)
    model = dated([*ago(3, 2), onset, *ago(1)])
    page = words(report_page(model, build.NOW, window="24h"))
    told = "Likely since about 2025-12-31 19:00 UTC ( 20:00 at the latest)"
    assert f"rows of the reference. {told}." in page
    assert "Share of drift Likely since State" in page
    # In the verdict and in the column's card; in the table of columns without the end.
    assert 2 == page.count(told)
    assert "about 2025-12-31 19:00 UTC drifted" in page
    # The worst one is told of.
    assert "country has likely been off since about 2025-12-31 19:00 UTC ." in page


def test_where_performance_is_off_each_window_says_since_when() -> None:
    model = dated(ago(3, 2, 5, 1))
    older, version = model.versions
    (labelled,) = labelled_snapshot().models
    outcomes = labelled.versions[0].outcomes
    assert outcomes is not None
    found = Onset(build.NOW - 26 * build.HOUR, earliest=build.NOW - 27 * build.HOUR, latest=build.NOW)
    windows = tuple(replace(one, since=found if one.name == "24h" else None) for one in outcomes.windows)
    version = replace(version, outcomes=replace(outcomes, windows=windows))
    page = words(report_page(replace(model, versions=(older, version)), build.NOW, window="24h"))
    assert "Confidence Likely since Performance off since 1h" in page
    assert "> 99.9 % 2025-12-31 19:00 UTC about 2025-12-30 22:00 UTC 7d" in page
    between = "(between 2025-12-30 21:00 and 2026-01-01 00:00 )"
    assert f"Likely off since about 2025-12-30 22:00 UTC {between}." in page
    assert "Performance off since" not in section(model)


def test_there_is_no_such_section_where_nothing_was_judged() -> None:
    assert [] == windows_section([build.window("1h", samples=3)], None)
