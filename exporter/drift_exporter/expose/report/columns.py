"""One column of the report: what changed in a sentence, its bars, its scores."""

from dataclasses import dataclass

import numpy as np

from drift_exporter.expose.report import svg
from drift_exporter.expose.report.markup import Markup, clip, named, tag
from drift_exporter.expose.report.words import (
    ARROW,
    EN_DASH,
    THIN,
    began_between,
    bin_labels,
    count,
    is_special,
    number,
    percent,
    plural,
    score,
    sureness,
)
from drift_exporter.reference.model import FloatArray, NumericColumn
from drift_exporter.snapshot import ColumnDrift

_MOST_BINS = 15
_WORTH_SAYING = 0.01
INTERVAL = f"95{THIN}% interval"

METHODS = {
    "psi": ("PSI", "population stability index, symmetric in the two; 0 is no difference"),
    "jensenshannon": (
        "Jensen\N{EN DASH}Shannon",
        "distance of the two distributions from their mean, 0 to 1",
    ),
    "hellinger": ("Hellinger", "distance of the two distributions, 0 to 1"),
    "ks": ("Kolmogorov\N{EN DASH}Smirnov", "largest difference of the two cumulative shares, 0 to 1"),
    "wasserstein": (
        "Wasserstein",
        "how far values moved on average, in standard deviations of the reference",
    ),
    "chi2": ("Cram\N{LATIN SMALL LETTER E WITH ACUTE}r's V", "strength of association, 0 to 1"),
    "linf": ("largest bin", "largest difference of any bin's share, 0 to 1"),
}
"""What each method is called and what its number means."""


@dataclass(frozen=True)
class Bin:
    """A bin as it is drawn. ``special`` is ``missing`` or ``other``."""

    label: str
    special: bool
    reference: float
    current: float

    @property
    def change(self) -> float:
        """Current share less the reference's."""
        return self.current - self.reference


def bins(drift: ColumnDrift) -> list[Bin]:
    """The bins of a column with their shares of all records, missing ones among them."""
    column = drift.column
    reference, current = _shares(column.exported_counts), _shares(drift.current)
    return [
        Bin(label, is_special(column, i), float(reference[i]), float(current[i]))
        for i, label in enumerate(bin_labels(column))
    ]


