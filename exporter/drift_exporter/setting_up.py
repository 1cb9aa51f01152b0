"""From a model's configuration to the model at work."""

import time
from collections.abc import Callable

from drift_exporter.anomaly_models import load_anomalies
from drift_exporter.config.references import learned_file, learns_bins
from drift_exporter.config.schema import Config, Model
from drift_exporter.config.sources import Source as SourceSection
from drift_exporter.deadletter import DeadLetters
from drift_exporter.errors import (
    ConfigurationError,
)
from drift_exporter.estimation import load_error_models
from drift_exporter.feed import Feed
from drift_exporter.ingest import ModelIngest
from drift_exporter.multivariate import load_multivariate
from drift_exporter.outcomes.feed import LabelFeed
from drift_exporter.outcomes.labels import LabelIngest
from drift_exporter.outcomes.model import nothing_saved
from drift_exporter.reference.loading import lay_anew, load_references
from drift_exporter.runtime import LABELS, PREDICTIONS, ModelRuntime
from drift_exporter.source_factory import make_source
from drift_exporter.sources.listing import Shard
from drift_exporter.state.store import Store


def make_model(  # noqa: PLR0913  # all that differs between serve, its shards, once and tests
    model: Model,
    config: Config,
    *,
    final: bool = False,
    clock: Callable[[], float] = time.time,
    store: Store | None = None,
    scratch: Store | None = None,
    shard: Shard | None = None,
) -> ModelRuntime:
    """Set a model up; raises DriftExporterError where its reference or fields cannot be used.

    What is counted is saved in ``store``, where there is one; what is there already is not yet restored. See
    ``ModelRuntime`` for ``scratch``. Of the files only those of ``shard`` are read.
    """
    references = load_references(model, config.state_dir)
    learned = learned_file(config.state_dir, model.name) if learns_bins(model.reference) else None
    try:
        kept = store or scratch
        fetch = nothing_saved if kept is None else kept.fetcher(model.name)
        ingest = ModelIngest(
            model,
            config,
            references,
            clock,
            fetch=fetch,
            errors=load_error_models(model, references),
            anomalies=load_anomalies(model, references),
        )
    except ConfigurationError as error:
        if learned is None or not references:
            raise
        raise ConfigurationError(f"{error}; {lay_anew(learned)}") from error

    def feed(role: str, section: SourceSection, reading: ModelIngest | LabelIngest) -> Feed:
        name = f"{model.name}/{role}"
        # No model can be called so: what is kept of its labels is kept for itself.
        own = model.name if role == PREDICTIONS else f"{model.name}@{role}"
        source = make_source(
            section, own, config, reading, final=final, shard=None if role == LABELS else shard
        )
        letters = DeadLetters(config.dead_letter, name, config.limits.dead_letter)
        return Feed(name, section.type, source, letters, clock)

    labels = None
    if model.labels is not None:
        reading = LabelIngest(model.labels, config, ingest, clock)
        labels = LabelFeed(feed(LABELS, model.labels.source, reading), reading)
    runtime = ModelRuntime(
        model,
        ingest,
        feed(PREDICTIONS, model.predictions.source, ingest),
        config.dead_letter,
        clock,
        store=store,
        scratch=scratch,
        multivariate=load_multivariate(model, references),
        labels=labels,
    )
    if learned is not None and not references:
        from drift_exporter.reference.learning import BinsLearner  # noqa: PLC0415  # only where configured

        runtime.learner, runtime.learned = BinsLearner(config, model, clock), learned
    return runtime
