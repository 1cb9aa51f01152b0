"""Panels of "Model detail" that look at columns: drift and data quality."""

from grafanalib import core

from links import column_link
from panels import (
    CONFIDENCE_STEPS,
    TIMES_TOLERANCE_SHADES,
    TIMES_TOLERANCE_STEPS,
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
TO_COLUMN = [column_link("__field.labels.column", "__field.labels.version", "__field.labels.kind")]


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
    shown = _highest_shown("model_drift_score", f'{w}, method="psi"')
    return [
        # Why no heatmap: with a row for each column it leaves out names where rows are many, and its colours
        # have no steps, so that the tolerance cannot be seen. Why no status history: it draws nothing where
        # there are more points than there is width for. A state timeline names every row and takes its
        # colours from steps at any width, in Grafana 10 to 13.
        state_timeline(
            "Drift by column and time",
            "PSI in the chosen window as a multiple of what is tolerated of the column, so that orange is "
            f"beyond the tolerance whatever that is. The {SHOWN} columns with the highest PSI. Click a band "
            "for the column's distribution.",
            query(
                f"({shown}) / on ({BY}) {tolerated}",
                LEGEND,
            ),
            unit="none",
            decimals=2,
            steps=TIMES_TOLERANCE_SHADES,
            links=TO_COLUMN,
            size=(24, 10),
        ),
        table(
            "Columns, most drifted first",
            "The chosen window. Drift / tolerance is PSI as a multiple of what is tolerated of the column. "
            "Click a column for its distribution.",
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
                hide=["Value"],
            ),
            columns=[
                column(
                    "Column",
                    links=[
                        column_link("__value.raw", "__data.fields.Version", "__data.fields.Kind"),
                    ],
                ),
                column("Drift / tolerance", unit="none", decimals=2, steps=TIMES_TOLERANCE_STEPS),
                column("Confidence", unit="percentunit", decimals=1, steps=CONFIDENCE_STEPS),
                column("PSI", unit="none", decimals=3),
                column("Tolerance", unit="none", decimals=3),
                column("Missing", unit="percentunit", decimals=2),
                column("Unseen", unit="percentunit", decimals=2),
                column("Share of drift", unit="percentunit", decimals=1),
            ],
            sort=["-Drift / tolerance"],
            size=(24, 9),
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
            links=TO_COLUMN,
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
            links=TO_COLUMN,
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
            size=(8, 9),
        ),
        timeseries(
            "Which columns explain the drift",
            "Each drifted feature's share of the model's drift beyond chance and tolerance in the chosen "
            "window, weighted by its importance where the configuration gives one; the shares of a version "
            "add up to 1. Empty where no feature has drifted.",
            query(highest("model_drift_contribution_ratio", w, BY), LEGEND),
            unit="percentunit",
            decimals=1,
            maximum=1,
            links=TO_COLUMN,
            size=(8, 9),
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
            links=TO_COLUMN,
            size=(8, 9),
        ),
    ]


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
            links=TO_COLUMN,
            size=(8, 8),
        ),
        timeseries(
            "Missing values beyond the reference",
            "By how much the share of missing values is above the reference's.",
            query(f"clamp_min({missing} - on ({BY}) {reference}, 0)", LEGEND),
            unit="percentunit",
            links=TO_COLUMN,
            size=(8, 8),
        ),
        timeseries(
            "Unseen categories",
            "Share of values that are none of the reference's categories (bin other).",
            query(share_of_bin("other", c, BY), LEGEND),
            unit="percentunit",
            links=TO_COLUMN,
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
