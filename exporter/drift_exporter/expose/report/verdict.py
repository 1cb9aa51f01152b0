"""What the report says first: has the data drifted, and how sure is it."""

from drift_exporter.expose.report.columns import badness
from drift_exporter.expose.report.markup import Markup, named, tag
from drift_exporter.expose.report.words import count, moment, plural, sureness
from drift_exporter.snapshot import ModelSnapshot, VersionSnapshot, WindowSnapshot

_NAMED_COLUMNS = 3


def verdict(model: ModelSnapshot, version: VersionSnapshot | None, window: WindowSnapshot | None) -> Markup:
    """A sentence with the answer, and one with what it rests on."""
    if version is None:
        return _box("", "No records yet.", f"Nothing has been read from the log of {model.name}.")
    if version.reference is None:
        return _box(
            "",
            "There is no reference, so nothing can be compared.",
            "Build one from a time when all was well with drift-exporter reference build, and name it in the "
            "configuration.",
        )
    if window is None or not window.columns:
        return _no_scores(version, window)
    return _compared(version, window)


def _no_scores(version: VersionSnapshot, window: WindowSnapshot | None) -> Markup:
    if window is None:
        return _box("", "Not evaluated yet.", f"{plural(version.predictions, 'record', 'records')} so far.")
    since = (
        ""
        if version.last_timestamp is None
        else f" The newest record is of {moment(version.last_timestamp)}."
    )
    return _box(
        "",
        "Not enough records to tell.",
        f"{plural(window.samples, 'record', 'records')} in the {window.name} window "
        f"up to {moment(window.end)}: too few for a comparison that means anything.{since}",
    )


def _compared(version: VersionSnapshot, window: WindowSnapshot) -> Markup:
    drifted = sorted((c for c in window.columns if c.drifted), key=badness)
    total = len(window.columns)
    rows = 0 if version.reference is None else version.reference.rows
    basis = (
        f"Compared: {plural(window.samples, 'record', 'records')} in the {window.name} window "
        f"up to {moment(window.end)} with {plural(rows, 'row', 'rows')} of the reference."
    )
    if not drifted:
        return _box("good", f"No drift beyond what is tolerated in any of {count(total)} columns.", basis)
    names: list[Markup | str] = []
    for column in drifted[:_NAMED_COLUMNS]:
        names += [", ", named(column.column.name, 40)] if names else [named(column.column.name, 40)]
    more = len(drifted) - _NAMED_COLUMNS
    sure = max(c.adjusted_confidence for c in drifted)
    least = min(c.adjusted_confidence for c in drifted)
    how_sure = (
        sureness(sure) if sureness(sure) == sureness(least) else f"{sureness(least)} to {sureness(sure)}"
    )
    return _box(
        "bad",
        tag(
            "span",
            f"{count(len(drifted))} of {plural(total, 'column has', 'columns have')} drifted: ",
            *names,
            f" and {count(more)} more" if more > 0 else "",
            f" ({how_sure} sure).",
        ),
        basis,
    )


def _box(tone: str, answer: str | Markup, basis: str) -> Markup:
    return tag(
        "section", tag("p", answer), tag("p", basis), class_=f"verdict {tone}".strip(), aria_label="Verdict"
    )
