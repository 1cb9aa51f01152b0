"""``once`` and ``report``: read all there is, judge as of the last record, give the metrics or a page."""

import contextlib
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from drift_exporter.config import Config, load_config
from drift_exporter.config.schema import Model
from drift_exporter.errors import ConfigurationError, DriftExporterError
from drift_exporter.expose.render import render
from drift_exporter.expose.report.page import report_page
from drift_exporter.runtime import ModelRuntime, take_snapshot
from drift_exporter.setting_up import make_model
from drift_exporter.snapshot import ModelSnapshot, Snapshot
from drift_exporter.state.store import Store


def run_once(config_path: Path) -> tuple[bytes, list[str]]:
    """Metrics in the text format, and what could not be read (a line each)."""
    config = load_config(config_path)
    snapshot = _read(config, config.models)
    return render(snapshot, series_limit=config.limits.series).body("text"), _problems(snapshot)


def run_report(
    config_path: Path, name: str, output: Path, *, version: str | None = None, window: str | None = None
) -> list[str]:
    """Write the report page of a model as a file of its own; returns what could not be read (a line each).

    Raises ConfigurationError where there is no such model or window, DriftExporterError where no record has
    the version.
    """
    config = load_config(config_path)
    section = next((model for model in config.models if model.name == name), None)
    if section is None:
        raise ConfigurationError(f"--model {name!r}: {_there_are(m.name for m in config.models)}")
    if window is not None and window not in {one.name for one in config.windows}:
        raise ConfigurationError(f"--window {window!r}: {_there_are(one.name for one in config.windows)}")
    snapshot = _read(config, [section])
    (model,) = snapshot.models
    if version is not None:
        _check_version(model, version)
    page = report_page(
        model, snapshot.created, version=version, window=window, alone=True, runbooks=snapshot.runbooks
    )
    output.write_text(page, encoding="utf-8", errors="replace")
    return _problems(snapshot)


def _check_version(model: ModelSnapshot, version: str) -> None:
    if version not in {one.version for one in model.versions}:
        raise DriftExporterError(
            f"--version {version!r}: {_there_are(one.version for one in model.versions)}"
        )


def _there_are(names: Iterable[str]) -> str:
    return f"there is none of that name; there are: {', '.join(map(repr, names)) or 'none at all'}"


def _read(config: Config, sections: Sequence[Model]) -> Snapshot:
    """Read all that there is of these models."""
    now = time.time()
    models: list[ModelRuntime] = []
    with contextlib.ExitStack() as stack:
        scratch = None
        if any(section.labels is not None for section in sections):
            # What waits for labels may be more than fits into memory.
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="drift-exporter-"))
            scratch = Store(Path(folder))
            stack.callback(scratch.close)
        for section in sections:
            models.append(make_model(section, config, final=True, scratch=scratch))
            stack.callback(models[-1].close)
        for model in models:
            model.read()
            while model.more:
                model.read()
        snapshot = take_snapshot(models, reload_successful=True, reload_timestamp=now, now=now)
    return replace(snapshot, runbooks=config.runbooks)


def _problems(snapshot: Snapshot) -> list[str]:
    problems = [f"source {source.name}: {source.problem}" for source in snapshot.sources if source.problem]
    return problems + [f"model {model.name}: {model.problem}" for model in snapshot.models if model.problem]
