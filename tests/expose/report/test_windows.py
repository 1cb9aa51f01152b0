"""Since when: each window with its drift, and the time where it is known."""

import html
import re
from dataclasses import replace

from drift_exporter.expose.report.page import report_page
from drift_exporter.expose.report.windows import windows_section
from drift_exporter.snapshot import ModelSnapshot
from support import snapshots as build


def dated(hours: tuple[float | None, ...]) -> ModelSnapshot:
    """The fraud model; the columns of its 24h window drifted so many hours ago, in order."""
    (model, _) = build.rich_snapshot().models
    older, version = model.versions
    one, day, week = version.windows
    ago = iter(hours)
    columns = tuple(
        replace(c, since=None if (h := next(ago)) is None else build.NOW - h * build.HOUR) if c.drifted else c
        for c in day.columns
    )
    day = replace(day, columns=columns)
    return replace(model, versions=(older, replace(version, windows=(one, day, week))))


def words(text: str) -> str:
    return " ".join(
        html.unescape(re.sub(r"<[^>]+>", " ", text)).replace("\N{NARROW NO-BREAK SPACE}", " ").split()
    )


def section(model: ModelSnapshot) -> str:
    windows = model.versions[1].windows
    return words("".join(windows_section(windows, windows[1])))


def test_each_window_says_how_many_drifted_how_sure_and_since_when() -> None:
    dash = "\N{EN DASH}"
    text = section(dated((3, 2, 5, 1)))
    assert "Window From, to Records Drifted Confidence Likely since" in text
    assert f"1h 2025-12-31 23:00 UTC {dash} 2026-01-01 00:00 UTC 31 {dash} {dash} {dash}" in text
    # The earliest of its columns.
    assert "4,000 4 of 7 > 99.9 % 2025-12-31 19:00 UTC" in text


def test_a_time_that_is_not_known_is_not_told() -> None:
    text = section(dated((3, None, 5, 1)))
    assert "4,000 4 of 7 > 99.9 % not known" in text
    page = words(report_page(dated((None, None, None, None)), build.NOW, window="24h"))
    assert "Likely since 20" not in page


def test_the_verdict_and_the_columns_say_since_when() -> None:
    page = words(report_page(dated((3, 2, 5, 1)), build.NOW, window="24h"))
    assert "rows of the reference. Likely since 2025-12-31 19:00 UTC ." in page
    assert "Share of drift Likely since State" in page
    assert 2 == page.count("2025-12-31 21:00 UTC") + page.count("2025-12-31 22:00 UTC")


def test_there_is_no_such_section_where_nothing_was_judged() -> None:
    assert [] == windows_section([build.window("1h", samples=3)], None)
