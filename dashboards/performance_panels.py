"""Panels of "Model performance" about how good the model is: by labels, as estimated; and which drift."""

from grafanalib import core

from alert_panels import firing_stat
from links import role_link
from panels import CONFIDENCE_STEPS, Json, band, query, stat, timeseries
from queries import highest, threshold
from tables import column, joined, table

ALL = 'segment=""'
PERFORMANCE = "model_performance"
ESTIMATED = "model_performance_estimated"
REALISED_COLOUR = "blue"
ESTIMATED_COLOUR = "orange"


def now_panels(matchers: str, window: str, alerts: str) -> list[core.Panel]:
    """What is known of the model in the chosen window. ``matchers`` are the model's, ``window`` adds it."""
    by = "version, metric"
    return [
        _confidence(
            "Performance dropped",
            "How sure it is that some metric is worse than its reference by more than is tolerated.",
            f"max(model_performance_drop_confidence{{{window}}})",
        ),
        _confidence(
            "Concept drift",
            "How sure it is that labels given the model's score have changed by more than is tolerated.",
            f"max(model_concept_drift_confidence{{{window}}})",
        ),
        _confidence(
            "Data drift",
            "How sure it is that inputs or outputs have moved by more than is tolerated.",
            f"max(model_dataset_drift_confidence{{{window}}})",
        ),
        stat(
            "Labels known",
            "Share of the predictions in the chosen window whose label has come.",
            f"max(model_label_coverage_ratio{{{window}}})",
            unit="percentunit",
            decimals=1,
        ),
        stat(
            "Labels come within",
            "So long after their predictions 95 % of the labels came, in the time shown.",
            "histogram_quantile(0.95, sum by (le) "
            f"(increase(model_label_delay_seconds_bucket{{{matchers}}}[$__range])))",
            unit="s",
        ),
        firing_stat(alerts),
        table(
            "Metrics",
            "The chosen window: by the labels that have come, with the ends of the 95 % interval; as "
            "estimated of all predictions without labels; in the reference. Drop and Estimator wrong are how "
            "sure it is that it is worse than the reference, and that the estimate is off.",
            query(highest(PERFORMANCE, f"{window}, {ALL}", by), table=True),
            query(highest(f"{PERFORMANCE}_lower", f"{window}, {ALL}", by), table=True),
            query(highest(f"{PERFORMANCE}_upper", f"{window}, {ALL}", by), table=True),
            query(highest(ESTIMATED, window, by), table=True),
            query(highest(f"{PERFORMANCE}_reference", f"{window}, {ALL}", by), table=True),
            query(highest("model_performance_drop_confidence", window, by), table=True),
            query(highest("model_performance_estimation_error_confidence", window, by), table=True),
            transformations=joined(
                {
                    "metric": "Metric",
                    "version": "Version",
                    "Value #A": "By labels",
                    "Value #B": "Lower",
                    "Value #C": "Upper",
                    "Value #D": "Estimated",
                    "Value #E": "Reference",
                    "Value #F": "Drop",
                    "Value #G": "Estimator wrong",
                },
                hide=["Value"],
            ),
            columns=[
                *(
                    column(name, unit="none", decimals=4)
                    for name in ("By labels", "Lower", "Upper", "Estimated", "Reference")
                ),
                column("Drop", unit="percentunit", decimals=1, steps=CONFIDENCE_STEPS),
                column("Estimator wrong", unit="percentunit", decimals=1, steps=CONFIDENCE_STEPS),
            ],
            sort=["-Drop", "Metric"],
        ),
    ]


def _confidence(title: str, description: str, expr: str) -> core.Stat:
    return stat(title, description, expr, unit="percentunit", decimals=1, steps=CONFIDENCE_STEPS)


def performance_panels(window: str) -> list[core.Panel]:
    """Each metric over time with its bands, and what is concluded from them."""
    metric = f'{window}, metric=~"$metric"'
    return [
        timeseries(
            "Performance: $metric",
            "By the labels that have come (blue) and as estimated of all predictions (orange), with 95 % "
            "bands; dashed is the reference. By the time of scraping, not of the predictions.",
            *_with_ends("realised", PERFORMANCE, f"{metric}, {ALL}"),
            *_with_ends("estimated", ESTIMATED, metric),
            query(f"max({PERFORMANCE}_reference{{{metric}, {ALL}}})", "reference"),
            unit="none",
            decimals=4,
            minimum=None,
            dashed="reference",
            overrides=[*band("realised", REALISED_COLOUR), *band("estimated", ESTIMATED_COLOUR)],
            repeat="metric",
        ),
        timeseries(
            "Estimated less realised",
            "The estimate of the records that have a label, less what their labels say: 0 where the estimate "
            "is right.",
            query(highest("model_performance_estimation_error", metric, "metric"), "{{metric}}"),
            unit="none",
            decimals=4,
            minimum=None,
            size=(8, 8),
        ),
        _confidence_over_time(
            "Confidence of drops",
            "How sure it is that a metric is worse than its reference, by more than is tolerated.",
            highest("model_performance_drop_confidence", metric, "metric"),
            likely="performance_drop_confidence_likely",
            certain="performance_drop_confidence_certain",
        ),
        _confidence_over_time(
            "Confidence of wrong estimates",
            "How sure it is that the estimate of a metric is off, by more than is tolerated: then it is not "
            "to be relied on.",
            highest("model_performance_estimation_error_confidence", metric, "metric"),
            invalid="estimator_invalid_confidence",
        ),
    ]


def _confidence_over_time(title: str, description: str, expr: str, **limits: str) -> core.TimeSeries:
    """A line for each metric; ``limits`` are legends of the rules' thresholds of these names."""
    return timeseries(
        title,
        description,
        query(expr, "{{metric}}"),
        *(query(threshold(name), legend) for legend, name in limits.items()),
        unit="percentunit",
        maximum=1,
        dashed=f"({'|'.join(limits)})",
        size=(8, 8),
    )


def _with_ends(name: str, metric: str, matchers: str) -> list[Json]:
    return [
        query(f"max({metric}{{{matchers}}})", name),
        query(f"max({metric}_lower{{{matchers}}})", f"{name} lower"),
        query(f"max({metric}_upper{{{matchers}}})", f"{name} upper"),
    ]


def drift_panels(matchers: str) -> list[core.Panel]:
    """Concept drift or data drift, in all windows; and how the score's shift goes with performance."""
    return [
        timeseries(
            "Concept drift or data drift",
            "How sure it is that labels given the score have changed (concept drift), and that inputs or "
            "outputs have moved (data drift), in each window.",
            query(highest("model_concept_drift_confidence", matchers, "window"), "concept drift {{window}}"),
            query(highest("model_dataset_drift_confidence", matchers, "window"), "data drift {{window}}"),
            query(threshold("concept_drift_confidence_likely"), "likely"),
            query(threshold("concept_drift_confidence_certain"), "certain"),
            unit="percentunit",
            maximum=1,
            dashed="(likely|certain)",
        ),
        timeseries(
            "Shift of the score and dip of performance",
            "PSI of the score to the reference over 24h, and by what share of the reference each metric is "
            "worse than it; by the recording rules that come with the exporter.",
            query(f"max(model:score_shift:psi24h{{{matchers}}})", "PSI of the score"),
            query(
                highest("model:performance_dip:ratio24h", f'{matchers}, metric=~"$metric"', "metric"),
                "{{metric}} worse by",
            ),
            unit="none",
            decimals=3,
            minimum=None,
            links=[role_link("score")],
        ),
    ]
