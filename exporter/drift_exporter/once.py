"""``once``: read all there is, judge as of the last record, give the metrics."""

import time
from pathlib import Path

from drift_exporter.config import load_config
from drift_exporter.expose.render import render
from drift_exporter.runtime import ModelRuntime, make_model, take_snapshot


def run_once(config_path: Path) -> tuple[bytes, list[str]]:
    """Metrics in the text format, and what could not be read (a line each)."""
    config = load_config(config_path)
    now = time.time()
    models: list[ModelRuntime] = []
    try:
        models += (make_model(model, config, final=True) for model in config.models)
        for model in models:
            model.read()
            while model.more:
                model.read()
        snapshot = take_snapshot(models, reload_successful=True, reload_timestamp=now, now=now)
        problems = [
            f"source {source.name}: {source.problem}" for source in snapshot.sources if source.problem
        ]
        problems += [f"model {model.name}: {model.problem}" for model in snapshot.models if model.problem]
        return render(snapshot, series_limit=config.limits.series).body("text"), problems
    finally:
        for model in models:
            model.close()
