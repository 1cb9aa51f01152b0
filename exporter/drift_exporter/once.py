"""``once``: read all there is, judge as of the last record, give the metrics."""

import contextlib
import tempfile
import time
from pathlib import Path

from drift_exporter.config import load_config
from drift_exporter.expose.render import render
from drift_exporter.runtime import ModelRuntime, take_snapshot
from drift_exporter.setting_up import make_model
from drift_exporter.state.store import Store


def run_once(config_path: Path) -> tuple[bytes, list[str]]:
    """Metrics in the text format, and what could not be read (a line each)."""
    config = load_config(config_path)
    now = time.time()
    models: list[ModelRuntime] = []
    with contextlib.ExitStack() as stack:
        scratch = None
        if any(section.labels is not None for section in config.models):
            # What waits for labels may be more than fits into memory.
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="drift-exporter-"))
            scratch = Store(Path(folder))
            stack.callback(scratch.close)
        for section in config.models:
            models.append(make_model(section, config, final=True, scratch=scratch))
            stack.callback(models[-1].close)
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
