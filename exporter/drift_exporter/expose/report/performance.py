"""Performance and fairness on the report page: realised, estimated, and on the reference."""

from collections.abc import Sequence

from drift_exporter.expose.report.markup import Markup, join, named, tag
from drift_exporter.expose.report.words import EN_DASH, count, number, percent, span, sureness
from drift_exporter.judge.estimation.validity import kind_of_drift
from drift_exporter.snapshot import Estimate, FairnessValue, PerformanceWindow, VersionSnapshot

LESS = "\N{MINUS SIGN}"

KINDS = {
    "concept": "Concept drift: what is right has changed; the model has to be learned anew.",
    "data": "Data drift: the inputs have moved, and that explains the loss of performance.",
    "loss": "Performance has fallen; neither inputs nor scores have moved.",
    "early warning": "The scores have moved, and labels are not there yet to tell what that costs.",
    "harmless": "The inputs have moved; as far as labels tell, that costs no performance.",
}
"""What is said of each kind of drift."""

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


def performance_section(version: VersionSnapshot, window: str) -> list[Markup]:
    """The sections of the window of that name, or nothing where nothing is known of it."""
    if version.outcomes is None:
        return []
    shown = next((one for one in version.outcomes.windows if one.name == window), None)
    if shown is None:
        return []
    drift = next((one for one in version.windows if one.name == window), None)
    kind = None
    if drift is not None:
        scores = max(
            (one.adjusted_confidence for one in drift.columns if one.column.kind == "score"), default=None
        )
        drop = max(shown.drops.values(), default=None)
        kind = kind_of_drift(drift.dataset_confidence, scores, shown.concept_confidence, drop)
    return [*_performance(shown, kind), *_fairness(shown)]


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
    if metrics:
        header = _header("Metric", "Realised", "95 % interval", "Reference", "Estimated", "Estimate off by")
        rows = [_metric(window, metric, realised.get(metric)) for metric in metrics]
        found.append(_table(header, rows))
    return found


def _labels(window: PerformanceWindow) -> Markup:
    parts: list[str | Markup] = ["Predictions of ", span(window.start, window.end), f": {count(window.rows)}"]
    if window.labelled is not None:
        share = f" ({percent(window.labelled / window.rows)})" if window.rows else ""
        parts.append(f", of which {count(window.labelled)}{share} have a label")
    return join([*parts, "."])


def _metric(window: PerformanceWindow, metric: str, realised: Estimate | None) -> Markup:
    estimated, error = window.estimated.get(metric), window.errors.get(metric)
    off: str | Markup = EN_DASH
    if error is not None:
        sign = "+" if error.value > 0 else LESS if error.value < 0 else ""
        off = f"{sign}{number(abs(error.value), 3)}"
        if error.confidence is not None and error.confidence >= 0.95:
            off = join([off, f" (confidence {sureness(error.confidence)})"])
    reference = window.reference.get(metric)
    return tag(
        "tr",
        tag("th", metric.replace("_", " "), scope="row"),
        tag("td", EN_DASH if realised is None else number(realised.value, 4), class_="number"),
        tag("td", _interval(realised), class_="number wide"),
        tag("td", EN_DASH if reference is None else number(reference, 4), class_="number"),
        tag("td", EN_DASH if estimated is None else number(estimated.value, 4), class_="number"),
        tag("td", off, class_="number wide"),
    )


def _interval(estimate: Estimate | None) -> str:
    if estimate is None or estimate.lower is None or estimate.upper is None:
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
    rows = [
        tag(
            "tr",
            tag("th", named(group), scope="row"),
            *(
                tag(
                    "td",
                    number(known[group, metric].value, 3) if (group, metric) in known else EN_DASH,
                    class_="number",
                )
                for metric in metrics
            ),
        )
        for group in dict.fromkeys(one.group for one in values if one.group)
    ]
    return [_table(_header("Group", *(metric.replace("_", " ") for metric in metrics)), rows)]


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


def _header(first: str, *others: str) -> Markup:
    wide = {"95 % interval", "Estimate off by"}
    return tag(
        "tr",
        tag("th", first, scope="col"),
        *(
            tag("th", name, scope="col", class_="number wide" if name in wide else "number")
            for name in others
        ),
    )


def _table(header: Markup, rows: Sequence[Markup]) -> Markup:
    return tag(
        "div",
        tag("table", tag("thead", header), tag("tbody", *rows), class_="list"),
        class_="card",
    )
