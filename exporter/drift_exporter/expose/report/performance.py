"""Performance and fairness on the report page: realised, estimated, and on the reference."""

from collections.abc import Sequence

from drift_exporter.expose.report import svg
from drift_exporter.expose.report.findings import KINDS, kind_of, performance_of
from drift_exporter.expose.report.markup import Markup, join, named, tag
from drift_exporter.expose.report.tables import listing
from drift_exporter.expose.report.words import EN_DASH, began_between, count, number, percent, span, sureness
from drift_exporter.snapshot import (
    Estimate,
    FairnessValue,
    PerformanceWindow,
    VersionSnapshot,
    WindowSnapshot,
)

LESS = "\N{MINUS SIGN}"

_COLUMNS = (
    ("Metric", ""),
    ("Beside the reference", "spread"),
    ("Realised", "number"),
    ("Reference", "number"),
    ("Estimated", "number"),
    ("Estimate off by", "number"),
)

ATTRIBUTE_METRICS = {
    "demographic_parity_ratio": "smallest share of favourable answers over the largest; below 0.8 the "
    "four-fifths rule is broken",
    "demographic_parity_difference": "largest difference of the shares of favourable answers",
    "equal_opportunity_difference": "largest difference of the true positive rates",
    "equalized_odds_difference": "largest difference of the true or false positive rates",
    "predictive_parity_difference": "largest difference of the shares of favourable answers that were right",
    "calibration_difference": "largest difference of how much too high scores are",
}
"""What metrics of an attribute as a whole mean."""


def performance_section(version: VersionSnapshot, window: WindowSnapshot) -> list[Markup]:
    """The sections of a window, or nothing where nothing is known of it."""
    shown = performance_of(version, window.name)
    if shown is None:
        return []
    return [*_performance(shown, kind_of(version, window)), *_fairness(shown)]


def _performance(window: PerformanceWindow, kind: str | None) -> list[Markup]:
    realised = window.performance.get(("", ""), {})
    metrics = [*realised, *(metric for metric in window.estimated if metric not in realised)]
    if not metrics and not window.labelled:
        return []
    found = [tag("h2", "Performance", id="performance"), tag("p", _labels(window))]
    if kind is not None:
        found.append(tag("p", tag("strong", KINDS[kind])))
    if window.concept_confidence is not None:
        sure = sureness(window.concept_confidence)
        text = f"Labels go with scores otherwise than in the reference: confidence {sure}."
        found.append(tag("p", text))
    if window.since is not None:
        found.append(tag("p", "Likely off since ", began_between(window.since), "."))
    if metrics:
        rows = [_metric(window, metric, realised.get(metric)) for metric in metrics]
        found += [listing(_COLUMNS, rows), _legend(window, metrics)]
    return found


def _labels(window: PerformanceWindow) -> Markup:
    parts: list[str | Markup] = ["Predictions of ", span(window.start, window.end), f": {count(window.rows)}"]
    if window.labelled is not None:
        share = f" ({percent(window.labelled / window.rows)})" if window.rows else ""
        parts.append(f", of which {count(window.labelled)}{share} have a label")
    return join([*parts, "."])


def _metric(window: PerformanceWindow, metric: str, realised: Estimate | None) -> list[str | Markup]:
    estimated, error = window.estimated.get(metric), window.errors.get(metric)
    off: str | Markup = EN_DASH
    if error is not None:
        sign = "+" if error.value > 0 else LESS if error.value < 0 else ""
        off = f"{sign}{number(abs(error.value), 3)}"
        if error.confidence is not None and error.confidence >= 0.95:
            off = join([off, f" (confidence {sureness(error.confidence)})"])
    reference = window.reference.get(metric)
    return [
        metric.replace("_", " "),
        _drawing(metric, realised or estimated, reference, estimated if realised else None),
        _value(realised),
        EN_DASH if reference is None else number(reference, 4),
        _value(estimated),
        off,
    ]


def _drawing(
    metric: str, drawn: Estimate | None, reference: float | None, estimated: Estimate | None
) -> str | Markup:
    """The realised value with its interval beside the reference's and the estimated one."""
    if drawn is None or drawn.lower is None or drawn.upper is None:
        return EN_DASH
    others = {} if reference is None else {"reference": reference}
    others |= {} if estimated is None else {"estimated": estimated.value}
    beside = "".join(f", {name} {number(value, 4)}" for name, value in others.items())
    title = f"{metric.replace('_', ' ')} {number(drawn.value, 4)}, {_interval(drawn)}{beside}"
    return svg.spread(drawn.value, (drawn.lower, drawn.upper), others, title=title)


def _value(estimate: Estimate | None) -> str | Markup:
    if estimate is None:
        return EN_DASH
    value = number(estimate.value, 4)
    if estimate.lower is None or estimate.upper is None:
        return value
    return join([value, tag("div", _interval(estimate), class_="quiet interval")])


def _legend(window: PerformanceWindow, metrics: Sequence[str]) -> Markup:
    parts: list[str | Markup] = [
        svg.key("current"),
        "realised (without labels: estimated) with its 95 % interval ",
    ]
    if any(metric in window.reference for metric in metrics):
        parts += [svg.key("reference"), "reference "]
    if window.estimated:
        parts += [svg.key("estimated"), "estimated"]
    return tag("p", *parts, class_="quiet")


def _interval(estimate: Estimate) -> str:
    if estimate.lower is None or estimate.upper is None:
        return EN_DASH
    return f"{number(estimate.lower, 4)} to {number(estimate.upper, 4)}"


def _fairness(window: PerformanceWindow) -> list[Markup]:
    found: list[Markup] = []
    for attribute in dict.fromkeys(one.attribute for one in window.fairness):
        own = [one for one in window.fairness if one.attribute == attribute]
        if not found:
            found.append(tag("h2", "Fairness", id="fairness"))
        found += [tag("h3", named(attribute)), *_groups(own), *_attribute(own)]
    return found


def _groups(values: Sequence[FairnessValue]) -> list[Markup]:
    metrics = list(dict.fromkeys(one.metric for one in values if one.group))
    if not metrics:
        return []
    known = {(one.group, one.metric): one.estimate for one in values if one.group}
    groups = dict.fromkeys(one.group for one in values if one.group)
    rows = [
        [
            named(group),
            *(
                number(known[group, metric].value, 3) if (group, metric) in known else EN_DASH
                for metric in metrics
            ),
        ]
        for group in groups
    ]
    columns = [("Group", ""), *((metric.replace("_", " "), "number") for metric in metrics)]
    return [listing(columns, rows)]


def _attribute(values: Sequence[FairnessValue]) -> list[Markup]:
    own = [one for one in values if not one.group]
    if not own:
        return []
    return [
        tag(
            "ul",
            *(
                tag(
                    "li",
                    tag("strong", f"{one.metric.replace('_', ' ')} {number(one.estimate.value, 3)}"),
                    f" ({_interval(one.estimate)})",
                    f": {ATTRIBUTE_METRICS.get(one.metric, one.metric)}",
                    "" if one.confidence is None else f"; confidence {sureness(one.confidence)}",
                    ".",
                )
                for one in own
            ),
        )
    ]
