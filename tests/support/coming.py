"""Metrics that rules and dashboards use and that the catalogue does not have yet. Remove with the last of them."""

COMING_HISTOGRAMS = frozenset({"model_label_delay_seconds"})
COMING_COUNTERS = frozenset(
    {
        "model_labels_total",
        "model_labels_rejected_total",
        "model_outcomes_total",
        "model_score_outcomes_total",
        "model_score_outcomes_score_sum_total",
    }
)
COMING_GAUGES = frozenset(
    {
        "model_concept_drift_confidence",
        "model_fairness",
        "model_fairness_confidence",
        "model_fairness_lower",
        "model_fairness_upper",
        "model_label_coverage_ratio",
        "model_labels_early",
        "model_performance",
        "model_performance_drop_confidence",
        "model_performance_estimated",
        "model_performance_estimated_lower",
        "model_performance_estimated_upper",
        "model_performance_estimation_error",
        "model_performance_estimation_error_confidence",
        "model_performance_lower",
        "model_performance_reference",
        "model_performance_upper",
        "model_predictions_pending",
    }
)
COMING = (
    COMING_COUNTERS
    | COMING_GAUGES
    | {h + s for h in COMING_HISTOGRAMS for s in ("_bucket", "_sum", "_count")}
)
"""As they are asked for."""
