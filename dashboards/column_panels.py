"""Panels of "Column": one column of one model version, against its reference."""

from grafanalib import core

from distributions import bins_chart
from panels import CONFIDENCE_STEPS, TIMES_TOLERANCE_STEPS, Json, band, query, stat, timeseries
from queries import (
    bin_quantile,
    highest,
    named_bins,
    of_bins,
    of_reference_bins,
    rate,
    share_of_bin,
    threshold,
)
from tables import column, joined, table

STAT = (4, 4)
# Rates by bin need many records: points are this far apart at least.
POINTS = "5m"
QUARTILES = {"lower quartile": (0.25, "green"), "median": (0.5, "blue"), "upper quartile": (0.75, "orange")}


def now_panels(c: str) -> list[core.Panel]:
    """The column in the chosen window. ``c`` is its matcher."""
    w = f'{c}, window="$window"'
    psi = f'max(model_drift_score{{{w}, method="psi"}})'
    tolerance = f'max(model_drift_tolerance{{{c}, method="psi"}})'
    return [
        stat(
            "Drift / tolerance",
            "PSI as a multiple of what is tolerated of this column.",
            f"{psi} / {tolerance}",
            unit="none",
            decimals=2,
            steps=TIMES_TOLERANCE_STEPS,
            size=STAT,
        ),
        stat(
            "Confidence",
            "How sure it is, for this column taken alone, that its drift is larger than tolerated.",
            f"max(model_drift_confidence{{{w}}})",
            unit="percentunit",
            decimals=1,
            steps=CONFIDENCE_STEPS,
            size=STAT,
        ),
        stat("PSI", "Distance from the reference.", psi, unit="none", decimals=3, size=STAT),
        stat(
            "Tolerance", "PSI up to which drift is tolerated.", tolerance, unit="none", decimals=3, size=STAT
        ),
        stat(
            "Share of drift",
            "What part of the drift of all features this one explains, where it has drifted.",
            f"max(model_drift_contribution_ratio{{{w}}})",
            unit="percentunit",
            decimals=1,
            none="not drifted",
            size=STAT,
        ),
        stat(
            "Independent records",
            "How many independent records the window's records are worth to the confidence.",
            f"max(model_drift_effective_samples{{{w}}})",
            unit="short",
            size=STAT,
        ),
    ]


def distribution_panels(c: str) -> list[core.Panel]:
    """Which values there are, and which there were."""
    current, reference = of_bins(c), of_reference_bins(c)
    return [
        bins_chart(
            "Reference and current",
            "Share of each bin in the reference and in the records of the last window. Bins of numbers hold "
            "the values up to and with the bound that they are named after, and above the bin before.",
            c,
            size=(14, 10),
        ),
        table(
            "Bins",
            "The same in numbers; change is current less reference. Missing are values that are not there, "
            "other those that the reference does not have.",
            query(named_bins(reference, c), table=True),
            query(named_bins(current, c), table=True),
            query(named_bins(f"({current}) - on (bin) {reference}", c), table=True),
            transformations=joined(
                {
                    "bin": "Bin",
                    "values": "Values",
                    "Value #A": "Reference",
                    "Value #B": "Current",
                    "Value #C": "Change",
                },
                hide=["le"],
            ),
            columns=[
                column("Reference", unit="percentunit", decimals=2),
                column("Current", unit="percentunit", decimals=2),
                column("Change", unit="percentunit", decimals=2),
            ],
            sort=["Bin"],
            size=(10, 10),
        ),
        timeseries(
            "Share of each bin",
            "Of the values as they come, not of a window: when the distribution changed.",
            query(named_bins(_shares_now(c), c), "{{values}}"),
            unit="percentunit",
            maximum=1,
            stacked=True,
            interval=POINTS,
            size=(12, 9),
        ),
        timeseries(
            "Quartiles and the reference's",
            "Of the values as they come; dashed is the reference. Estimated from the bins: exact at their "
            "bounds, interpolated between them, and the outermost bound where the quartile is beyond it. "
            "Empty for columns that are no numbers.",
            *_quartiles(c),
            unit="short",
            minimum=None,
            overrides=_pairs(),
            interval=POINTS,
            size=(12, 9),
        ),
    ]


def _shares_now(c: str) -> str:
    whole = f"scalar(sum(rate(model_column_bin_total{{{c}}}[$__rate_interval])) > 0)"
    return f"{rate('model_column_bin_total', c, 'bin')} / {whole}"


