"""What a reference's labels say of a version: its performance without labels, and whether they still hold."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from drift_exporter.count.layout import Layout
from drift_exporter.count.moments import MOMENTS
from drift_exporter.count.outcomes import Outcomes
from drift_exporter.count.tally import TallyLayout
from drift_exporter.judge.calibration import effects_in_window
from drift_exporter.judge.estimation.cbpe import (
    ScoreEstimator,
    all_predictions,
    estimate_classification,
    fit_estimator,
    labelled_predictions,
)
from drift_exporter.judge.estimation.concept import concept_drift_confidence, error_drift_confidence
from drift_exporter.judge.estimation.dle import ErrorModel, Estimator, error_estimator, estimate_regression
from drift_exporter.judge.estimation.estimate import Estimate as Estimated
from drift_exporter.judge.estimation.validity import estimation_error_confidence, performance_drop_confidence
from drift_exporter.reference.model import Kind, Reference
from drift_exporter.reference.outcomes import ReferenceOutcomes
from drift_exporter.snapshot import Estimate, EstimationError

ESTIMATES = 6
"""Sums of an error model's estimates: number, absolute and squared ones, of all and of labelled records."""

_ABSOLUTE = MOMENTS["regression"].index("absolute")
_TELLING: tuple[tuple[Kind, str], ...] = (
    ("label", "label"),
    ("score", "score"),
    ("prediction", "prediction"),
)
"""Columns by which it is known how much more windows vary than independent records do."""


@dataclass(frozen=True)
class Basis:
    """What estimates of one version rest on: its ``reference``, and ``outcomes`` counted as ours are."""

    reference: Reference
    outcomes: ReferenceOutcomes
    scores: ScoreEstimator | None
    errors: ErrorModel | None

    def design_effect(self, length: float, records: int) -> float:
        """How much more a window of ``length`` seconds with these records varies than independent ones do."""
        effects = effects_in_window(
            self.reference.calibration, len(self.reference.columns), length, max(records, 1)
        )
        for key in _TELLING:
            for place, column in enumerate(self.reference.columns):
                if (column.kind, column.name) == key:
                    return float(effects[place])
        return 1.0


@dataclass(frozen=True)
class Told:
    """What is estimated of a window, as in ``snapshot.PerformanceWindow``."""

    estimated: Mapping[str, Estimate]
    errors: Mapping[str, EstimationError]
    concept_confidence: float | None


def make_basis(reference: Reference, layout: TallyLayout, errors: ErrorModel | None) -> Basis | None:
    """What estimates rest on; None where the reference has no labels, or those of other classes or scores."""
    outcomes = reference.outcomes
    if outcomes is None:
        return None
    if layout.task == "regression":
        return Basis(reference, outcomes, None, errors)
    if len(layout.classes) == 2 and layout.task == "binary":
        # The negative class may be spelled otherwise, or not be there.
        found = outcomes if len(outcomes.classes) == 2 else None
    else:
        found = _in_order(outcomes, layout)
    if found is None or not _same_bins(found, layout):
        return None
    return Basis(reference, found, fit_estimator(found), None)


def make_error_estimators(
    models: Mapping[str | None, ErrorModel], layouts: Mapping[str | None, Layout]
) -> Mapping[str | None, Estimator]:
    """What foresees errors of decoded records, by the reference's version."""
    return {version: error_estimator(model, layouts[version]) for version, model in models.items()}


def told_of_window(
    basis: Basis, group: Outcomes, realised: Mapping[str, Estimate], length: float, tolerance: float
) -> Told:
    """What is estimated of all records of a window, given what was ``realised`` of the labelled ones."""
    all_effect = basis.design_effect(length, group.rows)
    labelled_effect = basis.design_effect(length, group.labelled)
    if group.task == "regression":
        return _of_regression(basis, group, realised, (all_effect, labelled_effect), tolerance)
    estimated: Mapping[str, Estimated] = {}
    of_labelled: Mapping[str, Estimated] = {}
    if basis.scores is not None:
        counts = all_predictions(group.cells, group.cell_sums)
        estimated = estimate_classification(basis.scores, *counts, all_effect)
        counts = labelled_predictions(group.cells, group.cell_sums)
        of_labelled = estimate_classification(basis.scores, *counts, labelled_effect)
    concept = concept_drift_confidence(
        basis.outcomes,
        group.cells,
        group.cell_sums,
        group.confusion,
        tolerance=tolerance,
        design_effect=labelled_effect,
    )
    return Told(_shown(estimated), _errors(of_labelled, realised), concept)


