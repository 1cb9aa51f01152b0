"""Detectors by name: our own, those of other packages (entry points), and all of PyOD.

PyOD is imported only here, when one of its detectors is asked for.
"""

import contextlib
import importlib
import importlib.util
import inspect
import io
import pkgutil
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Any, Protocol

from drift_exporter.errors import ConfigurationError
from drift_exporter.judge.anomaly.histograms import Histograms
from drift_exporter.judge.anomaly.tails import Tails
from drift_exporter.reference.model import FloatArray

GROUP = "drift_exporter.detectors"
"""Entry points of this group are detectors: a callable that returns an object with the two methods below."""

_OWN: Mapping[str, Callable[..., "Detector"]] = {
    "hbos": Histograms,
    "ecod": lambda: Tails("ecod"),
    "copod": lambda: Tails("copod"),
}

_NO_DETECTORS = ("base", "base_dl", "combination", "gaal_base", "sklearn_base", "thresholds")
_OTHER_DATA = ("pyg_", "ts_", "_", "audio_", "embedding")
"""Modules of PyOD for graphs, series, sound, texts and pictures; records are none of these."""

_SUPPLIED = frozenset({"contamination", "random_state", "n_jobs"})


class Detector(Protocol):
    """Learns of rows (m, p) and scores records (n, p), higher where they are odder."""

    def fit(self, values: FloatArray, /) -> object:
        """Learn what is usual."""

    def decision_function(self, values: FloatArray, /) -> FloatArray:
        """Scores (n,)."""


def make_detector(name: str, parameters: Mapping[str, Any], seed: int, contamination: float) -> Detector:
    """A new detector by its name, not yet fitted.

    ``seed`` is its random state and ``contamination`` its own, where it has them. Detectors use one thread.
    Raises ConfigurationError where there is no such detector, where it needs what is not installed, and where
    it has no such parameters or refuses their values.
    """
    found = entry_points(group=GROUP, name=name)
    # The number of bins that PyOD finds by itself is its own business.
    ours = name in _OWN and parameters.get("n_bins") != "auto"
    make = next(iter(found)).load() if found else _OWN[name] if ours else _of_pyod(name)
    known = [p for p in inspect.signature(make).parameters.values() if p.kind != p.VAR_POSITIONAL]
    names = [p.name for p in known if p.kind != p.VAR_KEYWORD]
    if len(names) == len(known):
        _refuse_unknown(name, parameters, [one for one in names if one not in _SUPPLIED])
    supplied = {"contamination": contamination, "random_state": seed, "n_jobs": 1}
    arguments = {**{key: value for key, value in supplied.items() if key in names}, **parameters}
    try:
        detector: Detector = make(**arguments)
    except (ValueError, TypeError, AssertionError) as error:
        raise ConfigurationError(f"detector {name!r} refuses its parameters: {error}") from error
    return detector


def detector_names() -> list[str]:
    """Names of all detectors that there are, also of those that need what is not installed."""
    spec = importlib.util.find_spec("pyod.models")
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    modules = [module.name for module in pkgutil.iter_modules(folders)]
    own = [one for one in modules if one not in _NO_DETECTORS and not one.startswith(_OTHER_DATA)]
    return sorted({*_OWN, *own, *(one.name for one in entry_points(group=GROUP))})


def _of_pyod(name: str) -> Callable[..., Detector]:
    """A class of PyOD by the name of its module."""
    if name not in detector_names():
        raise _unknown(name)
    try:
        # What says by print that it lacks something says so in the error, too.
        with contextlib.redirect_stdout(io.StringIO()):
            module = importlib.import_module(f"pyod.models.{name}")
    except ImportError as error:
        raise ConfigurationError(
            f"detector {name!r} needs what is not installed: {_wanted(error)}"
        ) from error
    base = importlib.import_module("pyod.models.base").BaseDetector
    classes: dict[str, Any] = {
        key.lower(): found
        for key, found in vars(module).items()
        if inspect.isclass(found) and issubclass(found, base) and found.__module__ == module.__name__
    }
    wanted = name.replace("_", "")
    if wanted not in classes and len(classes) != 1:
        raise _unknown(name)
    found: Callable[..., Detector] = classes.get(wanted) or next(iter(classes.values()))
    return found


def _wanted(error: ImportError) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        return f"the package {error.name!r}; install it where drift-exporter is (pip install {error.name})"
    return str(error)


def _unknown(name: str) -> ConfigurationError:
    known = detector_names()
    close = get_close_matches(name.lower().replace("-", "_"), known, n=3)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    return ConfigurationError(
        f"there is no detector {name!r}; {meant}all are: {', '.join(known)} "
        "(modules of pyod.models, and entry points of the group drift_exporter.detectors)"
    )


def _refuse_unknown(name: str, parameters: Mapping[str, Any], known: list[str]) -> None:
    for one in parameters:
        if one in _SUPPLIED:
            raise ConfigurationError(
                f"detector {name!r}: {one!r} is no parameter to give here; contamination and seed stand "
                "beside parameters, and detectors use one thread"
            )
        if one not in known:
            close = get_close_matches(str(one), known, n=1)
            meant = f"did you mean {close[0]!r}? " if close else ""
            have = f"it has: {', '.join(known)}" if known else "it has none"
            raise ConfigurationError(f"detector {name!r} has no parameter {one!r}; {meant}{have}")
