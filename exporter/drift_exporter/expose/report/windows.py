"""Since when, on the report page: which windows show drift, and from when on each has."""

from collections.abc import Sequence

from drift_exporter.expose.report.markup import Markup, named, tag
from drift_exporter.expose.report.tables import listing
from drift_exporter.expose.report.words import EN_DASH, count, moment, span, sureness
from drift_exporter.judge.onset import LIKELY_CONFIDENCE
from drift_exporter.snapshot import ColumnDrift, WindowSnapshot

_COLUMNS = (
    ("Window", ""),
    ("From, to", "whole"),
    ("Records", "number"),
    ("Drifted", "number"),
    ("Confidence", "number"),
    ("Likely since", ""),
)
UNKNOWN = "not known"
"""What is said where drift was there already at the first evaluation."""


def since(columns: Sequence[ColumnDrift]) -> str | Markup | None:
    """From when on any of the columns has been likely off; None where none is."""
    likely = [one.since for one in columns if one.adjusted_confidence >= LIKELY_CONFIDENCE]
    known = [onset for onset in likely if onset is not None]
    if not likely:
        return None
    return moment(min(known)) if len(known) == len(likely) else UNKNOWN


def windows_section(windows: Sequence[WindowSnapshot], shown: WindowSnapshot | None) -> list[Markup]:
    """The section, or nothing where no window is judged."""
    if not any(window.columns for window in windows):
        return []
    rows = [_row(window, shown=window is shown) for window in windows]
    return [
        tag("h2", "Since when", id="when"),
        listing(_COLUMNS, rows),
        tag(
            "p",
            "What only a short window shows is young; what only a long one shows is over, or so small that "
            "fewer records cannot tell. Confidence is that of any column's drift. Since when is not known "
            "where drift was there already when this exporter first looked.",
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
