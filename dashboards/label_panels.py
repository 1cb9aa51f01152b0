"""Panels of "Model performance" about labels and what was counted with them."""

from grafanalib import core

from distributions import bar_chart, heatmap
from panels import Json, query, timeseries
from queries import highest, quantile, rate, recorded_rate
from tables import column, joined, table

DELAY = "model_label_delay_seconds"
OUTCOMES = "model_outcomes_total"
SCORED = "model_score_outcomes_total"
ALL = 'segment=""'


def label_panels(matchers: str) -> list[core.Panel]:
    """Whether labels come, when, and for how many predictions."""
    return [
        heatmap(
            "Label delay by bucket",
            "Labels in each bucket of the time from prediction to label.",
            f"sum by (le) (increase({DELAY}_bucket{{{matchers}}}[$__rate_interval]))",
            unit="s",
        ),
        timeseries(
            "Label delay",
            "So long after their predictions 50 and 95 % of the labels came, estimated from the histogram's "
            "buckets; and 95 % of the last day's, by the rules, which alert when that doubles.",
            query(quantile(0.5, DELAY, matchers, "version"), "p50"),
            query(quantile(0.95, DELAY, matchers, "version"), "p95"),
            query('max(model:label_delay_seconds:p95_increase24h{model="$model"})', "p95 of a day"),
            unit="s",
        ),
        timeseries(
            "Coverage",
            "Share of each window's predictions whose label has come.",
            query(highest("model_label_coverage_ratio", matchers, "window"), "{{window}}"),
            unit="percentunit",
            maximum=1,
            size=(8, 8),
        ),
        timeseries(
            "Labels joined and rejected",
            "Per second: joined to their prediction, or not, by reason. Of all versions together.",
            query('sum(rate(model_labels_total{model="$model"}[$__rate_interval]))', "joined"),
            query(rate("model_labels_rejected_total", 'model="$model"', "reason"), "{{reason}}"),
            unit="cps",
            size=(8, 8),
        ),
        timeseries(
            "Waiting",
            "Predictions that wait for their label, and labels that wait for their prediction.",
            query('sum(model_predictions_pending{model="$model"})', "predictions"),
            query('sum(model_labels_early{model="$model"})', "labels"),
            unit="short",
            size=(8, 8),
        ),
    ]


def outcome_panels(matchers: str) -> list[core.Panel]:
    """What labels said, from counters: summed over exporters, in the chosen window of scrape time."""
    all_records = f"{matchers}, {ALL}"
    scored = f"increase({SCORED}{{{matchers}}}[$window])"
    positive = f'increase({SCORED}{{{matchers}, label="positive"}}[$window])'
    sums = f"increase(model_score_outcomes_score_sum_total{{{matchers}}}[$window])"
    return [
        bar_chart(
            "Calibration",
            "Records of the last window by their score, in 20 even bins: the mean score, and the share whose "
            "label is positive. Where scores are probabilities the two are alike.",
            query(f"sum by (bin) ({sums}) / (sum by (bin) ({scored}) > 0)", table=True),
            query(f"sum by (bin) ({positive}) / (sum by (bin) ({scored}) > 0)", table=True),
            transformations=_by_bin({"Value #A": "Mean score", "Value #B": "Positive labels"}),
            unit="percentunit",
            x="Score up to",
            size=(12, 9),
        ),
        table(
            "Confusion matrix",
            "Records whose label came in the last window: predictions by line, labels by column.",
            query(f"sum by (prediction, label) (increase({OUTCOMES}{{{all_records}}}[$window]))", table=True),
            transformations=[
                {
                    "id": "groupingToMatrix",
                    "options": {"rowField": "prediction", "columnField": "label", "valueField": "Value"},
                },
                {
                    "id": "organize",
                    "options": {
                        "excludeByName": {},
                        "indexByName": {},
                        "renameByName": {"prediction\\label": "Prediction, by label"},
                    },
                },
            ],
            columns=[column("Prediction, by label", unit="string")],
            unit="short",
            sort=["Prediction, by label"],
            size=(12, 9),
        ),
        timeseries(
            "Rates over all exporters",
            "Accuracy, precision of each answer and recall of each class, by the recording rules that come "
            "with the exporter. There are rules for 1h, 24h and 7d, by the time at which labels came.",
            query(recorded_rate("accuracy", all_records), "accuracy"),
            query(recorded_rate("class_precision", all_records, "prediction"), "precision of {{prediction}}"),
            query(recorded_rate("class_recall", all_records, "label"), "recall of {{label}}"),
            unit="percentunit",
            maximum=1,
        ),
        timeseries(
            "Share of each label",
            "Of the labels that came in the last window, over all exporters; that of a click is the "
            "click-through rate. By the recording rules that come with the exporter.",
            query(recorded_rate("class_label", all_records, "label"), "{{label}}"),
            unit="percentunit",
            maximum=1,
        ),
    ]


def _by_bin(headings: dict[str, str]) -> list[Json]:
    return [
        *joined({"bin": "Score up to"} | headings, hide=["Value"]),
        {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": "Score up to"}]}},
    ]


def segment_panels(window: str) -> list[core.Panel]:
    """Each metric by segment, and of multiclass models by class."""
    w = f'{window}, segment!="", metric=~"$metric"'
    by = "version, metric, segment, segment_value"
    return [
        table(
            "Segments",
            "The chosen window, by the labels that have come, for each value of the configured segments with "
            "enough labels; of multiclass models also for each class.",
            query(highest("model_performance", w, by), table=True),
            query(highest("model_performance_lower", w, by), table=True),
            query(highest("model_performance_upper", w, by), table=True),
            transformations=joined(
                {
                    "segment": "Segment",
                    "segment_value": "Value",
                    "metric": "Metric",
                    "version": "Version",
                    "Value #A": "By labels",
                    "Value #B": "Lower",
                    "Value #C": "Upper",
                },
                hide=["Value"],
            ),
            columns=[column(name, unit="none", decimals=4) for name in ("By labels", "Lower", "Upper")],
            sort=["Metric", "Segment", "Value"],
        ),
    ]
