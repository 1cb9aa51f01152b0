"""Panels of "Model fairness": what each group of people gets, and how groups differ."""

from grafanalib import core

from distributions import bar_chart
from panels import CONFIDENCE_STEPS, Json, band, query, stat, timeseries
from queries import highest, recorded_rate, threshold
from tables import column, joined, table

FAIRNESS = "model_fairness"
RATIO = 'metric="demographic_parity_ratio"'
GROUP = "{{attribute}}: {{group}}"
RATES = (
    (
        "True positive rate",
        "true_positive_rate",
        "Share that gets the favourable answer of those who deserve it.",
    ),
    (
        "False positive rate",
        "false_positive_rate",
        "Share that gets the favourable answer of those who do not deserve it.",
    ),
    (
        "Precision",
        "positive_predictive_value",
        "Share that deserves the favourable answer of those who get it.",
    ),
    (
        "Calibration error",
        "calibration_error",
        "Mean score less share of labels, above 0 where more is expected than comes true.",
    ),
)


def now_panels(window: str) -> list[core.Panel]:
    """The chosen window in numbers."""
    by = "version, attribute, group"

    def of(metric: str, end: str = "") -> Json:
        matchers = f'{window}, metric="{metric}", group!=""'
        return query(highest(f"{FAIRNESS}{end}", matchers, by), table=True)

    rates = {
        "Value #D": "True positives",
        "Value #E": "False positives",
        "Value #F": "Precision",
        "Value #G": "Calibration error",
    }
    return [
        stat(
            "Lowest ratio",
            "The lowest rate of the favourable answer among an attribute's groups over the highest, of the "
            "attribute where it is the lowest. The four-fifths rule wants 0.8.",
            f"min({FAIRNESS}{{{window}, {RATIO}}})",
            unit="none",
            decimals=3,
            size=(6, 4),
        ),
        stat(
            "Four-fifths rule broken",
            "How sure it is that some attribute's ratio is below 0.8.",
            f"max({FAIRNESS}_confidence{{{window}, {RATIO}}})",
            unit="percentunit",
            decimals=1,
            steps=CONFIDENCE_STEPS,
            size=(6, 4),
        ),
        stat(
            "Groups",
            "Groups with enough records in the chosen window.",
            f'count(count by (attribute, group) ({FAIRNESS}{{{window}, metric="selection_rate"}}))',
            unit="short",
            size=(6, 4),
        ),
        stat(
            "Records in the smallest group",
            "Of all groups in the chosen window, also those with too few.",
            f'min(sum by (attribute, group) ({FAIRNESS}{{{window}, metric="records"}}))',
            unit="short",
            size=(6, 4),
        ),
        table(
            "Groups by rate",
            "The chosen window. Selected is the share that gets the favourable answer, with the ends of its "
            "95 % interval. The other rates are of records with a label: the share that gets it of those who "
            "deserve the favourable answer, and of those who do not; and the share that deserves it of those "
            "who get it.",
            of("selection_rate"),
            of("selection_rate", "_lower"),
            of("selection_rate", "_upper"),
            of("true_positive_rate"),
            of("false_positive_rate"),
            of("positive_predictive_value"),
            of("calibration_error"),
            of("records"),
            transformations=joined(
                {
                    "attribute": "Attribute",
                    "group": "Group",
                    "Value #H": "Records",
                    "Value #A": "Selected",
                    "Value #B": "Lower",
                    "Value #C": "Upper",
                }
                | rates,
                hide=["Value", "version"],
            ),
            columns=[
                column("Records", unit="short"),
                *(
                    column(name, unit="percentunit", decimals=1)
                    for name in ("Selected", "Lower", "Upper", *rates.values())
                ),
            ],
            sort=["Attribute", "Selected"],
        ),
    ]


