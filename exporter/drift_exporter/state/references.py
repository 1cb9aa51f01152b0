"""The references that a configuration uses, as far as a saved state has to fit them."""

from collections.abc import Mapping

from drift_exporter.config.schema import Config
from drift_exporter.count.layout import Layout, make_layout
from drift_exporter.planning import make_plan
from drift_exporter.reference.loading import load_references

Layouts = Mapping[str, Mapping[str | None, Layout]]
"""Layouts by model and version; the one under None serves every version."""


def layouts_in_use(config: Config) -> Layouts:
    """Load the references of all models; raises DriftExporterError where one cannot be used."""
    found = {}
    for model in config.models:
        references = load_references(model, config.state_dir)
        plan = make_plan(model, list(references.values()), [])
        found[model.name] = {version: make_layout(one, plan) for version, one in references.items()}
    return found


def fingerprints_in_use(config: Config) -> Mapping[str, Mapping[str | None, str]]:
    """Fingerprints of the references by model and version; raises DriftExporterError like the above."""
    return {
        model: {version: layout.reference.fingerprint for version, layout in layouts.items()}
        for model, layouts in layouts_in_use(config).items()
    }
