"""Since when, on the report page: which windows show drift, and from when on each has."""

from collections.abc import Sequence

from drift_exporter.expose.report.markup import Markup, named, tag
from drift_exporter.expose.report.tables import listing
from drift_exporter.expose.report.words import EN_DASH, began, began_between, count, span, sureness
from drift_exporter.judge.onset import LIKELY_CONFIDENCE
from drift_exporter.snapshot import ColumnDrift, PerformanceWindow, WindowSnapshot

_COLUMNS = (
    ("Window", ""),
    ("From, to", "whole"),
    ("Records", "number"),
    ("Drifted", "number"),
    ("Confidence", "number"),
    ("Likely since", ""),
)
_PERFORMANCE = ("Performance off since", "")


def since(columns: Sequence[ColumnDrift]) -> Markup | None:
    """From when on any of the columns has been likely off; None where none is, or that is not known."""
    likely = [one.since for one in columns if one.adjusted_confidence >= LIKELY_CONFIDENCE]
    dated = [onset for onset in likely if onset is not None]
    if not dated:
        return None
    return began_between(min(dated, key=lambda onset: (onset.time, not onset.before)))


def windows_section(
    windows: Sequence[WindowSnapshot],
    shown: WindowSnapshot | None,
    outcomes: Sequence[PerformanceWindow] = (),
) -> list[Markup]:
    """The section, or nothing where no window is judged.

    ``outcomes`` are windows of the same names; where performance is off in any of them, since when is said.
    """
    if not any(window.columns for window in windows):
        return []
    off = {one.name: began(one.since) for one in outcomes if one.since is not None}
    rows = [
        [*_row(window, shown=window is shown), *([off.get(window.name, EN_DASH)] if off else [])]
        for window in windows
    ]
    return [
        tag("h2", "Since when", id="when"),
        listing([*_COLUMNS, *([_PERFORMANCE] if off else [])], rows),
        tag(
            "p",
            "What only a short window shows is young; what only a long one shows is over, or so small that "
            "fewer records cannot tell. Confidence is that of any column's drift, and the time that of the "
            "column that began first. A time alone is when it became likely while the exporter looked on. "
            "About a time is what the records counted by then say; unless it came slowly, it began "
            "between the two others, 95 times in 100. A time or earlier is as far back as they reach.",
        ),
    ]


def _row(window: WindowSnapshot, *, shown: bool) -> list[str | Markup]:
    drifted = EN_DASH
    if window.columns:
        drifted = f"{sum(one.drifted for one in window.columns)} of {len(window.columns)}"
    name = named(window.name)
    return [
        tag("strong", name) if shown else name,
        span(window.start, window.end),
        count(window.samples),
        drifted,
        EN_DASH if window.dataset_confidence is None else sureness(window.dataset_confidence),
        since(window.columns) or EN_DASH,
    ]
