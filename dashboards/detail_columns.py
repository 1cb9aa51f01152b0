"""Panels of "Model detail" that look at columns: drift, data quality, distributions."""

from grafanalib import core

from panels import (
    CONFIDENCE_STEPS,
    TIMES_TOLERANCE_STEPS,
    Json,
    bar_chart,
    query,
    state_timeline,
    timeseries,
)
from queries import highest, rate, share_of_bin, threshold
from tables import column, joined, table

BY = "version, column, kind"
LEGEND = "{{column}} ({{kind}}) {{version}}"
COLUMN = 'column=~"$column"'
SHOWN = 20


def _highest_shown(metric: str, matchers: str) -> str:
    """The gauge by column, of those columns only that had the highest values in the time range.

    Unlike a plain topk it always shows the same columns, from the beginning of the range to its end.
    """
    peak = f"max by ({BY}) (max_over_time({metric}{{{matchers}}}[$__range] @ end()))"
    return f"{highest(metric, matchers, BY)} and on ({BY}) topk({SHOWN}, {peak})"


def drift_panels(matchers: str) -> list[core.Panel]:
    """How far columns are from their reference, and how sure that is."""
    c = f"{matchers}, {COLUMN}"
    w = f'{c}, window="$window"'
    tolerance = f'model_drift_tolerance{{{c}, method="$method"}}'
    psi = highest("model_drift_score", f'{w}, method="psi"', BY)
    tolerated = highest("model_drift_tolerance", f'{c}, method="psi"', BY)
    return [
        table(
            "Columns, most drifted first",
            "The chosen window. Drift / tolerance is PSI as a multiple of what is tolerated of the column.",
            query(f"{psi} / on ({BY}) {tolerated}", table=True),
            query(highest("model_drift_confidence", w, BY), table=True),
            query(psi, table=True),
            query(tolerated, table=True),
            query(_share_in_window("missing", c), table=True),
            query(_share_in_window("other", c), table=True),
            query(highest("model_drift_contribution_ratio", w, BY), table=True),
            transformations=joined(
                {
                    "column": "Column",
                    "kind": "Kind",
                    "version": "Version",
                    "Value #A": "Drift / tolerance",
                    "Value #B": "Confidence",
                    "Value #C": "PSI",
                    "Value #D": "Tolerance",
                    "Value #E": "Missing",
                    "Value #F": "Unseen",
                    "Value #G": "Share of drift",
                },
                hide="Value",
            ),
            columns=[
                column("Drift / tolerance", decimals=2, steps=TIMES_TOLERANCE_STEPS),
                column("Confidence", unit="percentunit", decimals=1, steps=CONFIDENCE_STEPS),
                column("PSI", decimals=3),
                column("Tolerance", decimals=3),
                column("Missing", unit="percentunit", decimals=2),
                column("Unseen", unit="percentunit", decimals=2),
                column("Share of drift", unit="percentunit", decimals=1),
            ],
            sort=["-Drift / tolerance"],
            size=(12, 10),
        ),
        timeseries(
            "Drift score by column",
            f"Distance from the reference in the chosen window by the chosen method; the {SHOWN} columns "
            "with the highest scores. Dashed are the configured tolerances, for methods that have one.",
            query(_highest_shown("model_drift_score", f'{w}, method="$method"'), LEGEND),
            query(f"min({tolerance})", "tolerance"),
            query(f"max({tolerance}) > min({tolerance})", "highest tolerance"),
            unit="none",
            decimals=3,
            dashed="(highest )?tolerance",
            size=(12, 10),
        ),
        state_timeline(
            "Drift confidence by column",
            "How sure it is that the column has drifted beyond its tolerance in the chosen window: red is "
            f"certain, orange likely. The {SHOWN} columns with the highest confidence.",
            query(_highest_shown("model_drift_confidence", w), LEGEND),
            unit="percentunit",
            decimals=1,
            steps=CONFIDENCE_STEPS,
            size=(12, 10),
        ),
        timeseries(
            "Drift confidence of the model",
            "How sure it is that at least one column has drifted, after correction for the number of "
            "columns; and the share of columns that have.",
            query(
                highest("model_dataset_drift_confidence", f'{matchers}, window="$window"', "version"),
                "confidence {{version}}",
            ),
            query(
                highest("model_drifted_columns_ratio", f'{matchers}, window="$window"', "version"),
                "drifted columns {{version}}",
            ),
            query(threshold("drift_confidence_likely"), "likely"),
            query(threshold("drift_confidence_certain"), "certain"),
            unit="percentunit",
            maximum=1,
            dashed="(likely|certain)",
            size=(12, 10),
        ),
        timeseries(
            "Which columns explain the drift",
            "Each drifted feature's share of the model's drift beyond chance and tolerance in the chosen "
            "window, weighted by its importance where the configuration gives one; the shares of a version "
            "add up to 1. Empty where no feature has drifted.",
            query(highest("model_drift_contribution_ratio", w, BY), LEGEND),
            unit="percentunit",
            decimals=1,
            stacked=True,
            size=(12, 10),
        ),
        timeseries(
            "Interval of the drift score",
            "The score by the chosen method and the ends of its 95 % confidence interval; the "
            f"{SHOWN} columns with the highest ones. Ends are there for the methods in drift.intervals.",
            query(_highest_shown("model_drift_score", f'{w}, method="$method"'), LEGEND),
            query(_ends("lower", w), f"{LEGEND} lower"),
            query(_ends("upper", w), f"{LEGEND} upper"),
            unit="none",
            decimals=3,
            size=(12, 10),
        ),
        timeseries(
            "PSI over all exporters",
            "From the counters of all exporters together, by the recording rules that come with the "
            "exporter. There are rules for 1h, 24h and 7d.",
            query(
                f'max by ({BY}) ({{__name__="model:column_drift_psi:increase$window", {c}}})',
                LEGEND,
            ),
            unit="none",
            decimals=3,
            size=(24, 8),
        ),
    ]


