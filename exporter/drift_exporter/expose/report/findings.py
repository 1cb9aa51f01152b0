"""What a window shows, most pressing first, each finding with the next step and the runbook that goes on."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from drift_exporter.config.values import format_duration
from drift_exporter.expose.report.columns import badness, bins, uncertain
from drift_exporter.expose.report.markup import Markup, join, named
from drift_exporter.expose.report.words import began, count, number, percent, plural, sureness
from drift_exporter.judge.estimation.validity import kind_of_drift
from drift_exporter.judge.onset import LIKELY_CONFIDENCE
from drift_exporter.snapshot import (
    ColumnDrift,
    Histogram,
    ModelSnapshot,
    PerformanceWindow,
    VersionSnapshot,
    WindowSnapshot,
)

_NAMED_COLUMNS = 3
_MORE_OFTEN = 0.01
_INVALID = 0.95
_MORE_LIKELY_THAN_NOT = 0.5
_FEW_LABELS = 0.5
_CHANGED = (
    ": a release, a new client, a unit, a season. If the change is a fault, mend it there; if it will stay, "
    "check the model with records like these."
)


@dataclass(frozen=True)
class Finding:
    """What was found, what to do about it, the alert whose runbook says more, and the section it is from."""

    what: str | Markup
    step: str | Markup
    runbook: str | None = None
    section: str | None = None


KINDS = {
    "concept": "Concept drift: what is right has changed; the model has to be learned anew.",
    "data": "Data drift: the inputs have moved, and that explains the loss of performance.",
    "loss": "Performance has fallen; neither inputs nor scores have moved.",
    "early warning": "The scores have moved, and labels are not there yet to tell what that costs.",
    "harmless": "The inputs have moved; as far as labels tell, that costs no performance.",
}
"""What is said of each kind of drift."""

_STEPS = {
    "concept": Finding(
        KINDS["concept"],
        "Look at some wrong answers of late with those who know the matter, then train the model anew with "
        "labels from after the change, and build a reference for the new version.",
        "ModelConceptDrift",
        "performance",
    ),
    "data": Finding(
        KINDS["data"],
        "Find out where the moved columns come from. If the change is a fault, mend it there; if it will "
        "stay, train with records like these.",
        "ModelDataDriftCostsPerformance",
        "performance",
    ),
    "loss": Finding(
        KINDS["loss"],
        "See whether labels are made as before and which segments lose most, and compare with the version "
        "before.",
        "ModelPerformanceDropped",
        "performance",
    ),
    "early warning": Finding(
        KINDS["early warning"],
        "Follow the estimated performance until labels come, and be ready to go back to the version before.",
        "ModelConceptDriftEarlyWarning",
        "columns",
    ),
}


def kind_of(version: VersionSnapshot, window: WindowSnapshot) -> str | None:
    """The kind of drift in a window, as far as labels and estimates can tell."""
    outcomes = performance_of(version, window.name)
    if outcomes is None:
        return None
    scores = max((c.adjusted_confidence for c in window.columns if c.column.kind == "score"), default=None)
    drop = max(outcomes.drops.values(), default=None)
    return kind_of_drift(window.dataset_confidence, scores, outcomes.concept_confidence, drop)


def performance_of(version: VersionSnapshot, window: str) -> PerformanceWindow | None:
    """What is known of outcomes in the window of that name."""
    windows = () if version.outcomes is None else version.outcomes.windows
    return next((one for one in windows if one.name == window), None)


def perhaps(columns: list[ColumnDrift]) -> list[ColumnDrift]:
    """Columns that more likely than not are off by more than is tolerated, but not surely."""
    return [one for one in columns if uncertain(one) and one.adjusted_confidence >= _MORE_LIKELY_THAN_NOT]


def findings(model: ModelSnapshot, version: VersionSnapshot, window: WindowSnapshot | None) -> list[Finding]:
    """What there is to do, most pressing first; empty where nothing stands out."""
    found = []
    if model.problem is not None:
        found.append(
            Finding(
                "The last evaluation failed: what is below may be out of date.",
                "Mend what the exporter's log says is wrong.",
                "DriftExporterEvaluationFailing",
            )
        )
    if window is None:
        return found
    kind = kind_of(version, window)
    if kind in _STEPS:
        found.append(_STEPS[kind])
    found += _drift(window, kind)
    outcomes = performance_of(version, window.name)
    if outcomes is not None:
        delays = None if version.outcomes is None else version.outcomes.delays
        found += [*_fairness(outcomes), *_estimates(outcomes), *_labels(outcomes, delays)]
    return [*found, *_anomalies(version, window.name)]


def _drift(window: WindowSnapshot, kind: str | None) -> Iterator[Finding]:
    columns = sorted(window.columns, key=badness)
    drifted = [column for column in columns if column.drifted]
    yield from _pipeline(drifted)
    inputs = [column for column in drifted if column.column.kind == "feature"]
    if kind == "harmless" and drifted:
        yield Finding(
            KINDS[kind],
            "Nothing is pressing. If the change will stay, build a new reference from records of now.",
            "ModelDrift",
            "columns",
        )
    elif drifted and kind is None:
        one = inputs or drifted
        yield Finding(
            join(
                [
                    plural(len(drifted), "column has", "columns have"),
                    " drifted; what that costs is not known.",
                    *_began(drifted),
                ]
            ),
            join(
                [
                    "Ask what changed where ",
                    *_names(one),
                    " come from" if len(one) > 1 else " comes from",
                    _CHANGED,
                ]
            ),
            "ModelDrift",
            "columns",
        )
    unsure = perhaps(columns)
    if unsure and not drifted:
        yield Finding(
            join([*_names(unsure), " may have drifted; there are too few records to be sure."]),
            "Wait for more records, or look at a longer window.",
            "ModelDrift",
            "columns",
        )


def _began(drifted: list[ColumnDrift]) -> list[str | Markup]:
    """Since when the first of the columns is off, as a sentence; nothing where that is not known."""
    worst = drifted[0]
    if worst.since is None:
        return []
    return [" ", named(worst.column.name, 40), " has likely been off since ", began(worst.since), "."]


def _pipeline(drifted: list[ColumnDrift]) -> Iterator[Finding]:
    """Columns whose values are missing or unseen more often: that is more often a fault than the world."""
    for kind, what in (("missing", "missing"), ("other", "unknown to the reference")):
        found = [
            (drift, one)
            for drift in drifted
            for one in bins(drift)
            if one.special and one.label == kind and one.change >= _MORE_OFTEN
        ]
        if found:
            said = [
                join([named(drift.column.name, 40), f" ({percent(one.reference)} to {percent(one.current)})"])
                for drift, one in found[:_NAMED_COLUMNS]
            ]
            yield Finding(
                join([f"Values are {what} more often: ", *_listed(said, len(found))]),
                "Look first at what writes these columns: this is mostly a fault on the way to the model.",
                "ModelDrift",
                "columns",
            )


def _fairness(window: PerformanceWindow) -> Iterator[Finding]:
    for one in window.fairness:
        confidence = one.confidence or 0.0
        if one.metric == "demographic_parity_ratio" and confidence >= LIKELY_CONFIDENCE:
            share, sure = percent(one.estimate.value), sureness(confidence)
            said = f": one group gets the favourable answer {share} as often as another ({sure} sure)."
            yield Finding(
                join(["The four-fifths rule is broken by ", named(one.attribute, 40), said]),
                "See which group and since when, and tell those who answer for the model.",
                "ModelFourFifthsRuleBroken",
                "fairness",
            )


def _estimates(window: PerformanceWindow) -> Iterator[Finding]:
    off = [
        metric.replace("_", " ")
        for metric, error in window.errors.items()
        if error.confidence is not None and error.confidence >= _INVALID
    ]
    if off:
        yield Finding(
            f"What is estimated is not what labels say: {', '.join(off)}.",
            "Go by realised performance only. Build the reference anew from labelled records of late, so "
            "that estimates hold again.",
            "ModelPerformanceEstimatorInvalid",
            "performance",
        )


def _labels(window: PerformanceWindow, delays: Histogram | None) -> Iterator[Finding]:
    """Labels that should be there by now; of a window shorter than they usually take there is no saying."""
    if window.labelled is None or not window.rows or window.labelled >= _FEW_LABELS * window.rows:
        return
    usual = _usual_delay(delays)
    if usual is not None and usual > window.end - window.start:
        return
    came = "" if usual is None else f"Half of those so far came within {format_duration(usual)}. "
    step = f"{came}Look at what makes and delivers them, and until they are in at a longer window."
    if not window.labelled:
        what, runbook = "No prediction of this window has a label yet.", "ModelLabelsAbsent"
    else:
        share = percent(window.labelled / window.rows)
        what = f"Labels are late: {share} of this window's predictions have one."
        runbook = "ModelLabelsLate"
    yield Finding(what, step, runbook, "performance")


def _usual_delay(delays: Histogram | None) -> float | None:
    """The bound in seconds below which half of the delays are; None where that is not known."""
    if delays is None or not delays.counts.sum():
        return None
    place = int(np.searchsorted(np.cumsum(delays.counts), delays.counts.sum() / 2))
    return delays.bounds[place] if place < len(delays.bounds) else math.inf


def _anomalies(version: VersionSnapshot, name: str) -> Iterator[Finding]:
    for one in version.anomalies:
        for window in one.windows:
            if window.name == name and (window.confidence or 0.0) >= LIKELY_CONFIDENCE:
                times = (window.ratio or 0.0) / one.expected
                yield Finding(
                    f"More records are odd than usual, by detector {one.detector}: "
                    f"{count(window.anomalies)} of {count(window.scored)}, {number(times, 2)} times what is "
                    "expected.",
                    "Look at the most anomalous records and what they have in common: a new client, a broken "
                    "field, an attack.",
                    "ModelAnomalyRatioHigh",
                    "anomalies",
                )


def _names(columns: list[ColumnDrift]) -> list[str | Markup]:
    return _listed([named(one.column.name, 40) for one in columns[:_NAMED_COLUMNS]], len(columns), end="")


def _listed(said: list[Markup], total: int, end: str = ".") -> list[str | Markup]:
    """Parts with commas between them, and how many of ``total`` are left out."""
    mixed: list[str | Markup] = []
    for one in said:
        mixed += [", ", one] if mixed else [one]
    if total > len(said):
        mixed.append(f" and {count(total - len(said))} more")
    return [*mixed, end]
