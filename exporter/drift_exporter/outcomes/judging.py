"""What there is to tell of a model's outcomes: copied under the lock, judged after it is given back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drift_exporter.config.schema import Model
from drift_exporter.count.moments import MOMENTS
from drift_exporter.count.outcomes import NOT_OF_CLASS, OF_CLASS, Outcomes
from drift_exporter.count.tally import Dense, Tally, TallyLayout, dense
from drift_exporter.judge.fairness.evaluate import fairness
from drift_exporter.judge.performance.evaluate import class_performances, performances
from drift_exporter.outcomes.estimating import Basis, Told, drops_of_window, told_of_window
from drift_exporter.outcomes.model import REASONS, Labelled, ModelOutcomes
from drift_exporter.reference.model import MISSING, FloatArray, IntArray, Reference
from drift_exporter.snapshot import (
    CONFIDENCE_BOUNDS,
    DELAY_BOUNDS,
    Estimate,
    FairnessValue,
    Histogram,
    LabelsSnapshot,
    OutcomeCount,
    OutcomesSnapshot,
    PerformanceWindow,
    ScoreOutcomes,
)
from drift_exporter.window.slices import MICROSECONDS, Window
from drift_exporter.window.tallies import told_of

OTHER = "other"
"""How a class is called that is not among the known ones."""

CLASS = "class"
"""The segment whose values are classes."""


@dataclass(frozen=True)
class CapturedWindow:
    """One window's tallies, where it ends and where the slices of the tallies start (microseconds)."""

    window: Window
    end: int
    tallies: tuple[Tally, ...]
    starts: tuple[int, ...]


@dataclass(frozen=True)
class CapturedOutcomes:
    """What was known of one version at one moment."""

    layout: TallyLayout
    total: Tally
    labelled: Labelled
    favourable: int | None
    basis: Basis | None
    windows: tuple[CapturedWindow, ...]


def capture_outcomes(outcomes: ModelOutcomes, watermark: int | None) -> Mapping[str, CapturedOutcomes]:
    """Copy what is to be judged, by version. The caller holds the lock."""
    found = {}
    for version, ring in outcomes.rings.items():
        windows: tuple[CapturedWindow, ...] = ()
        if watermark is not None:
            windows = tuple(
                CapturedWindow(
                    told_of(level, ring.offset),
                    watermark - ring.offset,
                    tuple(slices.values()),
                    tuple(slices),
                )
                for number, level in enumerate(ring.levels)
                for slices in (ring.window(number, watermark),)
            )
        known = outcomes.labelled.get(version, Labelled())
        labelled = Labelled(known.count, known.delays.copy(), known.delay_sum)
        total = outcomes.totals[version]
        found[version] = CapturedOutcomes(
            outcomes.layout(version), total, labelled, outcomes.favourable, outcomes.basis(version), windows
        )
    return found


def capture_labels(outcomes: ModelOutcomes) -> LabelsSnapshot | None:
    """What the model's labels came to; None where they do not come apart. The caller holds the lock."""
    if outcomes.join is None:
        return None
    rejected = {reason: outcomes.reasons[reason] for reason in REASONS}
    return LabelsSnapshot(rejected, outcomes.join.early, outcomes.join.pending)


def judge_outcomes(model: Model, captured: CapturedOutcomes, reference: Reference | None) -> OutcomesSnapshot:
    """Performance and fairness of one version, given the reference it is compared with."""
    total = dense(captured.layout, (captured.total,))
    timed = model.labels is not None and model.labels.fields.timestamp is not None
    delays = Histogram(DELAY_BOUNDS, captured.labelled.delays, captured.labelled.delay_sum) if timed else None
    return OutcomesSnapshot(
        labels=captured.labelled.count if has_labels(model) else None,
        delays=delays,
        counts=tuple(_counts(total)),
        scores=_score_outcomes(total),
        windows=tuple(_window(model, captured, window, reference) for window in captured.windows),
    )


def has_labels(model: Model) -> bool:
    """Whether labels come at all."""
    return model.labels is not None or model.predictions.fields.label is not None