def drops_of_window(
    reference: Reference, group: Outcomes, realised: Mapping[str, Estimate], tolerance: float
) -> Mapping[str, float]:
    """By metric how sure it is that performance fell below the reference's by more than ``tolerance``."""
    rows = reference.rows if reference.outcomes is None else reference.outcomes.rows
    found = {}
    for metric, one in realised.items():
        known = reference.performance.get(metric)
        if known is None or one.lower is None or one.upper is None:
            continue
        confidence = performance_drop_confidence(
            metric,
            one.value,
            one.lower,
            one.upper,
            rows=group.labelled,
            reference=known,
            reference_rows=rows,
            tolerance=tolerance,
        )
        if confidence is not None:
            found[metric] = confidence
    return found


def _of_regression(
    basis: Basis,
    group: Outcomes,
    realised: Mapping[str, Estimate],
    effects: tuple[float, float],
    tolerance: float,
) -> Told:
    if basis.errors is None or len(group.estimates) < ESTIMATES:
        return Told({}, {}, None)
    rows, labelled = int(group.estimates[0]), int(group.estimates[3])
    estimated = estimate_regression(basis.errors, group.estimates[1:3], rows, effects[0])
    of_labelled = estimate_regression(basis.errors, group.estimates[4:6], labelled, effects[1])
    concept = error_drift_confidence(
        basis.errors,
        float(group.moments[_ABSOLUTE]),
        float(group.estimates[4]),
        labelled,
        tolerance=tolerance,
        design_effect=effects[1],
    )
    return Told(_shown(estimated), _errors(of_labelled, realised), concept)


def _shown(found: Mapping[str, Estimated]) -> Mapping[str, Estimate]:
    return {metric: Estimate(one.value, one.lower, one.upper) for metric, one in found.items()}


def _errors(
    estimated: Mapping[str, Estimated], realised: Mapping[str, Estimate]
) -> Mapping[str, EstimationError]:
    return {
        metric: EstimationError(
            one.value - realised[metric].value,
            estimation_error_confidence(metric, one, realised[metric].value),
        )
        for metric, one in estimated.items()
        if metric in realised
    }


def _in_order(outcomes: ReferenceOutcomes, layout: TallyLayout) -> ReferenceOutcomes | None:
    """A reference's outcomes with our numbers of classes; None where it has not seen all of ours."""
    if set(outcomes.classes) != set(layout.classes):
        return None
    order = [outcomes.classes.index(name) for name in layout.classes]
    scored = [layout.classes.index(outcomes.classes[code]) for code in outcomes.scored]
    if set(scored) != set(layout.scored):
        return None
    places = [scored.index(code) for code in layout.scored]
    return ReferenceOutcomes(
        rows=outcomes.rows,
        classes=layout.classes,
        scored=layout.scored,
        edges=tuple(outcomes.edges[place] for place in places),
        cells=outcomes.cells[places],
        cell_sums=outcomes.cell_sums[places],
        confusion=outcomes.confusion[np.ix_(order, order)],
        errors=outcomes.errors,
    )


def _same_bins(outcomes: ReferenceOutcomes, layout: TallyLayout) -> bool:
    """Whether scores are counted between the same edges; where the reference has none, ours say nothing."""
    if len(outcomes.edges) != len(layout.edges):
        return not outcomes.edges
    return all(
        np.array_equal(theirs[np.isfinite(theirs)], ours)
        for theirs, ours in zip(outcomes.edges, layout.edges, strict=True)
    )