def _quartiles(c: str) -> list[Json]:
    counted = f'rate(model_column_bin_total{{{c}, bin=~"BINS"}}[$__rate_interval])'
    reference = f'max by (bin) (model_column_reference_ratio{{{c}, bin=~"BINS"}})'
    return [
        query(bin_quantile(q, by_bin, c), f"{whose}{name}")
        for name, (q, _) in QUARTILES.items()
        for whose, by_bin in (("", counted), ("reference ", reference))
    ]


def _pairs() -> list[Json]:
    """A quartile and the reference's in one colour, the reference's dashed."""
    dashes = {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [10, 10]}}
    return [
        {
            "matcher": {"id": "byName", "options": f"{whose}{name}"},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}, *styles],
        }
        for name, (_, colour) in QUARTILES.items()
        for whose, styles in (("", []), ("reference ", [dashes]))
    ]


def drift_panels(c: str) -> list[core.Panel]:
    """How far the column is from its reference, in all windows and by all methods."""
    w = f'{c}, window="$window"'
    psi = 'method="psi"'
    recorded = (
        f'label_replace({{__name__=~"model:column_drift_psi:increase.+", {c}}}, "window", "$1", "__name__", '
        '".*increase(.+)")'
    )
    return [
        timeseries(
            "PSI by window",
            "Distance from the reference in each configured window; dashed is what is tolerated.",
            query(highest("model_drift_score", f"{c}, {psi}", "window"), "{{window}}"),
            query(f"max(model_drift_tolerance{{{c}, {psi}}})", "tolerance"),
            unit="none",
            decimals=3,
            dashed="tolerance",
        ),
        timeseries(
            "Confidence by window",
            "How sure it is that the drift is larger than tolerated, in each configured window.",
            query(highest("model_drift_confidence", c, "window"), "{{window}}"),
            query(threshold("drift_confidence_likely"), "likely"),
            query(threshold("drift_confidence_certain"), "certain"),
            unit="percentunit",
            maximum=1,
            dashed="(likely|certain)",
        ),
        timeseries(
            "PSI and its interval",
            "The chosen window, with the ends of the 95 % confidence interval. Where all of it is below the "
            "tolerance (dashed), the column is known not to have drifted.",
            query(f"max(model_drift_score{{{w}, {psi}}})", "PSI"),
            query(f"max(model_drift_score_lower{{{w}, {psi}}})", "PSI lower"),
            query(f"max(model_drift_score_upper{{{w}, {psi}}})", "PSI upper"),
            query(f"max(model_drift_tolerance{{{c}, {psi}}})", "tolerance"),
            unit="none",
            decimals=3,
            dashed="tolerance",
            overrides=band("PSI", "blue"),
            size=(8, 8),
        ),
        timeseries(
            "Scores by method",
            "All methods that suit the column, in the chosen window. Each has a scale of its own.",
            query(highest("model_drift_score", w, "method"), "{{method}}"),
            unit="none",
            decimals=3,
            size=(8, 8),
        ),
        timeseries(
            "PSI by window over all exporters",
            "From the counters of all exporters together, by the recording rules that come with the "
            "exporter. There are rules for 1h, 24h and 7d.",
            query(f"max by (window) ({recorded})", "{{window}}"),
            query(f"max(model_drift_tolerance{{{c}, {psi}}})", "tolerance"),
            unit="none",
            decimals=3,
            dashed="tolerance",
            size=(8, 8),
        ),
    ]


def quality_panels(c: str) -> list[core.Panel]:
    """Values that are not there, that nobody has seen before, or that are none."""
    return [
        timeseries(
            "Missing and unseen values",
            "Share of records without a usable value, and of those whose category the reference does not "
            "have (bin other; numbers have none); dashed is the reference's own.",
            query(share_of_bin("missing", c, "column"), "missing"),
            query(share_of_bin("other", c, "column"), "unseen"),
            query(f'max(model_column_reference_ratio{{{c}, bin="missing"}})', "reference missing"),
            query(f'max(model_column_reference_ratio{{{c}, bin="other"}})', "reference unseen"),
            unit="percentunit",
            dashed="reference .*",
        ),
        timeseries(
            "Values of the wrong type",
            "Per second, of all versions together; they count as missing.",
            query(
                rate("drift_exporter_invalid_values_total", 'model="$model", column="$column"', "column"),
                "{{column}}",
            ),
            unit="cps",
        ),
    ]
