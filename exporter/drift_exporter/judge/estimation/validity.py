"""Whether estimates may be believed, and whether performance has fallen: confidences for alerts.

All are 1 - p of "it is no more than what is tolerated", from normal distributions.
"""

import math
from collections.abc import Mapping

from drift_exporter.judge.estimation.estimate import WIDTH, Estimate, confidence_beyond

RATIO_TOLERANCE = 0.02
"""How far an estimate of a ratio may be off. Half of that is the most by which two good estimators differ on
the same records, and twice that would hide a loss of accuracy that people act on."""

ERROR_TOLERANCE = 0.1
"""How far an estimate of a regression's error may be off, as a share of it. Errors have no unit of their own,
and where inputs move to what the reference has little of, a few per cent are lost in any model of them."""

DROP_TOLERANCE = 0.05
"""Share of its reference by which a metric may be worse."""

HIGHER_IS_BETTER: Mapping[str, bool] = {
    "accuracy": True,
    "precision": True,
    "recall": True,
    "f1": True,
    "roc_auc": True,
    "average_precision": True,
    "click_through_rate": True,
    "f1_macro": True,
    "precision_macro": True,
    "recall_macro": True,
    "roc_auc_macro": True,
    "r2": True,
    "ndcg": True,
    "mean_reciprocal_rank": True,
    "false_negative_rate": False,
    "false_positive_rate": False,
    "log_loss": False,
    "brier": False,
    "expected_calibration_error": False,
    "mean_absolute_error": False,
    "root_mean_squared_error": False,
    "mean_absolute_percentage_error": False,
}
"""Whether more of a metric is better. ``bias`` is best at 0 and cannot be told to fall."""

_FALSE_RATES = frozenset({"false_negative_rate", "false_positive_rate"})
"""Shares of wrong answers: what may be lost of them is a share of the right ones, as of recall."""

_RELATIVE = frozenset({"mean_absolute_error", "root_mean_squared_error"})


def estimation_tolerance(metric: str, realised: float) -> float:
    """How far an estimate of a metric may be off its ``realised`` value."""
    return ERROR_TOLERANCE * abs(realised) if metric in _RELATIVE else RATIO_TOLERANCE


def estimation_error_confidence(metric: str, estimate: Estimate, realised: float) -> float:
    """How sure one may be that an estimate of labelled records is off by more than what is tolerated.

    ``estimate`` and ``realised`` are of the same records, so all that parts them by chance is in the
    estimate's deviation: labels that are drawn, and what the reference does not know.
    """
    apart = abs(estimate.value - realised)
    return confidence_beyond(apart, estimation_tolerance(metric, realised), estimate.deviation)


def performance_drop_confidence(  # noqa: PLR0913 - a value with its interval, what it is compared with
    metric: str,
    value: float,
    lower: float,
    upper: float,
    *,
    rows: int,
    reference: float,
    reference_rows: int,
    tolerance: float = DROP_TOLERANCE,
) -> float | None:
    """How sure one may be that a metric is worse than its reference by more than ``tolerance`` of it.

    ``value`` has the 95 % interval ``lower`` to ``upper`` from ``rows`` labelled records. The reference's own
    doubt is taken to be that of the window for as many records as it has, ``reference_rows``. Of a false rate
    the share of right answers is judged, so that a false negative rate alarms just where recall does: a rise
    from 0.13 to 0.14 is no more than a fall from 0.87 to 0.86. None for a metric that has no better end, and
    without records on either side.
    """
    higher = HIGHER_IS_BETTER.get(metric)
    if higher is None or rows <= 0 or reference_rows <= 0:
        return None
    if metric in _FALSE_RATES:
        value, lower, upper, reference, higher = 1 - value, 1 - upper, 1 - lower, 1 - reference, True
    # Of an interval that is not even the side counts on which the reference lies.
    reach = upper - value if higher else value - lower
    deviation = reach / WIDTH
    sign = 1.0 if higher else -1.0
    loss = sign * (reference - value)
    grown = 1 - tolerance if higher else 1 + tolerance
    doubt = deviation * math.sqrt(1 + grown**2 * rows / reference_rows)
    return confidence_beyond(loss, tolerance * abs(reference), doubt)


def kind_of_drift(
    inputs: float | None,
    scores: float | None,
    concept: float | None,
    drop: float | None,
    sure: float = 0.95,
) -> str | None:
    """What the confidences of drift of inputs and of scores, of concept drift and of a drop say together.

    | concept | drop | inputs or scores | it is |
    |---|---|---|---|
    | sure | any | any | ``concept``: the model has to be learned anew |
    | not | sure | sure | ``data``: the inputs explain the loss |
    | not | sure | not | ``loss``: performance has fallen, and why is not known yet |
    | unknown | unknown | scores are sure | ``early warning``: labels will tell |
    | not or unknown | not or unknown | sure | ``harmless``: inputs have moved, performance has not |

    None where nothing is sure.
    """
    if concept is not None and concept >= sure:
        return "concept"
    moved = any(one is not None and one >= sure for one in (inputs, scores))
    if drop is not None and drop >= sure:
        return "data" if moved else "loss"
    if concept is None and drop is None and scores is not None and scores >= sure:
        return "early warning"
    return "harmless" if moved else None
