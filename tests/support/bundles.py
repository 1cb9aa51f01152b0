"""A configuration with two teams and two kinds of sources, for tests of ``drift-exporter bundle``."""

import shutil
from pathlib import Path

from drift_exporter.bundle.addresses import Addresses
from drift_exporter.bundle.files import Standing
from drift_exporter.bundle.run import Bundle, bundle
from support.alerting import ROOT

CONFIG = """\
# Ours.
windows: [1h, 24h]
models:
  - name: fraud
    team: Risk ML
    impact: high
    task: binary
    reference: {"3": references/fraud.json, "4": other/fraud.json}  # one a version
    predictions:
      source: {type: file, path: "logs/fraud/*.ndjson"}
      fields: &fields {timestamp: ts, version: version, prediction: prediction, score: score, id: id}
    labels:
      source: {type: file, path: logs/labels/*.ndjson}
      fields: {id: id, label: label}
  - name: churn
    team: growth
    impact: low
    task: binary
    reference: {rolling: 7d}
    predictions:
      source:
        type: kafka
        brokers: kafka:9093
        topic: churn
        options: {security.protocol: SSL, ssl.ca.location: pki/ca.pem}
        secrets: {ssl.key.password: password}
      fields: *fields
"""
URLS = Addresses(grafana="https://grafana.example.org", exporter="https://drift.example.org")


def configuration(folder: Path, text: str = CONFIG) -> Path:
    """The configuration with its references in a folder; returns its path."""
    for name in ("references", "other"):
        (folder / name).mkdir(parents=True)
        shutil.copy(ROOT / "provisioning" / "kubernetes" / "base" / "fraud.json", folder / name)
    path = folder / "config.yml"
    path.write_text(text, encoding="utf-8")
    return path


def written(folder: Path, given: Addresses = URLS, *, force: bool = False, check: bool = False) -> Bundle:
    """Write, or write again, what belongs to ``folder/config.yml`` into ``folder/out``."""
    return bundle(folder / "config.yml", folder / "out", given, force=force, check=check)


def standings(made: Bundle) -> dict[str, Standing]:
    """How each file stands that is not the same."""
    return {o.path: o.standing for o in made.outcomes if o.standing is not Standing.SAME}
