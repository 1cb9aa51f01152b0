"""A model's detectors of anomalies, fitted on the samples of its references."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import cast
from weakref import WeakValueDictionary

from drift_exporter.config.anomaly import Anomaly
from drift_exporter.config.schema import Model
from drift_exporter.errors import ConfigurationError
from drift_exporter.judge.anomaly.fit import fit_anomaly
from drift_exporter.judge.anomaly.model import AnomalyModel
from drift_exporter.judge.anomaly.settings import AnomalySettings
from drift_exporter.reference.loading import sample_of
from drift_exporter.reference.model import Reference
from drift_exporter.reference.sample import read_timed

_fitted: WeakValueDictionary[tuple[str, int, float, str, str], AnomalyModel] = WeakValueDictionary()
"""What is in use. A reload, most of which change nothing of it, would take seconds for each detector else."""


def load_anomalies(
    model: Model, references: Mapping[str | None, Reference]
) -> Mapping[str | None, tuple[AnomalyModel, ...]]:
    """The detectors of a model in the order of the configuration, by the version of their reference.

    Fitting takes a second to some minutes for each, by the detector; as long as one is in use, the same is
    returned again for the same sample and settings. Raises ReferenceFileError where a sample is missing or
    cannot be read, and ConfigurationError where a detector cannot be used.
    """
    # However one is written, it is a tuple once it is validated.
    sections = cast("tuple[Anomaly, ...]", model.anomaly)
    if not sections:
        return {}
    return {
        version: tuple(_load(model, version, reference, section) for section in sections)
        for version, reference in references.items()
    }


def settings_of(section: Anomaly) -> AnomalySettings:
    """What the configuration says of a detector, as far as it decides what an anomaly is."""
    return AnomalySettings(
        detector=section.detector,
        parameters=dict(section.parameters),
        contamination=section.contamination,
        tolerance=section.tolerance,
        seed=section.seed,
        scale=section.scale,
        columns=section.columns,
    )


def _load(model: Model, version: str | None, reference: Reference, section: Anomaly) -> AnomalyModel:
    path = sample_of(model, version, reference, "anomaly")
    settings = settings_of(section)
    stamp = path.stat().st_mtime_ns if path.is_file() else 0
    decides = json.dumps(vars(replace(settings, tolerance=0.0)), default=str)
    key = (str(path), stamp, reference.created, reference.fingerprint, decides)
    found = _fitted.get(key)
    if found is None:
        values, times = read_timed(path, reference)
        try:
            found = fit_anomaly(values, reference.sampled, times, settings)
        except ConfigurationError as error:
            raise ConfigurationError(f"model {model.name!r}: anomaly: {error}") from error
    elif found.settings != settings:
        found = replace(found, settings=settings)
    _fitted[key] = found
    return found
