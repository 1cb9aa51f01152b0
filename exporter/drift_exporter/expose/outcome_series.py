"""What is known of labels, performance and fairness, as series."""

from collections.abc import Iterator

from drift_exporter.expose import outcome_catalogue as catalogue
from drift_exporter.expose.parts import Part, Series, present
from drift_exporter.snapshot import (
    CONFIDENCE_BOUNDS,
    FairnessValue,
    LabelsSnapshot,
    OutcomesSnapshot,
    PerformanceWindow,
    VersionSnapshot,
)

Labels = tuple[str, ...]


def label_series(model: str, labels: LabelsSnapshot) -> Iterator[Series]:
    """What a model's labels came to: never subject to a limit."""
    for reason, count in labels.rejected.items():
        yield Series(catalogue.LABELS_REJECTED, (model, reason), count)
    yield Series(catalogue.LABELS_EARLY, (model,), labels.early)
    yield Series(catalogue.PREDICTIONS_PENDING, (model,), labels.pending)


def outcome_parts(model: str, version: VersionSnapshot, rank: tuple[int, int]) -> Iterator[Part]:
    """The series of a version's outcomes: those of all records, then those of each segment or attribute.

    ``rank`` are the places of the model and the version.
    """
    outcomes = version.outcomes
    if outcomes is None:
        return
    labels = (model, version.version)
    yield Part(model, (0, 1, *rank), tuple(_totals(labels, outcomes)))
    segments = {segment: None for window in outcomes.windows for segment, _ in window.performance}
    segments |= {count.segment: None for count in outcomes.counts}
    for place, segment in enumerate(dict.fromkeys(name for name in segments if name)):
        yield Part(model, (1, place, *rank), tuple(_segment(labels, outcomes, segment)))
    attributes = dict.fromkeys(one.attribute for window in outcomes.windows for one in window.fairness)
    for place, attribute in enumerate(attributes):
        own = [
            series
            for window in outcomes.windows
            for one in window.fairness
            if one.attribute == attribute
            for series in _fairness(labels, window.name, one)
        ]
        yield Part(model, (1, place, *rank), tuple(own))


def _totals(labels: Labels, outcomes: OutcomesSnapshot) -> Iterator[Series]:
    yield from present(
        (catalogue.LABELS, labels, outcomes.labels),
        (catalogue.LABEL_DELAY, labels, outcomes.delays),
    )
    yield from _counts(labels, outcomes, "")
    if outcomes.scores is not None:
        for place, bound in enumerate(CONFIDENCE_BOUNDS):
            own = (*labels, f"{bound:g}")
            both = {"positive": outcomes.scores.positives, "negative": outcomes.scores.negatives}
            for label, counts in both.items():
                yield Series(catalogue.SCORE_OUTCOMES, (*own, label), int(counts[place]))
            yield Series(catalogue.SCORE_OUTCOMES_SUM, own, float(outcomes.scores.scores[place]))
    for window in outcomes.windows:
        yield from _window(labels, window)


def _window(labels: Labels, window: PerformanceWindow) -> Iterator[Series]:
    own = (*labels, window.name)
    coverage = None
    if window.labelled is not None and window.rows:
        coverage = window.labelled / window.rows
    yield from present((catalogue.LABEL_COVERAGE, own, coverage))
    yield from _performance(labels, window, "")
    for metric, estimate in window.estimated.items():
        place = (*labels, metric, window.name)
        yield from present(
            (catalogue.PERFORMANCE_ESTIMATED, place, estimate.value),
            (catalogue.PERFORMANCE_ESTIMATED_LOWER, place, estimate.lower),
            (catalogue.PERFORMANCE_ESTIMATED_UPPER, place, estimate.upper),
        )
    for metric, error in window.errors.items():
        place = (*labels, metric, window.name)
        yield from present(
            (catalogue.ESTIMATION_ERROR, place, error.value),
            (catalogue.ESTIMATION_ERROR_CONFIDENCE, place, error.confidence),
        )
    for metric, confidence in window.drops.items():
        yield Series(catalogue.PERFORMANCE_DROP, (*labels, metric, window.name), confidence)
    yield from present((catalogue.CONCEPT_DRIFT, own, window.concept_confidence))


def _performance(labels: Labels, window: PerformanceWindow, segment: str) -> Iterator[Series]:
    for (name, value), metrics in window.performance.items():
        if name != segment:
            continue
        for metric, estimate in metrics.items():
            place = (*labels, metric, window.name, name, value)
            yield from present(
                (catalogue.PERFORMANCE, place, estimate.value),
                (catalogue.PERFORMANCE_LOWER, place, estimate.lower),
                (catalogue.PERFORMANCE_UPPER, place, estimate.upper),
                (catalogue.PERFORMANCE_REFERENCE, place, None if name else window.reference.get(metric)),
            )


def _segment(labels: Labels, outcomes: OutcomesSnapshot, segment: str) -> Iterator[Series]:
    yield from _counts(labels, outcomes, segment)
    for window in outcomes.windows:
        yield from _performance(labels, window, segment)


def _counts(labels: Labels, outcomes: OutcomesSnapshot, segment: str) -> Iterator[Series]:
    for one in outcomes.counts:
        if one.segment == segment:
            place = (*labels, one.prediction, one.label, one.segment, one.value)
            yield Series(catalogue.OUTCOMES, place, one.count)


def _fairness(labels: Labels, window: str, one: FairnessValue) -> Iterator[Series]:
    place = (*labels, one.metric, one.attribute, one.group, window)
    yield from present(
        (catalogue.FAIRNESS, place, one.estimate.value),
        (catalogue.FAIRNESS_LOWER, place, one.estimate.lower),
        (catalogue.FAIRNESS_UPPER, place, one.estimate.upper),
        (catalogue.FAIRNESS_CONFIDENCE, (*labels, one.metric, one.attribute, window), one.confidence),
    )
