"""What the Prometheus Operator and Grafana's sidecar take, made of rules, routing and dashboards."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from drift_exporter.bundle.alertmanager_config import alertmanager_config
from drift_exporter.bundle.template_text import definitions
from drift_exporter.errors import BundleError

KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
RULES = "provisioning/kubernetes/monitoring/rules"
ROUTING = "provisioning/kubernetes/monitoring/alertmanagerconfig.yaml"
DASHBOARDS = "dashboards/kustomization.yaml"


class Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks; nothing written once and referred to."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the base class's signature
        """Write everything where it stands."""
        return True


Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def document(content: Mapping[str, Any], source: str, again: str) -> str:
    """A YAML text that says where it comes from, and by which command."""
    body = yaml.dump(dict(content), Dumper=Dumper, sort_keys=False, width=10**6, allow_unicode=True)
    return f"# Generated from {source}: edit that, then run `{again}`. DO NOT EDIT.\n{body}"


def resource_name(file: str) -> str:
    """Name of the resource that a file becomes."""
    return f"drift-exporter-{PurePosixPath(file).stem.replace('_', '-')}"


def prometheus_rule(file: str, text: str) -> dict[str, Any]:
    """The PrometheusRule of a rule file."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": resource_name(file),
            "labels": {"app.kubernetes.io/name": "drift-exporter"},
        },
        "spec": _load(file, text),
    }


def dashboards(files: Iterable[str]) -> dict[str, Any]:
    """A kustomization with a config map for each dashboard, as Grafana's sidecar collects them."""
    return {
        **KUSTOMIZATION,
        "generatorOptions": {
            # A dashboard that is changed replaces the old one.
            "disableNameSuffixHash": True,
            "labels": {"grafana_dashboard": "1"},
            "annotations": {"grafana_folder": "Models"},
        },
        "configMapGenerator": [
            {"name": f"{resource_name(f)}-dashboard", "files": [f"json/{PurePosixPath(f).name}"]}
            for f in files
        ],
    }


def operator_files(present: Mapping[str, str], again: str) -> dict[str, str]:
    """Path and text of each file that is made of ``present``: rules, routing, templates and dashboards.

    Paths are those of a checkout. What is not there is not made.
    """
    rules = sorted(path for path in present if PurePosixPath(path).match("alerting/rules/*.yml"))
    files = {
        f"{RULES}/{PurePosixPath(path).stem}.yaml": document(
            prometheus_rule(path, present[path]), path, again
        )
        for path in rules
    }
    listed = {**KUSTOMIZATION, "resources": [f"{PurePosixPath(path).stem}.yaml" for path in rules]}
    files[f"{RULES}/kustomization.yaml"] = document(listed, "the files of alerting/rules", again)
    routing = "alerting/alertmanager/alertmanager.yml"
    if routing in present:
        templates: dict[str, str] = {}
        for path in sorted(present):
            if PurePosixPath(path).match("alerting/alertmanager/templates/*.tmpl"):
                templates |= definitions(present[path])
        config = alertmanager_config(_load(routing, present[routing]), templates)
        files[ROUTING] = document(config, "alerting/alertmanager", again)
    drawn = sorted(path for path in present if PurePosixPath(path).match("dashboards/json/*.json"))
    files[DASHBOARDS] = document(dashboards(drawn), "the files of dashboards/json", again)
    return files


def _load(name: str, text: str) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BundleError(f"{name}: is not YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise BundleError(f"{name}: a mapping is wanted, such as groups: []")
    return loaded