def _shares(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> FloatArray:
    return counts / max(int(counts.sum()), 1)


def what_changed(drift: ColumnDrift) -> Markup:
    """The largest rise and the largest fall in words."""
    drawn = bins(drift)
    moves = [max(drawn, key=lambda b: b.change), min(drawn, key=lambda b: b.change)]
    said = [
        tag(
            "span",
            _bin_name(b),
            f" {'rose' if b.change > 0 else 'fell'} from {percent(b.reference)} to ",
            tag("strong", percent(b.current)),
        )
        for b in moves
        if abs(b.change) >= _WORTH_SAYING
    ]
    if not said:
        return tag("p", "No bin's share moved by one percentage point or more.", class_="change quiet")
    return tag("p", *_between(said, "; "), ".", class_="change")


def _bin_name(one: Bin) -> Markup:
    return tag("em", one.label) if one.special else named(one.label, 40)


def _between(parts: list[Markup], separator: str) -> list[Markup | str]:
    mixed: list[Markup | str] = []
    for part in parts:
        mixed += [separator, part] if mixed else [part]
    return mixed


def badness(drift: ColumnDrift) -> tuple[bool, float, float, str]:
    """Sort key: drifted columns first, then by how many times the tolerated score is exceeded."""
    excess = drift.scores.get("psi", 0.0) / drift.tolerance if drift.tolerance > 0 else 0.0
    return (not drift.drifted, -excess, -drift.confidence, drift.column.name)


def by_share(drift: ColumnDrift) -> tuple[bool, float, tuple[bool, float, float, str]]:
    """Sort key: the columns that explain most of the model's drift first, those without a share last."""
    return (drift.contribution is None, -(drift.contribution or 0.0), badness(drift))


def uncertain(drift: ColumnDrift) -> bool:
    """Whether more than is tolerated was seen, but it may be chance."""
    return not drift.drifted and drift.scores.get("psi", 0.0) > drift.tolerance


def state(drift: ColumnDrift) -> Markup:
    """Whether the column has drifted, as a badge."""
    if drift.drifted:
        return tag("span", "drifted", class_="badge bad")
    if uncertain(drift):
        return tag("span", "uncertain", class_="badge")
    return tag("span", "within tolerance", class_="badge good")


def card(drift: ColumnDrift, anchor: str, *, unfolded: bool) -> Markup:
    """Everything there is to say of one column, to be unfolded."""
    column = drift.column
    kind = None if column.kind == column.name else tag("span", f" {column.kind}", class_="quiet")
    return tag(
        "details",
        tag("summary", tag("h3", named(column.name)), kind, state(drift)),
        # A link to something inside unfolds the card; one to the card itself would not.
        tag("div", what_changed(drift), _began(drift), _chart(drift), _scores(drift), id=anchor),
        class_="card",
        open=unfolded,
    )


def _began(drift: ColumnDrift) -> Markup | None:
    if drift.since is None:
        return None
    return tag("p", "Likely since ", began_between(drift.since), ".", class_="change")


def _chart(drift: ColumnDrift) -> Markup:
    drawn = [b for b in bins(drift) if not b.special or b.reference or b.current]
    shown, left_out = _most_telling(drawn)
    scale = max((max(b.reference, b.current) for b in shown), default=0.0)
    rows = [_row(b, scale, drifted=drift.drifted) for b in shown]
    rest = None
    if left_out:
        before, now = sum(b.reference for b in left_out), sum(b.current for b in left_out)
        rest = tag(
            "p",
            f"{plural(len(left_out), 'further bin', 'further bins')} not drawn: together "
            f"{percent(before)} {ARROW} {percent(now)}.",
            class_="quiet",
        )
    header = tag(
        "tr",
        tag("th", "Range" if isinstance(drift.column, NumericColumn) else "Category", scope="col"),
        tag("th", "Share of records", scope="col"),
        tag("th", svg.key("reference"), "ref.", scope="col", class_="number"),
        tag(
            "th",
            svg.key("current drifted" if drift.drifted else "current"),
            "now",
            scope="col",
            class_="number",
        ),
    )
    table = tag("table", tag("thead", header), tag("tbody", *rows), class_="bins")
    return tag("div", table, rest)


def _most_telling(drawn: list[Bin]) -> tuple[list[Bin], list[Bin]]:
    """The bins to draw in their own order, and the rest: those that are small and moved least."""
    if len(drawn) <= _MOST_BINS:
        return drawn, []
    by_weight = sorted(drawn, key=lambda b: -(abs(b.change) + max(b.reference, b.current)))
    chosen = {id(b) for b in by_weight[:_MOST_BINS]}
    return [b for b in drawn if id(b) in chosen], [b for b in drawn if id(b) not in chosen]


def _row(one: Bin, scale: float, *, drifted: bool) -> Markup:
    title = f"{clip(one.label)}: reference {percent(one.reference)}, now {percent(one.current)}"
    bars = svg.paired_bars(one.reference, one.current, scale, title=title, drifted=drifted)
    return tag(
        "tr",
        tag("th", _bin_name(one), scope="row"),
        tag("td", bars),
        tag("td", percent(one.reference), class_="number"),
        tag("td", percent(one.current), class_="number"),
        class_="special" if one.special else None,
    )


def _scores(drift: ColumnDrift) -> Markup:
    scores = [
        _fact(METHODS.get(method, (method, ""))[0], score(value), _interval(drift, method))
        for method, value in drift.scores.items()
    ]
    facts = [
        _fact("PSI tolerated", number(drift.tolerance)),
        _fact("Confidence that it is more", sureness(drift.adjusted_confidence)),
        _fact("the same, of this column alone", sureness(drift.confidence)),
        _fact("Records it rests on, if they were independent", count(round(drift.effective_samples))),
        _fact("Records", count(int(drift.current.sum()))),
    ]
    if drift.contribution is not None:
        facts.append(_fact("Share of the model's drift", percent(drift.contribution)))
    column = drift.column
    changes = [
        _fact(b.label.capitalize(), percent(b.reference), percent(b.current))
        for b in bins(drift)
        if b.special
    ]
    if isinstance(column, NumericColumn):
        now = "unknown" if drift.mean is None else number(drift.mean)
        changes.append(_fact("Mean", number(column.mean), now))
    return tag(
        "div",
        _table(("Score", "now", INTERVAL), scores),
        tag("div", _table(("Confidence", "now"), facts), _table(("Values", "reference", "now"), changes)),
        class_="scores",
    )


def _interval(drift: ColumnDrift, method: str) -> str:
    ends = drift.intervals.get(method)
    return EN_DASH if ends is None else f"{score(ends[0])} {EN_DASH} {score(ends[1])}"


def _table(header: tuple[str, ...], rows: list[Markup]) -> Markup:
    first, *others = header
    cells = [tag("th", first, scope="col"), *(tag("th", o, scope="col", class_="number") for o in others)]
    return tag("table", tag("thead", tag("tr", *cells)), tag("tbody", *rows))


def _fact(label: str, *values: str) -> Markup:
    return tag("tr", tag("th", label, scope="row"), *(tag("td", v, class_="number") for v in values))
