"""From a file to a configuration, or to the list of everything that is wrong with it."""

from pathlib import Path

from pydantic import ValidationError

from drift_exporter.config.checks import across
from drift_exporter.config.document import read_document
from drift_exporter.config.messages import problems_of
from drift_exporter.config.positions import Document, Problem, show_path
from drift_exporter.config.schema import Config
from drift_exporter.config.values import format_size
from drift_exporter.errors import ConfigurationError

MOST_PROBLEMS = 200
"""Problems that are told one by one."""

MOST_BYTES = 4 << 20
"""Size up to which a file is taken for a configuration."""


def load_config(path: Path | str) -> Config:
    """Read a configuration file.

    Relative paths in it are relative to its folder. Raises ConfigurationError, whose text has one line for
    each problem: ``file:line: key.path: what is wrong; what would be right``.
    """
    return load_with_positions(path)[0]


def load_with_positions(path: Path | str) -> tuple[Config, Document]:
    """Read a configuration file, and keep where its values stand."""
    path = Path(path)
    document = read_document(read_text(path))
    if document.data is None:
        raise configuration_error(path, document.problems)
    problems = list(document.problems)
    for place, text in across(document.data):
        problems.append(Problem(document.line(place), show_path(place), text))
    config = None
    try:
        # The folder is not resolved: a mounted file is often a link into another folder.
        config = Config.model_validate(document.data, context={"folder": path.absolute().parent})
    except ValidationError as error:
        problems.extend(problems_of(error, document))
    if config is None or problems:
        raise configuration_error(path, problems)
    return config, document


def configuration_error(path: Path, problems: list[Problem]) -> ConfigurationError:
    """The error that tells the problems in the order of the file, each once; of very many the first ones."""
    ordered = list(dict.fromkeys(sorted(problems)))
    if left := ordered[MOST_PROBLEMS:]:
        text = f"{len(left)} more problems from here on; mend those above first"
        ordered[MOST_PROBLEMS:] = [Problem(left[0].line, "", text)]
    return ConfigurationError("\n".join(problem.render(str(path)) for problem in ordered))


def read_text(path: Path) -> str:
    """The text of a file with configuration; raises ConfigurationError where there is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: no such file; check the path") from None
    except IsADirectoryError:
        raise ConfigurationError(f"{path}: is a folder; name the file in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigurationError(f"{path}: cannot be read: {reason}; check its permissions") from None
    if len(raw) > MOST_BYTES:
        size = format_size(MOST_BYTES)
        raise ConfigurationError(f"{path}: is larger than {size}; name a configuration, not a log")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{path}:{line}: byte {error.start + 1} of the file is not UTF-8; save the file as UTF-8"
        ) from None
