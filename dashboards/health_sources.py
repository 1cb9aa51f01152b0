"""Panels of "Exporter health" about sources: what is read, what waits, what is left out."""

from grafanalib import core

from panels import query, timeseries
from queries import rate

LAG = "drift_exporter_source_lag"


def source_panels(sources: str) -> list[core.Panel]:
    """What is read and what waits. ``sources`` is the matcher of the chosen sources."""
    watermark = f"max by (source) (drift_exporter_source_watermark_timestamp_seconds{{{sources}}})"
    return [
        timeseries(
            "Records read",
            "Per second and source.",
            query(rate("drift_exporter_source_records_total", sources, "source"), "{{source}}"),
            unit="cps",
            size=(8, 8),
        ),
        timeseries(
            "Bytes read",
            "Per second and source.",
            query(rate("drift_exporter_source_bytes_total", sources, "source"), "{{source}}"),
            unit="Bps",
            size=(8, 8),
        ),
        timeseries(
            "Newest record's age",
            "Time since the newest event time read. It grows when a log stops or the exporter is behind.",
            query(f"time() - {watermark}", "{{source}}"),
            unit="s",
            size=(8, 8),
        ),
        timeseries(
            "Unread by source",
            "Bytes that the source holds and that the exporter has not read yet.",
            query(f"sum by (source) ({LAG}_bytes{{{sources}}})", "{{source}}"),
            unit="bytes",
            size=(8, 8),
        ),
        timeseries(
            "Unread records by source",
            "Records that the source holds and that have not been read yet, where the source counts those.",
            query(f"sum by (source) ({LAG}_records{{{sources}}})", "{{source}}"),
            unit="short",
            size=(8, 8),
        ),
        timeseries(
            "Requests",
            "HTTP requests to sources that are asked, and from those that push, per second and status.",
            query(rate("drift_exporter_source_requests_total", sources, "code"), "{{code}}"),
            unit="reqps",
            size=(8, 8),
        ),
    ]


def loss_panels(models: str, sources: str) -> list[core.Panel]:
    """What was not counted, and why."""
    return [
        timeseries(
            "Rejected lines",
            "Per second and reason: lines that could not be counted and went to the dead-letter file.",
            query(rate("drift_exporter_source_rejected_total", sources, "reason"), "{{reason}}"),
            unit="cps",
            size=(8, 8),
        ),
        timeseries(
            "Late and future records",
            "Per second: records whose time lies outside of the windows.",
            query(
                rate("drift_exporter_late_records_total", models, "model, reason"),
                "{{model}}: {{reason}}",
            ),
            unit="cps",
            size=(8, 8),
        ),
        timeseries(
            "Values of the wrong type",
            "Per second and column; they count as missing.",
            query(
                rate("drift_exporter_invalid_values_total", models, "model, column"),
                "{{model}} {{column}}",
            ),
            unit="cps",
            size=(8, 8),
        ),
        timeseries(
            "Bytes lost",
            "Per second: of logs that were cut off or deleted before they were read. Nobody can count what "
            "was in them.",
            query(rate("drift_exporter_source_lost_bytes_total", sources, "source"), "{{source}}"),
            unit="Bps",
            size=(6, 8),
        ),
        timeseries(
            "Lost records and events alone",
            "Per second. Lost: records that were gone before they were read. Alone: requests whose response "
            "did not come, and the other way round.",
            query(
                rate("drift_exporter_source_lost_records_total", sources, "source, reason"),
                "{{source}} lost: {{reason}}",
            ),
            query(
                rate("drift_exporter_source_unpaired_events_total", sources, "source, event"),
                "{{source}} alone: {{event}}",
            ),
            unit="cps",
            size=(6, 8),
        ),
        timeseries(
            "Duplicates and forgotten ids",
            "Per second, where records are deduplicated: records that had come before, and ids that had to "
            "be forgotten too early because of limits.ids.",
            query(
                rate("drift_exporter_duplicate_records_total", models, "model"),
                "{{model}} duplicates",
            ),
            query(
                rate("drift_exporter_forgotten_ids_total", models, "model"),
                "{{model}} forgotten",
            ),
            unit="cps",
            size=(6, 8),
        ),
        timeseries(
            "Unconfigured models",
            "Records per second, by the model that a shared log names. All sources that read the log count "
            "them.",
            query(
                "max by (model) (rate(drift_exporter_unconfigured_records_total"
                f"{{{sources}}}[$__rate_interval]))",
                "{{model}}",
            ),
            unit="cps",
            size=(6, 8),
        ),
    ]
