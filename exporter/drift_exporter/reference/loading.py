"""The references of a model as it is configured: from files, or from the bins that were laid before."""

from collections.abc import Mapping
from pathlib import Path

from drift_exporter.config.references import (
    RollingReference,
    VersionReference,
    learned_file,
    learns_bins,
)
from drift_exporter.config.schema import Model
from drift_exporter.errors import ReferenceFileError
from drift_exporter.reference.model import Reference
from drift_exporter.reference.store import load_reference


def load_references(model: Model, state_dir: Path) -> Mapping[str | None, Reference]:
    """References of a model by version; under None the one for all versions.

    There is none yet where the exporter has to lay the bins and has not done so. Raises ReferenceFileError
    where a file cannot be used.
    """
    reference = model.reference
    if reference is None:
        return {}
    if isinstance(reference, Path):
        return {None: load_reference(reference)}
    if isinstance(reference, RollingReference | VersionReference):
        if reference.bins is not None:
            return {None: load_reference(reference.bins)}
        return _learned(learned_file(state_dir, model.name)) if learns_bins(reference) else {}
    return {version: load_reference(path) for version, path in reference.items()}


def sample_of(model: Model, version: str | None, reference: Reference, wanted_by: str) -> Path:
    """The file with the sample of a reference's rows, which an option needs.

    Raises ReferenceFileError where there is none.
    """
    file = model.reference_file(version or "")
    if file is None or reference.sample is None:
        raise ReferenceFileError(
            f"model {model.name!r}: {wanted_by} needs a reference with a sample of its rows, and "
            f"{'this one' if file is None else file} has none; build it anew with reference build"
        )
    return file.with_name(reference.sample)


def _learned(file: Path) -> Mapping[str | None, Reference]:
    if not file.exists():
        return {}
    try:
        return {None: load_reference(file)}
    except ReferenceFileError as error:
        raise ReferenceFileError(f"{error}; {lay_anew(file)}") from error


def lay_anew(file: Path) -> str:
    """What to do where bins that the exporter has laid itself cannot be used."""
    return f"or delete {file}: drift-exporter lays the bins anew then, and counts by bin begin anew"
