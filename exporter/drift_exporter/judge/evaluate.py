"""Judging one window of one model version: every column's drift, and the model's as a whole."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from drift_exporter.judge.calibration import effects_in_window
from drift_exporter.judge.compared import compare
from drift_exporter.judge.confidence import drift_statistic, p_values
from drift_exporter.judge.intervals import all_intervals
from drift_exporter.judge.multiple import benjamini_hochberg, dataset_p_value
from drift_exporter.judge.persistence import Confidences
from drift_exporter.judge.ranking import contributions, excess_psi, weights_of
from drift_exporter.judge.scores import all_scores
from drift_exporter.reference.model import Column, FloatArray, IntArray, NumericColumn, Reference
from drift_exporter.snapshot import ColumnDrift, WindowSnapshot

DEFAULT_TOLERANCE = 0.05
DRIFTED_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Criteria:
    """By what a model's windows are judged.

    ``tolerances`` maps a column's name to its tolerated PSI; others get ``default_tolerance``. Windows of
    fewer than ``minimum_records`` are not judged. A shift counts once ``persistence`` evaluations in a row
    found it. ``importance`` maps a feature's name to its weight in what explains a shift, 0 for the others;
    without it all weigh the same.
    """

    tolerances: Mapping[str, float] = field(default_factory=dict)
    default_tolerance: float = DEFAULT_TOLERANCE
    minimum_records: int = 50
    persistence: int = 1
    importance: Mapping[str, float] | None = None

    def tolerance(self, column: str) -> float:
        """Tolerated PSI of a column, by its name."""
        return self.tolerances.get(column, self.default_tolerance)


def judge_window(  # noqa: PLR0913, PLR0917 - a window is name, start and end; its content counts, sums, samples
    name: str,
    start: float,
    end: float,
    reference: Reference,
    counts: IntArray,
    sums: FloatArray,
    samples: int,
    criteria: Criteria,
    earlier: Sequence[Confidences] | None = (),
    covered: float | None = None,
) -> WindowSnapshot:
    """Compare what a window counted to the reference.

    ``counts`` are all columns' vectors one after the other, in the reference's order, so as long as their
    sizes together; ``sums`` the numeric columns' sums by fine bin, likewise. ``samples`` is the number of
    records.

    Fewer records than the minimum are not judged: the snapshot then has no columns. A column counts as
    drifted where its confidence, adjusted for the number of columns, is at least 0.95.
    ``dataset_confidence`` is how sure one may be that any column at all has drifted: the highest adjusted
    confidence.

    ``earlier`` are the confidences of the evaluations before, with which this one has to agree: a column's
    drift is then no surer than at the least sure of them. Where there are too few yet (None) that is unknown:
    nothing counts as drifted, and the ratio of drifted columns and the dataset's confidence are None. The
    confidence of each column is always that of this evaluation alone.

    ``covered`` is how many seconds ago its oldest record is, all of the window where that is None: one of a
    week that began an hour ago varies like one of an hour.

    A label column without any label in the window is left out.

    Raises ValueError where the counts or sums do not fit the reference.
    """
    nothing = WindowSnapshot(name, start, end, samples, (), None, None)
    if samples < criteria.minimum_records or not reference.columns:
        return nothing
    compared = compare(reference, counts, sums)
    exported = compared.shares.columns.parts(compared.shares.current)
    judged = [i for i, column in enumerate(reference.columns) if _is_there(column, exported[i])]
    if not judged:
        return nothing
    columns = [reference.columns[i] for i in judged]
    column_tolerances = [criteria.tolerance(column.name) for column in columns]
    length = end - start if covered is None else covered
    effects = effects_in_window(reference.calibration, len(reference.columns), length, samples)
    statistics = [
        drift_statistic(
            column.exported_counts,
            exported[i],
            float(effects[i]),
            quantiles=isinstance(column, NumericColumn),
            tolerance=tolerance,
        )
        for i, column, tolerance in zip(judged, columns, column_tolerances, strict=True)
    ]
    p = p_values(statistics, column_tolerances)
    confidence = 1.0 - p
    held = p if earlier is None else _held(p, columns, earlier)
    adjusted_confidence = 1.0 - benjamini_hochberg(held)
    drifted = (adjusted_confidence >= DRIFTED_CONFIDENCE) & (earlier is not None)
    weights = weights_of(columns, criteria.importance)
    shares = contributions(excess_psi(statistics, column_tolerances), drifted, weights)
    scores, intervals = all_scores(compared), all_intervals(compared, effects)
    means = compared.means().tolist()
    drifts = tuple(
        ColumnDrift(
            column=column,
            current=exported[place],
            scores=scores[place],
            tolerance=column_tolerances[i],
            confidence=float(confidence[i]),
            adjusted_confidence=float(adjusted_confidence[i]),
            drifted=bool(drifted[i]),
            effective_samples=samples / float(effects[place]),
            mean=None if math.isnan(means[place]) else means[place],
            intervals=intervals[place],
            contribution=None if math.isnan(shares[i]) else float(shares[i]),
        )
        for i, (place, column) in enumerate(zip(judged, columns, strict=True))
    )
    return WindowSnapshot(
        name=name,
        start=start,
        end=end,
        samples=samples,
        columns=drifts,
        drifted_ratio=None if earlier is None else float(drifted.mean()),
        dataset_confidence=None if earlier is None else 1.0 - dataset_p_value(held),
    )


def confidences_of(window: WindowSnapshot) -> Confidences:
    """What an evaluation leaves for those after it."""
    return {(drift.column.kind, drift.column.name): drift.confidence for drift in window.columns}


def _held(p: FloatArray, columns: Sequence[Column], earlier: Sequence[Confidences]) -> FloatArray:
    """P-values (k,) of "the shift has not held": the largest of all evaluations; 1 where one has no value."""
    for found in earlier:
        p = np.maximum(p, [1.0 - found.get((column.kind, column.name), 0.0) for column in columns])
    return p


def _is_there(column: Column, exported: IntArray) -> bool:
    """Whether a column can be judged: labels come late, and none at all is not drift but no news yet."""
    return column.kind != "label" or bool(exported[:-1].any())