def group_panels(matchers: str, window: str) -> list[core.Panel]:
    """What each group gets. ``matchers`` are the model's; ``window`` adds window and attributes."""
    return [
        bar_chart(
            "Selection by $attribute",
            "Share of each group that gets the favourable answer in the chosen window, between the ends of "
            "its 95 % interval.",
            query(f'max by (group) ({FAIRNESS}_lower{{{window}, metric="selection_rate"}})', table=True),
            query(f'max by (group) ({FAIRNESS}{{{window}, metric="selection_rate"}})', table=True),
            query(f'max by (group) ({FAIRNESS}_upper{{{window}, metric="selection_rate"}})', table=True),
            transformations=joined(
                {"group": "Group", "Value #A": "Lower", "Value #B": "Selected", "Value #C": "Upper"},
                hide=["Value"],
            ),
            unit="percentunit",
            x="Group",
            repeat="attribute",
        ),
        timeseries(
            "Selection rate by group",
            "Share of each group that gets the favourable answer.",
            query(highest(FAIRNESS, f'{window}, metric="selection_rate"', "attribute, group"), GROUP),
            unit="percentunit",
            maximum=1,
        ),
        timeseries(
            "Records by group",
            "Predictions of each group in the chosen window; groups with too few have no rates.",
            query(
                f'sum by (attribute, group) ({FAIRNESS}{{{window}, metric="records"}})',
                GROUP,
            ),
            unit="short",
        ),
        *(
            timeseries(
                f"{title} by group",
                f"{description} Of records with a label.",
                query(highest(FAIRNESS, f'{window}, metric="{metric}"', "attribute, group"), GROUP),
                unit="percentunit",
                # This one is below 0 where less is expected than comes true.
                minimum=None if metric == "calibration_error" else 0,
                maximum=None if metric == "calibration_error" else 1,
                size=(6, 8),
            )
            for title, metric, description in RATES
        ),
        timeseries(
            "Answers by group over all exporters",
            "Share of each answer in each group, of records whose label came in the last window, by the "
            "recording rules that come with the exporter. There are rules for 1h, 24h and 7d.",
            query(
                recorded_rate(
                    "class_selection",
                    f'{matchers}, segment=~"$attribute"',
                    "segment, segment_value, prediction",
                ),
                "{{segment}}: {{segment_value}} gets {{prediction}}",
            ),
            unit="percentunit",
            maximum=1,
            size=(24, 8),
        ),
    ]


def difference_panels(window: str) -> list[core.Panel]:
    """How groups differ, and how sure it is that the four-fifths rule is broken."""
    differences = highest(FAIRNESS, f'{window}, metric=~".+_difference"', "attribute, metric")
    return [
        timeseries(
            "Four-fifths ratio: $attribute",
            "The lowest rate of the favourable answer among the attribute's groups over the highest, with "
            "its 95 % interval; dashed is what the four-fifths rule wants.",
            query(f"max({FAIRNESS}{{{window}, {RATIO}}})", "ratio"),
            query(f"max({FAIRNESS}_lower{{{window}, {RATIO}}})", "ratio lower"),
            query(f"max({FAIRNESS}_upper{{{window}, {RATIO}}})", "ratio upper"),
            query(threshold("four_fifths_ratio"), "four fifths"),
            unit="none",
            decimals=3,
            dashed="four fifths",
            overrides=band("ratio", "blue"),
            repeat="attribute",
        ),
        timeseries(
            "Four-fifths confidence",
            "How sure it is that the four-fifths rule is broken: that the ratio is below it, given how many "
            "records there are.",
            query(highest(f"{FAIRNESS}_confidence", f"{window}, {RATIO}", "attribute"), "{{attribute}}"),
            query(threshold("fairness_confidence_likely"), "likely"),
            query(threshold("fairness_confidence_certain"), "certain"),
            unit="percentunit",
            maximum=1,
            dashed="(likely|certain)",
        ),
        timeseries(
            "Differences between groups",
            "The largest difference between two groups: of selection rates (demographic parity), true "
            "positive rates (equal opportunity), true or false positive rates (equalized odds), precision "
            "(predictive parity) and calibration error.",
            query(
                f'label_replace({differences}, "metric", "$1", "metric", "(.+)_difference")',
                "{{attribute}} {{metric}}",
            ),
            unit="none",
            decimals=3,
        ),
    ]
