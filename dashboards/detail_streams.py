"""Panels of "Model detail" that look at streams: their means, and the changes that detectors found."""

from grafanalib import core

from panels import SOME_ARE_BAD, query, state_timeline, timeseries
from queries import highest, rate
from tables import column, joined, table

BY = "version, stream, detector"
LEGEND = "{{stream}} by {{detector}} {{version}}"


def stream_panels(matchers: str) -> list[core.Panel]:
    """Streams that concept_drift names; empty where it names none."""
    found = f"sum by ({BY}) (increase(model_stream_drift_detections_total{{{matchers}}}[$__rate_interval]))"
    return [
        timeseries(
            "Streams, mean since the last change",
            "Share of errors, of wrong answers or of positive labels, mean error or mean score, since the "
            "detector last found a change. With several exporters the highest.",
            query(highest("model_stream_mean", matchers, BY), LEGEND),
            unit="none",
            decimals=4,
            size=(8, 8),
        ),
        state_timeline(
            "Streams, changes found",
            "Red where a detector found that the mean of the stream has changed.",
            query(found, LEGEND),
            unit="short",
            steps=SOME_ARE_BAD,
            size=(8, 8),
        ),
        table(
            "Streams now",
            "Values per second that each detector sees, when it last found a change, and whether it suspects "
            "one (detectors with a level of warning only).",
            query(rate("model_stream_values_total", matchers, BY), table=True),
            query(
                f"{highest('model_stream_drift_last_detection_timestamp_seconds', matchers, BY)} * 1000",
                table=True,
            ),
            query(highest("model_stream_drift_warning", matchers, BY), table=True),
            transformations=joined(
                {
                    "stream": "Stream",
                    "detector": "Detector",
                    "version": "Version",
                    "Value #A": "Values/s",
                    "Value #B": "Last change",
                    "Value #C": "Warning",
                },
                hide=["Value"],
            ),
            columns=[
                column("Detector", minimum_width=110),
                column("Values/s", unit="cps", decimals=2),
                column("Last change", unit="dateTimeFromNow", minimum_width=120),
                column(
                    "Warning",
                    unit="none",
                    decimals=0,
                    texts={
                        "0": {"text": "no", "color": "green", "index": 0},
                        "1": {"text": "yes", "color": "orange", "index": 1},
                    },
                ),
            ],
            sort=["Stream", "Detector"],
            size=(8, 8),
        ),
    ]
