"""What the report says first: has the data drifted, and how sure is it."""

from collections.abc import Sequence

from drift_exporter.expose.report.columns import badness
from drift_exporter.expose.report.findings import KINDS, kind_of, perhaps
from drift_exporter.expose.report.markup import Markup, join, named, tag
from drift_exporter.expose.report.windows import since
from drift_exporter.expose.report.words import count, moment, plural, sureness
from drift_exporter.snapshot import ColumnDrift, ModelSnapshot, VersionSnapshot, WindowSnapshot

_NAMED_COLUMNS = 3


def verdict(
    model: ModelSnapshot, version: VersionSnapshot | None, window: WindowSnapshot | None, *, calm: bool
) -> Markup:
    """A sentence with the answer, and one with what it rests on. ``calm`` where nothing else stands out.

    Where performance has fallen or what is right has changed, that is the answer.
    """
    if version is None:
        return _box("", "No records yet.", f"Nothing has been read from the log of {model.name}.")
    reference = version.reference
    if window is not None and window.columns:
        reference = window.reference or reference
    if reference is None:
        return _no_reference(model, version)
    if window is None:
        so_far = plural(version.predictions, "record", "records")
        return _box("", "Not evaluated yet.", f"{so_far} so far.")
    if not window.columns:
        return _no_scores(version, window)
    return _compared(reference.rows, window, lost=_lost(version, window), calm=calm)


def _no_reference(model: ModelSnapshot, version: VersionSnapshot) -> Markup:
    if version.absent is not None:
        return _box(
            "", join(["Version ", named(version.version), " is not compared now."]), _sentence(version.absent)
        )
    if model.reference:
        return _box(
            "",
            join(
                ["There is no reference for version ", named(version.version), ": nothing can be compared."]
            ),
            f"The configuration has {model.reference}. Build one from records of this version of a time when "
            "all was well with drift-exporter reference build, and add it there.",
        )
    return _box(
        "",
        "There is no reference, so nothing can be compared.",
        "Build one from a time when all was well with drift-exporter reference build, and name it in the "
        "configuration.",
    )


def _no_scores(version: VersionSnapshot, window: WindowSnapshot) -> Markup:
    if window.absent is not None:
        return _box("", f"The {window.name} window is not compared now.", _sentence(window.absent))
    newest: list[str | Markup] = []
    if version.last_timestamp is not None:
        newest = [" The newest record is of ", moment(version.last_timestamp), "."]
    return _box(
        "",
        "Not enough records to tell.",
        f"{plural(window.samples, 'record', 'records')} in the {window.name} window up to ",
        moment(window.end),
        ": too few for a comparison that means anything.",
        *newest,
    )


def _lost(version: VersionSnapshot, window: WindowSnapshot) -> str | None:
    kind = kind_of(version, window)
    return KINDS[kind] if kind in {"concept", "data", "loss"} else None


def _compared(rows: int, window: WindowSnapshot, *, lost: str | None, calm: bool) -> Markup:
    basis: list[str | Markup] = [
        f"Compared: {plural(window.samples, 'record', 'records')} in the {window.name} window up to ",
        moment(window.end),
        f" with {plural(rows, 'row', 'rows')} of the reference.",
    ]
    began = since(window.columns)
    if began is not None:
        basis += [" Likely since ", began, "."]
    tone, answer = _drift(window)
    if lost is not None:
        return _box("bad", lost, answer, " ", *basis)
    return _box("" if tone == "good" and not calm else tone, answer, *basis)


def _drift(window: WindowSnapshot) -> tuple[str, Markup]:
    """How it looks, and a sentence on which columns have drifted."""
    columns = sorted(window.columns, key=badness)
    total = plural(len(columns), "column", "columns")
    drifted = [column for column in columns if column.drifted]
    if drifted:
        have = "has" if len(drifted) == 1 else "have"
        return "bad", join([f"{len(drifted)} of {total} {have} drifted: ", *_listed(drifted)])
    unsure = perhaps(columns)
    if unsure:
        return "", join([f"{len(unsure)} of {total} may have drifted: ", *_listed(unsure)])
    sure = sureness(max(column.adjusted_confidence for column in columns))
    return "good", join([f"No drift beyond what is tolerated in {total} ({sure} sure that there is any)."])


def _listed(columns: Sequence[ColumnDrift]) -> list[str | Markup]:
    """The first few names, how many more there are, and how sure it is."""
    names: list[str | Markup] = []
    for column in columns[:_NAMED_COLUMNS]:
        names += [", ", named(column.column.name, 40)] if names else [named(column.column.name, 40)]
    more = len(columns) - _NAMED_COLUMNS
    if more > 0:
        names.append(f" and {count(more)} more")
    confidences = [column.adjusted_confidence for column in columns]
    least, most = sureness(min(confidences)), sureness(max(confidences))
    return [*names, f" ({most if least == most else f'{least} to {most}'} sure)."]


def _box(tone: str, answer: str | Markup, *basis: str | Markup) -> Markup:
    return tag(
        "section",
        tag("p", answer),
        tag("p", *basis),
        class_=f"verdict {tone}".strip(),
        aria_label="Verdict",
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
