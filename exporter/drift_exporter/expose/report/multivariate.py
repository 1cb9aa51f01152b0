"""All columns together on the report page: what each method says, and which columns and pairs it names."""

from drift_exporter.expose.report import svg
from drift_exporter.expose.report.markup import Markup, join, named, tag
from drift_exporter.expose.report.tables import commas, listing
from drift_exporter.expose.report.words import EN_DASH, count, number, percent, score
from drift_exporter.judge.evaluate import DRIFTED_CONFIDENCE
from drift_exporter.snapshot import CorrelationChange, MultivariateDrift, WindowSnapshot

METHODS = {
    "pca": (
        "PCA reconstruction error",
        "by how many deviations records lie farther from where the reference's columns move together",
    ),
    "domain_classifier": (
        "Domain classifier",
        "how well records of the window can be told from the reference's: 0.5 is not at all, 1 is always",
    ),
    "mmd": ("Maximum mean discrepancy", "distance of the two samples as a whole; 0 is none that was found"),
    "correlation": (
        "Correlations",
        "largest change of any two columns' rank correlation, large by chance in small windows",
    ),
}
"""What each method is called and what its number means."""

_COLUMNS = (
    ("Method", ""),
    ("Confidence", "sure"),
    ("Score", "number"),
    ("Tolerated", "number"),
    ("Records", "number"),
    ("Most of it in", "whole"),
)


def together(window: WindowSnapshot) -> list[Markup]:
    """The section, or nothing where no method has judged the window."""
    if not window.multivariate:
        return []
    rows = [_row(drift) for drift in window.multivariate]
    used = [METHODS[drift.method] for drift in window.multivariate if drift.method in METHODS]
    return [
        tag("h2", "All columns together", id="together"),
        listing(_COLUMNS, rows),
        tag("ul", *(tag("li", tag("strong", name), f": {meaning}.") for name, meaning in used)),
    ]


def _row(drift: MultivariateDrift) -> list[str | Markup]:
    return [
        METHODS.get(drift.method, (drift.method, ""))[0],
        svg.confidence(drift.confidence, drifted=drift.confidence >= DRIFTED_CONFIDENCE),
        score(drift.score),
        number(drift.tolerance, 3),
        count(drift.records),
        _standing_out(drift),
    ]


def _standing_out(drift: MultivariateDrift) -> Markup:
    columns = [join([named(share.column.name, 40), f" {percent(share.ratio)}"]) for share in drift.columns]
    parts = [*columns, *(_pair(pair) for pair in drift.pairs)]
    if not parts:
        return tag("span", EN_DASH, class_="quiet")
    return commas(parts)


def _pair(pair: CorrelationChange) -> Markup:
    sign = "+" if pair.change > 0 else "\N{MINUS SIGN}"
    return join(
        [
            named(pair.column.name, 40),
            " and ",
            named(pair.other.name, 40),
            f" {sign}{number(abs(pair.change), 2)}",
        ]
    )
