"""What belongs into the folder: what is shipped, with models, teams and addresses of a configuration."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from drift_exporter.bundle.addresses import Addresses
from drift_exporter.bundle.assets import shipped
from drift_exporter.bundle.edit import Place, set_values
from drift_exporter.bundle.overlay import FOLDER, Overlay, overlay
from drift_exporter.bundle.readme import readme
from drift_exporter.bundle.routing import with_teams
from drift_exporter.bundle.window_pairs import PATH as WINDOWS
from drift_exporter.bundle.window_pairs import with_windows
from drift_exporter.config import Config
from drift_exporter.errors import BundleError

RULE_FILES = "alerting/rules/*.yml"
AS_THEY_ARE = (
    "alerting/runbooks/*.md",
    "alerting/alertmanager/templates/*.tmpl",
    "provisioning/grafana/alerting/*",
    "provisioning/grafana/dashboards/*.yml",
    "provisioning/kubernetes/*.values.yml",
    "provisioning/kubernetes/base/*.yaml",
    "provisioning/kubernetes/monitoring/*.yaml",
)
FROM_OTHERS = {"provisioning/kubernetes/monitoring/alertmanagerconfig.yaml"}
"""Made of what is in the folder in the end."""
ROUTING = "alerting/alertmanager/alertmanager.yml"
SCRAPING = "provisioning/prometheus/scrape-drift-exporter.yml"
SOURCES = "provisioning/grafana/datasources/drift-exporter.yml"
BASE = "provisioning/kubernetes/base/kustomization.yaml"
LINKS = "provisioning/kubernetes/monitoring/links.patch.yaml"


def contents(
    assets: Path, config: Config, text: str, name: str, addresses: Addresses
) -> tuple[dict[str, bytes], Overlay]:
    """Path and content of each file that does not depend on others, and the overlay among them.

    ``text`` is the configuration's, ``name`` its path.
    """
    files = {path: raw for path, raw in shipped(assets, *AS_THEY_ARE) if path not in FROM_OTHERS}
    for path, raw in shipped(assets, RULE_FILES):
        files[path] = _with_links(path, raw.decode(), addresses).encode()
    files[WINDOWS] = with_windows(files[WINDOWS].decode(), config.windows).encode()
    for path, raw in shipped(assets, "dashboards/json/*.json"):
        files[path] = _with_exporter(raw.decode(), addresses).encode()
    teams = list(dict.fromkeys(model.team for model in config.models if model.team))
    files[ROUTING] = with_teams((assets / ROUTING).read_text(encoding="utf-8"), teams, ROUTING).encode()
    files[SCRAPING] = _scraping((assets / SCRAPING).read_text(encoding="utf-8"), addresses).encode()
    files[SOURCES] = _data_sources((assets / SOURCES).read_text(encoding="utf-8"), addresses).encode()
    links: dict[Place, Any] = {(0, "value", kind): url for kind, url in addresses.links.items()}
    files[LINKS] = set_values(files[LINKS].decode(), links, LINKS).encode()
    files[BASE] = _without_references(files[BASE].decode()).encode()
    own = overlay(config, text, dict(shipped(assets, "provisioning/kubernetes/overlays/*/*.yaml")), name)
    files |= {f"{FOLDER}/{path}": raw for path, raw in own.files.items()}
    files["README.md"] = readme(config, addresses, own, teams, _keys(files[ROUTING])).encode()
    return files, own


def _with_links(path: str, text: str, addresses: Addresses) -> str:
    if path != "alerting/rules/links.yml":
        return text
    for g, group in enumerate(yaml.safe_load(text)["groups"]):
        for r, rule in enumerate(group["rules"]):
            if rule.get("record") == "drift_exporter:links":
                place = ("groups", g, "rules", r, "labels")
                return set_values(text, {(*place, k): url for k, url in addresses.links.items()}, path)
    raise BundleError(f"{path}: has no rule drift_exporter:links; install drift-exporter again")


def _with_exporter(text: str, addresses: Addresses) -> str:
    """A dashboard whose links lead to the exporter's report pages."""
    dashboard = json.loads(text)
    url = addresses.links["exporter"]
    for variable in dashboard["templating"]["list"]:
        if variable["name"] == "exporter_url":
            variable["query"] = url
            variable["current"] = {**variable["current"], "text": url, "value": url}
    made = json.dumps(dashboard, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    # As long as nothing is filled in it is the shipped file, byte by byte.
    return text if json.loads(made) == json.loads(text) else made


def _keys(routing: bytes) -> list[str]:
    """Names of the files that Alertmanager reads secrets from."""
    found: set[str] = set()
    waiting = [yaml.safe_load(routing)]
    while waiting:
        at = waiting.pop()
        if isinstance(at, dict):
            found |= {PurePosixPath(v).name for k, v in at.items() if k.endswith("_file")}
        waiting += at.values() if isinstance(at, dict) else at if isinstance(at, list) else []
    return sorted(found)


def _scraping(text: str, addresses: Addresses) -> str:
    made = set_values(
        text, {("scrape_configs", 0, "static_configs", 0, "targets"): list(addresses.scraped)}, SCRAPING
    )
    if addresses.scheme == "https":
        made = made.replace("    # scheme: https\n", "    scheme: https\n", 1)
    return made


def _data_sources(text: str, addresses: Addresses) -> str:
    values: dict[Place, Any] = {}
    if addresses.prometheus is not None:
        values["datasources", 0, "url"] = addresses.prometheus
    if addresses.alertmanager is not None:
        values["datasources", 1, "url"] = addresses.alertmanager
    return set_values(text, values, SOURCES)


def _without_references(text: str) -> str:
    """The base without the reference of the shipped example; overlays bring theirs."""
    lines = [line for line in text.split("\n") if not line.lstrip().startswith("# EDIT: the references")]
    return set_values("\n".join(lines), {("configMapGenerator", 0, "files"): []}, BASE)


def sources_of_others(files: Mapping[str, bytes | None]) -> Iterator[tuple[str, str]]:
    """Path and text of what other files are made of, of what there is in the end."""
    for path, raw in files.items():
        if raw is not None and path.startswith(
            ("alerting/rules/", "alerting/alertmanager/", "dashboards/json/")
        ):
            try:
                yield path, raw.decode()
            except UnicodeDecodeError as error:
                raise BundleError(f"{path}: is not UTF-8; save it as UTF-8") from error