def _ends(end: str, matchers: str) -> str:
    return _highest_shown(f"model_drift_score_{end}", f'{matchers}, method="$method"')


def _share_in_window(name: str, matchers: str) -> str:
    part = f'sum by ({BY}) (increase(model_column_bin_total{{{matchers}, bin="{name}"}}[$window]))'
    whole = f"sum by ({BY}) (increase(model_column_bin_total{{{matchers}}}[$window]))"
    return f"{part} / ({whole} > 0)"


def quality_panels(matchers: str) -> list[core.Panel]:
    """Values that are not there, or that nobody has seen before."""
    c = f"{matchers}, {COLUMN}"
    reference = highest("model_column_reference_ratio", f'{c}, bin="missing"', BY)
    missing = share_of_bin("missing", c, BY)
    return [
        timeseries(
            "Missing values",
            "Share of records without a usable value.",
            query(missing, LEGEND),
            unit="percentunit",
            size=(8, 8),
        ),
        timeseries(
            "Missing values beyond the reference",
            "By how much the share of missing values is above the reference's.",
            query(f"clamp_min({missing} - on ({BY}) {reference}, 0)", LEGEND),
            unit="percentunit",
            size=(8, 8),
        ),
        timeseries(
            "Unseen categories",
            "Share of values that are none of the reference's categories (bin other).",
            query(share_of_bin("other", c, BY), LEGEND),
            unit="percentunit",
            size=(8, 8),
        ),
        timeseries(
            "Values of the wrong type",
            "Per second; they count as missing. Of all versions together.",
            query(
                rate("drift_exporter_invalid_values_total", f'model="$model", {COLUMN}', "column"),
                "{{column}}",
            ),
            unit="cps",
            size=(12, 8),
        ),
        timeseries(
            "Late and future records",
            "Per second: records left out of windows because of their time. Of all versions together.",
            query(
                rate("drift_exporter_late_records_total", 'model="$model"', "reason"),
                "{{reason}}",
            ),
            unit="cps",
            size=(12, 8),
        ),
    ]


def bins_panels(matchers: str) -> list[core.Panel]:
    """Reference and current distribution, for each chosen column."""
    c = f"{matchers}, {COLUMN}"
    bins = f"{BY}, bin"
    counted = f"increase(model_column_bin_total{{{c}}}[$window])"
    current = f"sum by ({bins}) ({counted}) / on ({BY}) group_left () (sum by ({BY}) ({counted}) > 0)"
    return [
        table(
            "Bins",
            "Share of each bin in the reference and in the records of the last window. A numeric bin "
            "holds the values up to and with its upper bound.",
            query(highest("model_column_reference_ratio", c, bins), table=True),
            query(current, table=True),
            query(highest("model_column_bin_upper_bound", c, bins), table=True),
            transformations=joined(
                {
                    "column": "Column",
                    "kind": "Kind",
                    "version": "Version",
                    "bin": "Bin",
                    "Value #C": "Upper bound",
                    "Value #A": "Reference",
                    "Value #B": "Current",
                },
                hide="Value",
            ),
            columns=[
                column("Upper bound", unit="none"),
                column("Reference", unit="percentunit", decimals=2),
                column("Current", unit="percentunit", decimals=2),
            ],
            sort=["Column", "Version", "Bin"],
        ),
        bar_chart(
            "Distribution of $column",
            "Share of each bin in the reference and in the records of the last window, over the chosen "
            "versions. Numeric bins are numbered; their upper bounds are in the table above.",
            query(
                f"sum by (bin) ({counted}) / scalar(sum({counted}))",
                table=True,
            ),
            query(f"avg by (bin) (model_column_reference_ratio{{{c}}})", table=True),
            transformations=_bars(),
            unit="percentunit",
            x="Bin",
            repeat="column",
        ),
    ]


def _bars() -> list[Json]:
    return [
        *joined({"bin": "Bin", "Value #B": "Reference", "Value #A": "Current"}, hide="Value"),
        {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": "Bin"}]}},
    ]
