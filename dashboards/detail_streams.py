"""Panels of "Model detail" that look at streams: their means, and the changes that detectors found."""

from grafanalib import core

from panels import SOME_ARE_BAD, query, state_timeline, timeseries
from queries import highest

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
            size=(12, 8),
        ),
        state_timeline(
            "Streams, changes found",
            "Red where a detector found that the mean of the stream has changed.",
            query(found, LEGEND),
            unit="short",
            steps=SOME_ARE_BAD,
            size=(12, 8),
        ),
    ]
