"""The drift report of one model: what an alert's link opens."""

from collections.abc import Sequence
from urllib.parse import urlencode

from drift_exporter.expose.report import svg
from drift_exporter.expose.report.anomalies import anomaly_section
from drift_exporter.expose.report.columns import METHODS, badness, by_share, card, state
from drift_exporter.expose.report.document import document
from drift_exporter.expose.report.findings import findings
from drift_exporter.expose.report.markup import Markup, join, named, tag
from drift_exporter.expose.report.multivariate import together
from drift_exporter.expose.report.performance import performance_section
from drift_exporter.expose.report.steps import steps_section
from drift_exporter.expose.report.streams import stream_facts
from drift_exporter.expose.report.tables import listing
from drift_exporter.expose.report.verdict import verdict
from drift_exporter.expose.report.windows import windows_section
from drift_exporter.expose.report.words import (
    EN_DASH,
    began,
    count,
    moment,
    number,
    percent,
    plural,
    score,
    span,
    sureness,
)
from drift_exporter.snapshot import ColumnDrift, ModelSnapshot, VersionSnapshot, WindowSnapshot

_UNFOLDED_AT_LEAST = 2
SHARE = "share"
"""The order of columns by their share of the model's drift."""


def report_page(  # noqa: PLR0913 (what is shown, and how)
    model: ModelSnapshot,
    created: float,
    *,
    version: str | None = None,
    window: str | None = None,
    order: str | None = None,
    alone: bool = False,
    runbooks: str | None = None,
) -> str:
    """The report as one HTML document.

    ``version`` and ``window`` choose what is shown; without them (or with ones that do not exist, which is
    then said) it is the version with the newest record and the shortest window that has scores. Columns come
    worst first; ``order`` ``share`` puts those first that explain most of the model's drift. With ``alone``
    the page stands for itself, as a file: no links to other pages but those below ``runbooks``, the URL of
    the folder with the alerts' runbooks.
    """
    shown = _pick_version(model, version)
    window_shown = None if shown is None else _pick_window(shown, window)
    found = [] if shown is None else findings(model, shown, window_shown)
    body = [
        tag("h1", "Drift of ", named(model.name, 120)),
        *_notices(model, shown, window_shown, version, window),
        verdict(model, shown, window_shown, calm=not found),
    ]
    if shown is not None:
        if not alone:
            body += _choices(model, shown, window_shown)
        body += steps_section(found, runbooks, judged=window_shown is not None and bool(window_shown.columns))
        body += _sections(shown, window_shown, order=order, alone=alone)
        body += [tag("h2", "Details", id="details"), _facts(model, shown, window_shown, created)]
    title = f"Drift of {model.name}" + ("" if window_shown is None else f", {window_shown.name}")
    return document(title, *body, root=None if alone else "../")


def _sections(
    version: VersionSnapshot, window: WindowSnapshot | None, *, order: str | None, alone: bool
) -> list[Markup]:
    """What there is of the window, after a list of it."""
    body: list[Markup] = []
    legend: list[Markup] = []
    if window is not None and window.columns:
        shared = any(column.contribution is not None for column in window.columns)
        by_drift = shared and order == SHARE
        outcomes = () if version.outcomes is None else version.outcomes.windows
        body += windows_section(version.windows, window, outcomes)
        orders = _orders(version, window, by_drift=by_drift) if shared and not alone else None
        body += _columns(window, orders, shared=shared, by_drift=by_drift)
        legend = [tag("h2", "How to read this", id="legend"), _legend(window.columns)]
    if window is not None:
        body += performance_section(version, window)
        body += together(window)
    body += anomaly_section(version, None if window is None else window.name)
    return body + legend


def _pick_version(model: ModelSnapshot, wanted: str | None) -> VersionSnapshot | None:
    for version in model.versions:
        if version.version == wanted:
            return version
    return max(model.versions, key=lambda v: v.last_timestamp or 0.0, default=None)


def _pick_window(version: VersionSnapshot, wanted: str | None) -> WindowSnapshot | None:
    for window in version.windows:
        if window.name == wanted:
            return window
    with_scores = (window for window in version.windows if window.columns)
    return next(with_scores, next(iter(version.windows), None))


def _notices(
    model: ModelSnapshot,
    version: VersionSnapshot | None,
    window: WindowSnapshot | None,
    wanted_version: str | None,
    wanted_window: str | None,
) -> list[Markup]:
    notices = []
    if model.problem is not None:
        notices.append(
            tag(
                "p",
                f"The last evaluation failed, so this may be out of date: {model.problem}",
                class_="notice",
            )
        )
    if version is not None and wanted_version not in {None, version.version}:
        notices.append(
            tag(
                "p", "There is no version ", named(str(wanted_version)), "; this is another.", class_="notice"
            )
        )
    if window is not None and wanted_window not in {None, window.name}:
        notices.append(
            tag("p", "There is no window ", named(str(wanted_window)), "; this is another.", class_="notice")
        )
    return notices


def _choices(model: ModelSnapshot, version: VersionSnapshot, window: WindowSnapshot | None) -> list[Markup]:
    name = None if window is None else window.name
    rows = []
    if len(model.versions) > 1:
        links = [
            _choice(
                v.version,
                v.version,
                name,
                current=v is version,
                more=": no reference" if v.reference is None and model.reference else "",
            )
            for v in model.versions
        ]
        rows.append(
            tag("nav", tag("span", "Version", class_="quiet"), *links, class_="choices", aria_label="Version")
        )
    links = [
        _choice(f"{w.name}{_drifted_suffix(w)}", version.version, w.name, current=w is window)
        for w in version.windows
    ]
    rows.append(
        tag("nav", tag("span", "Window", class_="quiet"), *links, class_="choices", aria_label="Window")
    )
    return rows


