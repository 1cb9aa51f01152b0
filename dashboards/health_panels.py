"""Panels of "Exporter health": are exporters up, do they judge and save, what do they cost."""

from grafanalib import core

from alert_panels import alerts_over_time, firing_stat, firing_table
from distributions import heatmap
from panels import SOME_ARE_BAD, ZERO_IS_BAD, query, stat, state_timeline, timeseries
from queries import quantile, rate

EVALUATION = "drift_exporter_evaluation_duration_seconds"
CHECKPOINT = "drift_exporter_checkpoint_duration_seconds"
FINE = {
    "0": {"text": "failing", "color": "red", "index": 0},
    "1": {"text": "fine", "color": "green", "index": 1},
}


def now_panels(exporter: str, models: str, sources: str, alerts: str) -> list[core.Panel]:
    """Whether all is well. Each is a matcher: of exporters, of their models, of their sources, of alerts."""
    up = f"up{{{exporter}}}"
    source_up = f"drift_exporter_source_up{{{sources}}}"
    evaluated = f"drift_exporter_evaluation_success{{{models}}}"
    return [
        stat(
            "Exporters",
            "Running exporters by version.",
            f"count by (version) (drift_exporter_build_info{{{exporter}}})",
            unit="short",
            decimals=0,
            legend="{{version}}",
            size=(3, 4),
        ),
        stat(
            "Down",
            "Exporters that Prometheus could not scrape at the last attempt.",
            f"count({up}) - sum({up})",
            unit="short",
            decimals=0,
            steps=SOME_ARE_BAD,
            size=(3, 4),
        ),
        stat(
            "Configuration",
            "Whether all exporters run the configuration that was last given to them.",
            f"min(drift_exporter_config_last_reload_successful{{{exporter}}})",
            unit="short",
            decimals=0,
            steps=ZERO_IS_BAD,
            texts={
                "0": {"text": "refused", "color": "red", "index": 0},
                "1": {"text": "loaded", "color": "green", "index": 1},
            },
            size=(3, 4),
        ),
        stat(
            "Configured",
            "When the oldest configuration in use was loaded.",
            f"min(drift_exporter_config_last_reload_success_timestamp_seconds{{{exporter}}}) * 1000",
            unit="dateTimeFromNow",
            size=(3, 4),
        ),
        stat(
            "Sources down",
            "Sources that could not be read at the last attempt.",
            f"count({source_up}) - sum({source_up})",
            unit="short",
            decimals=0,
            steps=SOME_ARE_BAD,
            size=(3, 4),
        ),
        stat(
            "Models failing",
            "Models whose last evaluation failed.",
            f"count({evaluated}) - sum({evaluated})",
            unit="short",
            decimals=0,
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
        firing_stat(alerts, size=(3, 4)),
        firing_table(alerts, {"instance": "Exporter", "model": "Model", "source": "Source"}),
        alerts_over_time(alerts),
        state_timeline(
            "Sources and evaluations",
            "Whether each source could be read and each model be evaluated.",
            query(f"min by (source) ({source_up})", "{{source}}"),
            query(f"min by (model) ({evaluated})", "{{model}} evaluation"),
            unit="short",
            steps=ZERO_IS_BAD,
            texts=FINE,
            size=(12, 8),
        ),
        state_timeline(
            "Exporters and their configuration",
            "Whether each exporter could be scraped, and runs the configuration that was last given to it.",
            query(f"min by (instance) ({up})", "{{instance}} scraped"),
            query(
                f"min by (instance) (drift_exporter_config_last_reload_successful{{{exporter}}})",
                "{{instance}} configuration",
            ),
            unit="short",
            steps=ZERO_IS_BAD,
            texts=FINE,
            size=(12, 8),
        ),
    ]


def work_panels(models: str) -> list[core.Panel]:
    """Whether models are judged and saved in time, and what had to be left out."""
    return [
        timeseries(
            "Time an evaluation takes",
            "Up to this long 95 % of a model's evaluations took. It has to stay below evaluation_interval.",
            query(quantile(0.95, EVALUATION, models, "model"), "{{model}}"),
            unit="s",
            size=(8, 8),
        ),
        heatmap(
            "Evaluations by duration",
            "Evaluations of all chosen models in each bucket of the time that they took.",
            f"sum by (le) (increase({EVALUATION}_bucket{{{models}}}[$__rate_interval]))",
            unit="s",
            size=(8, 8),
        ),
        timeseries(
            "Evaluations per second",
            "By model, failed ones too.",
            query(rate(f"{EVALUATION}_count", models, "model"), "{{model}}"),
            unit="cps",
            size=(8, 8),
        ),
        timeseries(
            "Time since the last checkpoint",
            "A model's metrics are as of its last checkpoint. It grows where the state cannot be saved.",
            query(
                f"time() - min by (model) (drift_exporter_checkpoint_timestamp_seconds{{{models}}})",
                "{{model}}",
            ),
            unit="s",
            size=(8, 8),
        ),
        timeseries(
            "Time a checkpoint takes",
            "Up to this long 95 % of the checkpoints of a model took.",
            query(quantile(0.95, CHECKPOINT, models, "model"), "{{model}}"),
            unit="s",
            size=(8, 8),
        ),
        timeseries(
            "Series left out",
            "Per second, because of limits.series: raise it, or watch fewer columns.",
            query(
                rate("drift_exporter_dropped_series_total", models, "model, reason"),
                "{{model}}: {{reason}}",
            ),
            unit="cps",
            size=(8, 8),
        ),
    ]


def process_panels(exporter: str) -> list[core.Panel]:
    """What scrapes and the process cost, by exporter."""

    def each(expr: str, legend: str = "{{instance}}") -> dict[str, object]:
        return query(f"max by (instance) ({expr})", legend)

    return [
        timeseries(
            "Time a scrape takes",
            "As Prometheus sees it. It has to stay below the job's scrape_timeout.",
            each(f"scrape_duration_seconds{{{exporter}}}"),
            unit="s",
            size=(8, 8),
        ),
        timeseries(
            "Series of a scrape",
            "What each exporter exposes, before and after Prometheus relabels it. limits.series bounds it.",
            each(f"scrape_samples_scraped{{{exporter}}}"),
            each(f"scrape_samples_post_metric_relabeling{{{exporter}}}", "{{instance}} kept"),
            unit="short",
            size=(8, 8),
        ),
        timeseries(
            "New series of a scrape",
            "Series that were not in the scrape before: many again and again are a burden to Prometheus.",
            each(f"scrape_series_added{{{exporter}}}"),
            unit="short",
            size=(8, 8),
        ),
        timeseries(
            "CPU",
            "Cores that each exporter's process uses.",
            each(f"rate(process_cpu_seconds_total{{{exporter}}}[$__rate_interval])"),
            unit="none",
            decimals=2,
            size=(6, 8),
        ),
        timeseries(
            "Memory",
            "What each exporter's process has in memory. limits.memory bounds what it uses for records.",
            each(f"process_resident_memory_bytes{{{exporter}}}"),
            unit="bytes",
            size=(6, 8),
        ),
        timeseries(
            "Open files",
            "Of each exporter's process; dashed is the lowest limit of the operating system.",
            each(f"process_open_fds{{{exporter}}}"),
            query(f"min(process_max_fds{{{exporter}}})", "limit"),
            unit="short",
            dashed="limit",
            size=(6, 8),
        ),
        timeseries(
            "Running for",
            "Time since each exporter was started.",
            each(f"time() - process_start_time_seconds{{{exporter}}}"),
            unit="s",
            size=(6, 8),
        ),
    ]
