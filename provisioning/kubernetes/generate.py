"""Write what the Prometheus Operator and Grafana's sidecar need of the shipped rules, routing and dashboards.

- ``monitoring/rules/``: a PrometheusRule for each file of alerting/rules
- ``monitoring/alertmanagerconfig.yaml``: of alerting/alertmanager
- ``dashboards/kustomization.yaml`` at the top of the checkout: a config map for each file of dashboards/json

``--check`` writes nothing, prints how the committed files differ, and exits 1 if they do.
"""

import argparse
import difflib
import sys
from pathlib import Path
from typing import Any

import yaml

from alertmanager_config import alertmanager_config
from template_text import definitions

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RULES = HERE / "monitoring" / "rules"
ROUTING = HERE / "monitoring" / "alertmanagerconfig.yaml"
DASHBOARDS = ROOT / "dashboards" / "kustomization.yaml"
KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


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


def document(content: dict[str, Any], source: str) -> str:
    """A YAML text that says where it comes from."""
    body = yaml.dump(content, Dumper=Dumper, sort_keys=False, width=10**6, allow_unicode=True)
    return f"# Generated from {source}: edit that, then run `make provisioning`. DO NOT EDIT.\n{body}"


def resource_name(file: Path) -> str:
    """Name of the resource that a file becomes."""
    return f"drift-exporter-{file.stem.replace('_', '-')}"


def prometheus_rule(file: Path) -> dict[str, Any]:
    """The PrometheusRule of a rule file."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": resource_name(file),
            "labels": {"app.kubernetes.io/name": "drift-exporter"},
        },
        "spec": yaml.safe_load(file.read_text(encoding="utf-8")),
    }


def dashboards(files: list[Path]) -> dict[str, Any]:
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
            {"name": f"{resource_name(f)}-dashboard", "files": [f"json/{f.name}"]} for f in files
        ],
    }


def wanted() -> dict[Path, str]:
    """Path and text of each generated file."""
    rule_files = sorted((ROOT / "alerting" / "rules").glob("*.yml"))
    files = {
        RULES / f"{f.stem}.yaml": document(prometheus_rule(f), f"alerting/rules/{f.name}") for f in rule_files
    }
    listed = {**KUSTOMIZATION, "resources": [f"{f.stem}.yaml" for f in rule_files]}
    files[RULES / "kustomization.yaml"] = document(listed, "the files of alerting/rules")
    routing = ROOT / "alerting" / "alertmanager"
    config = yaml.safe_load((routing / "alertmanager.yml").read_text(encoding="utf-8"))
    templates: dict[str, str] = {}
    for template in sorted(routing.glob("templates/*.tmpl")):
        templates |= definitions(template.read_text(encoding="utf-8"))
    files[ROUTING] = document(alertmanager_config(config, templates), "alerting/alertmanager")
    json_files = sorted((ROOT / "dashboards" / "json").glob("*.json"))
    files[DASHBOARDS] = document(dashboards(json_files), "the files of dashboards/json")
    return files


def difference(path: Path, text: str | None) -> list[str]:
    """Unified diff from the file as it is to the text it should have; None means that it should not be."""
    now = path.read_text(encoding="utf-8") if path.exists() else ""
    name = str(path.relative_to(ROOT))
    before, after = now.splitlines(keepends=True), (text or "").splitlines(keepends=True)
    return list(difflib.unified_diff(before, after, f"{name} (committed)", f"{name} (generated)"))


def main(arguments: list[str]) -> int:
    """Exit status: 0 fine, 1 the files differ and ``--check`` was given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args(arguments).check
    files: dict[Path, str | None] = dict.fromkeys(RULES.glob("*.yaml"))
    files.update(wanted())
    if check:
        differences = [line for path, text in sorted(files.items()) for line in difference(path, text)]
        sys.stdout.writelines(differences)
        return 1 if differences else 0
    for path, text in files.items():
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
