"""From the configuration to its signals at work, where it has any."""

import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from drift_exporter.config.infrastructure import Infrastructure as Section
from drift_exporter.errors import ConfigurationError
from drift_exporter.infrastructure.own import ModelFacts
from drift_exporter.infrastructure.runtime import Infrastructure
from drift_exporter.judge.anomaly.registry import make_detector
from drift_exporter.runtime import ModelRuntime
from drift_exporter.state.store import Store


def make_infrastructure(
    section: Section,
    models: Sequence[ModelRuntime],
    store: Store | None = None,
    clock: Callable[[], float] = time.time,
) -> Infrastructure:
    """Set the signals up; nothing is asked yet. Raises ConfigurationError where what is needed is missing."""
    prophet = [signal.name for signal in section.signals if signal.forecast.method == "prophet"]
    if prophet and find_spec("prophet") is None:
        raise ConfigurationError(
            f"infrastructure: the forecast of {prophet[0]} needs the extra prophet: pip install "
            "'drift-exporter[prophet]'"
        )
    for group in section.groups:
        make_detector(group.detector, {}, group.seed, group.contamination)
    return Infrastructure(section, [facts_of(model) for model in models], store, clock)


def facts_of(model: ModelRuntime) -> ModelFacts:
    """What the model's metrics are about."""
    section, outcomes = model.model, model.ingest.outcomes
    classes = None if outcomes is None else outcomes.reader.classes
    return ModelFacts(
        name=section.name,
        latency=section.predictions.fields.latency is not None,
        errors=section.predictions.fields.error is not None,
        outcomes=classes is not None and bool(classes.names),
        positive=classes.names[1] if classes is not None and section.task == "binary" else None,
        anomalies=bool(section.anomaly),
    )