def _orders(version: VersionSnapshot, window: WindowSnapshot, *, by_drift: bool) -> Markup:
    links = [
        _choice("worst first", version.version, window.name, current=not by_drift),
        _choice("by share of the drift", version.version, window.name, current=by_drift, order=SHARE),
    ]
    label = tag("span", "Columns", class_="quiet")
    return tag("nav", label, *links, class_="choices", aria_label="Order of the columns")


def _drifted_suffix(window: WindowSnapshot) -> str:
    if not window.columns:
        return ": no scores"
    drifted = sum(column.drifted for column in window.columns)
    return f": {drifted} drifted" if drifted else ""


def _choice(  # noqa: PLR0913 - where a link leads, and how it looks
    text: str, version: str, window: str | None, *, current: bool, more: str = "", order: str | None = None
) -> Markup:
    query = {"version": version} | ({} if window is None else {"window": window})
    query |= {} if order is None else {"order": order}
    return tag(
        "a",
        named(text, 40),
        more,
        href=f"?{urlencode(query, errors='replace')}",
        aria_current="page" if current else None,
    )


def _facts(
    model: ModelSnapshot, version: VersionSnapshot, window: WindowSnapshot | None, created: float
) -> Markup:
    facts: list[tuple[str, str | Markup]] = [("Version", named(version.version))]
    if window is not None:
        facts += [
            (f"Window {window.name}", span(window.start, window.end)),
            ("Records in the window", count(window.samples)),
        ]
    reference = version.reference if window is None or window.reference is None else window.reference
    if reference is not None:
        rows = [plural(reference.rows, "row", "rows")]
        if reference.start is not None and reference.end is not None:
            rows += [", ", span(reference.start, reference.end)]
        facts.append(("Reference", join(rows)))
    if model.reference:
        facts.append(("Compared with", named(model.reference, 120)))
    if window is not None and window.dataset_confidence is not None:
        facts.append(("Confidence that any column drifted", sureness(window.dataset_confidence)))
    facts.append(("Records so far", count(version.predictions)))
    if version.errors is not None:
        facts.append(("Failed predictions so far", _errors(version.errors, version.predictions)))
    if version.last_timestamp is not None:
        facts.append(("Newest record", moment(version.last_timestamp)))
    facts += stream_facts(version)
    facts += [
        ("Task, impact", f"{model.task}, {model.impact}"),
        ("Team", named(model.team)),
        ("Evaluated", moment(created)),
    ]
    return tag("dl", *(tag("div", tag("dt", label), tag("dd", value)) for label, value in facts))


def _errors(errors: int, predictions: int) -> str:
    return f"{count(errors)} ({percent(errors / predictions)})" if predictions else count(errors)


def _columns(window: WindowSnapshot, orders: Markup | None, *, shared: bool, by_drift: bool) -> list[Markup]:
    columns = sorted(window.columns, key=by_share if by_drift else badness)
    drifted = sum(column.drifted for column in columns)
    dated = any(column.since is not None for column in columns)
    rows = [
        _summary_row(column, f"column-{i}", shared=shared, dated=dated) for i, column in enumerate(columns)
    ]
    names = [
        *(("Column", ""), ("Confidence", "sure"), ("PSI", "number"), ("Tolerated", "number")),
        *([("Share of drift", "number")] if shared else []),
        *([("Likely since", "")] if dated else []),
        ("State", ""),
    ]
    unfolded = max(drifted, _UNFOLDED_AT_LEAST)
    cards = [card(column, f"column-{i}", unfolded=i < unfolded) for i, column in enumerate(columns)]
    heading = "Columns, by share of the drift" if by_drift else "Columns, worst first"
    return [
        tag("h2", heading, id="columns"),
        *([] if orders is None else [orders]),
        listing(names, rows),
        tag("h2", "Reference against now", id="distributions"),
        tag("div", *cards, class_="cards"),
    ]


def _summary_row(drift: ColumnDrift, anchor: str, *, shared: bool, dated: bool) -> list[str | Markup]:
    psi = drift.scores.get("psi")
    return [
        tag("a", named(drift.column.name), href=f"#{anchor}"),
        svg.confidence(drift.adjusted_confidence, drifted=drift.drifted),
        EN_DASH if psi is None else score(psi),
        number(drift.tolerance, 3),
        *([_share(drift)] if shared else []),
        *([EN_DASH if drift.since is None else began(drift.since)] if dated else []),
        state(drift),
    ]


def _share(drift: ColumnDrift) -> str:
    return EN_DASH if drift.contribution is None else percent(drift.contribution)


def _legend(columns: Sequence[ColumnDrift]) -> Markup:
    used = dict.fromkeys(method for column in columns for method in column.scores)
    methods = [tag("li", tag("strong", METHODS[m][0]), f": {METHODS[m][1]}.") for m in used if m in METHODS]
    return join(
        [
            tag(
                "p",
                "Confidence answers: how sure is it that the shift is larger than what is tolerated? "
                "It grows with the size of the shift and with the number of records, so few records "
                "raise no alarm, and many records raise none over trifles.",
            ),
            tag(
                "p",
                "The interval of a score says where it would lie, 95 times in 100, had there been records "
                "without end. The share of drift says how much of the model's drift, beyond chance and what "
                "is tolerated, a drifted feature accounts for, weighted by its importance if configured.",
            ),
            tag(
                "p",
                "Ranges come from the reference alone and include their upper end. Missing values and "
                "categories that the reference does not have are bins of their own.",
            ),
            tag("ul", *methods),
        ]
    )
