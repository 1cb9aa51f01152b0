"""What an exporter with labels exposes, for dashboards and rules: a binary model with fairness."""

import dataclasses

import numpy as np

from drift_exporter.expose.render import render
from drift_exporter.snapshot import (
    DELAY_BOUNDS,
    Estimate,
    EstimationError,
    FairnessValue,
    LabelsSnapshot,
    OutcomeCount,
    OutcomesSnapshot,
    PerformanceWindow,
    ScoreOutcomes,
    Snapshot,
)
from support.builders import NOW, WINDOW_SECONDS, model, snapshot, version
from support.columns import histogram
from support.snapshots import fraud_columns, fraud_window

METRICS = {"roc_auc": 0.71, "log_loss": 0.36}
GROUPS = {"f": 0.25, "m": 0.4}
GROUP_RATES = ("true_positive_rate", "false_positive_rate", "positive_predictive_value", "calibration_error")
SEGMENTS = (("", ""), ("gender", "f"), ("gender", "m"))
BINS = np.arange(1, 21)


def exposition(n: int) -> str:
    """The metrics as text, counters ``n`` times what they begin with."""
    return render(labelled_snapshot(n), series_limit=50_000, process=False).body("text").decode()


def labelled_snapshot(n: int = 1) -> Snapshot:
    """Model ``fraud``, version ``1``: 1,200 labels, in three windows, by gender and of one country."""
    columns = fraud_columns()
    windows = tuple(fraud_window(name, 3000, 0.3, columns) for name in WINDOW_SECONDS)
    one = version("1", columns=columns, windows=windows, predictions=2000 * n)
    own = model("fraud", [dataclasses.replace(one, outcomes=_outcomes(n))])
    labels = LabelsSnapshot(rejected={"unknown": 60 * n, "duplicate": 5 * n}, early=3, pending=800)
    return snapshot([dataclasses.replace(own, labels=labels)])


def _outcomes(n: int) -> OutcomesSnapshot:
    delays = histogram(DELAY_BOUNDS, [60.0, 600.0, 7200.0] * n)
    counts = tuple(
        OutcomeCount(prediction, label, segment, value, n * (450 if prediction == label else 150))
        for segment, value in SEGMENTS
        for prediction in "01"
        for label in "01"
    )
    scores = ScoreOutcomes(positives=n * BINS, negatives=n * (21 - BINS), scores=n * 21 * (BINS - 0.5) / 20)
    windows = tuple(_window(name, seconds) for name, seconds in WINDOW_SECONDS.items())
    return OutcomesSnapshot(labels=1200 * n, delays=delays, counts=counts, scores=scores, windows=windows)


def _window(name: str, seconds: float) -> PerformanceWindow:
    realised = {metric: Estimate(value, value - 0.02, value + 0.02) for metric, value in METRICS.items()}
    return PerformanceWindow(
        name=name,
        start=NOW - seconds,
        end=NOW,
        rows=2000,
        labelled=1200,
        performance={("", ""): realised, ("country", "DE"): realised},
        reference={metric: value + 0.1 for metric, value in METRICS.items()},
        estimated={metric: Estimate(v + 0.05, v + 0.04, v + 0.06) for metric, v in METRICS.items()},
        errors=dict.fromkeys(METRICS, EstimationError(0.05, 0.3)),
        concept_confidence=0.995,
        drops=dict.fromkeys(METRICS, 0.999),
        fairness=(
            *(_rate("records", group, 600.0) for group in GROUPS),
            *(_rate("selection_rate", group, rate) for group, rate in GROUPS.items()),
            *(_rate(metric, group, 0.3) for metric in GROUP_RATES for group in GROUPS),
            FairnessValue("demographic_parity_ratio", "gender", "", Estimate(0.625, 0.55, 0.7), 0.995),
            FairnessValue("equal_opportunity_difference", "gender", "", Estimate(0.1, 0.05, 0.15)),
        ),
    )


def _rate(metric: str, group: str, value: float) -> FairnessValue:
    return FairnessValue(metric, "gender", group, Estimate(value, value * 0.9, value * 1.1))
