"""The metrics of labels, performance and fairness; part of the ``catalogue``."""

from drift_exporter.expose.definition import MetricDefinition
from drift_exporter.snapshot import DELAY_BOUNDS

_VERSION = ("model", "version")
_WINDOW = (*_VERSION, "window")
_METRIC = (*_VERSION, "metric", "window")
_SEGMENT = (*_METRIC, "segment", "segment_value")
_GROUP = (*_VERSION, "metric", "attribute", "group", "window")

LABELS = MetricDefinition(
    "model_labels_total",
    "counter",
    "labels",
    "Predictions whose label has come.",
    _VERSION,
)
LABELS_REJECTED = MetricDefinition(
    "model_labels_rejected_total",
    "counter",
    "labels",
    "Labels that are not the first one of a prediction, by reason: duplicate, correction, superseded, late, "
    "unknown, no_id, missing; and duplicate_prediction, a prediction whose id had come before.",
    ("model", "reason"),
)
LABEL_DELAY = MetricDefinition(
    "model_label_delay_seconds",
    "histogram",
    "seconds",
    "How long after its prediction a label came, by the times that both name.",
    _VERSION,
    DELAY_BOUNDS,
)
LABEL_COVERAGE = MetricDefinition(
    "model_label_coverage_ratio",
    "gauge",
    "ratio in [0, 1]",
    "Share of the window's predictions whose label has come.",
    _WINDOW,
)
LABELS_EARLY = MetricDefinition(
    "model_labels_early",
    "gauge",
    "labels",
    "Labels whose prediction has not come yet.",
    ("model",),
)
PREDICTIONS_PENDING = MetricDefinition(
    "model_predictions_pending",
    "gauge",
    "records",
    "Predictions that wait for their label.",
    ("model",),
)
OUTCOMES = MetricDefinition(
    "model_outcomes_total",
    "counter",
    "records",
    "Labelled predictions by what was predicted and what came true.",
    (*_VERSION, "prediction", "label", "segment", "segment_value"),
)
SCORE_OUTCOMES = MetricDefinition(
    "model_score_outcomes_total",
    "counter",
    "records",
    "Labelled predictions of a binary model by the score's bin (its upper bound) and the label: positive or "
    "negative.",
    (*_VERSION, "bin", "label"),
)
SCORE_OUTCOMES_SUM = MetricDefinition(
    "model_score_outcomes_score_sum_total",
    "counter",
    "sum of scores",
    "Sum of the scores of these predictions; divided by their number, the mean score of a bin.",
    (*_VERSION, "bin"),
)
PERFORMANCE = MetricDefinition(
    "model_performance",
    "gauge",
    "the metric's own",
    "Performance of the window's predictions whose label has come.",
    _SEGMENT,
)
PERFORMANCE_LOWER = MetricDefinition(
    "model_performance_lower",
    "gauge",
    "the metric's own",
    "Lower end of the 95 % confidence interval of model_performance.",
    _SEGMENT,
)
PERFORMANCE_UPPER = MetricDefinition(
    "model_performance_upper",
    "gauge",
    "the metric's own",
    "Upper end of the 95 % confidence interval of model_performance.",
    _SEGMENT,
)
PERFORMANCE_REFERENCE = MetricDefinition(
    "model_performance_reference",
    "gauge",
    "the metric's own",
    "Performance on the reference.",
    _SEGMENT,
)
PERFORMANCE_DROP = MetricDefinition(
    "model_performance_drop_confidence",
    "gauge",
    "confidence in [0, 1]",
    "How sure it is that performance fell below the reference's by more than tolerated.",
    _METRIC,
)
PERFORMANCE_ESTIMATED = MetricDefinition(
    "model_performance_estimated",
    "gauge",
    "the metric's own",
    "Performance of all the window's predictions as estimated without their labels.",
    _METRIC,
)
PERFORMANCE_ESTIMATED_LOWER = MetricDefinition(
    "model_performance_estimated_lower",
    "gauge",
    "the metric's own",
    "Lower end of the 95 % interval of model_performance_estimated.",
    _METRIC,
)
PERFORMANCE_ESTIMATED_UPPER = MetricDefinition(
    "model_performance_estimated_upper",
    "gauge",
    "the metric's own",
    "Upper end of the 95 % interval of model_performance_estimated.",
    _METRIC,
)
ESTIMATION_ERROR = MetricDefinition(
    "model_performance_estimation_error",
    "gauge",
    "the metric's own",
    "Estimated performance of the labelled predictions less the realised one.",
    _METRIC,
)
ESTIMATION_ERROR_CONFIDENCE = MetricDefinition(
    "model_performance_estimation_error_confidence",
    "gauge",
    "confidence in [0, 1]",
    "How sure it is that the estimate is off by more than tolerated.",
    _METRIC,
)
CONCEPT_DRIFT = MetricDefinition(
    "model_concept_drift_confidence",
    "gauge",
    "confidence in [0, 1]",
    "How sure it is that labels go with the model's scores otherwise than in the reference, by more than "
    "tolerated.",
    _WINDOW,
)
FAIRNESS = MetricDefinition(
    "model_fairness",
    "gauge",
    "the metric's own",
    "How a group of an attribute is treated, or, without a group, how differently all are.",
    _GROUP,
)
FAIRNESS_LOWER = MetricDefinition(
    "model_fairness_lower",
    "gauge",
    "the metric's own",
    "Lower end of the 95 % confidence interval of model_fairness.",
    _GROUP,
)
FAIRNESS_UPPER = MetricDefinition(
    "model_fairness_upper",
    "gauge",
    "the metric's own",
    "Upper end of the 95 % confidence interval of model_fairness.",
    _GROUP,
)
FAIRNESS_CONFIDENCE = MetricDefinition(
    "model_fairness_confidence",
    "gauge",
    "confidence in [0, 1]",
    "How sure it is that the ratio of the groups is below four fifths.",
    (*_VERSION, "metric", "attribute", "window"),
)
OUTCOME_METRICS = (
    LABELS,
    LABELS_REJECTED,
    LABEL_DELAY,
    LABEL_COVERAGE,
    LABELS_EARLY,
    PREDICTIONS_PENDING,
    OUTCOMES,
    SCORE_OUTCOMES,
    SCORE_OUTCOMES_SUM,
    PERFORMANCE,
    PERFORMANCE_LOWER,
    PERFORMANCE_UPPER,
    PERFORMANCE_REFERENCE,
    PERFORMANCE_DROP,
    PERFORMANCE_ESTIMATED,
    PERFORMANCE_ESTIMATED_LOWER,
    PERFORMANCE_ESTIMATED_UPPER,
    ESTIMATION_ERROR,
    ESTIMATION_ERROR_CONFIDENCE,
    CONCEPT_DRIFT,
    FAIRNESS,
    FAIRNESS_LOWER,
    FAIRNESS_UPPER,
    FAIRNESS_CONFIDENCE,
)
