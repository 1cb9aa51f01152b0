"""What estimates a model's performance without labels, loaded with its references."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from drift_exporter.config.schema import Model
from drift_exporter.errors import ReferenceFileError
from drift_exporter.judge.estimation.dle import ErrorModel, fit_error_model
from drift_exporter.reference.model import Reference
from drift_exporter.reference.sample import read_labelled

_KEPT = 20
_fitted: dict[tuple[str, int, float, str], ErrorModel | None] = {}


def load_error_models(
    model: Model, references: Mapping[str | None, Reference]
) -> Mapping[str | None, ErrorModel]:
    """The error models of a regression's references, by version."""
    found = {version: load_error_model(model, version, one) for version, one in references.items()}
    return {version: one for version, one in found.items() if one is not None}


def load_error_model(model: Model, version: str | None, reference: Reference) -> ErrorModel | None:
    """The error model of a regression's reference, fitted on its sample; some seconds for 60,000 rows.

    None for other tasks, for a reference without labels, and where its sample has too few of them. The same
    sample gives the same model. Raises ReferenceFileError where the sample is missing or has no labels.
    """
    if model.task != "regression" or reference.outcomes is None:
        return None
    file = model.reference_file(version or "")
    if file is None or reference.sample is None:
        return None
    path = file.with_name(reference.sample)
    stamp = path.stat().st_mtime_ns if path.is_file() else 0
    key = (str(path), stamp, reference.created, reference.fingerprint)
    # A reload, most of which change nothing of it, would take seconds else.
    if key not in _fitted:
        while len(_fitted) >= _KEPT:
            del _fitted[next(iter(_fitted))]
        _fitted[key] = _fit(path, reference)
    return _fitted[key]


def _fit(path: Path, reference: Reference) -> ErrorModel | None:
    values, labels = read_labelled(path, reference)
    if not np.isfinite(labels).any():
        raise ReferenceFileError(
            f"{path}: there is no label in it, and the reference has some; build the reference anew"
        )
    return fit_error_model(values, labels, reference.sampled, reference.outcomes, reference.seed)
