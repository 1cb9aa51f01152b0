"""Panels about the exporter itself."""

from grafanalib import core

from panels import SOME_ARE_BAD, ZERO_IS_BAD, query, stat, state_timeline, timeseries
from queries import quantile, rate

SOURCE = 'source=~"($model)/.*"'
SOURCE_UP = f"drift_exporter_source_up{{{SOURCE}}}"
WATERMARK = f"drift_exporter_source_watermark_timestamp_seconds{{{SOURCE}}}"


def exporter_panels(models: str) -> list[core.Panel]:
    """Whether sources are read, records counted and models evaluated. ``models`` is a matcher."""
    evaluated = f"drift_exporter_evaluation_success{{{models}}}"
    return [
        stat(
            "Exporters",
            "Running exporters by version.",
            "count by (version) (drift_exporter_build_info)",
            unit="short",
            legend="{{version}}",
            size=(3, 4),
        ),
        stat(
            "Configuration",
            "Whether all exporters run the configuration that was last given to them.",
            "min(drift_exporter_config_last_reload_successful)",
            unit="short",
            steps=ZERO_IS_BAD,
            texts={
                "0": {"text": "refused", "color": "red", "index": 0},
                "1": {"text": "loaded", "color": "green", "index": 1},
            },
            size=(3, 4),
        ),
        stat(
            "Configuration loaded",
            "When the oldest configuration in use was loaded.",
            "min(drift_exporter_config_last_reload_success_timestamp_seconds) * 1000",
            unit="dateTimeFromNow",
            size=(3, 4),
        ),
        stat(
            "Sources down",
            "Sources that could not be read at the last attempt.",
            f"count({SOURCE_UP}) - sum({SOURCE_UP})",
            unit="short",
            steps=SOME_ARE_BAD,
            size=(3, 4),
        ),
        stat(
            "Models not evaluated",
            "Models whose last evaluation failed.",
            f"count({evaluated}) - sum({evaluated})",
            unit="short",
            steps=SOME_ARE_BAD,
            size=(3, 4),
        ),
        stat(
            "Unread",
            "Bytes that the sources hold and that the exporter has not read yet.",
            f"sum(drift_exporter_source_lag_bytes{{{SOURCE}}})",
            unit="bytes",
            size=(3, 4),
        ),
        stat(
            "Lost",
            "Bytes of logs that were cut off or deleted before they were read, in the time shown.",
            f"sum(increase(drift_exporter_source_lost_bytes_total{{{SOURCE}}}[$__range]))",
            unit="bytes",
            steps=SOME_ARE_BAD,
            size=(3, 4),
        ),
        stat(
            "Saved",
            "When the model was saved that was not for the longest time; its metrics are as of then.",
            f"min(drift_exporter_checkpoint_timestamp_seconds{{{models}}}) * 1000",
            unit="dateTimeFromNow",
            size=(3, 4),
        ),
        timeseries(
            "Records read",
            "Per second and source.",
            query(rate("drift_exporter_source_records_total", SOURCE, "source"), "{{source}}"),
            unit="cps",
            size=(8, 8),
        ),
        timeseries(
            "Bytes read",
            "Per second and source.",
            query(rate("drift_exporter_source_bytes_total", SOURCE, "source"), "{{source}}"),
            unit="Bps",
            size=(8, 8),
        ),
        timeseries(
            "Unread by source",
            "Bytes that the source holds and that the exporter has not read yet.",
            query(f"sum by (source) (drift_exporter_source_lag_bytes{{{SOURCE}}})", "{{source}}"),
            unit="bytes",
            size=(8, 8),
        ),
        timeseries(
            "Unread records by source",
            "Records that the source holds and that have not been read yet, where the source counts those.",
            query(f"sum by (source) (drift_exporter_source_lag_records{{{SOURCE}}})", "{{source}}"),
            unit="short",
            size=(8, 8),
        ),
        timeseries(
            "Requests",
            "HTTP requests to sources that are asked, and from those that push, per second and status.",
            query(
                rate("drift_exporter_source_requests_total", SOURCE, "source, code"), "{{source}}: {{code}}"
            ),
            unit="reqps",
            size=(8, 8),
        ),
        timeseries(
            "Lost records and events alone",
            "Lost: records that were gone before they were read. "
            "Alone: requests whose response did not come, and the other way round.",
            query(
                rate("drift_exporter_source_lost_records_total", SOURCE, "source, reason"),
                "{{source}} lost: {{reason}}",
            ),
            query(
                rate("drift_exporter_source_unpaired_events_total", SOURCE, "source, event"),
                "{{source}} alone: {{event}}",
            ),
            unit="cps",
            size=(8, 8),
        ),
        timeseries(
            "Rejected and misplaced records",
            "Rejected: lines that could not be counted and went to the dead-letter file. "
            "Late and future: records whose time lies outside of the windows.",
            query(
                rate("drift_exporter_source_rejected_total", SOURCE, "source, reason"),
                "{{source}} rejected: {{reason}}",
            ),
            query(
                rate("drift_exporter_late_records_total", models, "model, reason"),
                "{{model}} {{reason}}",
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
            "Series left out",
            "Per second, because of a limit of the configuration: raise it, or watch fewer columns.",
            query(
                rate("drift_exporter_dropped_series_total", models, "model, reason"),
                "{{model}}: {{reason}}",
            ),
            unit="cps",
            size=(8, 8),
        ),
        timeseries(
            "Newest record's age",
            "Time since the newest event time read. It grows when a log stops or the exporter is behind.",
            query(
                f"time() - max by (source) ({WATERMARK})",
                "{{source}}",
            ),
            unit="s",
            size=(12, 8),
        ),
        timeseries(
            "Time an evaluation takes",
            "Up to this long 95 % of a model's evaluations took.",
            query(
                quantile(0.95, "drift_exporter_evaluation_duration_seconds", models, "model"),
                "{{model}}",
            ),
            unit="s",
            size=(12, 8),
        ),
        state_timeline(
            "Sources and evaluations",
            "Whether each source could be read and each model be evaluated.",
            query(f"min by (source) ({SOURCE_UP})", "{{source}}"),
            query(f"min by (model) ({evaluated})", "{{model}} evaluation"),
            unit="short",
            steps=ZERO_IS_BAD,
            texts={
                "0": {"text": "failing", "color": "red", "index": 0},
                "1": {"text": "fine", "color": "green", "index": 1},
            },
        ),
    ]
