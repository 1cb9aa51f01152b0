"""What can be seen of a configuration beyond its own text: whether what it points to is there."""

import glob
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from drift_exporter.config.infrastructure import Infrastructure
from drift_exporter.config.load import load_with_positions
from drift_exporter.config.positions import Document, KeyPath, Problem, shorten, show_path
from drift_exporter.config.schema import Config, Model
from drift_exporter.config.sources import FileSource


@dataclass(frozen=True)
class Checked:
    """A configuration that loads, and what was found around it.

    ``problems`` are in the way of what the configuration asks for, ``warnings`` may be meant. Each is a line
    ``file:line: key.path: what is wrong; what would be right``.
    """

    config: Config
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def check_config(path: Path | str) -> Checked:
    """Load a configuration and look at the files it names. Raises ConfigurationError where it does not load.

    References are looked for, not read.
    """
    config, document = load_with_positions(path)
    problems: list[Problem] = []
    warnings: list[Problem] = []
    for key in ("state_dir", "dead_letter"):
        folder: Path = getattr(config, key)
        if folder.exists() and not folder.is_dir():
            problems.append(
                _at(document, (key,), f"{shorten(str(folder), 200)} is not a folder; name another")
            )
    for index, model in enumerate(config.models):
        at = ("models", index)
        problems.extend(
            _at(document, (*at, *where), text) for where, text in _missing_references(model, str(path))
        )
        warnings.extend(_at(document, (*at, *where), text) for where, text in _doubts(model))
    if config.infrastructure is not None:
        doubts = _infrastructure_doubts(config.infrastructure)
        warnings.extend(_at(document, ("infrastructure", *where), text) for where, text in doubts)
    return Checked(config, _rendered(problems, str(path)), _rendered(warnings, str(path)))


def _at(document: Document, path: KeyPath, text: str) -> Problem:
    return Problem(document.line(path), show_path(path), text)


def _rendered(problems: list[Problem], file: str) -> tuple[str, ...]:
    return tuple(problem.render(file) for problem in sorted(problems))


def _missing_references(model: Model, config: str) -> Iterator[tuple[KeyPath, str]]:
    files: dict[KeyPath, Path] = {}
    if isinstance(model.reference, Path):
        files["reference",] = model.reference
    elif isinstance(model.reference, Mapping):
        files |= {("reference", version): file for version, file in model.reference.items()}
    elif model.reference is not None and model.reference.bins is not None:
        files["reference", "bins"] = model.reference.bins
    for place, file in files.items():
        if not file.is_file():
            options = ["--config", config, "--model", model.name, "--input", "FILE", "--output", str(file)]
            command = shlex.join(["drift-exporter", "reference", "build", *options])
            yield place, f"{shorten(str(file), 200)} is not a file; make it with: {command}"


def _doubts(model: Model) -> Iterator[tuple[KeyPath, str]]:
    if model.reference is None:
        yield (), "there is no reference, so no drift is judged; name one as reference"
    if model.predictions.fields.timestamp is None:
        place = ("predictions", "fields")
        yield place, "there is no timestamp, so a record counts at the time it is read; name one as timestamp"
    if isinstance(model.predictions.source, FileSource):
        yield from _unmatched(("predictions", "source", "path"), model.predictions.source)
    if model.labels is not None:
        if isinstance(model.labels.source, FileSource):
            yield from _unmatched(("labels", "source", "path"), model.labels.source)
        if model.labels.fields.timestamp is None:
            text = "there is no timestamp, so the delay of labels is not known; name one as timestamp"
            yield ("labels", "fields"), text


def _infrastructure_doubts(section: Infrastructure) -> Iterator[tuple[KeyPath, str]]:
    options = section.correlation
    forecast = sum(signal.forecast.method != "none" for signal in section.signals)
    # Time shifts that chance is measured by: as far apart as lags span, and before the window.
    lags = 2 * round(options.max_lag / section.resolution)
    steps = round(section.history / section.resolution) - 2 * round(
        options.window.seconds / section.resolution
    )
    shifts = (steps - lags) // (lags + 1) + 1
    if forecast > options.false_discovery_rate * (1 + shifts):
        text = (
            f"the history holds {max(shifts, 0)} shifts by chance, too few to tell one of {forecast} signals"
        )
        yield ("correlation", "max_lag"), f"{text} from it; take a shorter max_lag, or a longer history"


def _unmatched(place: KeyPath, source: FileSource) -> Iterator[tuple[KeyPath, str]]:
    if not any(glob.iglob(source.path, recursive=True)):  # noqa: PTH207 (a pattern is text, as in sources)
        yield place, f"{shorten(source.path, 200)} matches no file yet; check the path"