def _window(
    model: Model, captured: CapturedOutcomes, window: CapturedWindow, reference: Reference | None
) -> PerformanceWindow:
    layout = captured.layout
    tables = dense(layout, window.tallies)
    groups = outcomes_of(tables)
    minimum = model.performance.minimum_labels
    performance: dict[tuple[str, str], Mapping[str, Estimate]] = {}
    shown = [
        place for place, (segment, _) in enumerate(layout.groups) if not segment or segment in model.segments
    ]
    # Groups are judged together that have the same arrays.
    for same in (
        [place for place in shown if place < layout.celled],
        [place for place in shown if place >= layout.celled],
    ):
        found = performances([groups[place] for place in same], minimum) if same else []
        for place, metrics in zip(same, found, strict=True):
            if metrics:
                performance[layout.groups[place]] = metrics
    if model.task == "multiclass":
        for name, metrics in class_performances(groups[:1], minimum)[0].items():
            performance[CLASS, name] = metrics
    length = window.window.length
    told = Told({}, {}, None)
    realised = performance.get(("", ""), {})
    if captured.basis is not None:
        told = told_of_window(
            captured.basis, groups[0], realised, length / MICROSECONDS, model.performance.tolerance
        )
    return PerformanceWindow(
        name=window.window.name,
        start=(window.end - length) / MICROSECONDS,
        end=window.end / MICROSECONDS,
        rows=int(tables.rows[0]),
        labelled=int(tables.labelled[0]) if has_labels(model) else None,
        performance=performance,
        reference={} if reference is None else reference.performance,
        estimated=told.estimated,
        errors=told.errors,
        concept_confidence=told.concept_confidence,
        drops={}
        if reference is None
        else drops_of_window(reference, groups[0], realised, model.performance.tolerance),
        fairness=tuple(_fairness(model, layout, groups, captured.favourable)),
    )


def _fairness(
    model: Model, layout: TallyLayout, groups: Sequence[Outcomes], favourable: int | None
) -> Iterator[FairnessValue]:
    """Each attribute's groups compared; records whose value is missing are no group."""
    section = model.fairness
    if section is None or favourable is None:
        return
    for attribute in section.attribute:
        own = {
            value: groups[place]
            for place, (column, value) in enumerate(layout.groups)
            if column == attribute and value != MISSING and groups[place].rows
        }
        found = fairness(own, favourable, section.minimum_group)
        for group, metrics in found.groups.items():
            for metric, estimate in metrics.items():
                yield FairnessValue(metric, attribute, group, estimate)
        for metric, estimate in found.attribute.items():
            yield FairnessValue(metric, attribute, "", estimate, found.confidence.get(metric))


def outcomes_of(tables: Dense) -> list[Outcomes]:
    """The outcomes of each group."""
    layout = tables.layout
    longest = layout.bins - 1
    edges = tuple(
        np.append(edges, np.full(longest - len(edges), np.inf)) if len(edges) < longest else edges
        for edges in layout.edges
    )
    nothing = np.zeros((0, 2, 3, 1))
    return [
        Outcomes(
            task=layout.task,
            rows=int(tables.rows[group]),
            labelled=int(tables.labelled[group]),
            classes=layout.classes,
            scored=layout.scored if group < layout.celled else (),
            edges=edges if group < layout.celled else (),
            cells=tables.cells[group] if group < layout.celled else nothing.astype(np.int64),
            cell_sums=tables.cell_sums[group] if group < layout.celled else nothing,
            confusion=tables.confusion[group],
            predicted=tables.predicted[group],
            moments=tables.moments[group][: len(MOMENTS[layout.task])],
            estimates=tables.moments[group][len(MOMENTS[layout.task]) :],
        )
        for group in range(len(layout.groups))
    ]


def _counts(total: Dense) -> Iterator[OutcomeCount]:
    """Outcomes that were seen; of all records all pairs of classes, so that a rate has both of its parts."""
    layout = total.layout
    if not layout.classes:
        return
    names = (*layout.classes, OTHER if OTHER not in layout.classes else f"{OTHER} (class)")
    for group, (segment, value) in enumerate(layout.groups):
        table = total.confusion[group]
        if not table.any():
            continue
        for prediction, name in enumerate(names):
            for label, true in enumerate(names):
                known = max(prediction, label) < len(layout.classes)
                if table[prediction, label] or (known and len(layout.classes) == 2):
                    yield OutcomeCount(name, true, segment, value, int(table[prediction, label]))


def _score_outcomes(total: Dense) -> ScoreOutcomes | None:
    """Labelled records by even bins; None where there is no one score that is a probability."""
    layout = total.layout
    if len(layout.scored) != 1:
        return None
    bounds = np.array(CONFIDENCE_BOUNDS)
    edges = layout.edges[0]
    if not np.isin(bounds[:-1], edges).all():
        return None
    starts = np.append(0, np.searchsorted(edges, bounds[:-1]) + 1)
    cells = total.cells[0, 0].sum(axis=0)
    sums = total.cell_sums[0, 0].sum(axis=0)

    def even(values: Sequence[float] | IntArray | FloatArray) -> np.ndarray:
        return np.add.reduceat(np.asarray(values), starts)

    return ScoreOutcomes(
        positives=even(cells[OF_CLASS]),
        negatives=even(cells[NOT_OF_CLASS]),
        scores=even(sums[OF_CLASS] + sums[NOT_OF_CLASS]),
    )
