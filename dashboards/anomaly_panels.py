"""Panels of "Model anomalies": how many records are odd, how odd they are, how many are looked at."""

from grafanalib import core

from alert_panels import firing_stat
from distributions import heatmap
from panels import CONFIDENCE_STEPS, query, stat, timeseries
from queries import highest, quantile, rate, threshold
from tables import column, joined, table

SCORE = "model_anomaly_score"
SAMPLES = "model_anomaly_window_samples"
SCORED = "model_anomaly_scored_records_total"
SKIPPED = "model_anomaly_skipped_records_total"


def now_panels(window: str, matchers: str, alerts: str) -> list[core.Panel]:
    """The chosen window in numbers. ``matchers`` are the model's and detectors', ``window`` adds it."""
    by = "version, detector"
    return [
        stat(
            "Too many anomalies",
            "How sure it is that the share of anomalies is above the expected one by more than is "
            "tolerated, by the surest detector.",
            f"max(model_anomaly_confidence{{{window}}})",
            unit="percentunit",
            decimals=1,
            steps=CONFIDENCE_STEPS,
            size=(6, 4),
        ),
        stat(
            "Anomalies",
            "Share of the scored records that are odder than all but the expected share of the "
            "reference's, by the detector that finds the most.",
            f"max(model_anomaly_ratio{{{window}}})",
            unit="percentunit",
            decimals=2,
            size=(6, 4),
        ),
        stat(
            "Records scored",
            "In the chosen window, by the detector that has scored the most.",
            f"max(sum by (detector) ({SAMPLES}{{{window}}}))",
            unit="short",
            size=(6, 4),
        ),
        firing_stat(alerts, size=(6, 4)),
        table(
            "Detectors",
            "What each detector finds in the chosen window, the surest first. Skipped is the share of the "
            "records that are not scored now, as there are more than the configured rate.",
            query(highest("model_anomaly_confidence", window, by), table=True),
            query(highest("model_anomaly_ratio", window, by), table=True),
            query(highest("model_anomaly_expected_ratio", matchers, by), table=True),
            query(f"sum by ({by}) ({SAMPLES}{{{window}}})", table=True),
            query(
                f"{rate(SKIPPED, matchers, by)} / "
                f"({rate(SKIPPED, matchers, by)} + {rate(SCORED, matchers, by)} > 0)",
                table=True,
            ),
            transformations=joined(
                {
                    "detector": "Detector",
                    "version": "Version",
                    "Value #A": "Confidence",
                    "Value #B": "Anomalies",
                    "Value #C": "Expected",
                    "Value #D": "Scored",
                    "Value #E": "Skipped",
                },
                hide=["Value"],
            ),
            columns=[
                column("Confidence", unit="percentunit", decimals=1, steps=CONFIDENCE_STEPS),
                column("Anomalies", unit="percentunit", decimals=3),
                column("Expected", unit="percentunit", decimals=3),
                column("Scored", unit="short"),
                column("Skipped", unit="percentunit", decimals=1),
            ],
            sort=["-Confidence"],
            size=(24, 6),
        ),
    ]


def share_panels(matchers: str) -> list[core.Panel]:
    """Share of anomalies and how sure it is, in all windows."""
    by = "detector, window"
    return [
        timeseries(
            "Share of anomalies",
            "Of each window's scored records; dashed is the share that is expected when all is well.",
            query(highest("model_anomaly_ratio", matchers, by), "{{detector}} {{window}}"),
            query(highest("model_anomaly_expected_ratio", matchers, "detector"), "{{detector}} expected"),
            unit="percentunit",
            dashed=".* expected",
        ),
        timeseries(
            "Confidence of too many anomalies",
            "How sure it is that the share is above the expected one by more than is tolerated, in each "
            "window.",
            query(highest("model_anomaly_confidence", matchers, by), "{{detector}} {{window}}"),
            query(threshold("anomaly_confidence_likely"), "likely"),
            query(threshold("anomaly_confidence_certain"), "certain"),
            unit="percentunit",
            maximum=1,
            dashed="(likely|certain)",
        ),
    ]


def score_panels(matchers: str) -> list[core.Panel]:
    """How odd records are, as the share of the reference's records that are less odd."""
    beyond = (
        f"1 - {rate(f'{SCORE}_bucket', f'{matchers}, le=~{BEYOND}', 'detector, le')} "
        f"/ on (detector) group_left () ({rate(f'{SCORE}_count', matchers, 'detector')} > 0)"
    )
    return [
        heatmap(
            "Scores over time",
            "Records by their percentile among the reference's. Without change a tenth of them lies "
            "between 0.9 and 1, a hundredth between 0.99 and 1.",
            rate(f"{SCORE}_bucket", matchers, "le"),
            unit="none",
            size=(8, 8),
        ),
        timeseries(
            "Records beyond a percentile",
            "Share of the records that are odder than these shares of the reference's: 0.05 beyond 0.95, "
            "0.01 beyond 0.99 without change. Which of them grew says whether a few are far off or many a "
            "little.",
            query(beyond, "{{detector}} beyond {{le}}"),
            unit="percentunit",
            size=(8, 8),
        ),
        timeseries(
            "Score of the oddest records",
            "Percentile that 1 % of the records are beyond; points are single anomalous records, which "
            "lead to their traces where the log has trace ids.",
            query(quantile(0.99, SCORE, matchers, "detector"), "{{detector}}", exemplar=True),
            unit="none",
            decimals=4,
            minimum=None,
            maximum=1,
            size=(8, 8),
        ),
    ]


BEYOND = '"0[.]95|0[.]99|0[.]999"'


def volume_panels(matchers: str) -> list[core.Panel]:
    """How many records are anomalies, scored and skipped."""
    return [
        timeseries(
            "Anomalies per second",
            "Records that are odder than all but the expected share of the reference's.",
            query(rate("model_anomalies_total", matchers, "detector"), "{{detector}}"),
            unit="cps",
        ),
        timeseries(
            "Scored and skipped records",
            "Records per second that each detector scores, and that it skips as there are more than the "
            "configured rate.",
            query(rate(SCORED, matchers, "detector"), "{{detector}} scored"),
            query(rate(SKIPPED, matchers, "detector"), "{{detector}} skipped"),
            unit="cps",
        ),
    ]
